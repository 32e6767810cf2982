// The outer world: standard input and output, arguments, environment, entropy. WASI directly, for
// stdio would keep state of its own.
#pragma once
#include <stdint.h>

#include "text.h"

void writeOutput(const char *text, uint32_t size);
void flushOutput();
void writeError(const Text &text);
// Before a snapshot: an instance of a frozen module has arguments, an environment and input of its own.
void closePorts();
uint64_t entropy();
// Does `random` draw a new seed when it is used next?
extern bool seedIsOld;
