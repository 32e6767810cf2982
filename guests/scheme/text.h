/*
 * Text that grows, with a zero behind it. It is a small std::string whose members are functions and
 * are not copied into each place that appends: half of what is written in C++ here builds messages,
 * and an engine has to compile all of it before a program starts.
 */
#pragma once
#include <stdint.h>
#include <string.h>

class Text {
 public:
  static constexpr uint32_t npos = ~0u;

  Text() = default;
  Text(const char *text) { append(text); }
  Text(const char *text, uint32_t size) { append(text, size); }
  Text(const char *from, const char *to) { append(from, to - from); }
  Text(const Text &other) { append(other); }
  Text(Text &&other) noexcept { swap(other); }
  ~Text();
  Text &operator=(const Text &other) { return assign(other.bytes, other.length); }
  Text &operator=(Text &&other) noexcept {
    swap(other);
    return *this;
  }
  Text &operator=(const char *text) { return assign(text, strlen(text)); }

  Text &append(const char *text, uint32_t size);
  Text &append(const char *text);
  Text &append(const Text &other) { return append(other.bytes, other.length); }
  Text &operator+=(const char *text) { return append(text); }
  Text &operator+=(const Text &other) { return append(other); }
  Text &operator+=(char c) { return append(&c, 1); }
  Text &assign(const char *text, uint32_t size);
  // With `size` bytes; the ones that were not there are undefined.
  void resize(uint32_t size);
  void clear() {
    length = 0;
    bytes[0] = 0;
  }
  // Takes away the first bytes.
  void drop(uint32_t size);
  void swap(Text &other) noexcept;

  char *data() { return bytes; }
  const char *data() const { return bytes; }
  const char *c_str() const { return bytes; }
  const char *begin() const { return bytes; }
  const char *end() const { return bytes + length; }
  uint32_t size() const { return length; }
  bool empty() const { return length == 0; }
  char operator[](uint32_t i) const { return bytes[i]; }
  uint32_t find(char c, uint32_t from = 0) const;

 private:
  char *bytes = nothing;
  uint32_t length = 0, room = 0;  // bytes besides the zero that there is memory for

  static char nothing[1];  // the text without memory: only a zero
};

// Less than 0, 0, or greater: in the order of bytes.
int compare(const Text &a, const Text &b);
inline bool operator<(const Text &a, const Text &b) { return compare(a, b) < 0; }
inline bool operator==(const Text &a, const Text &b) { return compare(a, b) == 0; }
inline bool operator==(const Text &a, const char *b) { return strcmp(a.c_str(), b) == 0; }

Text operator+(Text a, const Text &b);

Text decimal(uint32_t n);
