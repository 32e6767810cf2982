/*
 * A profile is lines, one for each lambda expression that was warm, sorted:
 *
 *   WORDS GUARDED SEEN... ; SITE... ; FILE:LINE:NAME#N
 *
 * WORDS is the length of its code, which tells a lambda that was edited from the one that was seen;
 * GUARDED whether its arguments always were of the kinds in SEEN, a number each; a SITE is where in
 * its code numbers met that were no two fixnums; N counts the lambdas of that place and name. A
 * procedure that is loaded with a profile is compiled as if it had run already.
 *
 * Two lines for one lambda are merged by "or": seen is what either saw. So the order of profiles, and
 * how often one is given, do not matter.
 */
#include "profile.h"

#include <stdlib.h>

#include <algorithm>

#include "bytecode.h"
#include "interpret.h"
#include "print.h"

namespace {

constexpr char kHead[] = "freeze-scheme 1\n";

struct Entry {
  Text key;
  uint32_t words = 0;
  bool guarded = true;
  std::vector<uint8_t> seen;
  std::vector<uint32_t> sites;
};

std::vector<Entry> entries;  // sorted by key

std::vector<Template *> known;  // in the order in which they were made
Text saved;

// The n-th of its place and name.
Text keyOf(size_t i) {
  const Template *t = known[i];
  uint32_t n = 0;
  for (size_t j = 0; j < i; j++) n += known[j]->place == t->place && known[j]->name == t->name;
  Text line = decimal(t->place & ((1 << kLineBits) - 1));
  return fileName(t->place >> kLineBits) + ":" + line + ":" + displayed(t->name) + "#" + decimal(n);
}

std::vector<Entry>::iterator lowerBound(const Text &key) {
  return std::lower_bound(entries.begin(), entries.end(), key, [](const Entry &e, const Text &k) { return e.key < k; });
}

Entry *find(const Text &key) {
  auto at = lowerBound(key);
  return at != entries.end() && at->key == key ? &*at : nullptr;
}

template <class T> bool contains(const std::vector<T> &items, T item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

// The one of the longer code stays where two differ: any rule will do that does not look at the order.
void merge(const Entry &entry) {
  auto at = lowerBound(entry.key);
  if (at == entries.end() || at->key != entry.key) {
    entries.insert(at, entry);
    return;
  }
  if (at->words != entry.words) {
    if (at->words < entry.words) *at = entry;
    return;
  }
  at->guarded &= entry.guarded;
  at->seen.resize(std::max(at->seen.size(), entry.seen.size()));
  for (size_t i = 0; i < entry.seen.size(); i++) at->seen[i] |= entry.seen[i];
  for (uint32_t site : entry.sites) {
    if (!contains(at->sites, site)) at->sites.push_back(site);
  }
  std::sort(at->sites.begin(), at->sites.end());
}

// A number and a space; what is left of the text. Null where there is none.
const char *number(const char *at, const char *end, uint32_t &n) {
  const char *from = at;
  for (n = 0; at < end && *at >= '0' && *at <= '9' && at - from < 9; at++) n = n * 10 + (*at - '0');
  return at > from && at < end && *at == ' ' ? at + 1 : nullptr;
}

bool readLine(const char *at, const char *end, Entry &entry) {
  uint32_t n;
  if (!(at = number(at, end, entry.words)) || !(at = number(at, end, n))) return false;
  entry.guarded = n != 0;
  for (; at < end && *at != ';'; entry.seen.push_back((uint8_t)n)) {
    if (!(at = number(at, end, n)) || entry.seen.size() == kMaxCompiledParams) return false;
  }
  if (end - at < 2) return false;
  for (at += 2; at < end && *at != ';'; entry.sites.push_back(n)) {
    if (!(at = number(at, end, n)) || n >= entry.words) return false;
  }
  if (end - at < 3) return false;
  entry.key.assign(at + 2, end - at - 2);
  return true;
}

void writeLine(Text &out, const Entry &entry) {
  out += decimal(entry.words) + (entry.guarded ? " 1 " : " 0 ");
  for (uint8_t kinds : entry.seen) out += decimal(kinds) + " ";
  out += "; ";
  for (uint32_t site : entry.sites) out += decimal(site) + " ";
  out += "; " + entry.key + "\n";
}

// Where the interpreter notes what arithmetic meets: sites of operations on two numbers always are
// that operation's instruction.
template <class Visit> void eachSite(const Node *node, Visit visit) {
  if (node->kind == Kind::Prim && node->op <= kMax) visit(node->site);
  if (node->kind == Kind::Lambda) return;
  for (const Node *arg : node->args) eachSite(arg, visit);
}

Entry seenBy(size_t i) {
  const Template *t = known[i];
  Entry entry{keyOf(i), t->words, t->guarded, {}, {}};
  entry.seen.assign(t->seen, t->seen + std::min(t->frameParams(), kMaxCompiledParams));
  eachSite(t->body, [&](uint32_t site) {
    if (t->code[site] & kFeedbackBit && !contains(entry.sites, site)) entry.sites.push_back(site);
  });
  std::sort(entry.sites.begin(), entry.sites.end());
  return entry;
}

}  // namespace

void enterProfile(Template *t) {
  if (t->jit == JitState::Refused) return;  // a lifted loop
  known.push_back(t);
  if (entries.empty()) return;
  const Entry *entry = find(keyOf(known.size() - 1));
  if (!entry || entry->words != t->words) return;
  t->guarded = entry->guarded;
  for (size_t i = 0; i < entry->seen.size() && i < t->frameParams(); i++) t->seen[i] |= entry->seen[i];
  eachSite(t->body, [&](uint32_t site) {
    if (contains(entry->sites, site)) t->code[site] |= kFeedbackBit;
  });
  t->jit = JitState::Queued;
  warmTemplates.push((uint32_t)t);
}

bool mergeProfile(const char *text, uint32_t size) {
  const char *end = text + size;
  uint32_t head = sizeof kHead - 1;
  if (size < head || memcmp(text, kHead, head) != 0) return false;
  std::vector<Entry> read;
  for (const char *at = text + head; at < end;) {
    const char *line = (const char *)memchr(at, '\n', end - at);
    Entry entry;
    if (!line || !readLine(at, line, entry)) return false;
    read.push_back(std::move(entry));
    at = line + 1;
  }
  for (const Entry &entry : read) merge(entry);
  return true;
}

const Text &profileText() {
  for (size_t i = 0; i < known.size(); i++) {
    if (known[i]->jit == JitState::Cold) continue;
    Entry entry = seenBy(i);
    if (entry.key.find('\n') == Text::npos) merge(entry);
  }
  saved = kHead;
  for (const Entry &entry : entries) writeLine(saved, entry);
  return saved;
}

void dropProfile(bool forGood) {
  Text().swap(saved);
  std::vector<Entry>().swap(entries);
  if (forGood) std::vector<Template *>().swap(known);
}
