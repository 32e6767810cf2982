/*
 * Words that grow at their end: a std::vector of them whose growth is one function, and is not copied
 * to each place that adds one. For what a sealed module keeps.
 */
#pragma once
#include <stdint.h>

class Words {
 public:
  constexpr Words() = default;
  Words(const Words &) = delete;
  ~Words() { clear(); }
  void push(uint32_t word) {
    if (length == room) grow();
    words[length++] = word;
  }
  uint32_t pop() { return words[--length]; }
  bool empty() const { return length == 0; }
  uint32_t size() const { return length; }
  uint32_t operator[](uint32_t i) const { return words[i]; }
  const uint32_t *begin() const { return words; }
  const uint32_t *end() const { return words + length; }
  // Gives the memory back, too.
  void clear();
  // For as many as there are, where memory is free now: see memory.h.
  void settle();

 private:
  uint32_t *words = nullptr;
  uint32_t length = 0, room = 0;
  void moveTo(uint32_t size);
  void grow() { moveTo(room ? 2 * room : 64); }
};
