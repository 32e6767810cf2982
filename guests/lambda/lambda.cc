// lambda: a tiny Scheme with a JIT, as a guest for freeze.
//
// It speaks the wasm-jit ABI: the host hands over a program's text (parse), runs it (eval), and
// asks for code (jitModule). All lambdas that were interpreted since it last asked come back as one
// WebAssembly module, which imports this guest's memory and function table; instantiating it is
// all there is to linking, because its start function publishes its own functions.
//
//     text ── read ──> Datum ── analyse ──> Func, Node ── run ──> Value
//                                                      └─ generate ──> module bytes
//
// Interpreter and generated code share one machine: tagged values, frames on a value stack, flat
// closures on a copying heap. So either can call the other at any call.
//
// The language: (lambda (x ...) e)  (letrec ((f (lambda ...)) ...) e)  (if a b c)  (f e ...)
// (+ a b)  (- a b)  (* a b)  (< a b)  (eq? a b)  #t  #f  integers of 31 bits.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <unistd.h>
#include <vector>

#include <__verbose_abort>

#define EXPORT(name) extern "C" __attribute__((export_name(#name)))

extern "C" [[noreturn]] __attribute__((import_module("env"), import_name("throw_error"))) void
throw_error();

namespace {

// ---- Messages -----------------------------------------------------------------------------------

using Text = std::string_view;

class Line {
 public:
  operator Text() const { return Text(chars_.data(), chars_.size()); }

  Line& operator<<(Text text) {
    chars_.insert(chars_.end(), text.begin(), text.end());
    return *this;
  }

  Line& operator<<(int64_t n) {
    if (n < 0) return *this << "-" << -n;
    if (n >= 10) *this << n / 10;
    chars_.push_back(static_cast<char>('0' + n % 10));
    return *this;
  }

  void print(int fd) const {
    for (size_t done = 0; done < chars_.size();) {
      ssize_t n = write(fd, chars_.data() + done, chars_.size() - done);
      if (n <= 0) return;
      done += static_cast<size_t>(n);
    }
  }

 private:
  std::vector<char> chars_;
};

// Nothing is unwound: the host leaves by an exception or a trap. eval therefore starts from
// scratch each time, and never relies on the one before it having ended well.
[[noreturn]] void fail(Text why) {
  (Line() << "error: " << why << "\n").print(STDERR_FILENO);
  throw_error();
}

template <typename T>
T* make(size_t count) {
  void* p = calloc(count ? count : 1, sizeof(T));
  if (!p) fail("out of memory");
  return static_cast<T*>(p);
}

}  // namespace

// The library's own would throw, and so, in this build, abort with a message through printf; this
// way an error is an error, and the guest is spared half of its size.
void std::__libcpp_verbose_abort(const char*, ...) noexcept { fail("out of memory"); }
void* operator new(size_t size) { return make<char>(size); }
void operator delete(void* p) noexcept { free(p); }
void operator delete(void* p, size_t) noexcept { free(p); }

namespace {

// ---- Values -------------------------------------------------------------------------------------

// A value is a word, told apart by its low bits:
//   .0  a small integer, times two
//   01  a closure: its address minus 3, so that every field is at a positive offset
//   11  #f and #t
using Value = uint32_t;

constexpr Value kFalse = 3;
constexpr Value kTrue = 7;
constexpr int64_t kSmiMin = -(int64_t{1} << 30);
constexpr int64_t kSmiMax = (int64_t{1} << 30) - 1;
constexpr uint32_t kClosureBias = 3;

bool isSmi(Value v) { return (v & 1) == 0; }
bool isClosure(Value v) { return (v & 3) == 1; }
bool fitsSmi(int64_t n) { return n >= kSmiMin && n <= kSmiMax; }
int32_t smi(Value v) { return static_cast<int32_t>(v) >> 1; }
Value fromSmi(int64_t n) { return static_cast<Value>(n) << 1; }
Value fromBool(bool b) { return b ? kTrue : kFalse; }

struct Func;
struct Node;

struct Closure {
  Func* func;
  Value captured[];
};

Line show(Value v);

Closure* closure(Value v) { return reinterpret_cast<Closure*>(v + kClosureBias); }
Value fromClosure(Closure* c) { return reinterpret_cast<uintptr_t>(c) - kClosureBias; }

// ---- Programs -----------------------------------------------------------------------------------

enum class Op : uint8_t {
  Constant, Local, Captured, Lambda, Letrec, If, Call, Add, Subtract, Multiply, Less, Eq
};

// An analysed expression. `slot` is the frame slot of a Local, the index of a Captured, and for
// every other node the first slot that is free while it runs: everything below it holds a value.
struct Node {
  Op op;
  uint32_t slot;
  Value value;     // Constant
  Func* func;      // Lambda
  uint32_t count;  // of kids: operands in order; Letrec: its Lambdas, then the body
  Node** kids;
};

// Where a new closure finds a value to capture, in the frame that makes it.
struct Capture {
  bool fromClosure;  // in the closure that runs there, or else in its frame
  uint32_t index;
};

// A lambda's code. The first two fields are read by generated code, and `slot` is written by it:
// when a module is instantiated, its start function stores the table slot of each function here.
struct Func {
  uint32_t slot;    // 0 until patched; slot 0 of the table is never a function
  uint32_t params;
  uint32_t frame;   // slots of its frame: closure, parameters, letrec variables, temporaries
  uint32_t captures;
  Capture* capture;
  Node* body;
  const char* name;
  bool queued;      // in `ran`
};

uint32_t closureBytes(const Func* func) {
  return sizeof(Closure) + func->captures * sizeof(Value);
}

// How generated code is called; the helpers that it calls take two words and return one.
using Entry = Value (*)(Value* frame);

// ---- The value stack ----------------------------------------------------------------------------

// Frames lie one after another. A caller puts the closure and the arguments in its own topmost
// slots, and they are the first slots of the callee's frame.
// Small enough that it ends before the engine's own stack does (1 MB in Node) for most programs.
constexpr uint32_t kStackSlots = 1 << 13;
// No frame is larger, which keeps the check for the stack's end to one comparison.
constexpr uint32_t kFrameSlots = 1 << 10;

Value stack[kStackSlots];

// ---- The heap -----------------------------------------------------------------------------------

// Two halves, closures only; when one is full, what the stack reaches is copied to the other.
// A closure that was copied has its new address in place of its func, marked with the low bit.
struct Heap {
  char* base;
  uint32_t size;
  char* from;  // the half in use
  char* free;
  char* end;

  void open(uint32_t bytes) {
    close();
    size = bytes & ~7u;
    base = make<char>(size);
    use(base);
  }

  // Cleared first, so that a snapshot carries nothing of a run that is over.
  void close() {
    if (!base) return;
    memset(base, 0, size);
    asm volatile("" ::"r"(base) : "memory");  // or the compiler drops the memset before a free
    ::free(base);
    base = nullptr;
  }

  void use(char* half) {
    from = free = half;
    end = half + size / 2;
  }

  Value move(Value v) {
    if (!isClosure(v)) return v;
    Closure* old = closure(v);
    uintptr_t header = reinterpret_cast<uintptr_t>(old->func);
    if (header & 1) return fromClosure(reinterpret_cast<Closure*>(header - 1));
    uint32_t bytes = closureBytes(old->func);
    Closure* copy = reinterpret_cast<Closure*>(free);
    memcpy(copy, old, bytes);
    free += bytes;
    old->func = reinterpret_cast<Func*>(reinterpret_cast<uintptr_t>(copy) + 1);
    return fromClosure(copy);
  }

  void collect(Value* top) {
    use(from == base ? base + size / 2 : base);
    for (Value* v = stack; v < top; v++) *v = move(*v);
    for (char* scan = from; scan < free;) {
      Closure* c = reinterpret_cast<Closure*>(scan);
      for (uint32_t i = 0; i < c->func->captures; i++) c->captured[i] = move(c->captured[i]);
      scan += closureBytes(c->func);
    }
  }

  Value allocate(Func* func, Value* top) {
    uint32_t bytes = closureBytes(func);
    if (static_cast<uint32_t>(end - free) < bytes) {
      collect(top);
      if (static_cast<uint32_t>(end - free) < bytes) fail("heap exhausted");
    }
    Closure* c = reinterpret_cast<Closure*>(free);
    free += bytes;
    c->func = func;
    // The next allocation may collect before these are filled in: they must be values by then.
    memset(c->captured, 0, func->captures * sizeof(Value));
    return fromClosure(c);
  }
};

Heap heap;

Value allocateClosure(Func* func, Value* top) { return heap.allocate(func, top); }

// ---- Primitives, shared with generated code -----------------------------------------------------

// Errors are made out of line: a Line in run or apply would cost each level of recursion stack that
// it has no use for.
#define COLD [[noreturn, gnu::noinline, gnu::cold]]

COLD void wrongValue(const char* who, const char* wanted, Value v) {
  fail(Line() << who << ": not " << wanted << ": " << show(v));
}
COLD void wrongCount(const Func* f, uint32_t args) {
  fail(Line() << f->name << " takes " << f->params << " arguments, got " << args);
}
COLD void outOfRange(const char* who) { fail(Line() << who << ": integer overflow"); }
COLD void overflow() { fail("stack overflow"); }

int64_t integer(const char* who, Value v) {
  if (!isSmi(v)) wrongValue(who, "an integer", v);
  return smi(v);
}

Value checked(const char* who, int64_t n) {
  if (!fitsSmi(n)) outOfRange(who);
  return fromSmi(n);
}

Value add(Value a, Value b) { return checked("+", integer("+", a) + integer("+", b)); }
Value subtract(Value a, Value b) { return checked("-", integer("-", a) - integer("-", b)); }
Value multiply(Value a, Value b) { return checked("*", integer("*", a) * integer("*", b)); }
Value less(Value a, Value b) { return fromBool(integer("<", a) < integer("<", b)); }

Line show(Value v) {
  Line line;
  if (isSmi(v)) return line << smi(v);
  if (isClosure(v)) return line << "#<procedure " << closure(v)->func->name << ">";
  return line << (v == kFalse ? "#f" : "#t");
}

// ---- The interpreter ----------------------------------------------------------------------------

// What was interpreted since the last jitModule, in the order it first ran.
[[clang::no_destroy]] std::vector<Func*> ran;

[[gnu::noinline]] void enqueue(Func* f) {
  f->queued = true;
  ran.push_back(f);
}

Value apply(Value* frame, uint32_t args);

// Fills in what a closure captures in this frame.
void fill(Closure* made, Value* frame) {
  for (uint32_t i = 0; i < made->func->captures; i++) {
    const Capture& from = made->func->capture[i];
    Value* values = from.fromClosure ? closure(frame[0])->captured : frame;
    made->captured[i] = values[from.index];
  }
}

// Runs a node with its frame; everything that must survive a collection is on the stack.
Value run(Node* n, Value* frame) {
  for (;;) {
    switch (n->op) {
      case Op::Constant: return n->value;
      case Op::Local: return frame[n->slot];
      case Op::Captured: return closure(frame[0])->captured[n->slot];

      case Op::Lambda: {
        Value made = allocateClosure(n->func, frame + n->slot);
        fill(closure(made), frame);
        return made;
      }

      case Op::Letrec: {
        // All first, then what they capture, which includes one another.
        Value* first = frame + n->slot;
        uint32_t lambdas = n->count - 1;
        for (uint32_t i = 0; i < lambdas; i++) {
          first[i] = allocateClosure(n->kids[i]->func, first + i);
        }
        for (uint32_t i = 0; i < lambdas; i++) fill(closure(first[i]), frame);
        n = n->kids[lambdas];
        continue;
      }

      case Op::If:
        n = run(n->kids[0], frame) == kFalse ? n->kids[2] : n->kids[1];
        continue;

      case Op::Call:
        for (uint32_t i = 0; i < n->count; i++) frame[n->slot + i] = run(n->kids[i], frame);
        return apply(frame + n->slot, n->count - 1);

      default: {
        frame[n->slot] = run(n->kids[0], frame);
        Value b = run(n->kids[1], frame);
        Value a = frame[n->slot];
        switch (n->op) {
          case Op::Add: return add(a, b);
          case Op::Subtract: return subtract(a, b);
          case Op::Multiply: return multiply(a, b);
          case Op::Less: return less(a, b);
          default: return fromBool(a == b);
        }
      }
    }
  }
}

// Calls frame[0] with the arguments after it, in generated code where there is any.
Value apply(Value* frame, uint32_t args) {
  if (!isClosure(frame[0])) wrongValue("call", "a procedure", frame[0]);
  Func* f = closure(frame[0])->func;
  if (f->params != args) wrongCount(f, args);
  if (f->slot) return reinterpret_cast<Entry>(f->slot)(frame);
  if (stack + kStackSlots - frame < static_cast<ptrdiff_t>(f->frame)) overflow();
  if (!f->queued) enqueue(f);
  return run(f->body, frame);
}

// ---- Reading ------------------------------------------------------------------------------------

// Lists nest no deeper: reading, analysing, running and generating all recurse on them.
constexpr uint32_t kNesting = 200;

// A list, or an atom when it has text.
struct Datum {
  Text text;
  std::vector<Datum> items;
  uint32_t at;  // byte offset in the program

  bool isList() const { return text.empty(); }
};

COLD void syntaxError(uint32_t at, Text why, Text what = "") {
  fail(Line() << "syntax: " << why << what << " at byte " << at);
}

class Reader {
 public:
  explicit Reader(const char* text) : text_(text) {}

  Datum program() {
    Datum d = datum(0);
    skip();
    if (peek()) syntaxError(at_, "text after the expression");
    return d;
  }

 private:
  const char* text_;
  uint32_t at_ = 0;

  char peek() const { return text_[at_]; }

  // The end of the text counts among these, being the end of the list of characters too.
  static bool endsAtom(char c) { return strchr(" \t\r\n();", c) != nullptr; }
  static bool isSpace(char c) { return c && strchr(" \t\r\n", c) != nullptr; }

  void skip() {
    for (;; at_++) {
      if (peek() == ';') {
        while (peek() && peek() != '\n') at_++;
      }
      if (!isSpace(peek())) return;
    }
  }

  Datum datum(uint32_t depth) {
    skip();
    Datum d{{}, {}, at_};
    if (!peek()) syntaxError(at_, "unexpected end");
    if (peek() == ')') syntaxError(at_, "unexpected )");
    if (peek() != '(') {
      while (!endsAtom(peek())) at_++;
      d.text = Text(text_ + d.at, at_ - d.at);
      return d;
    }
    if (depth == kNesting) syntaxError(at_, "nested too deeply");
    at_++;
    for (skip(); peek() != ')'; skip()) d.items.push_back(datum(depth + 1));
    at_++;
    return d;
  }
};

// ---- Analysing ----------------------------------------------------------------------------------

// The variables of one lambda while its body is analysed.
struct Scope {
  struct Variable {
    Text name;
    Capture where;
  };

  Scope* outer;
  std::vector<Variable> locals;    // the innermost last
  std::vector<Variable> captured;  // and where the scope around finds them
  uint32_t depth = 1;              // the first free slot; slot 0 is the closure
  uint32_t frame = 1;              // the most that was ever in use

  // Takes a slot; whoever does puts `depth` back.
  void reserve(uint32_t at) {
    if (++depth > frame) frame = depth;
    if (frame > kFrameSlots) syntaxError(at, "expression too large");
  }

  void bind(Text name, uint32_t at) {
    locals.push_back({name, {false, depth}});
    reserve(at);
  }

  // Finds a variable, and captures it from the scopes around where it must.
  bool find(Text name, Capture* found) {
    for (size_t i = locals.size(); i-- > 0;) {
      if (locals[i].name == name) return *found = locals[i].where, true;
    }
    uint32_t i = 0;
    while (i < captured.size() && captured[i].name != name) i++;
    if (i == captured.size()) {
      Capture where;
      if (!outer || !outer->find(name, &where)) return false;
      captured.push_back({name, where});
    }
    *found = {true, i};
    return true;
  }
};

Func* analyseLambda(Scope* outer, const std::vector<Datum>& params, const Datum& body,
                    Text name);

Node* makeNode(Op op, uint32_t slot, uint32_t kids = 0) {
  Node* n = make<Node>(1);
  n->op = op;
  n->slot = slot;
  n->count = kids;
  if (kids) n->kids = make<Node*>(kids);
  return n;
}

bool isDigit(char c) { return c >= '0' && c <= '9'; }

bool looksNumeric(Text t) {
  return isDigit(t[0]) || (t.size() > 1 && (t[0] == '-' || t[0] == '+') && isDigit(t[1]));
}

Value number(const Datum& d) {
  bool negative = d.text[0] == '-';
  int64_t n = 0;
  for (size_t i = isDigit(d.text[0]) ? 0 : 1; i < d.text.size(); i++) {
    if (!isDigit(d.text[i])) syntaxError(d.at, "not a number: ", d.text);
    n = n * 10 + (d.text[i] - '0');
    // Tested at each digit, so that n itself never overflows.
    if (!fitsSmi(negative ? -n : n)) syntaxError(d.at, "integer out of range");
  }
  return fromSmi(negative ? -n : n);
}

void needName(const Datum& d) {
  if (d.isList() || looksNumeric(d.text) || d.text[0] == '#') syntaxError(d.at, "name expected");
}

struct Form {
  Text name;
  Op op;
  uint32_t operands;
};

constexpr Form kForms[] = {
  {"if", Op::If, 3}, {"+", Op::Add, 2}, {"-", Op::Subtract, 2}, {"*", Op::Multiply, 2},
  {"<", Op::Less, 2}, {"eq?", Op::Eq, 2},
};

class Analyser {
 public:
  explicit Analyser(Scope& scope) : scope_(scope) {}

  Node* expression(const Datum& d) {
    if (!d.isList()) return atom(d);
    if (d.items.empty()) syntaxError(d.at, "empty application");
    const Datum& head = d.items[0];
    Capture bound;
    if (head.isList() || scope_.find(head.text, &bound)) return call(d);
    if (head.text == "lambda") return lambda(d, "lambda");
    if (head.text == "letrec") return letrec(d);
    for (const Form& f : kForms) {
      if (head.text == f.name) return operands(f.op, d, 1, f.operands);
    }
    return call(d);
  }

 private:
  Scope& scope_;

  Node* atom(const Datum& d) {
    Node* n = makeNode(Op::Constant, scope_.depth);
    Capture bound;
    if (looksNumeric(d.text)) {
      n->value = number(d);
    } else if (d.text == "#t" || d.text == "#f") {
      n->value = fromBool(d.text == "#t");
    } else if (scope_.find(d.text, &bound)) {
      n->op = bound.fromClosure ? Op::Captured : Op::Local;
      n->slot = bound.index;
    } else {
      syntaxError(d.at, "unbound variable: ", d.text);
    }
    return n;
  }

  Node* call(const Datum& d) { return operands(Op::Call, d, 0, d.items.size()); }

  // Each operand runs with those before it on the stack; only `if` keeps none of them.
  Node* operands(Op op, const Datum& d, uint32_t first, uint32_t count) {
    if (d.items.size() != first + count) {
      syntaxError(d.at, "wrong number of operands: ", d.items[0].text);
    }
    uint32_t slot = scope_.depth;
    Node* n = makeNode(op, slot, count);
    for (uint32_t i = 0; i < count; i++) {
      n->kids[i] = expression(d.items[first + i]);
      if (op != Op::If) scope_.reserve(d.at);
    }
    scope_.depth = slot;
    return n;
  }

  Node* lambda(const Datum& d, Text name) {
    if (d.items.size() != 3 || !d.items[1].isList()) {
      syntaxError(d.at, "expected (lambda (name ...) body)");
    }
    Node* n = makeNode(Op::Lambda, scope_.depth);
    n->func = analyseLambda(&scope_, d.items[1].items, d.items[2], name);
    return n;
  }

  Node* letrec(const Datum& d) {
    if (d.items.size() != 3 || !d.items[1].isList()) {
      syntaxError(d.at, "expected (letrec ((name lambda) ...) body)");
    }
    const std::vector<Datum>& bindings = d.items[1].items;
    uint32_t lambdas = bindings.size();
    uint32_t slot = scope_.depth;
    Node* n = makeNode(Op::Letrec, slot, lambdas + 1);
    for (const Datum& b : bindings) {
      if (b.items.size() != 2) syntaxError(b.at, "expected (name lambda)");
      needName(b.items[0]);
      scope_.bind(b.items[0].text, b.at);
    }
    for (uint32_t i = 0; i < lambdas; i++) {
      // Lambdas only: their captures can be filled in when all closures exist, so no variable
      // is ever seen without its value, and none needs a box.
      const Datum& init = bindings[i].items[1];
      Capture bound;
      if (init.items.empty() || init.items[0].text != "lambda" || scope_.find("lambda", &bound)) {
        syntaxError(init.at, "letrec binds lambdas only");
      }
      n->kids[i] = lambda(init, bindings[i].items[0].text);
    }
    n->kids[lambdas] = expression(d.items[2]);
    scope_.locals.resize(scope_.locals.size() - lambdas);
    scope_.depth = slot;
    return n;
  }
};

Func* analyseLambda(Scope* outer, const std::vector<Datum>& params, const Datum& body,
                    Text name) {
  Scope scope{outer, {}, {}};
  for (const Datum& p : params) {
    needName(p);
    scope.bind(p.text, p.at);
  }
  Func* f = make<Func>(1);
  f->params = params.size();
  f->body = Analyser(scope).expression(body);
  f->frame = scope.frame;
  f->captures = scope.captured.size();
  f->capture = make<Capture>(f->captures);
  for (uint32_t i = 0; i < f->captures; i++) f->capture[i] = scope.captured[i].where;
  char* copy = make<char>(name.size() + 1);  // the host frees the text
  memcpy(copy, name.data(), name.size());
  f->name = copy;
  return f;
}

// ---- Generating ---------------------------------------------------------------------------------

// The opcodes in use, by their names in the specification.
enum Opcode : uint8_t {
  kUnreachable = 0x00, kBlock = 0x02, kIf = 0x04, kElse = 0x05, kEnd = 0x0b, kBr = 0x0c,
  kBrIf = 0x0d, kCallIndirect = 0x11, kDrop = 0x1a, kSelect = 0x1b, kLocalGet = 0x20,
  kLocalSet = 0x21, kLocalTee = 0x22, kI32Load = 0x28, kI32Store = 0x36, kI32Const = 0x41,
  kI32Eqz = 0x45, kI32Eq = 0x46, kI32Ne = 0x47, kI32LtS = 0x48, kI32LtU = 0x49, kI32Add = 0x6a,
  kI32Sub = 0x6b, kI32And = 0x71, kI32Or = 0x72, kI32Xor = 0x73, kI32ShrU = 0x76,
  kRefNull = 0xd0, kPrefix = 0xfc
};
enum PrefixedOpcode : uint8_t { kTableInit = 12, kTableGrow = 15 };
enum ValType : uint8_t { kEmpty = 0x40, kFuncType = 0x60, kFuncRef = 0x70, kI32 = 0x7f };
enum Section : uint8_t {
  kCustom = 0, kType = 1, kImport = 2, kFunction = 3, kStart = 8, kElement = 9, kCode = 10
};

// The types of a generated module, in the order of its type section.
enum Type : uint8_t { kEntryType, kHelperType, kVoidType };

// The locals of a lambda: its parameter, then scratch, never in use over the evaluation of another
// expression.
enum Local : uint8_t { kFrame, kA, kB, kR };

// In memory, or in the table for a function: either way a constant.
template <typename T>
uint32_t address(T* p) {
  return reinterpret_cast<uintptr_t>(p);
}

// A writer: the format's encodings, then the instructions that have an operand.
class Bytes {
 public:
  const std::vector<uint8_t>& all() const { return bytes_; }

  template <typename T>
  Bytes& append(const T& bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }

  Bytes& put(std::initializer_list<uint8_t> bytes) { return append(bytes); }

  Bytes& u32(uint32_t n) {
    for (; n >= 0x80; n >>= 7) bytes_.push_back(n | 0x80);
    bytes_.push_back(n);
    return *this;
  }

  Bytes& s32(int32_t n) {
    for (; n < -0x40 || n >= 0x40; n >>= 7) bytes_.push_back((n & 0x7f) | 0x80);
    bytes_.push_back(n & 0x7f);
    return *this;
  }

  Bytes& name(Text s) { return u32(s.size()).append(s); }

  // What is counted in bytes in the format: section contents, code bodies.
  Bytes& sized(const Bytes& b) { return u32(b.bytes_.size()).append(b.bytes_); }
  Bytes& section(Section id, const Bytes& content) { return put({id}).sized(content); }

  Bytes& get(Local l) { return put({kLocalGet, l}); }
  Bytes& set(Local l) { return put({kLocalSet, l}); }
  Bytes& tee(Local l) { return put({kLocalTee, l}); }
  Bytes& i32(uint32_t n) { return put({kI32Const}).s32(static_cast<int32_t>(n)); }
  Bytes& load(uint32_t offset) { return put({kI32Load, 2}).u32(offset); }
  Bytes& store(uint32_t offset) { return put({kI32Store, 2}).u32(offset); }

 private:
  std::vector<uint8_t> bytes_;
};

// Generates one function, which takes its frame's address and returns a value.
class Generator {
 public:
  explicit Generator(const Func* func) : func_(func) {}

  Bytes body() {
    code_.put({1, 3, kI32});  // one run of locals: three of type i32
    // Is there room for the whole frame?
    code_.i32(address(stack + kStackSlots) - 4 * func_->frame).get(kFrame);
    code_.put({kI32LtU, kIf, kEmpty}).i32(address(overflow));
    code_.put({kCallIndirect, kVoidType, 0, kEnd});
    value(func_->body);
    return code_.put({kEnd});
  }

 private:
  const Func* func_;
  Bytes code_;

  static uint32_t captureOffset(uint32_t index) {
    return kClosureBias + offsetof(Closure, captured) + 4 * index;
  }

  Bytes& loadSlot(uint32_t slot) { return code_.get(kFrame).load(4 * slot); }
  Bytes& slotAddress(uint32_t slot) { return code_.get(kFrame).i32(4 * slot).put({kI32Add}); }
  Bytes& loadCaptured(uint32_t index) { return loadSlot(0).load(captureOffset(index)); }
  Bytes& fetch(const Capture& from) {
    return from.fromClosure ? loadCaptured(from.index) : loadSlot(from.index);
  }

  template <typename F>
  Bytes& callHelper(F* helper) {
    return code_.i32(address(helper)).put({kCallIndirect, kHelperType, 0});
  }

  // Leaves the node's value on the operand stack.
  void value(const Node* n) {
    switch (n->op) {
      case Op::Constant: code_.i32(n->value); return;
      case Op::Local: loadSlot(n->slot); return;
      case Op::Captured: loadCaptured(n->slot); return;
      case Op::Lambda: lambda(n); return;
      case Op::Letrec: letrec(n); return;
      case Op::Call: call(n); return;
      case Op::Add: addOrSubtract(n, kI32Add, add); return;
      case Op::Subtract: addOrSubtract(n, kI32Sub, subtract); return;
      case Op::Multiply:
        operands(n);
        code_.get(kA).get(kB);
        callHelper(multiply);
        return;
      case Op::Less:
      case Op::Eq:
        code_.i32(kTrue).i32(kFalse);
        test(n);
        code_.put({kSelect});
        return;
      case Op::If:
        test(n->kids[0]);
        code_.put({kIf, kI32});
        value(n->kids[1]);
        code_.put({kElse});
        value(n->kids[2]);
        code_.put({kEnd});
        return;
    }
  }

  // Leaves 0 when the node's value is #f; a comparison needs no value for that.
  void test(const Node* n) {
    if (n->op == Op::Less) {
      operands(n);
      code_.get(kA).get(kB).put({kI32Or}).i32(1).put({kI32And, kIf, kEmpty}).get(kA).get(kB);
      callHelper(less).put({kDrop, kEnd});  // it fails
      code_.get(kA).get(kB).put({kI32LtS});
    } else if (n->op == Op::Eq) {
      operands(n);
      code_.get(kA).get(kB).put({kI32Eq});
    } else {
      value(n);
      code_.i32(kFalse).put({kI32Ne});
    }
  }

  // Leaves both operands in kA and kB. The first waits on the value stack where evaluating the
  // second can call, and so can collect.
  void operands(const Node* n) {
    const Node* b = n->kids[1];
    if (b->op == Op::Constant || b->op == Op::Local || b->op == Op::Captured) {
      value(n->kids[0]);
      code_.set(kA);
      value(b);
      code_.set(kB);
    } else {
      code_.get(kFrame);
      value(n->kids[0]);
      code_.store(4 * n->slot);
      value(b);
      code_.set(kB);
      loadSlot(n->slot).set(kA);
    }
  }

  // Done on the tagged words as they are; a wrong tag or an overflow is left to the helper, which
  // fails with the message. Overflow: the result's sign is not a's, and is not b's (+) or is (-).
  void addOrSubtract(const Node* n, uint8_t opcode, Value (*helper)(Value, Value)) {
    operands(n);
    code_.get(kA).get(kB).put({opcode}).set(kR);
    code_.get(kA).get(kB).put({kI32Or}).i32(1).put({kI32And});
    code_.get(kA).get(kR).put({kI32Xor});
    code_.get(kB).get(opcode == kI32Add ? kR : kA).put({kI32Xor});
    code_.put({kI32And}).i32(31).put({kI32ShrU, kI32Or});
    code_.put({kIf, kEmpty}).get(kA).get(kB);
    callHelper(helper).set(kR).put({kEnd}).get(kR);
  }

  // Leaves a closure that has nothing captured yet.
  void allocate(const Func* func, uint32_t top) {
    code_.i32(address(func));
    slotAddress(top);
    callHelper(allocateClosure);
  }

  // Fills in what the closure in kA captures.
  void fill(const Func* func) {
    for (uint32_t i = 0; i < func->captures; i++) {
      code_.get(kA);
      fetch(func->capture[i]).store(captureOffset(i));
    }
  }

  void lambda(const Node* n) {
    allocate(n->func, n->slot);
    code_.set(kA);
    fill(n->func);
    code_.get(kA);
  }

  void letrec(const Node* n) {
    uint32_t lambdas = n->count - 1;
    for (uint32_t i = 0; i < lambdas; i++) {
      code_.get(kFrame);
      allocate(n->kids[i]->func, n->slot + i);
      code_.store(4 * (n->slot + i));
    }
    for (uint32_t i = 0; i < lambdas; i++) {
      loadSlot(n->slot + i).set(kA);
      fill(n->kids[i]->func);
    }
    value(n->kids[lambdas]);
  }

  // Calls generated code directly where the callee is a closure that has some and takes as many
  // arguments; `apply` does every other case.
  void call(const Node* n) {
    uint32_t args = n->count - 1;
    for (uint32_t i = 0; i < n->count; i++) {
      code_.get(kFrame);
      value(n->kids[i]);
      code_.store(4 * (n->slot + i));
    }
    code_.put({kBlock, kI32, kBlock, kEmpty});
    loadSlot(n->slot).tee(kA).i32(3).put({kI32And}).i32(1).put({kI32Ne, kBrIf, 0});
    code_.get(kA).load(kClosureBias + offsetof(Closure, func)).tee(kB);
    code_.load(offsetof(Func, slot)).tee(kR).put({kI32Eqz, kBrIf, 0});
    code_.get(kB).load(offsetof(Func, params)).i32(args).put({kI32Ne, kBrIf, 0});
    slotAddress(n->slot).get(kR).put({kCallIndirect, kEntryType, 0, kBr, 1, kEnd});
    slotAddress(n->slot).i32(args);
    callHelper(apply).put({kEnd});
  }
};

// Grows the table by one slot for each function, fills the new slots from the passive segment,
// and stores each slot where the interpreter and generated code look for it.
Bytes startBody(const std::vector<Func*>& funcs) {
  constexpr Local base = kFrame;  // local 0 of this function: the first new slot
  Bytes code;
  code.put({1, 1, kI32});
  code.put({kRefNull, kFuncRef}).i32(funcs.size()).put({kPrefix, kTableGrow, 0}).tee(base);
  code.i32(-1).put({kI32Eq, kIf, kEmpty, kUnreachable, kEnd});
  code.get(base).i32(0).i32(funcs.size()).put({kPrefix, kTableInit, 0, 0});
  for (uint32_t i = 0; i < funcs.size(); i++) {
    code.i32(address(&funcs[i]->slot)).get(base).i32(i).put({kI32Add}).store(0);
  }
  return code.put({kEnd});
}

Bytes nameSection(const std::vector<Func*>& funcs) {
  Bytes names;
  names.u32(funcs.size() + 1);
  for (uint32_t i = 0; i < funcs.size(); i++) names.u32(i).name(funcs[i]->name);
  names.u32(funcs.size()).name("publish");
  return Bytes().name("name").put({1}).sized(names);  // subsection 1: function names
}

// Functions 0 to n-1 are the lambdas, function n is the start function.
Bytes generate(const std::vector<Func*>& funcs) {
  uint32_t count = funcs.size();

  Bytes types;  // in the order of the enum
  types.u32(3).put({kFuncType, 1, kI32, 1, kI32});
  types.put({kFuncType, 2, kI32, kI32, 1, kI32}).put({kFuncType, 0, 0});

  Bytes imports;  // with a minimum of 0: whatever the guest has is enough
  imports.u32(2).name("env").name("memory").put({2, 0, 0});
  imports.name("env").name("__indirect_function_table").put({1, kFuncRef, 0, 0});

  Bytes functions, elements, code;
  functions.u32(count + 1);
  elements.put({1, 1, 0}).u32(count);  // one segment; passive; of funcidx
  code.u32(count + 1);
  for (uint32_t i = 0; i < count; i++) {
    functions.u32(kEntryType);
    elements.u32(i);
    code.sized(Generator(funcs[i]).body());
  }
  functions.u32(kVoidType);
  code.sized(startBody(funcs));

  return Bytes()
      .put({0, 'a', 's', 'm', 1, 0, 0, 0})
      .section(kType, types)
      .section(kImport, imports)
      .section(kFunction, functions)
      .section(kStart, Bytes().u32(count))
      .section(kElement, elements)
      .section(kCode, code)
      .section(kCustom, nameSection(funcs));
}

struct Module {
  uint8_t* data;
  uint32_t size;
};

}  // namespace

// ---- The wasm-jit ABI ---------------------------------------------------------------------------

EXPORT(allocateBytes) void* allocateBytes(uint32_t size) { return malloc(size); }
EXPORT(freeBytes) void freeBytes(void* bytes) { free(bytes); }

// A program is analysed as a lambda without parameters, and is compiled like one. It is never
// freed: generated code and the host both keep its address.
EXPORT(parse) Func* parse(const char* text) {
  return analyseLambda(nullptr, {}, Reader(text).program(), "program");
}

EXPORT(eval) void eval(Func* program, uint32_t heapSize) {
  heap.open(heapSize);
  stack[0] = allocateClosure(program, stack);
  Value result = apply(stack, 0);
  (Line() << "result: " << show(result) << "\n").print(STDOUT_FILENO);
  heap.close();
  memset(stack, 0, sizeof stack);  // for the same reason as the heap
}

// A handle for the next module, or 0 when nothing ran that has no code yet.
EXPORT(jitModule) Module* jitModule() {
  std::vector<Func*> funcs;
  for (Func* f : ran) {
    f->queued = false;
    // It may have run between an earlier jitModule and the linking of that module.
    if (!f->slot) funcs.push_back(f);
  }
  ran.clear();
  if (funcs.empty()) return nullptr;
  Bytes bytes = generate(funcs);
  Module* m = make<Module>(1);
  m->size = bytes.all().size();
  m->data = make<uint8_t>(m->size);
  memcpy(m->data, bytes.all().data(), m->size);
  return m;
}

EXPORT(moduleData) uint8_t* moduleData(Module* m) { return m->data; }
EXPORT(moduleSize) uint32_t moduleSize(Module* m) { return m->size; }

EXPORT(freeModule) void freeModule(Module* m) {
  free(m->data);
  free(m);
}
