/*
 * A loop as a procedure: generated code that meets a value of another kind than it was made for
 * calls it to go on, from the beginning of a round. It is for the interpreter alone, and has bytecode
 * from when it is first wanted.
 */
#pragma once
#include "program.h"

struct Lifted {
  Template *procedure = nullptr;  // null where the loop cannot be lifted
  // The variables of outside that the loop uses, as parameters before those of the loop.
  Vars carried;
};

// The same each time for the same loop, which is in the body of `source` as it was written.
const Lifted &liftLoop(const Node *loop, Template *source);

// Before a call of it is generated.
void finishLifted(Template *procedure);
