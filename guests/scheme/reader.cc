// The reader; see reader.h.
#include "reader.h"

#include "heap.h"
#include "print.h"

namespace {

constexpr Value kClose = kFail + 0x100;  // read a ")", seen by readList only
constexpr Value kDot = kFail + 0x200;    // read a lone "."
constexpr uint32_t kMaxDepth = 400;      // of nested data; the reader recurs on the native stack

bool isDelimiter(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '(' || c == ')' || c == '"' || c == ';' ||
         c == '\'';
}

}  // namespace

Value Reader::bad(const char *why) {
  problem = why;
  return kFail;
}

uint32_t Reader::lineOf(Value list, uint32_t otherwise) const {
  auto found = lines.find(list);
  return found == lines.end() ? otherwise : found->second;
}

void Reader::skipSpace() {
  for (; at < end; at++) {
    if (*at == '\n') line++;
    if (*at == ';' || (*at == '#' && at + 1 < end && at[1] == '!')) {
      while (at + 1 < end && at[1] != '\n') at++;
    } else if (*at == '#' && at + 1 < end && at[1] == '|') {
      for (at += 2; at + 1 < end && !(at[0] == '|' && at[1] == '#'); at++) line += *at == '\n';
      if (at + 1 < end) at++;
    } else if (*at != ' ' && *at != '\n' && *at != '\t' && *at != '\r') {
      return;
    }
  }
}

Value Reader::read() {
  Value datum = readDatum(0);
  if (datum == kClose) return bad("a ) without its (");
  if (datum == kDot) return bad("a . outside of a list");
  return datum;
}

Value Reader::readDatum(uint32_t depth) {
  skipSpace();
  if (at >= end) return depth ? bad("the text ends inside a list") : kUnbound;
  if (depth > kMaxDepth) return bad("nested too deep");
  switch (*at) {
    case '(':
    case '[': at++; return readList(depth);
    case ')':
    case ']': at++; return kClose;
    case '\'': return quoted("quote", 1, depth);
    case '`': return quoted("quasiquote", 1, depth);
    case ',':
      if (at + 1 < end && at[1] == '@') return quoted("unquote-splicing", 2, depth);
      return quoted("unquote", 1, depth);
    case '"': at++; return readString();
    case '#': return readHash(depth);
    default: return readAtom();
  }
}

Value Reader::quoted(const char *name, uint32_t skip, uint32_t depth) {
  uint32_t start = line;
  at += skip;
  Value datum = readDatum(depth + 1);
  if (datum == kFail) return kFail;
  if (datum == kClose || datum == kDot) return bad("nothing to quote");
  Value list = cons(valueOf(intern(name)), cons(datum, kNil));
  lines[list] = start;
  return list;
}

Value Reader::readList(uint32_t depth) {
  uint32_t start = line;
  Value head = kNil, last = kNil;
  for (;;) {
    Value datum = readDatum(depth + 1);
    if (datum == kFail) return kFail;
    if (datum == kClose) return head;
    if (datum == kDot) {
      if (last == kNil) return bad("a . at the start of a list");
      Value tail = readDatum(depth + 1);
      if (tail == kFail) return kFail;
      cdr(last) = tail;
      if (tail == kClose || tail == kDot || readDatum(depth + 1) != kClose) return bad("a . needs one datum behind it");
      return head;
    }
    Value pair = cons(datum, kNil);
    lines[pair] = start;
    if (last == kNil) head = pair;
    else cdr(last) = pair;
    last = pair;
    start = line;
  }
}

Value Reader::readVector(uint32_t depth) {
  Value list = readList(depth);
  if (list == kFail) return kFail;
  uint32_t length = 0;
  for (Value p = list; isPair(p); p = cdr(p)) length++;
  Value vector = makeVector(length, kNil);
  for (uint32_t i = 0; i < length; i++, list = cdr(list)) field(vector, i) = car(list);
  return vector;
}

Value Reader::readString() {
  Text text;
  for (; at < end && *at != '"'; at++) {
    if (*at == '\n') line++;
    if (*at != '\\' || at + 1 >= end) {
      text += *at;
      continue;
    }
    switch (*++at) {
      case 'n': text += '\n'; break;
      case 't': text += '\t'; break;
      case 'r': text += '\r'; break;
      case 'a': text += '\a'; break;
      case '0': text += '\0'; break;
      case '\n':  // a line that goes on: its indentation is no part of the string
        line++;
        while (at + 1 < end && (at[1] == ' ' || at[1] == '\t')) at++;
        break;
      default: text += *at;
    }
  }
  if (at >= end) return bad("the text ends inside a string");
  at++;
  return makeString(text.data(), text.size());
}

Value Reader::readHash(uint32_t depth) {
  if (at + 1 < end) {
    switch (at[1]) {
      case '(': at += 2; return readVector(depth);
      case ';': {
        at += 2;
        Value skipped = readDatum(depth + 1);
        return skipped == kFail ? kFail : readDatum(depth);
      }
      case '\\': break;
      default: return readAtom();
    }
  }
  at += 2;
  const char *start = at;
  if (at < end) nextChar(at);
  while (at < end && !isDelimiter(*at)) at++;
  Text name(start, at);
  static const struct { const char *name; uint32_t code; } names[] = {
      {"space", ' '}, {"newline", '\n'}, {"tab", '\t'}, {"return", '\r'}, {"null", 0}, {"nul", 0},
      {"delete", 127}, {"escape", 27}, {"alarm", 7}, {"backspace", 8}};
  for (auto &row : names) {
    if (name == row.name) return character(row.code);
  }
  if (name.empty()) return bad("#\\ without a character");
  if (name[0] == 'x' && name.size() > 1) {
    Value code = parseNumber(name.data() + 1, name.size() - 1, 16);
    if (isFixnum(code) && fixnumOf(code) >= 0 && fixnumOf(code) <= 0x10ffff) return character(fixnumOf(code));
  }
  const char *text = name.data();
  uint32_t code = nextChar(text);
  return text == name.data() + name.size() ? character(code) : bad("no such character name");
}

Value Reader::readAtom() {
  const char *start = at;
  while (at < end && !isDelimiter(*at) && *at != ']' && *at != '[') at++;
  uint32_t size = at - start;
  Text text(start, size);
  if (text == "#t" || text == "#true") return kTrue;
  if (text == "#f" || text == "#false") return kFalse;
  if (text == ".") return kDot;
  if (text[0] == '#') return bad("unknown # syntax");
  Value number = parseNumber(start, size);
  return number != kFalse ? number : valueOf(intern(start, size));
}
