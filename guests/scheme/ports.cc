// Input, output, arguments and environment; see ports.h.
#include "ports.h"

#include <wasi/api.h>

#include <vector>

#include "heap.h"
#include "library.h"
#include "memory.h"
#include "print.h"
#include "space.h"

// Not through wasi-libc's functions, which an engine would have to compile.
#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))
extern "C" {
WASI(fd_read) __wasi_errno_t readFile(__wasi_fd_t, const __wasi_iovec_t *, size_t, __wasi_size_t *);
WASI(fd_write) __wasi_errno_t writeFile(__wasi_fd_t, const __wasi_ciovec_t *, size_t, __wasi_size_t *);
}

namespace {

uint32_t outputSize;

// Read ahead: what is not used up, until a line or a string is longer.
char *input = firstInput;
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
Value readLine() {
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
Value readString(Value count) {
  if (!isFixnum(count) || fixnumOf(count) < 0) return failType("read-string", "not a length", count);
  uint32_t wanted = fixnumOf(count);
  uint32_t size = 0;
  for (uint32_t chars = 0; chars < wanted; chars++) {
    if (inputAt + size >= inputEnd && !readMore()) break;
    do size++;
    while ((inputAt + size < inputEnd || readMore()) && (input[inputAt + size] & 0xc0) == 0x80);
  }
  return size == 0 && wanted > 0 ? (Value)kEof : takeInput(size);
}

Value readChar() {
  Value s = readString(fixnum(1));
  if (!isString(s)) return s;
  const char *text = stringText(s);
  return character(nextChar(text));
}

Value peekChar() {
  if (inputAt == inputEnd && !readMore()) return kEof;
  while (inputEnd - inputAt < kUtf8Size && readMore()) {}
  const char *text = input + inputAt;
  return character(nextChar(text));
}

Value display(Value v) {
  if (isString(v)) {
    [[clang::always_inline]] writeOutput(stringText(v), stringBytes(v));
  } else {
    Text text = displayed(v);
    writeOutput(text.data(), text.size());
  }
  return kUnspecified;
}

Value write(Value v) {
  Text text = written(v);
  writeOutput(text.data(), text.size());
  return kUnspecified;
}

Value writeChar(Value c) { return isChar(c) ? display(c) : failType("write-char", "not a character", c); }
Value writeString(Value s) { return isString(s) ? display(s) : failType("write-string", "not a string", s); }

Value newline() {
  writeOutput("\n", 1);
  return kUnspecified;
}

Value flush() {
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

Value commandLine() {
  if (!argumentsKnown) fetch<__wasi_args_sizes_get, __wasi_args_get>(arguments);
  argumentsKnown = true;
  Value list = kNil;
  for (size_t i = arguments.size(); i-- > 0;) list = cons(makeString(arguments[i].data(), arguments[i].size()), list);
  return list;
}

Value getEnvironment(Value name) {
  if (!isString(name)) return failType("getenv", "not a string", name);
  if (!environmentKnown) fetch<__wasi_environ_sizes_get, __wasi_environ_get>(environment);
  environmentKnown = true;
  uint32_t size = stringBytes(name);
  for (const Text &entry : environment) {
    if (entry.size() <= size || entry[size] != '=' || memcmp(entry.data(), stringText(name), size)) continue;
    return makeString(entry.data() + size + 1, entry.size() - size - 1);
  }
  return kFalse;
}

Builtin builtins[] = {
    {"display", display}, {"write", write}, {"newline", newline},
    {"write-char", writeChar}, {"write-string", writeString},
    {"flush-output", flush}, {"read-line", readLine}, {"read-string", readString},
    {"read-char", readChar}, {"peek-char", peekChar}, {"command-line", commandLine},
    {"getenv", getEnvironment}, {"get-environment-variable", getEnvironment},
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
