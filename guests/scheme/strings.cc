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
Value tooLong(const char *who) { return fail(who, "the string would be too long"); }

Value stringOf(const Text &text) {
  if (text.size() > kMaxLength) return tooLong("string");
  return makeString(text.data(), text.size());
}

// Where bytes first occur in a text, or null. Like Needle, part of who calls it: that is fewer functions for a start.
inline __attribute__((always_inline)) const char *search(const char *at, const char *end, const char *needle, uint32_t size) {
  if (size == 0) return at;
  for (; at + size <= end; at++) {
    if (*at == *needle && !memcmp(at, needle, size)) return at;
  }
  return nullptr;
}

const char *stringEnd(Value string) { return stringText(string) + stringBytes(string); }

// The byte range that optional indices select.
struct Range {
  uint32_t start, end, chars;
};
__attribute__((noinline)) bool rangeOf(const char *who, Value s, Value from, Value to, Range &range) {
  uint32_t first = 0, last = stringChars(s);
  if (!takeIndex(who, from, 0, last, first) || !takeIndex(who, to, first, last, last)) return false;
  range = {byteOffset(s, first), byteOffset(s, last), last - first};
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

Value substringOf(const char *who, Value s, Value from, Value to) {
  if (!isString(s)) return notString(who, s);
  Range r;
  if (!rangeOf(who, s, from, to, r)) return kFail;
  Value part = allocateString(r.end - r.start, r.chars);
  memcpy(stringText(part), stringText(s) + r.start, r.end - r.start);
  return part;
}
Value substring(Value s, Value from, Value to) { return substringOf("substring", s, from, to); }
Value stringCopy(Value s, Value from, Value to) { return substringOf("string-copy", s, from, to); }

Value stringToList(Value s, Value from, Value to) {
  if (!isString(s)) return notString("string->list", s);
  Range r;
  if (!rangeOf("string->list", s, from, to, r)) return kFail;
  std::vector<uint32_t> codes;
  for (const char *p = stringText(s) + r.start, *end = stringText(s) + r.end; p < end;) codes.push_back(nextChar(p));
  Value list = kNil;
  for (size_t i = codes.size(); i-- > 0;) list = cons(character(codes[i]), list);
  return list;
}

Value listToString(Value list) {
  uint32_t bytes = 0, chars = 0;
  Value p = list;
  for (; isPair(p); p = cdr(p), chars++) {
    if (!isChar(car(p))) return notChar("list->string", car(p));
    bytes += utf8Size(charOf(car(p)));
  }
  if (p != kNil) return failType("list->string", "not a list", list);
  if (bytes > kMaxLength) return tooLong("string");
  Value s = allocateString(bytes, chars);
  char *to = stringText(s);
  for (p = list; isPair(p); p = cdr(p)) to = putUtf8(to, charOf(car(p)));
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

Value makeStringProcedure(Value length, Value with) {
  if (!isFixnum(length) || fixnumOf(length) < 0 || (uint32_t)fixnumOf(length) > kMaxLength / 4) {
    return failType("make-string", "not a length", length);
  }
  if (with != kAbsent && !isChar(with)) return notChar("make-string", with);
  uint32_t chars = fixnumOf(length), c = with != kAbsent ? charOf(with) : ' ';
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
Value stringUpcase(Value s) { return mapBytes("string-upcase", s, upper); }
Value stringDowncase(Value s) { return mapBytes("string-downcase", s, lower); }
Value charUpcase(Value c) { return isChar(c) ? character(upper(charOf(c))) : notChar("char-upcase", c); }
Value charDowncase(Value c) { return isChar(c) ? character(lower(charOf(c))) : notChar("char-downcase", c); }

bool isSpace(uint32_t c) { return c == ' ' || (c >= 9 && c <= 13); }
bool isDigit(uint32_t c) { return c >= '0' && c <= '9'; }
bool isLetter(uint32_t c) { return (lower(c) >= 'a' && lower(c) <= 'z') || c > 0xbf; }
Value charWhitespace(Value c) { return isChar(c) ? boolean(isSpace(charOf(c))) : notChar("char-whitespace?", c); }
Value charNumeric(Value c) { return isChar(c) ? boolean(isDigit(charOf(c))) : notChar("char-numeric?", c); }
Value charAlphabetic(Value c) { return isChar(c) ? boolean(isLetter(charOf(c))) : notChar("char-alphabetic?", c); }

Value digitValue(Value c) {
  if (!isChar(c)) return notChar("digit-value", c);
  return isDigit(charOf(c)) ? fixnum(charOf(c) - '0') : kFalse;
}

Value integerToChar(Value code) {
  if (!isFixnum(code) || fixnumOf(code) < 0 || fixnumOf(code) > 0x10ffff) return failType("integer->char", "not a code point", code);
  return character(fixnumOf(code));
}

Value symbolToString(Value v) {
  return isSymbol(v) ? symbolOf(v)->name : failType("symbol->string", "not a symbol", v);
}

Value stringToSymbol(Value s) {
  if (!isString(s)) return notString("string->symbol", s);
  return valueOf(intern(stringText(s), stringBytes(s)));
}

// What is looked for may be a character or a string.
struct Needle {
  const char *text;
  uint32_t size;
  char character[kUtf8Size];

  inline __attribute__((always_inline)) bool take(const char *who, Value v) {
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
Value stringIndex(Value s, Value what, Value from) {
  if (!isString(s)) return notString("string-index", s);
  Needle needle;
  Range r;
  if (!needle.take("string-index", what) || !rangeOf("string-index", s, from, kAbsent, r)) return kFail;
  const char *text = stringText(s);
  const char *found = search(text + r.start, stringEnd(s), needle.text, needle.size);
  if (!found) return kFalse;
  return fixnum(isAscii(s) ? found - text : countChars(text, found - text));
}

Value stringPrefix(Value prefix, Value s) {
  if (!isString(prefix)) return notString("string-prefix?", prefix);
  if (!isString(s)) return notString("string-prefix?", s);
  return boolean(stringBytes(prefix) <= stringBytes(s) && !memcmp(stringText(prefix), stringText(s), stringBytes(prefix)));
}

Value stringSuffix(Value suffix, Value s) {
  if (!isString(suffix)) return notString("string-suffix?", suffix);
  if (!isString(s)) return notString("string-suffix?", s);
  int32_t skip = stringBytes(s) - stringBytes(suffix);
  return boolean(skip >= 0 && !memcmp(stringText(suffix), stringText(s) + skip, stringBytes(suffix)));
}

Value stringSplit(Value s, Value separator) {
  if (!isString(s)) return notString("string-split", s);
  Needle needle;
  if (!needle.take("string-split", separator)) return kFail;
  if (needle.size == 0) return failType("string-split", "an empty separator", separator);
  const char *at = stringText(s), *end = stringEnd(s);
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

Value stringJoin(Value list, Value separator) {
  bool given = separator != kAbsent;
  if (given && !isString(separator)) return notString("string-join", separator);
  const char *between = given ? stringText(separator) : " ";
  uint32_t size = given ? stringBytes(separator) : 1, sizeInChars = given ? stringChars(separator) : 1;
  uint32_t bytes = 0, chars = 0;
  Value p = list;
  for (; isPair(p); p = cdr(p)) {
    if (!isString(car(p))) return notString("string-join", car(p));
    bool first = p == list;
    bytes += stringBytes(car(p)) + (first ? 0 : size);
    chars += stringChars(car(p)) + (first ? 0 : sizeInChars);
    if (bytes > kMaxLength) return tooLong("string");
  }
  if (p != kNil) return failType("string-join", "not a list", list);
  Value joined = allocateString(bytes, chars);
  char *to = stringText(joined);
  for (p = list; isPair(p); p = cdr(p)) {
    if (size && p != list) to = copyText(to, between, size);
    to = copyText(to, stringText(car(p)), stringBytes(car(p)));
  }
  return joined;
}

Value stringReplace(Value s, Value what, Value with) {
  for (Value v : {s, what, with}) {
    if (!isString(v)) return notString("string-replace", v);
  }
  if (stringBytes(what) == 0) return failType("string-replace", "nothing to replace", what);
  Text out;
  const char *at = stringText(s), *end = stringEnd(s);
  while (const char *found = search(at, end, stringText(what), stringBytes(what))) {
    out.append(at, found - at);
    out.append(stringText(with), stringBytes(with));
    at = found + stringBytes(what);
  }
  out.append(at, end - at);
  return stringOf(out);
}

Value stringTrim(Value s) {
  if (!isString(s)) return notString("string-trim", s);
  uint32_t start = 0, end = stringBytes(s);
  const char *text = stringText(s);
  while (start < end && isSpace((uint8_t)text[start])) start++;
  while (end > start && isSpace((uint8_t)text[end - 1])) end--;
  return makeString(text + start, end - start);
}

// (string-pad-left s n [c]): at least n characters; more stay as they are
Value pad(const char *who, Value s, Value length, Value with, bool left) {
  if (!isString(s)) return notString(who, s);
  if (!isFixnum(length) || fixnumOf(length) > (int32_t)kMaxLength / 4) return failType(who, "not a length", length);
  if (with != kAbsent && !isChar(with)) return notChar(who, with);
  int32_t missing = fixnumOf(length) - (int32_t)stringChars(s);
  if (missing <= 0) return s;
  uint32_t c = with != kAbsent ? charOf(with) : ' ', bytes = stringBytes(s) + missing * utf8Size(c);
  if (bytes > kMaxLength) return tooLong("string");
  Value padded = allocateString(bytes, stringChars(s) + missing);
  memcpy(stringText(padded) + (left ? bytes - stringBytes(s) : 0), stringText(s), stringBytes(s));
  fill(stringText(padded) + (left ? 0 : stringBytes(s)), missing, c);
  return padded;
}
Value stringPadLeft(Value s, Value length, Value with) { return pad("string-pad-left", s, length, with, true); }
Value stringPadRight(Value s, Value length, Value with) { return pad("string-pad-right", s, length, with, false); }

Builtin builtins[] = {
    {"string-append", stringAppend, 0, kAnyCount}, {"substring", substring, 2},
    {"string-copy", stringCopy, 1}, {"string->list", stringToList, 1},
    {"list->string", listToString}, {"string", string, 0, kAnyCount},
    {"make-string", makeStringProcedure, 1}, {"string=?", stringEqual, 1, kAnyCount},
    {"string<?", stringLess, 1, kAnyCount}, {"string>?", stringGreater, 1, kAnyCount},
    {"string<=?", stringAtMost, 1, kAnyCount}, {"string>=?", stringAtLeast, 1, kAnyCount},
    {"char<?", charLess, 1, kAnyCount}, {"char>?", charGreater, 1, kAnyCount},
    {"char<=?", charAtMost, 1, kAnyCount}, {"char>=?", charAtLeast, 1, kAnyCount},
    {"string-upcase", stringUpcase}, {"string-downcase", stringDowncase},
    {"char-upcase", charUpcase}, {"char-downcase", charDowncase},
    {"char-whitespace?", charWhitespace}, {"char-numeric?", charNumeric},
    {"char-alphabetic?", charAlphabetic}, {"digit-value", digitValue},
    {"integer->char", integerToChar}, {"symbol->string", symbolToString},
    {"string->symbol", stringToSymbol}, {"string-index", stringIndex, 2},
    {"string-prefix?", stringPrefix}, {"string-suffix?", stringSuffix},
    {"string-split", stringSplit}, {"string-join", stringJoin, 1},
    {"string-replace", stringReplace}, {"string-trim", stringTrim},
    {"string-pad-left", stringPadLeft, 2}, {"string-pad-right", stringPadRight, 2},
};

}  // namespace

void defineStrings() { define(builtins); }
