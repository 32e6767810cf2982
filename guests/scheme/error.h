/*
 * Errors: there are no exceptions, so a procedure that fails says why here and returns kFail, which
 * everything passes on. Whoever raises an error knows its text; the innermost frame of a program
 * that the failure passes through adds the place. Frames of the library (file 0) add none.
 */
#pragma once
#include "text.h"

#include "value.h"

// A file's number, and a line in it. 0 is "nowhere".
using Place = uint32_t;
constexpr uint32_t kLineBits = 20;
inline Place placeOf(uint32_t file, uint32_t line) { return file << kLineBits | line; }
inline bool isInProgram(Place place) { return place >> kLineBits; }

// Files have numbers so that a place is one constant in generated code. The library's is 0.
uint32_t addFile(const char *name, uint32_t size);
const Text &fileName(uint32_t file);
// Moves their names together, before a snapshot: see memory.h.
void settleFiles();

Value fail(const Text &text);
// "who: what"
Value fail(const char *who, const char *what);
// "who: what: value", as in "car: not a pair: 5".
Value failType(const char *who, const char *what, Value value);
Value failArity(const char *who, uint32_t min, uint32_t max, uint32_t given);
// Which frames overflow differs between interpreter and generated code. So that the message does
// not, it gets the place of the outermost frame, not of the innermost.
Value failStackOverflow();
// Adds `place` if the error under way needs one. Returns kFail.
Value failAt(Place place);
// The same for a procedure whose body stands in another's, which calls it at `outer`; 0 is no place.
Value failWithin(Place place, Place outer);

// "file:line: text", of what failed last.
Text errorMessage();
