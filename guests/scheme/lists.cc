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

Value equalProcedure(Value a, Value b) { return boolean(quickEqual(a, b)); }

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

Value makeList(Value length, Value fill) {
  if (!isFixnum(length) || fixnumOf(length) < 0) return failType("make-list", "not a length", length);
  Value result = kNil;
  for (int32_t i = fixnumOf(length); i > 0; i--) result = cons(fill == kAbsent ? (Value)kUnspecified : fill, result);
  return result;
}

Value length(Value list) {
  int64_t n = listLength(list);
  return n >= 0 ? fixnum((int32_t)n) : notList("length", list);
}

Value badList(Value who, Value list) {
  return notList(Text(stringText(who), stringBytes(who)).c_str(), list);
}

Value isList(Value v) { return boolean(listLength(v) >= 0); }

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

Value reverse(Value list) {
  Value result = kNil, p = list;
  for (; isPair(p); p = cdr(p)) result = cons(car(p), result);
  return p == kNil ? result : notList("reverse", list);
}

Value listCopy(Value list) {
  ListBuilder out;
  Value p = list;
  for (; isPair(p); p = cdr(p)) out.add(car(p));
  return out.finish(p);
}

// What is left of a list, or kFail.
Value dropFrom(const char *who, Value list, Value index) {
  if (!isFixnum(index) || fixnumOf(index) < 0) return failType(who, "no such index", index);
  for (int32_t i = fixnumOf(index); i > 0; i--, list = cdr(list)) {
    if (!isPair(list)) return failType(who, "no such index", index);
  }
  return list;
}

Value listTail(Value list, Value index) { return dropFrom("list-tail", list, index); }

Value listRef(Value list, Value index) {
  Value rest = dropFrom("list-ref", list, index);
  return isPair(rest) ? car(rest) : rest == kFail ? rest : failType("list-ref", "no such index", index);
}

Value listHead(Value list, Value index) {
  if (!isFixnum(index) || fixnumOf(index) < 0) return failType("list-head", "no such index", index);
  ListBuilder out;
  Value p = list;
  for (int32_t i = fixnumOf(index); i > 0; i--, p = cdr(p)) {
    if (!isPair(p)) return failType("list-head", "no such index", index);
    out.add(car(p));
  }
  return out.head;
}

Value lastPair(Value v) {
  if (!isPair(v)) return failType("last-pair", "not a pair", v);
  Value p = v;
  while (isPair(cdr(p))) p = cdr(p);
  return p;
}

template <bool (*same)(Value, Value)> Value member(const char *who, Value v, Value list) {
  Value p = list;
  for (; isPair(p); p = cdr(p)) {
    if (same(v, car(p))) return p;
  }
  return p == kNil ? kFalse : notList(who, list);
}

template <bool (*same)(Value, Value)> Value associate(const char *who, Value key, Value list) {
  Value p = list;
  for (; isPair(p); p = cdr(p)) {
    if (!isPair(car(p))) return failType(who, "not a pair", car(p));
    if (same(key, car(car(p)))) return car(p);
  }
  return p == kNil ? kFalse : notList(who, list);
}

bool isEq(Value a, Value b) { return a == b; }
Value memq(Value v, Value list) { return member<isEq>("memq", v, list); }
Value memv(Value v, Value list) { return member<isEqv>("memv", v, list); }
Value memberProcedure(Value v, Value list) { return member<quickEqual>("member", v, list); }
Value assq(Value key, Value list) { return associate<isEq>("assq", key, list); }
Value assv(Value key, Value list) { return associate<isEqv>("assv", key, list); }
Value assoc(Value key, Value list) { return associate<quickEqual>("assoc", key, list); }

// car and cdr along a path of letters, the last first: "add" is (car (cdr (cdr x))).
Value access(const char *path, Value v) {
  for (size_t i = strlen(path); i-- > 0;) {
    bool first = path[i] == 'a';
    if (!isPair(v)) return failType(first ? "car" : "cdr", "not a pair", v);
    v = first ? car(v) : cdr(v);
  }
  return v;
}
#define ACCESS(path) Value c##path##r(Value v) { return access(#path, v); }
ACCESS(aa) ACCESS(ad) ACCESS(da) ACCESS(dd)
ACCESS(aaa) ACCESS(aad) ACCESS(ada) ACCESS(add) ACCESS(daa) ACCESS(dad) ACCESS(dda) ACCESS(ddd)

// ---- Vectors ----

bool isLength(Value v) { return isFixnum(v) && fixnumOf(v) >= 0 && (uint32_t)fixnumOf(v) <= kMaxLength; }

Value makeVectorProcedure(Value length, Value fill) {
  if (!isLength(length)) return failType("make-vector", "not a length", length);
  return makeVector(fixnumOf(length), fill == kAbsent ? fixnum(0) : fill);
}

Value vector(const Value *a, uint32_t n) {
  Value v = makeVector(n, kNil);
  for (uint32_t i = 0; i < n; i++) field(v, i) = a[i];
  return v;
}

// The range [start, end) that optional arguments give.
bool rangeOf(const char *who, Value from, Value to, uint32_t size, uint32_t &start, uint32_t &end) {
  start = 0;
  end = size;
  return takeIndex(who, from, 0, size, start) && takeIndex(who, to, start, size, end);
}

Value notVector(const char *who, Value v) { return failType(who, "not a vector", v); }

Value vectorFill(const Value *a, uint32_t n) {
  uint32_t start, end;
  if (!isVector(a[0])) return notVector("vector-fill!", a[0]);
  if (!rangeOf("vector-fill!", n > 2 ? a[2] : (Value)kAbsent, n > 3 ? a[3] : (Value)kAbsent, lengthOf(a[0]), start, end)) return kFail;
  for (uint32_t i = start; i < end; i++) field(a[0], i) = a[1];
  return kUnspecified;
}

Value vectorToList(Value v, Value from, Value to) {
  uint32_t start, end;
  if (!isVector(v)) return notVector("vector->list", v);
  if (!rangeOf("vector->list", from, to, lengthOf(v), start, end)) return kFail;
  Value result = kNil;
  while (end > start) result = cons(field(v, --end), result);
  return result;
}

Value subvector(Value v, Value from, Value to) {
  uint32_t start, end;
  if (!isVector(v)) return notVector("vector-copy", v);
  if (!rangeOf("vector-copy", from, to, lengthOf(v), start, end)) return kFail;
  Value copy = makeVector(end - start, kNil);
  memcpy(&field(copy, 0), &field(v, start), (end - start) * 4);
  return copy;
}

Value listToVector(Value list) {
  int64_t n = listLength(list);
  if (n < 0 || n > kMaxLength) return notList("list->vector", list);
  Value v = makeVector((uint32_t)n, kNil);
  Value p = list;
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

Value isBoolean(Value v) { return boolean(v == kTrue || v == kFalse); }

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
Value eofObject() { return kEof; }

Builtin builtins[] = {
    {"equal?", equalProcedure}, {"list", list, 0, kAnyCount}, {"cons*", consStar, 1, kAnyCount},
    {"make-list", makeList, 1}, {"length", length}, {"list?", isList},
    {"%bad-list", badList}, {"append", append, 0, kAnyCount}, {"reverse", reverse}, {"list-copy", listCopy},
    {"list-tail", listTail}, {"list-ref", listRef}, {"list-head", listHead},
    {"last-pair", lastPair}, {"memq", memq}, {"memv", memv},
    {"member", memberProcedure}, {"assq", assq}, {"assv", assv},
    {"assoc", assoc}, {"caar", caar}, {"cadr", cadr}, {"cdar", cdar},
    {"cddr", cddr}, {"caaar", caaar}, {"caadr", caadr}, {"cadar", cadar},
    {"caddr", caddr}, {"cdaar", cdaar}, {"cdadr", cdadr}, {"cddar", cddar},
    {"cdddr", cdddr}, {"make-vector", makeVectorProcedure, 1}, {"vector", vector, 0, kAnyCount},
    {"vector-fill!", vectorFill, 2, 4}, {"vector->list", vectorToList, 1},
    {"vector-copy", subvector, 1}, {"subvector", subvector},
    {"list->vector", listToVector}, {"vector-append", vectorAppend, 0, kAnyCount},
    {"boolean?", isBoolean}, {"error", errorProcedure, 1, kAnyCount},
    {"apply", applyMarker, 2, kAnyCount}, {"void", unspecified, 0, kAnyCount},
    {"eof-object", eofObject},
};

}  // namespace

void defineLists() {
  define(builtins);
  applyValue = intern("apply")->value;
}
