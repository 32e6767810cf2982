/*
 * What the compiler knows of builtins in the closed world: which kinds of arguments they take, whether
 * anything else makes them fail, and what kind of value they give. A call that cannot fail needs no
 * check of its result, and one that came back says what its arguments are. Builtins that are not
 * listed may fail, and nothing is known of what they take and give.
 */
#pragma once
#include <string.h>

#include "facts.h"

enum class Fails : uint8_t {
  Else,     // if an argument is of another kind, and only then
  Perhaps,  // for such arguments too
  Always,
};

struct Behaviour {
  // A letter for each argument (kindOf); `*` behind the last one: for all that follow too. In upper case
  // other values may do as well.
  const char *takes;
  Fails fails;
  Known gives;

  // The letter of argument `i`.
  char letter(size_t i) const {
    size_t letters = strlen(takes), last = takes[letters - 1] == '*' ? letters - 2 : letters - 1;
    return takes[i < last ? i : last];
  }
};

inline Known kindOf(char letter) {
  switch (letter | 0x20) {
    case 's': return Known::String;
    case 'y': return Known::Symbol;
    case 'c': return Known::Char;
    case 'n': return Known::Number;
    case 'i': return Known::Fixnum;
    case 'l': return Known::List;
    default: return Known::Nothing;
  }
}
inline bool isNecessary(char letter) { return letter >= 'a' && letter <= 'z'; }

// Of a call of a builtin with so many arguments. The rows are code, not data, so that a sealed module is
// rid of them.
class BehaviourSearch {
 public:
  BehaviourSearch(const char *name, size_t count) : name(name), count(count) {}
  // Null if nothing is known.
  const Behaviour *run() {
    using enum Known;
    bool found =
        is("%bad-list", "..", Fails::Always, Nothing) ||
        is("error", ".*", Fails::Always, Nothing) ||
        is("list", ".*", Fails::Else, Nothing) ||
        is("list?", ".", Fails::Else, Nothing) ||
        is("equal?", "..", Fails::Else, Nothing) ||
        is("display", ".", Fails::Else, Nothing) ||
        is("write", ".", Fails::Else, Nothing) ||
        is("newline", "", Fails::Else, Nothing) ||
        // That a list is one may be over when a pair of it changes.
        is("reverse", "L", Fails::Else, Nothing) ||
        is("length", "L", Fails::Else, Nothing) ||
        is("string=?", "s*", Fails::Else, Nothing) ||
        is("string<?", "s*", Fails::Else, Nothing) ||
        is("string>?", "s*", Fails::Else, Nothing) ||
        is("string<=?", "s*", Fails::Else, Nothing) ||
        is("string>=?", "s*", Fails::Else, Nothing) ||
        is("string-prefix?", "ss", Fails::Else, Nothing) ||
        is("string-suffix?", "ss", Fails::Else, Nothing) ||
        is("string-upcase", "s", Fails::Else, String) ||
        is("string-downcase", "s", Fails::Else, String) ||
        is("string-trim", "s", Fails::Else, String) ||
        is("string->symbol", "s", Fails::Else, Symbol) ||
        is("symbol->string", "y", Fails::Else, String) ||
        is("string->number", "s", Fails::Else, Nothing) ||
        is("number->string", "n", Fails::Else, String) ||
        is("number->string", "n.", Fails::Perhaps, String) ||
        is("string-index", "sC", Fails::Else, Nothing) ||
        is("string-split", "sC", Fails::Else, Nothing) ||
        is("string-append", "s*", Fails::Perhaps, String) ||
        is("substring", "si*", Fails::Perhaps, String) ||
        is("string-join", "..*", Fails::Perhaps, String) ||
        is("string-replace", "sss", Fails::Perhaps, String) ||
        is("list->string", ".", Fails::Perhaps, String) ||
        is("string-pad-left", "si", Fails::Perhaps, String) ||
        is("string-pad-left", "sic", Fails::Perhaps, String) ||
        is("string-pad-right", "si", Fails::Perhaps, String) ||
        is("string-pad-right", "sic", Fails::Perhaps, String) ||
        is("string", "c*", Fails::Perhaps, String);
    return found ? &behaviour : nullptr;
  }

 private:
  const char *name;
  size_t count;
  Behaviour behaviour;

  __attribute__((noinline)) bool is(const char *builtin, const char *takes, Fails fails, Known gives) {
    size_t letters = strlen(takes);
    bool more = letters && takes[letters - 1] == '*';
    behaviour = {takes, fails, gives};
    return !strcmp(builtin, name) && (more ? count + 1 >= letters : count == letters);
  }
};
