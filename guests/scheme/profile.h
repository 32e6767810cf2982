/*
 * Profiles: which lambda expressions were warm and what they saw, in words that another build of the
 * same programs understands. What comes in holds for templates that are made after.
 */
#pragma once
#include "program.h"

// Takes a template that has its code, and gives it what a profile knows of it.
void enterProfile(Template *t);
// Merges a profile into what is known; false where it is none.
bool mergeProfile(const char *text, uint32_t size);
// All that is known now, with what was merged in. Stays until `dropProfile`.
const Text &profileText();
// Frees what was merged in and written down; for good, where trees go: no profile is asked for any more.
void dropProfile(bool forGood);
