// The outer world: standard input and output, arguments, environment, entropy. WASI directly, for
// stdio would keep state of its own.
#pragma once
#include <stdint.h>

#include "text.h"

void writeOutput(const char *text, uint32_t size);
void flushOutput();
void writeError(const Text &text);
// Forgets what was read ahead, the arguments and the environment: an instance of a frozen module
// has its own.
void reopenPorts();
uint64_t entropy();
void seedRandomAgain();
