// The reader: text to values. It remembers the line of every list, which has no room for one itself.
#pragma once
#include "text.h"
#include <unordered_map>

#include "value.h"

class Reader {
 public:
  Reader(const char *text, uint32_t size) : at(text), end(text + size) {}

  // The next datum; kUnbound at the end of the text; kFail for bad syntax, see `problem`.
  Value read();
  uint32_t lineOf(Value list, uint32_t otherwise) const;

  Text problem;
  uint32_t line = 1;

 private:
  Value readDatum(uint32_t depth);
  Value readList(uint32_t depth);
  Value readVector(uint32_t depth);
  Value readString();
  Value readHash(uint32_t depth);
  Value readAtom();
  Value quoted(const char *name, uint32_t skip, uint32_t depth);
  void skipSpace();
  Value bad(const char *why);

  const char *at, *end;
  std::unordered_map<Value, uint32_t> lines;
};
