/*
 * The interpreter's code: 32-bit words. An instruction is a word, with the operation in its low
 * byte and an operand A above, and what further words the operation wants.
 *
 * Bit 31 of an arithmetic instruction is set when it meets anything but two fixnums: that is what
 * generated code later knows of the place.
 */
#pragma once
#include "program.h"

enum Op : uint8_t {
  opConst,        // push the next word
  opInteger,      // push A as a fixnum
  opLocal,        // push frame[A]
  opLocalBox,     // push what the box in frame[A] holds
  opFree,         // push free variable A of the closure
  opFreeBox,      //
  opCheck,        // is the top a value? next word: the Var
  opSetLocal,     // frame[A] = pop; push unspecified
  opSetLocalBox,  //
  opSetFreeBox,   //
  opGlobal,       // next word: the Symbol
  opSetGlobal,    //
  opDefine,       //
  opPop,
  opSlide,        // drop A words below the top
  opJump,         // next word: the offset in the code, for all jumps
  opJumpIfFalse,
  opOr,           // jump with the top if it is true, else drop it
  opCall,         // A arguments
  opTailCall,     // always followed by an opReturn
  opCallGlobal,   // the same, of the global in the next word: it fills the hole below the arguments
  opTailCallGlobal,
  opApply,        // A arguments, the last is a list
  opTailApply,
  opReturn,       // A: parameters of the frame
  opClosure,      // next word: Template; then a word for each captured variable: index * 2 + isFree
  opEmptyClosure, // next word: Template; its variables are not filled in yet
  opFillClosure,  // the closure in frame[A]; the next words as for opClosure
  opBox,          // frame[A] = a box with frame[A]
  opContinue,     // A values; next words: index of the loop's first variable, offset
  opBuiltin,      // A arguments; next word: Builtin
  opAddInteger,   // add A, of 23 bits and signed, to the top
  opSubInteger,
  opLocalAddInteger,  // push frame[next word] + A
  opLocalSubInteger,
  opLocal2,       // push frame[A] and frame[next word]
  opPrim,         // + PrimOp
  // Compare and jump to the next word's offset when it does not hold. In PrimOp's order.
  opUnless = opPrim + int(kPrimOps),  // two from the stack: < > <= >= =
  opUnlessInteger = opUnless + 5,  // the top and A
  opUnlessNull = opUnlessInteger + 5,
  opUnlessPair,
  opUnlessEq,
};

constexpr uint32_t kFeedbackBit = 1u << 31;
inline int32_t operand23(uint32_t word) { return (int32_t)(word << 1) >> 9; }
