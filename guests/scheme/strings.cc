// Standard procedures on strings, characters and symbols. Strings never change.
#include <vector>

#include "heap.h"
#include "library.h"
#include "print.h"

static __attribute__((noinline)) uint32_t walkTo(Value string, uint32_t index) {
  const char *start = stringText(string), *at = start;
  while (index-- > 0) nextChar(at);
  return at - start;
}

uint32_t byteOffset(Value string, uint32_t index) { return isAscii(string) ? index : walkTo(string, index); }

namespace {

Value notString(const char *who, Value v) { return failType(who, "not a string", v); }
Value notChar(const char *who, Value v) { return failType(who, "not a character", v); }
Value notIndex(const char *who, Value v) { return failType(who, "no such index", v); }
Value tooLong(const char *who) { return fail(who, "the string would be too long"); }

Value stringOf(const Text &text) {
  if (text.size() > kMaxLength) return tooLong("string");
  return makeString(text.data(), text.size());
}

// Where bytes first occur in a text, or null.
__attribute__((noinline)) const char *search(const char *at, const char *end, const char *needle, uint32_t size) {
  if (size == 0) return at;
  for (; at + size <= end; at++) {
    if (*at == *needle && !memcmp(at, needle, size)) return at;
  }
  return nullptr;
}

const char *stringEnd(Value string) { return stringText(string) + stringBytes(string); }

// The byte range that the optional indices behind `from` select.
struct Range {
  uint32_t start, end, chars;
};
bool rangeOf(const char *who, const Value *a, uint32_t n, uint32_t from, Range &range) {
  Value s = a[0];
  uint32_t bounds[2] = {0, stringChars(s)};
  for (uint32_t i = 0; i < 2 && n > from + i; i++) {
    Value v = a[from + i];
    if (!isFixnum(v) || fixnumOf(v) < 0 || (uint32_t)fixnumOf(v) > stringChars(s) || (i && (uint32_t)fixnumOf(v) < bounds[0])) {
      notIndex(who, v);
      return false;
    }
    bounds[i] = fixnumOf(v);
  }
  range = {byteOffset(s, bounds[0]), byteOffset(s, bounds[1]), bounds[1] - bounds[0]};
  return true;
}

Value stringAppend(const Value *a, uint32_t n) {
  uint32_t bytes = 0, chars = 0;
  for (uint32_t i = 0; i < n; i++) {
    if (!isString(a[i])) return notString("string-append", a[i]);
    bytes += stringBytes(a[i]);
    chars += stringChars(a[i]);
    if (bytes > kMaxLength) return tooLong("string-append");
  }
  Value s = allocateString(bytes, chars);
  char *to = stringText(s);
  for (uint32_t i = 0; i < n; i++) {
    memcpy(to, stringText(a[i]), stringBytes(a[i]));
    to += stringBytes(a[i]);
  }
  return s;
}

Value substringOf(const char *who, const Value *a, uint32_t n) {
  if (!isString(a[0])) return notString(who, a[0]);
  Range r;
  if (!rangeOf(who, a, n, 1, r)) return kFail;
  Value s = allocateString(r.end - r.start, r.chars);
  memcpy(stringText(s), stringText(a[0]) + r.start, r.end - r.start);
  return s;
}
Value substring(const Value *a, uint32_t n) { return substringOf("substring", a, n); }
Value stringCopy(const Value *a, uint32_t n) { return substringOf("string-copy", a, n); }

Value stringToList(const Value *a, uint32_t n) {
  if (!isString(a[0])) return notString("string->list", a[0]);
  Range r;
  if (!rangeOf("string->list", a, n, 1, r)) return kFail;
  std::vector<uint32_t> codes;
  for (const char *p = stringText(a[0]) + r.start, *end = stringText(a[0]) + r.end; p < end;) codes.push_back(nextChar(p));
  Value list = kNil;
  for (size_t i = codes.size(); i-- > 0;) list = cons(character(codes[i]), list);
  return list;
}

Value listToString(const Value *a, uint32_t) {
  uint32_t bytes = 0, chars = 0;
  Value p = a[0];
  for (; isPair(p); p = cdr(p), chars++) {
    if (!isChar(car(p))) return notChar("list->string", car(p));
    bytes += utf8Size(charOf(car(p)));
  }
  if (p != kNil) return failType("list->string", "not a list", a[0]);
  if (bytes > kMaxLength) return tooLong("string");
  Value s = allocateString(bytes, chars);
  char *to = stringText(s);
  for (p = a[0]; isPair(p); p = cdr(p)) to = putUtf8(to, charOf(car(p)));
  return s;
}

Value string(const Value *a, uint32_t n) {
  uint32_t bytes = 0;
  for (uint32_t i = 0; i < n; i++) {
    if (!isChar(a[i])) return notChar("string", a[i]);
    bytes += utf8Size(charOf(a[i]));
  }
  Value s = allocateString(bytes, n);
  char *to = stringText(s);
  for (uint32_t i = 0; i < n; i++) to = putUtf8(to, charOf(a[i]));
  return s;
}

char *fill(char *to, int32_t count, uint32_t codePoint) {
  for (; count > 0; count--) to = putUtf8(to, codePoint);
  return to;
}

Value makeStringProcedure(const Value *a, uint32_t n) {
  if (!isFixnum(a[0]) || fixnumOf(a[0]) < 0 || (uint32_t)fixnumOf(a[0]) > kMaxLength / 4) {
    return failType("make-string", "not a length", a[0]);
  }
  if (n > 1 && !isChar(a[1])) return notChar("make-string", a[1]);
  uint32_t chars = fixnumOf(a[0]), c = n > 1 ? charOf(a[1]) : ' ';
  Value s = allocateString(chars * utf8Size(c), chars);
  fill(stringText(s), chars, c);
  return s;
}

// The order of code points is the order of UTF-8's bytes.
int compareStrings(Value a, Value b) {
  uint32_t n = stringBytes(a) < stringBytes(b) ? stringBytes(a) : stringBytes(b);
  int order = memcmp(stringText(a), stringText(b), n);
  return order ? order : (int)stringBytes(a) - (int)stringBytes(b);
}

enum Order { kEqualTo, kLessThan, kGreaterThan, kAtMost, kAtLeast };
bool holds(Order wanted, int order) {
  switch (wanted) {
    case kEqualTo: return order == 0;
    case kLessThan: return order < 0;
    case kGreaterThan: return order > 0;
    case kAtMost: return order <= 0;
    default: return order >= 0;
  }
}

Value compareAllStrings(const char *who, Order wanted, const Value *a, uint32_t n) {
  bool all = true;
  for (uint32_t i = 0; i < n; i++) {
    if (!isString(a[i])) return notString(who, a[i]);
    if (i) all = all && holds(wanted, compareStrings(a[i - 1], a[i]));
  }
  return boolean(all);
}
Value stringEqual(const Value *a, uint32_t n) {
  bool all = true;
  for (uint32_t i = 0; i < n; i++) {
    if (!isString(a[i])) return notString("string=?", a[i]);
    if (i) all = all && stringBytes(a[i]) == stringBytes(a[i - 1]) && !memcmp(stringText(a[i]), stringText(a[i - 1]), stringBytes(a[i]));
  }
  return boolean(all);
}
Value stringLess(const Value *a, uint32_t n) { return compareAllStrings("string<?", kLessThan, a, n); }
Value stringGreater(const Value *a, uint32_t n) { return compareAllStrings("string>?", kGreaterThan, a, n); }
Value stringAtMost(const Value *a, uint32_t n) { return compareAllStrings("string<=?", kAtMost, a, n); }
Value stringAtLeast(const Value *a, uint32_t n) { return compareAllStrings("string>=?", kAtLeast, a, n); }

Value compareAllChars(const char *who, Order wanted, const Value *a, uint32_t n) {
  bool all = true;
  for (uint32_t i = 0; i < n; i++) {
    if (!isChar(a[i])) return notChar(who, a[i]);
    if (i) all = all && holds(wanted, (int)charOf(a[i - 1]) - (int)charOf(a[i]));
  }
  return boolean(all);
}
Value charLess(const Value *a, uint32_t n) { return compareAllChars("char<?", kLessThan, a, n); }
Value charGreater(const Value *a, uint32_t n) { return compareAllChars("char>?", kGreaterThan, a, n); }
Value charAtMost(const Value *a, uint32_t n) { return compareAllChars("char<=?", kAtMost, a, n); }
Value charAtLeast(const Value *a, uint32_t n) { return compareAllChars("char>=?", kAtLeast, a, n); }

// Case and classes are those of ASCII; other characters have none.
uint32_t upper(uint32_t c) { return c >= 'a' && c <= 'z' ? c - 32 : c; }
uint32_t lower(uint32_t c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

Value mapBytes(const char *who, Value s, uint32_t (*function)(uint32_t)) {
  if (!isString(s)) return notString(who, s);
  Value out = allocateString(stringBytes(s), stringChars(s));
  for (uint32_t i = 0; i < stringBytes(s); i++) stringText(out)[i] = (char)function((uint8_t)stringText(s)[i]);
  return out;
}
Value stringUpcase(const Value *a, uint32_t) { return mapBytes("string-upcase", a[0], upper); }
Value stringDowncase(const Value *a, uint32_t) { return mapBytes("string-downcase", a[0], lower); }
Value charUpcase(const Value *a, uint32_t) { return isChar(a[0]) ? character(upper(charOf(a[0]))) : notChar("char-upcase", a[0]); }
Value charDowncase(const Value *a, uint32_t) { return isChar(a[0]) ? character(lower(charOf(a[0]))) : notChar("char-downcase", a[0]); }

bool isSpace(uint32_t c) { return c == ' ' || (c >= 9 && c <= 13); }
bool isDigit(uint32_t c) { return c >= '0' && c <= '9'; }
bool isLetter(uint32_t c) { return (lower(c) >= 'a' && lower(c) <= 'z') || c > 0xbf; }
Value charWhitespace(const Value *a, uint32_t) { return isChar(a[0]) ? boolean(isSpace(charOf(a[0]))) : notChar("char-whitespace?", a[0]); }
Value charNumeric(const Value *a, uint32_t) { return isChar(a[0]) ? boolean(isDigit(charOf(a[0]))) : notChar("char-numeric?", a[0]); }
Value charAlphabetic(const Value *a, uint32_t) { return isChar(a[0]) ? boolean(isLetter(charOf(a[0]))) : notChar("char-alphabetic?", a[0]); }

Value digitValue(const Value *a, uint32_t) {
  if (!isChar(a[0])) return notChar("digit-value", a[0]);
  return isDigit(charOf(a[0])) ? fixnum(charOf(a[0]) - '0') : kFalse;
}

Value integerToChar(const Value *a, uint32_t) {
  if (!isFixnum(a[0]) || fixnumOf(a[0]) < 0 || fixnumOf(a[0]) > 0x10ffff) return failType("integer->char", "not a code point", a[0]);
  return character(fixnumOf(a[0]));
}

Value symbolToString(const Value *a, uint32_t) {
  return isSymbol(a[0]) ? symbolOf(a[0])->name : failType("symbol->string", "not a symbol", a[0]);
}

Value stringToSymbol(const Value *a, uint32_t) {
  if (!isString(a[0])) return notString("string->symbol", a[0]);
  return valueOf(intern(stringText(a[0]), stringBytes(a[0])));
}

// What is looked for may be a character or a string.
struct Needle {
  const char *text;
  uint32_t size;
  char character[kUtf8Size];

  __attribute__((noinline)) bool take(const char *who, Value v) {
    if (isString(v)) {
      text = stringText(v);
      size = stringBytes(v);
      return true;
    }
    if (!isChar(v)) {
      failType(who, "not a character or string", v);
      return false;
    }
    text = character;
    size = putUtf8(character, charOf(v)) - character;
    return true;
  }
};

// (string-index s what [start]): the index in characters where it first occurs, or #f
Value stringIndex(const Value *a, uint32_t n) {
  if (!isString(a[0])) return notString("string-index", a[0]);
  Needle needle;
  Range r;
  if (!needle.take("string-index", a[1]) || !rangeOf("string-index", a, n, 2, r)) return kFail;
  const char *text = stringText(a[0]);
  const char *found = search(text + r.start, stringEnd(a[0]), needle.text, needle.size);
  if (!found) return kFalse;
  return fixnum(isAscii(a[0]) ? found - text : countChars(text, found - text));
}

Value stringPrefix(const Value *a, uint32_t) {
  for (int i = 0; i < 2; i++) {
    if (!isString(a[i])) return notString("string-prefix?", a[i]);
  }
  return boolean(stringBytes(a[0]) <= stringBytes(a[1]) && !memcmp(stringText(a[0]), stringText(a[1]), stringBytes(a[0])));
}

Value stringSuffix(const Value *a, uint32_t) {
  for (int i = 0; i < 2; i++) {
    if (!isString(a[i])) return notString("string-suffix?", a[i]);
  }
  int32_t skip = stringBytes(a[1]) - stringBytes(a[0]);
  return boolean(skip >= 0 && !memcmp(stringText(a[0]), stringText(a[1]) + skip, stringBytes(a[0])));
}

Value stringSplit(const Value *a, uint32_t) {
  if (!isString(a[0])) return notString("string-split", a[0]);
  Needle needle;
  if (!needle.take("string-split", a[1])) return kFail;
  if (needle.size == 0) return failType("string-split", "an empty separator", a[1]);
  const char *at = stringText(a[0]), *end = stringEnd(a[0]);
  Value first = kNil, last = kNil;
  for (;;) {
    const char *found = search(at, end, needle.text, needle.size);
    Value pair = cons(makeString(at, (found ? found : end) - at), kNil);
    if (last == kNil) first = pair;
    else cdr(last) = pair;
    last = pair;
    if (!found) return first;
    at = found + needle.size;
  }
}

// Most strings that are put together are short, and a call costs more than they do.
char *copyText(char *to, const char *from, uint32_t bytes) {
  if (bytes > 16) return (char *)memcpy(to, from, bytes) + bytes;
  for (uint32_t i = 0; i < bytes; i++) to[i] = from[i];
  return to + bytes;
}

Value stringJoin(const Value *a, uint32_t n) {
  if (n > 1 && !isString(a[1])) return notString("string-join", a[1]);
  const char *between = n > 1 ? stringText(a[1]) : " ";
  uint32_t size = n > 1 ? stringBytes(a[1]) : 1, sizeInChars = n > 1 ? stringChars(a[1]) : 1;
  uint32_t bytes = 0, chars = 0;
  Value p = a[0];
  for (; isPair(p); p = cdr(p)) {
    if (!isString(car(p))) return notString("string-join", car(p));
    bool first = p == a[0];
    bytes += stringBytes(car(p)) + (first ? 0 : size);
    chars += stringChars(car(p)) + (first ? 0 : sizeInChars);
    if (bytes > kMaxLength) return tooLong("string");
  }
  if (p != kNil) return failType("string-join", "not a list", a[0]);
  Value joined = allocateString(bytes, chars);
  char *to = stringText(joined);
  for (p = a[0]; isPair(p); p = cdr(p)) {
    if (size && p != a[0]) to = copyText(to, between, size);
    to = copyText(to, stringText(car(p)), stringBytes(car(p)));
  }
  return joined;
}

Value stringReplace(const Value *a, uint32_t) {
  for (int i = 0; i < 3; i++) {
    if (!isString(a[i])) return notString("string-replace", a[i]);
  }
  if (stringBytes(a[1]) == 0) return failType("string-replace", "nothing to replace", a[1]);
  Text out;
  const char *at = stringText(a[0]), *end = stringEnd(a[0]);
  while (const char *found = search(at, end, stringText(a[1]), stringBytes(a[1]))) {
    out.append(at, found - at);
    out.append(stringText(a[2]), stringBytes(a[2]));
    at = found + stringBytes(a[1]);
  }
  out.append(at, end - at);
  return stringOf(out);
}

Value stringTrim(const Value *a, uint32_t) {
  if (!isString(a[0])) return notString("string-trim", a[0]);
  uint32_t start = 0, end = stringBytes(a[0]);
  const char *text = stringText(a[0]);
  while (start < end && isSpace((uint8_t)text[start])) start++;
  while (end > start && isSpace((uint8_t)text[end - 1])) end--;
  return makeString(text + start, end - start);
}

// (string-pad-left s n [c]): at least n characters; more stay as they are
Value pad(const char *who, const Value *a, uint32_t n, bool left) {
  if (!isString(a[0])) return notString(who, a[0]);
  if (!isFixnum(a[1]) || fixnumOf(a[1]) > (int32_t)kMaxLength / 4) return failType(who, "not a length", a[1]);
  if (n > 2 && !isChar(a[2])) return notChar(who, a[2]);
  int32_t missing = fixnumOf(a[1]) - (int32_t)stringChars(a[0]);
  if (missing <= 0) return a[0];
  uint32_t c = n > 2 ? charOf(a[2]) : ' ', bytes = stringBytes(a[0]) + missing * utf8Size(c);
  if (bytes > kMaxLength) return tooLong("string");
  Value s = allocateString(bytes, stringChars(a[0]) + missing);
  memcpy(stringText(s) + (left ? bytes - stringBytes(a[0]) : 0), stringText(a[0]), stringBytes(a[0]));
  fill(stringText(s) + (left ? 0 : stringBytes(a[0])), missing, c);
  return s;
}
Value stringPadLeft(const Value *a, uint32_t n) { return pad("string-pad-left", a, n, true); }
Value stringPadRight(const Value *a, uint32_t n) { return pad("string-pad-right", a, n, false); }

Builtin builtins[] = {
    {"string-append", stringAppend, 0, kAnyCount, 0}, {"substring", substring, 2, 3, 0},
    {"string-copy", stringCopy, 1, 3, 0}, {"string->list", stringToList, 1, 3, 0},
    {"list->string", listToString, 1, 1, 0}, {"string", string, 0, kAnyCount, 0},
    {"make-string", makeStringProcedure, 1, 2, 0}, {"string=?", stringEqual, 1, kAnyCount, 0},
    {"string<?", stringLess, 1, kAnyCount, 0}, {"string>?", stringGreater, 1, kAnyCount, 0},
    {"string<=?", stringAtMost, 1, kAnyCount, 0}, {"string>=?", stringAtLeast, 1, kAnyCount, 0},
    {"char<?", charLess, 1, kAnyCount, 0}, {"char>?", charGreater, 1, kAnyCount, 0},
    {"char<=?", charAtMost, 1, kAnyCount, 0}, {"char>=?", charAtLeast, 1, kAnyCount, 0},
    {"string-upcase", stringUpcase, 1, 1, 0}, {"string-downcase", stringDowncase, 1, 1, 0},
    {"char-upcase", charUpcase, 1, 1, 0}, {"char-downcase", charDowncase, 1, 1, 0},
    {"char-whitespace?", charWhitespace, 1, 1, 0}, {"char-numeric?", charNumeric, 1, 1, 0},
    {"char-alphabetic?", charAlphabetic, 1, 1, 0}, {"digit-value", digitValue, 1, 1, 0},
    {"integer->char", integerToChar, 1, 1, 0}, {"symbol->string", symbolToString, 1, 1, 0},
    {"string->symbol", stringToSymbol, 1, 1, 0}, {"string-index", stringIndex, 2, 3, 0},
    {"string-prefix?", stringPrefix, 2, 2, 0}, {"string-suffix?", stringSuffix, 2, 2, 0},
    {"string-split", stringSplit, 2, 2, 0}, {"string-join", stringJoin, 1, 2, 0},
    {"string-replace", stringReplace, 3, 3, 0}, {"string-trim", stringTrim, 1, 1, 0},
    {"string-pad-left", stringPadLeft, 2, 3, 0}, {"string-pad-right", stringPadRight, 2, 3, 0},
};

}  // namespace

void defineStrings() { define(builtins); }
