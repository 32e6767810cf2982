// Printing values, and reading numbers; see print.h.
#include "print.h"

#include <math.h>

#include "decimal.h"
#include "heap.h"
#include "program.h"

namespace {

void printChar(Text &out, uint32_t code) {
  out += "#\\";
  switch (code) {
    case ' ': out += "space"; break;
    case '\n': out += "newline"; break;
    case '\t': out += "tab"; break;
    case '\r': out += "return"; break;
    case 0: out += "null"; break;
    default: appendUtf8(out, code);
  }
}

void printString(Text &out, Value string) {
  out += '"';
  for (uint32_t i = 0; i < stringBytes(string); i++) {
    char c = stringText(string)[i];
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\t': out += "\\t"; break;
      case '\r': out += "\\r"; break;
      default: out += c;
    }
  }
  out += '"';
}

bool isNamed(Value symbol, const char *name) {
  Value text = symbolOf(symbol)->name;
  return stringBytes(text) == strlen(name) && !memcmp(stringText(text), name, stringBytes(text));
}

// `(quote x)` is written 'x, and so on; null for other lists.
const char *abbreviation(Value list) {
  if (!isSymbol(car(list)) || !isPair(cdr(list)) || cdr(cdr(list)) != kNil) return nullptr;
  static const struct { const char *name, *prefix; } table[] = {
      {"quote", "'"}, {"quasiquote", "`"}, {"unquote", ","}, {"unquote-splicing", ",@"}};
  for (auto &row : table) {
    if (isNamed(car(list), row.name)) return row.prefix;
  }
  return nullptr;
}

// How deep a printed value may nest through cars and vectors. The recursion is on the native stack.
constexpr uint32_t kMaxNesting = 400;

void printNested(Text &out, Value v, bool write, uint32_t depth);

void printList(Text &out, Value v, bool write, uint32_t depth) {
  if (const char *prefix = abbreviation(v)) {
    out += prefix;
    return printNested(out, car(cdr(v)), write, depth + 1);
  }
  out += '(';
  for (const char *gap = ""; isPair(v); v = cdr(v), gap = " ") {
    out += gap;
    printNested(out, car(v), write, depth + 1);
  }
  if (v != kNil) {
    out += " . ";
    printNested(out, v, write, depth + 1);
  }
  out += ')';
}

void printVector(Text &out, Value v, bool write, uint32_t depth) {
  out += "#(";
  for (uint32_t i = 0; i < lengthOf(v); i++) {
    if (i) out += ' ';
    printNested(out, field(v, i), write, depth + 1);
  }
  out += ')';
}

void printProcedure(Text &out, const Text &name) {
  out += "#<procedure ";
  out += name;
  out += '>';
}

void printObject(Text &out, Value v, bool write, uint32_t depth) {
  switch (header(v) & 0xff) {
    case kString:
      if (write) printString(out, v);
      else out.append(stringText(v), stringBytes(v));
      return;
    case kSymbol: out.append(stringText(symbolOf(v)->name), stringBytes(symbolOf(v)->name)); return;
    case kVector: return printVector(out, v, write, depth);
    case kClosure: return printProcedure(out, displayed(templateOf(v)->name));
    case kBuiltin: return printProcedure(out, builtinOf(v)->name);
    default: out += "#<box>";
  }
}

void printImmediate(Text &out, Value v, bool write) {
  if (isChar(v)) {
    if (write) printChar(out, charOf(v));
    else appendUtf8(out, charOf(v));
    return;
  }
  switch (v) {
    case kFalse: out += "#f"; return;
    case kTrue: out += "#t"; return;
    case kNil: out += "()"; return;
    case kEof: out += "#<eof>"; return;
    default: out += "#<unspecified>";
  }
}

void printNested(Text &out, Value v, bool write, uint32_t depth) {
  if (depth > kMaxNesting) out += "...";
  else if (isNumber(v)) printNumber(out, v);
  else if (isPair(v)) printList(out, v, write, depth);
  else if (isObject(v)) printObject(out, v, write, depth);
  else printImmediate(out, v, write);
}

// The digits from one place to another; there are zeros on either side of those that a decimal has.
void printDigits(Text &out, const Decimal &decimal, int32_t from, int32_t to) {
  for (int32_t i = from; i < to; i++) out += (char)('0' + (i >= 0 && i < (int32_t)decimal.count ? decimal.digits[i] : 0));
}

// With so many digits behind the point, without one if there are none.
void printPositional(Text &out, const Decimal &decimal, int32_t fraction) {
  printDigits(out, decimal, decimal.point > 0 ? 0 : -1, decimal.point > 0 ? decimal.point : 0);
  if (fraction > 0) out += '.';
  printDigits(out, decimal, decimal.point, decimal.point + fraction);
}

void printInteger(Text &out, int32_t n) {
  char text[kFixnumDigits];
  char *first = fixnumText(text, n, 10);
  out.append(first, text + sizeof text - first);
}

// The shortest of 15, 16 and 17 digits that reads back as the same number.
void printFlonum(Text &out, double d) {
  if (isnan(d) || isinf(d)) {
    out += isnan(d) ? "+nan.0" : d > 0 ? "+inf.0" : "-inf.0";
    return;
  }
  Decimal exact, rounded;
  expand(exact, d);
  int32_t precision = 15;
  for (;; precision++) {
    rounded = exact;
    roundTo(rounded, precision);
    if (precision == 17 || nearest(rounded) == fabs(d)) break;
  }
  if (signbit(d)) out += '-';
  auto count = (int32_t)rounded.count;
  int32_t exponent = rounded.point - 1;
  if (exponent >= -4 && exponent < precision) {
    return printPositional(out, rounded, count > rounded.point ? count - rounded.point : 1);
  }
  printDigits(out, rounded, 0, 1);
  if (count > 1) out += '.';
  printDigits(out, rounded, 1, count);
  out += 'e';
  printInteger(out, exponent);
}

}  // namespace

void print(Text &out, Value value, bool write) { printNested(out, value, write, 0); }

Text written(Value value) {
  Text out;
  print(out, value, true);
  return out;
}

Text displayed(Value value) {
  Text out;
  print(out, value, false);
  return out;
}

void printNumber(Text &out, Value number) {
  if (isFlonum(number)) printFlonum(out, flonumOf(number));
  else printInteger(out, fixnumOf(number));
}

void printFixed(Text &out, double d, uint32_t digits) {
  if (signbit(d)) out += '-';
  if (isnan(d) || isinf(d)) {
    out += isnan(d) ? "nan" : "inf";
    return;
  }
  Decimal decimal;
  expand(decimal, d);
  roundTo(decimal, decimal.point + (int32_t)digits);
  printPositional(out, decimal, (int32_t)digits);
}

char *putLongUtf8(char *to, uint32_t c) {
  uint32_t more = utf8Size(c) - 1;
  *to++ = (char)(0xf0 << (3 - more) | c >> 6 * more);
  while (more-- > 0) *to++ = (char)(0x80 | (c >> 6 * more & 0x3f));
  return to;
}

void appendUtf8(Text &out, uint32_t c) {
  char text[kUtf8Size];
  out.append(text, putUtf8(text, c) - text);
}

uint32_t nextChar(const char *&text) {
  auto lead = (uint8_t)*text++;
  if (lead < 0x80) return lead;
  uint32_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
  uint32_t code = lead & (0x3f >> more);
  // Text that is no UTF-8 must not lead beyond its end: stop at what is no continuation byte.
  while (more-- && (*text & 0xc0) == 0x80) code = code << 6 | (*text++ & 0x3f);
  return code;
}

namespace {

// The value of a digit, or 99.
uint32_t digitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

}  // namespace

Value parseNumber(const char *text, uint32_t size, uint32_t radix) {
  bool negative = size && text[0] == '-';
  bool sign = negative || (size && text[0] == '+');
  if (size == 6 && sign && !memcmp(text + 1, "inf.0", 5)) return flonum(negative ? -INFINITY : INFINITY);
  if (size == 6 && sign && !negative && !memcmp(text + 1, "nan.0", 5)) return flonum(NAN);
  const char *first = text + sign, *end = text + size;
  if (first == end) return kFalse;
  bool digits = true;
  double n = 0;
  for (const char *at = first; at < end; at++) {
    uint32_t digit = digitOf(*at);
    if (digit >= radix) digits = false;
    n = n * radix + digit;
  }
  if (digits && n < 0x1p53) return integer((int64_t)(negative ? -n : n));
  // What has no exact sum of its digits is read as a whole, so that it is rounded once.
  if (radix == 10 ? !readDecimal(first, end, n) : !digits) return kFalse;
  return flonum(negative ? -n : n);
}
