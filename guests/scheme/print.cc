// Printing values, and reading numbers; see print.h.
#include "print.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

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

// `(quote x)` is written 'x, and so on; null for other lists.
const char *abbreviation(Value list) {
  if (!isSymbol(car(list)) || !isPair(cdr(list)) || cdr(cdr(list)) != kNil) return nullptr;
  static const struct { const char *name, *prefix; } table[] = {
      {"quote", "'"}, {"quasiquote", "`"}, {"unquote", ","}, {"unquote-splicing", ",@"}};
  Text name = displayed(car(list));
  for (auto &row : table) {
    if (name == row.name) return row.prefix;
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

void printObject(Text &out, Value v, bool write, uint32_t depth) {
  switch (header(v) & 0xff) {
    case kString:
      if (write) printString(out, v);
      else out.append(stringText(v), stringBytes(v));
      return;
    case kSymbol: out.append(stringText(symbolOf(v)->name), stringBytes(symbolOf(v)->name)); return;
    case kVector: return printVector(out, v, write, depth);
    case kClosure: out += "#<procedure " + templateOf(v)->name + ">"; return;
    case kBuiltin: out += Text("#<procedure ") + builtinOf(v)->name + ">"; return;
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
  else if (isNumber(v)) out += numberText(v);
  else if (isPair(v)) printList(out, v, write, depth);
  else if (isObject(v)) printObject(out, v, write, depth);
  else printImmediate(out, v, write);
}

// The shortest of 15, 16 and 17 digits that reads back as the same number.
Text flonumText(double d) {
  if (isnan(d)) return "+nan.0";
  if (isinf(d)) return d > 0 ? "+inf.0" : "-inf.0";
  char text[40];
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, d);
    if (strtod(text, nullptr) == d) break;
  }
  Text out = text;
  size_t exponent = out.find('e');
  if (exponent == Text::npos) return out.find('.') == Text::npos ? out + ".0" : out;
  // C writes 1e+21 and 1e-07; Scheme, 1e21 and 1e-7.
  size_t digit = out.find_first_of("123456789", exponent);
  return out.substr(0, exponent + 1) + (out[exponent + 1] == '-' ? "-" : "") + out.substr(digit);
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

Text numberText(Value number, uint32_t radix) {
  if (isFlonum(number)) return flonumText(flonumOf(number));
  char text[kFixnumDigits];
  return Text(fixnumText(text, fixnumOf(number), radix), text + sizeof text);
}

char *fixnumText(char *text, int32_t n, uint32_t radix) {
  char *p = text + kFixnumDigits;
  uint32_t rest = n < 0 ? -(uint32_t)n : n;
  do *--p = "0123456789abcdefghijklmnopqrstuvwxyz"[rest % radix];
  while (rest /= radix);
  if (n < 0) *--p = '-';
  return p;
}

void appendUtf8(Text &out, uint32_t c) {
  if (c < 0x80) {
    out += (char)c;
  } else if (c < 0x800) {
    out += (char)(0xc0 | c >> 6);
    out += (char)(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += (char)(0xe0 | c >> 12);
    out += (char)(0x80 | (c >> 6 & 0x3f));
    out += (char)(0x80 | (c & 0x3f));
  } else {
    out += (char)(0xf0 | c >> 18);
    out += (char)(0x80 | (c >> 12 & 0x3f));
    out += (char)(0x80 | (c >> 6 & 0x3f));
    out += (char)(0x80 | (c & 0x3f));
  }
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

Value parseNumber(const char *text, uint32_t size, uint32_t radix) {
  Text copy(text, size);
  if (copy == "+inf.0") return flonum(INFINITY);
  if (copy == "-inf.0") return flonum(-INFINITY);
  if (copy == "+nan.0") return flonum(NAN);
  uint32_t i = size && (copy[0] == '+' || copy[0] == '-');
  if (i == size) return kFalse;
  bool exact = true;
  double n = 0;
  for (uint32_t k = i; k < size; k++) {
    char c = copy[k] | 0x20;
    uint32_t digit = copy[k] >= '0' && copy[k] <= '9' ? copy[k] - '0' : c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
    if (digit >= radix) exact = false;
    n = n * radix + digit;
  }
  if (exact) return n < (double)(1ll << 53) ? integer((int64_t)(copy[0] == '-' ? -n : n)) : flonum(copy[0] == '-' ? -n : n);
  if (radix != 10) return kFalse;
  // strtod takes more than Scheme does ("0x1p3", "nan"), so look at the characters first.
  bool digits = false;
  for (uint32_t k = i; k < size; k++) {
    char c = copy[k];
    digits |= c >= '0' && c <= '9';
    bool exponent = (c | 0x20) == 'e' && digits;
    bool sign = (c == '+' || c == '-') && k > i && (copy[k - 1] | 0x20) == 'e';
    if (!(c >= '0' && c <= '9') && c != '.' && !exponent && !sign) return kFalse;
  }
  if (!digits) return kFalse;
  char *end;
  double d = strtod(copy.c_str(), &end);
  return *end ? kFalse : flonum(d);
}
