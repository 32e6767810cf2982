// The JIT, from outside: what is warm becomes a module, one a poll.
#pragma once
#include "freeze.h"

const freeze_module *nextModule();
void moduleLinked(const freeze_module *module, int32_t status);
