/*
 * Where a sealed module loads nothing any more, only its entries run. What none of them can reach is
 * no use to anyone then: other programs, most of the library, the symbols of all of that, and the
 * standard procedures written in C++, whose table slots become null so that the functions go too.
 */
#pragma once
#include <vector>

#include "program.h"

// What will run, if nothing is loaded any more; null while that is not known.
extern const std::vector<Value> *onlyEntries;

// Keeps what `entries` (procedures) can reach. Nothing else may run from here on.
void keepOnly(const std::vector<Value> &entries);

// Can it still be called?
inline bool isReached(const Template *t) { return !onlyEntries || t->reached; }

// The entries' own procedures, those that they call by name, and the lambdas in them: a warm-up that
// calls what lies below leaves them cold, and each start runs them. And whatever ran at all: compiling
// it costs nothing any more, and what it calls may be inlined.
std::vector<Template *> entryTemplates();

// Finds what generated code can call, from the entries on, once bodies stand where they are inlined.
// What else there is could only be called by the interpreter, after a way out of generated code, and can
// as well be interpreted then.
void findCalled();
inline bool isCalled(const Template *t) { return !onlyEntries || t->called; }
// Of one that is not: it is interpreted from here on.
void dropCode(Template *t);

// Of a lifted loop, which stays like what entries reach.
void rememberLifted(Template *t);

// Table slots that nobody will call.
std::vector<uint32_t> deadSlots();

// Frees what was not reached, once nobody looks at the trees of programs any more.
void freeUnreached();
