// Memory of fixed size that is mostly not used. It is linked last, behind all other variables, so that what
// a program needs from its start on lies close together.
#pragma once
#include <stdint.h>

constexpr uint32_t kChunkBits = 18;
constexpr uint32_t kReadSize = 1 << 12;
constexpr uint32_t kFlushSize = 1 << 14;  // one write of this size costs little beside its bytes

extern uint8_t isChunk[1 << (32 - kChunkBits)];  // by address: does a chunk of small blocks lie here? heap.cc
extern char firstInput[kReadSize], output[kFlushSize];  // ports.cc
