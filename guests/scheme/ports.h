// The outer world: standard input and output, arguments, environment, entropy. WASI directly, for
// stdio would keep state of its own.
#pragma once
#include <stdint.h>

#include "text.h"

void writeOutput(const char *text, uint32_t size);
void flushOutput();
void writeError(const Text &text);
// Before a snapshot: an instance of a frozen module has arguments and an environment of its own...
void closePorts();
// ... and input: what was read ahead is not in it. Every start runs this, so there is little of it.
void reopenPorts();
uint64_t entropy();
// Does `random` draw a new seed when it is used next?
extern bool seedIsOld;
