// Input, output, arguments and environment; see ports.h.
#include "ports.h"

#include <wasi/api.h>

#include <vector>

#include "heap.h"
#include "library.h"
#include "memory.h"
#include "print.h"

// Not through wasi-libc's functions, which an engine would have to compile.
#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))
extern "C" {
WASI(fd_read) __wasi_errno_t readFile(__wasi_fd_t, const __wasi_iovec_t *, size_t, __wasi_size_t *);
WASI(fd_write) __wasi_errno_t writeFile(__wasi_fd_t, const __wasi_ciovec_t *, size_t, __wasi_size_t *);
}

namespace {

constexpr uint32_t kFlushSize = 1 << 14;  // one write of this size costs little beside its bytes
constexpr uint32_t kReadSize = 1 << 12;

char output[kFlushSize];
uint32_t outputSize;

// Read ahead: what is not used up, until a line or a string is longer.
char firstInput[kReadSize], *input = firstInput;
uint32_t inputRoom = kReadSize, inputAt, inputEnd;
bool inputEnded;
bool argumentsKnown, environmentKnown;
std::vector<Text> arguments, environment;

void writeAll(uint32_t fd, const char *text, uint32_t size) {
  while (size > 0) {
    __wasi_ciovec_t part = {(const uint8_t *)text, size};
    __wasi_size_t done = 0;
    if (writeFile(fd, &part, 1, &done) != 0 || done == 0) return;  // nobody reads: not our error
    text += done;
    size -= done;
  }
}

__attribute__((noinline)) void growInput() {
  auto more = (char *)malloc(2 * inputRoom);
  if (!more) __builtin_trap();  // the host gives no more memory: nothing can go on
  memcpy(more, input, inputRoom);
  if (input != firstInput) free(input);
  input = more;
  inputRoom *= 2;
}

// Reads more into `input`; false at the end.
bool readMore() {
  if (inputEnded) return false;
  uint32_t left = inputEnd - inputAt;
  if (left == inputRoom) growInput();
  else memmove(input, input + inputAt, left);
  __wasi_iovec_t part = {(uint8_t *)input + left, inputRoom - left};
  __wasi_size_t done = 0;
  if (readFile(0, &part, 1, &done) != 0) done = 0;
  inputAt = 0;
  inputEnd = left + done;
  inputEnded = done == 0;
  return done > 0;
}

Value takeInput(uint32_t size) {
  if (size > kMaxLength) return fail("read", "the string would be too long");
  Value s = makeString(input + inputAt, size);
  inputAt += size;
  return s;
}

// One function, for an engine that compiles it when a start reads its first line.
Value readLine(const Value *, uint32_t) {
  uint32_t size = 0;
  bool ended = false;
  for (;; size++) {
    if (inputAt + size == inputEnd) {
      [[clang::always_inline]] ended = !readMore();
      if (ended && size == 0) return kEof;
    }
    if (ended || input[inputAt + size] == '\n') break;
  }
  Value line;
  [[clang::always_inline]] line = takeInput(size);
  if (!ended && line != kFail) inputAt++;
  return line;
}

// (read-string k): up to k characters
Value readString(const Value *a, uint32_t) {
  if (!isFixnum(a[0]) || fixnumOf(a[0]) < 0) return failType("read-string", "not a length", a[0]);
  uint32_t wanted = fixnumOf(a[0]);
  uint32_t size = 0;
  for (uint32_t chars = 0; chars < wanted; chars++) {
    if (inputAt + size >= inputEnd && !readMore()) break;
    do size++;
    while ((inputAt + size < inputEnd || readMore()) && (input[inputAt + size] & 0xc0) == 0x80);
  }
  return size == 0 && wanted > 0 ? (Value)kEof : takeInput(size);
}

Value readChar(const Value *, uint32_t) {
  Value one = fixnum(1);
  Value s = readString(&one, 1);
  if (!isString(s)) return s;
  const char *text = stringText(s);
  return character(nextChar(text));
}

Value peekChar(const Value *, uint32_t) {
  if (inputAt == inputEnd && !readMore()) return kEof;
  while (inputEnd - inputAt < kUtf8Size && readMore()) {}
  const char *text = input + inputAt;
  return character(nextChar(text));
}

Value display(const Value *a, uint32_t) {
  if (isString(a[0])) writeOutput(stringText(a[0]), stringBytes(a[0]));
  else {
    Text text = displayed(a[0]);
    writeOutput(text.data(), text.size());
  }
  return kUnspecified;
}

Value write(const Value *a, uint32_t) {
  Text text = written(a[0]);
  writeOutput(text.data(), text.size());
  return kUnspecified;
}

Value writeChar(const Value *a, uint32_t) { return isChar(a[0]) ? display(a, 1) : failType("write-char", "not a character", a[0]); }
Value writeString(const Value *a, uint32_t) { return isString(a[0]) ? display(a, 1) : failType("write-string", "not a string", a[0]); }

Value newline(const Value *, uint32_t) {
  writeOutput("\n", 1);
  return kUnspecified;
}

Value flush(const Value *, uint32_t) {
  flushOutput();
  return kUnspecified;
}

// WASI hands arguments and environment out in the same shape. The functions are no values: they would
// be in the table, and stay when the guest is sealed.
template <auto sizes, auto get> void fetch(std::vector<Text> &to) {
  __wasi_size_t count = 0, bytes = 0;
  to.clear();
  if (sizes(&count, &bytes) != 0 || count == 0) return;
  std::vector<uint8_t *> pointers(count + 1);
  std::vector<uint8_t> text(bytes + 1);
  if (get(pointers.data(), text.data()) != 0) return;
  for (uint32_t i = 0; i < count; i++) to.emplace_back((char *)pointers[i]);
}

Value commandLine(const Value *, uint32_t) {
  if (!argumentsKnown) fetch<__wasi_args_sizes_get, __wasi_args_get>(arguments);
  argumentsKnown = true;
  Value list = kNil;
  for (size_t i = arguments.size(); i-- > 0;) list = cons(makeString(arguments[i].data(), arguments[i].size()), list);
  return list;
}

Value getEnvironment(const Value *a, uint32_t) {
  if (!isString(a[0])) return failType("getenv", "not a string", a[0]);
  if (!environmentKnown) fetch<__wasi_environ_sizes_get, __wasi_environ_get>(environment);
  environmentKnown = true;
  uint32_t size = stringBytes(a[0]);
  for (const Text &entry : environment) {
    if (entry.size() <= size || entry[size] != '=' || memcmp(entry.data(), stringText(a[0]), size)) continue;
    return makeString(entry.data() + size + 1, entry.size() - size - 1);
  }
  return kFalse;
}

Builtin builtins[] = {
    {"display", display, 1, 1, 0}, {"write", write, 1, 1, 0}, {"newline", newline, 0, 0, 0},
    {"write-char", writeChar, 1, 1, 0}, {"write-string", writeString, 1, 1, 0},
    {"flush-output", flush, 0, 0, 0}, {"read-line", readLine, 0, 0, 0}, {"read-string", readString, 1, 1, 0},
    {"read-char", readChar, 0, 0, 0}, {"peek-char", peekChar, 0, 0, 0}, {"command-line", commandLine, 0, 0, 0},
    {"getenv", getEnvironment, 1, 1, 0}, {"get-environment-variable", getEnvironment, 1, 1, 0},
};

}  // namespace

void writeOutput(const char *text, uint32_t size) {
  if (size > kFlushSize - outputSize) flushOutput();
  if (size > kFlushSize) return writeAll(1, text, size);
  memcpy(output + outputSize, text, size);
  outputSize += size;
}

void flushOutput() {
  [[clang::always_inline]] writeAll(1, output, outputSize);
  outputSize = 0;
}

void writeError(const Text &text) { writeAll(2, text.data(), text.size()); }

void closePorts() {
  flushOutput();
  memset(output, 0, sizeof output);  // a snapshot leaves zeros out
  memset(input, 0, inputRoom);
  inputAt = inputEnd = 0;
  inputEnded = false;
  argumentsKnown = environmentKnown = false;
  std::vector<Text>().swap(arguments);
  std::vector<Text>().swap(environment);
}

uint64_t entropy() {
  uint64_t seed = 0;
  (void)!__wasi_random_get((uint8_t *)&seed, sizeof seed);
  return seed;
}

void definePorts() { define(builtins, true); }
