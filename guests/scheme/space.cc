// See space.h.
#include "space.h"

uint8_t isChunk[1 << (32 - kChunkBits)];
char firstInput[kReadSize], output[kFlushSize];
