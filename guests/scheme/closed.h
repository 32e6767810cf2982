/*
 * The closed world: nobody will ask for code any more, so what no code can change is known.
 */
#pragma once
#include "program.h"

// Has the world been closed?
extern bool worldClosed;

/*
 * Finds the globals that keep their value for good: no code that can still run sets them, or defines
 * them as anything but the same lambda expression. `running` are the forms that run again.
 */
void closeWorld(const std::vector<Template *> &running);

// Would the program, loaded now, change what was taken for constant?
bool breaksClosedWorld(const std::vector<Template *> &forms);

// The template of a global that is constant, if it takes `argc` arguments; else null.
Template *constantProcedure(const Symbol *symbol, uint32_t argc);

// Counts where each procedure is named in these, or its lambda expression stands.
void countSites(const std::vector<Template *> &templates);

// May the body be copied? Not what closures see, nor variables that may have no value yet.
bool copiesBody(const Node *node);

/*
 * The body of a lambda with the bodies of small procedures that it calls in the place of the calls,
 * and with tail calls of itself as loops. Both are for arguments of the kinds that the interpreter
 * saw; for others, the procedure is called. What is compiled has a batch number already.
 */
Node *inlinedBody(Template *t);
