// The JIT, from outside: what is warm becomes a module, one a poll.
#pragma once
#include "freeze.h"

const freeze_module *nextModule();
// In the closed world: all that is warm once more, in one module; its functions take the old ones' slots.
const freeze_module *lastModule();
void moduleLinked(const freeze_module *module, int32_t status);
