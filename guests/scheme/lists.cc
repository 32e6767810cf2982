// Standard procedures on lists and vectors that call no procedures themselves; prelude.scm has those
// that do. Also equality and symbols.
#include "heap.h"
#include "library.h"
#include "print.h"
#include "words.h"

Value applyValue;

bool isEqv(Value a, Value b) {
  if (a == b) return true;
  if (!isFlonum(a) || !isFlonum(b)) return false;
  return !memcmp((void *)(a + kFlonumOffset), (void *)(b + kFlonumOffset), 8);
}

// With a list of what is left to compare, so that deep data needs no native stack.
bool isEqual(Value a, Value b) {
  Words rest;
  rest.push(a), rest.push(b);
  while (!rest.empty()) {
    b = rest.pop();
    a = rest.pop();
    for (; isPair(a) && isPair(b); a = cdr(a), b = cdr(b)) {
      if (car(a) != car(b)) rest.push(car(a)), rest.push(car(b));
    }
    if (isEqv(a, b)) continue;
    if (isString(a) && isString(b)) {
      if (stringBytes(a) != stringBytes(b) || memcmp(stringText(a), stringText(b), stringBytes(a))) return false;
    } else if (isVector(a) && isVector(b) && lengthOf(a) == lengthOf(b)) {
      for (uint32_t i = 0; i < lengthOf(a); i++) rest.push(field(a, i)), rest.push(field(b, i));
    } else {
      return false;
    }
  }
  return true;
}

namespace {

bool quickEqual(Value a, Value b) {
  if (a == b) return true;
  if (isFixnum(a) || isFixnum(b)) return false;
  if (isString(a) && isString(b)) return stringBytes(a) == stringBytes(b) && !memcmp(stringText(a), stringText(b), stringBytes(a));
  return isEqual(a, b);
}

Value equalProcedure(const Value *a, uint32_t) { return boolean(quickEqual(a[0], a[1])); }

// A list under construction, in order.
struct ListBuilder {
  Value head = kNil, last = kNil;
  void add(Value v) {
    Value pair = cons(v, kNil);
    if (last == kNil) head = pair;
    else cdr(last) = pair;
    last = pair;
  }
  Value finish(Value tail) {
    if (last == kNil) return tail;
    cdr(last) = tail;
    return head;
  }
};

Value notList(const char *who, Value v) { return failType(who, "not a list", v); }

// -1 for what is no list, cyclic ones included: a pointer that goes half as fast is met in a cycle.
int64_t listLength(Value list) {
  int64_t n = 0;
  for (Value fast = list, slow = list;; slow = cdr(slow)) {
    for (int i = 0; i < 2; i++, n++, fast = cdr(fast)) {
      if (!isPair(fast)) return fast == kNil ? n : -1;
    }
    if (fast == slow) return -1;
  }
}

Value list(const Value *a, uint32_t n) {
  Value result = kNil;
  while (n > 0) result = cons(a[--n], result);
  return result;
}

Value consStar(const Value *a, uint32_t n) {
  Value result = a[--n];
  while (n > 0) result = cons(a[--n], result);
  return result;
}

Value makeList(const Value *a, uint32_t n) {
  if (!isFixnum(a[0]) || fixnumOf(a[0]) < 0) return failType("make-list", "not a length", a[0]);
  Value result = kNil;
  for (int32_t i = fixnumOf(a[0]); i > 0; i--) result = cons(n > 1 ? a[1] : kUnspecified, result);
  return result;
}

Value length(const Value *a, uint32_t) {
  int64_t n = listLength(a[0]);
  return n >= 0 ? fixnum((int32_t)n) : notList("length", a[0]);
}

Value badList(const Value *a, uint32_t) {
  return notList(Text(stringText(a[0]), stringBytes(a[0])).c_str(), a[1]);
}

Value isList(const Value *a, uint32_t) { return boolean(listLength(a[0]) >= 0); }

Value append(const Value *a, uint32_t n) {
  if (n == 0) return kNil;
  ListBuilder out;
  for (uint32_t i = 0; i + 1 < n; i++) {
    Value p = a[i];
    for (; isPair(p); p = cdr(p)) out.add(car(p));
    if (p != kNil) return notList("append", a[i]);
  }
  return out.finish(a[n - 1]);
}

Value reverse(const Value *a, uint32_t) {
  Value result = kNil, p = a[0];
  for (; isPair(p); p = cdr(p)) result = cons(car(p), result);
  return p == kNil ? result : notList("reverse", a[0]);
}

Value listCopy(const Value *a, uint32_t) {
  ListBuilder out;
  Value p = a[0];
  for (; isPair(p); p = cdr(p)) out.add(car(p));
  return out.finish(p);
}

bool dropTo(const char *who, const Value *a, Value &list) {
  list = a[0];
  if (!isFixnum(a[1]) || fixnumOf(a[1]) < 0) {
    failType(who, "no such index", a[1]);
    return false;
  }
  for (int32_t i = fixnumOf(a[1]); i > 0; i--) {
    if (!isPair(list)) {
      failType(who, "no such index", a[1]);
      return false;
    }
    list = cdr(list);
  }
  return true;
}

Value listTail(const Value *a, uint32_t) {
  Value rest;
  return dropTo("list-tail", a, rest) ? rest : kFail;
}

Value listRef(const Value *a, uint32_t) {
  Value rest;
  if (!dropTo("list-ref", a, rest)) return kFail;
  return isPair(rest) ? car(rest) : failType("list-ref", "no such index", a[1]);
}

Value listHead(const Value *a, uint32_t) {
  if (!isFixnum(a[1]) || fixnumOf(a[1]) < 0) return failType("list-head", "no such index", a[1]);
  ListBuilder out;
  Value p = a[0];
  for (int32_t i = fixnumOf(a[1]); i > 0; i--, p = cdr(p)) {
    if (!isPair(p)) return failType("list-head", "no such index", a[1]);
    out.add(car(p));
  }
  return out.head;
}

Value lastPair(const Value *a, uint32_t) {
  if (!isPair(a[0])) return failType("last-pair", "not a pair", a[0]);
  Value p = a[0];
  while (isPair(cdr(p))) p = cdr(p);
  return p;
}

template <bool (*same)(Value, Value)> Value member(const char *who, const Value *a) {
  Value p = a[1];
  for (; isPair(p); p = cdr(p)) {
    if (same(a[0], car(p))) return p;
  }
  return p == kNil ? kFalse : notList(who, a[1]);
}

template <bool (*same)(Value, Value)> Value associate(const char *who, const Value *a) {
  Value p = a[1];
  for (; isPair(p); p = cdr(p)) {
    if (!isPair(car(p))) return failType(who, "not a pair", car(p));
    if (same(a[0], car(car(p)))) return car(p);
  }
  return p == kNil ? kFalse : notList(who, a[1]);
}

bool isEq(Value a, Value b) { return a == b; }
Value memq(const Value *a, uint32_t) { return member<isEq>("memq", a); }
Value memv(const Value *a, uint32_t) { return member<isEqv>("memv", a); }
Value memberProcedure(const Value *a, uint32_t) { return member<quickEqual>("member", a); }
Value assq(const Value *a, uint32_t) { return associate<isEq>("assq", a); }
Value assv(const Value *a, uint32_t) { return associate<isEqv>("assv", a); }
Value assoc(const Value *a, uint32_t) { return associate<quickEqual>("assoc", a); }

// car and cdr along a path of letters, the last first: "add" is (car (cdr (cdr x))).
Value access(const char *path, Value v) {
  for (size_t i = strlen(path); i-- > 0;) {
    bool first = path[i] == 'a';
    if (!isPair(v)) return failType(first ? "car" : "cdr", "not a pair", v);
    v = first ? car(v) : cdr(v);
  }
  return v;
}
#define ACCESS(path) Value c##path##r(const Value *a, uint32_t) { return access(#path, a[0]); }
ACCESS(aa) ACCESS(ad) ACCESS(da) ACCESS(dd)
ACCESS(aaa) ACCESS(aad) ACCESS(ada) ACCESS(add) ACCESS(daa) ACCESS(dad) ACCESS(dda) ACCESS(ddd)

// ---- Vectors ----

bool isLength(Value v) { return isFixnum(v) && fixnumOf(v) >= 0 && (uint32_t)fixnumOf(v) <= kMaxLength; }

Value makeVectorProcedure(const Value *a, uint32_t n) {
  if (!isLength(a[0])) return failType("make-vector", "not a length", a[0]);
  return makeVector(fixnumOf(a[0]), n > 1 ? a[1] : fixnum(0));
}

Value vector(const Value *a, uint32_t n) {
  Value v = makeVector(n, kNil);
  for (uint32_t i = 0; i < n; i++) field(v, i) = a[i];
  return v;
}

// The range [start, end) that optional arguments behind `from` give.
bool rangeOf(const char *who, const Value *a, uint32_t n, uint32_t from, uint32_t size, uint32_t &start, uint32_t &end) {
  start = 0;
  end = size;
  if (n > from) {
    if (!isLength(a[from]) || (uint32_t)fixnumOf(a[from]) > size) {
      failType(who, "no such index", a[from]);
      return false;
    }
    start = fixnumOf(a[from]);
  }
  if (n > from + 1) {
    if (!isLength(a[from + 1]) || (uint32_t)fixnumOf(a[from + 1]) > size || (uint32_t)fixnumOf(a[from + 1]) < start) {
      failType(who, "no such index", a[from + 1]);
      return false;
    }
    end = fixnumOf(a[from + 1]);
  }
  return true;
}

Value notVector(const char *who, Value v) { return failType(who, "not a vector", v); }

Value vectorFill(const Value *a, uint32_t n) {
  uint32_t start, end;
  if (!isVector(a[0])) return notVector("vector-fill!", a[0]);
  if (!rangeOf("vector-fill!", a, n, 2, lengthOf(a[0]), start, end)) return kFail;
  for (uint32_t i = start; i < end; i++) field(a[0], i) = a[1];
  return kUnspecified;
}

Value vectorToList(const Value *a, uint32_t n) {
  uint32_t start, end;
  if (!isVector(a[0])) return notVector("vector->list", a[0]);
  if (!rangeOf("vector->list", a, n, 1, lengthOf(a[0]), start, end)) return kFail;
  Value result = kNil;
  while (end > start) result = cons(field(a[0], --end), result);
  return result;
}

Value subvector(const Value *a, uint32_t n) {
  uint32_t start, end;
  if (!isVector(a[0])) return notVector("vector-copy", a[0]);
  if (!rangeOf("vector-copy", a, n, 1, lengthOf(a[0]), start, end)) return kFail;
  Value v = makeVector(end - start, kNil);
  memcpy(&field(v, 0), &field(a[0], start), (end - start) * 4);
  return v;
}

Value listToVector(const Value *a, uint32_t) {
  int64_t n = listLength(a[0]);
  if (n < 0 || n > kMaxLength) return notList("list->vector", a[0]);
  Value v = makeVector((uint32_t)n, kNil);
  Value p = a[0];
  for (uint32_t i = 0; i < n; i++, p = cdr(p)) field(v, i) = car(p);
  return v;
}

Value vectorAppend(const Value *a, uint32_t n) {
  uint32_t length = 0, at = 0;
  for (uint32_t i = 0; i < n; i++) {
    if (!isVector(a[i])) return notVector("vector-append", a[i]);
    length += lengthOf(a[i]);
    if (length > kMaxLength) return fail("vector-append", "the vector would be too long");
  }
  Value v = makeVector(length, kNil);
  for (uint32_t i = 0; i < n; i++) {
    memcpy(&field(v, at), &field(a[i], 0), lengthOf(a[i]) * 4);
    at += lengthOf(a[i]);
  }
  return v;
}

Value isBoolean(const Value *a, uint32_t) { return boolean(a[0] == kTrue || a[0] == kFalse); }

Value errorProcedure(const Value *a, uint32_t n) {
  Text text = isString(a[0]) ? displayed(a[0]) : written(a[0]);
  for (uint32_t i = 1; i < n; i++) {
    text += ' ';
    print(text, a[i], true);
  }
  return fail(text);
}

// The interpreter knows `apply` by its address: no builtin calls procedures.
Value applyMarker(const Value *, uint32_t) { return kFail; }

Value unspecified(const Value *, uint32_t) { return kUnspecified; }
Value eofObject(const Value *, uint32_t) { return kEof; }

Builtin builtins[] = {
    {"equal?", equalProcedure, 2, 2, 0}, {"list", list, 0, kAnyCount, 0}, {"cons*", consStar, 1, kAnyCount, 0},
    {"make-list", makeList, 1, 2, 0}, {"length", length, 1, 1, 0}, {"list?", isList, 1, 1, 0},
    {"%bad-list", badList, 2, 2, 0}, {"append", append, 0, kAnyCount, 0}, {"reverse", reverse, 1, 1, 0}, {"list-copy", listCopy, 1, 1, 0},
    {"list-tail", listTail, 2, 2, 0}, {"list-ref", listRef, 2, 2, 0}, {"list-head", listHead, 2, 2, 0},
    {"last-pair", lastPair, 1, 1, 0}, {"memq", memq, 2, 2, 0}, {"memv", memv, 2, 2, 0},
    {"member", memberProcedure, 2, 2, 0}, {"assq", assq, 2, 2, 0}, {"assv", assv, 2, 2, 0},
    {"assoc", assoc, 2, 2, 0}, {"caar", caar, 1, 1, 0}, {"cadr", cadr, 1, 1, 0}, {"cdar", cdar, 1, 1, 0},
    {"cddr", cddr, 1, 1, 0}, {"caaar", caaar, 1, 1, 0}, {"caadr", caadr, 1, 1, 0}, {"cadar", cadar, 1, 1, 0},
    {"caddr", caddr, 1, 1, 0}, {"cdaar", cdaar, 1, 1, 0}, {"cdadr", cdadr, 1, 1, 0}, {"cddar", cddar, 1, 1, 0},
    {"cdddr", cdddr, 1, 1, 0}, {"make-vector", makeVectorProcedure, 1, 2, 0}, {"vector", vector, 0, kAnyCount, 0},
    {"vector-fill!", vectorFill, 2, 4, 0}, {"vector->list", vectorToList, 1, 3, 0},
    {"vector-copy", subvector, 1, 3, 0}, {"subvector", subvector, 3, 3, 0},
    {"list->vector", listToVector, 1, 1, 0}, {"vector-append", vectorAppend, 0, kAnyCount, 0},
    {"boolean?", isBoolean, 1, 1, 0}, {"error", errorProcedure, 1, kAnyCount, 0},
    {"apply", applyMarker, 2, kAnyCount, 0}, {"void", unspecified, 0, kAnyCount, 0},
    {"eof-object", eofObject, 0, 0, 0},
};

}  // namespace

void defineLists() {
  define(builtins);
  applyValue = intern("apply")->value;
}
