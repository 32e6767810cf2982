/*
 * The programs of guests/scheme/bench in C, with the same algorithms: the limit that compiled code of
 * a dynamic language can come near to. Each export gives the last number that the Scheme program
 * prints. Memory comes from an arena that each run takes anew.
 */
#define EXPORT(name) __attribute__((export_name(#name))) int name(void)
#define NOINLINE __attribute__((noinline))

static char arena[24 << 20];
static char *top;
static void *allocate(unsigned long size) {
  char *block = top;
  top += (size + 7) & ~7ul;
  return block;
}

NOINLINE static int ackOf(int m, int n) {
  if (m == 0) return n + 1;
  if (n == 0) return ackOf(m - 1, 1);
  return ackOf(m - 1, ackOf(m, n - 1));
}
EXPORT(ack) {
  volatile int first = ackOf(2, 9);
  (void)first;
  return ackOf(3, 7);
}

NOINLINE static int fibOf(int n) { return n < 2 ? n : fibOf(n - 1) + fibOf(n - 2); }
EXPORT(fib) { return fibOf(30); }

NOINLINE static int takOf(int x, int y, int z) {
  return y < x ? takOf(takOf(x - 1, y, z), takOf(y - 1, z, x), takOf(z - 1, x, y)) : z;
}
EXPORT(tak) {
  volatile int first = takOf(18, 12, 6);
  (void)first;
  return takOf(22, 16, 8);
}

struct list {
  int head;
  struct list *tail;
};
static struct list *cons(int head, struct list *tail) {
  struct list *pair = allocate(sizeof *pair);
  pair->head = head;
  pair->tail = tail;
  return pair;
}

static int safe(int row, int distance, const struct list *placed) {
  for (; placed; placed = placed->tail, distance++) {
    if (placed->head == row + distance || placed->head == row - distance || placed->head == row) return 0;
  }
  return 1;
}
NOINLINE static int place(int size, int column, struct list *placed) {
  if (column == size) return 1;
  int count = 0;
  for (int row = 0; row < size; row++) {
    if (safe(row, 1, placed)) count += place(size, column + 1, cons(row, placed));
  }
  return count;
}
EXPORT(nqueens) {
  top = arena;
  return place(9, 0, 0);
}

EXPORT(sieve) {
  enum { kSize = 1000000 };
  top = arena;
  int *prime = allocate((kSize + 1) * sizeof *prime);
  for (int i = 0; i <= kSize; i++) prime[i] = 1;
  int count = 0;
  for (int i = 2; i <= kSize; i++) {
    if (!prime[i]) continue;
    for (int k = 2 * i; k <= kSize; k += i) prime[k] = 0;
    count++;
  }
  return count;
}

static int iterations(double cr, double ci, int limit) {
  double zr = 0, zi = 0;
  for (int i = 0;; i++) {
    if (i == limit || zr * zr + zi * zi > 4.0) return i;
    double next = zr * zr - zi * zi + cr;
    zi = 2.0 * zr * zi + ci;
    zr = next;
  }
}
EXPORT(mandelbrot) {
  enum { kSize = 160, kLimit = 200 };
  int sum = 0;
  for (int y = 0; y < kSize; y++) {
    for (int x = 0; x < kSize; x++) sum += iterations(3.0 * x / kSize - 2.0, 2.0 * y / kSize - 1.0, kLimit);
  }
  return sum;
}

static struct list *appendReverse(struct list *from, struct list *to) {
  for (; from; from = from->tail) to = cons(from->head, to);
  return to;
}
static struct list *merge(struct list *a, struct list *b, int (*less)(int, int)) {
  struct list *done = 0;
  while (a && b) {
    if (less(b->head, a->head)) done = cons(b->head, done), b = b->tail;
    else done = cons(a->head, done), a = a->tail;
  }
  return appendReverse(done, appendReverse(appendReverse(a ? a : b, 0), 0));
}
static struct list *sort(int n, struct list *l, int (*less)(int, int)) {
  if (n == 1) return cons(l->head, 0);
  int half = n / 2;
  struct list *rest = l;
  for (int i = 0; i < half; i++) rest = rest->tail;
  return merge(sort(half, l, less), sort(n - half, rest, less), less);
}
static int isLess(int a, int b) { return a < b; }
static int isEven(int a) { return a % 2 == 0; }
static int square(int x) { return x * 31 % 1009; }
static struct list *filter(int (*keep)(int), struct list *l) {
  struct list *done = 0;
  for (; l; l = l->tail) {
    if (keep(l->head)) done = cons(l->head, done);
  }
  return appendReverse(done, 0);
}
static struct list *map(int (*f)(int), struct list *l) {
  struct list *done = 0;
  for (; l; l = l->tail) done = cons(f(l->head), done);
  return appendReverse(done, 0);
}
struct count {
  int key, count;
  struct count *next;
};
static int work(void) {
  top = arena;
  struct list *numbers = 0;
  for (int i = 0, x = 42; i < 20000; i++, x = (x * 1103 + 12345) % 65536) numbers = cons(x, numbers);
  struct list *squares = map(square, filter(isEven, sort(20000, numbers, isLess)));
  int total = 0;
  for (; squares; squares = squares->tail) total += squares->head;
  struct count *counts = 0;
  for (; numbers; numbers = numbers->tail) {
    int key = numbers->head % 16;
    struct count *entry = counts;
    while (entry && entry->key != key) entry = entry->next;
    if (!entry) {
      entry = allocate(sizeof *entry);
      *entry = (struct count){key, 0, counts};
      counts = entry;
    }
    entry->count++;
  }
  for (; counts; counts = counts->next) total += counts->key * counts->count;
  return total;
}
EXPORT(lists) {
  int result = 0;
  for (int i = 0; i < 10; i++) result = work();
  return result;
}

struct word {
  const char *text;
  int size, count;
  struct word *next;
};
static const char text[] =
    "the quick brown fox jumps over the lazy dog & the <b>dog</b> sleeps while the fox runs away";
static int compare(const struct word *a, const struct word *b) {
  for (int i = 0; i < a->size && i < b->size; i++) {
    if (a->text[i] != b->text[i]) return a->text[i] < b->text[i] ? -1 : 1;
  }
  return a->size - b->size;
}
static struct word *splitAndCount(void) {
  struct word *counts = 0;
  for (const char *at = text;; at++) {
    const char *end = at;
    while (*end && *end != ' ') end++;
    struct word word = {at, (int)(end - at), 1, 0};
    struct word *entry = counts;
    while (entry && compare(entry, &word) != 0) entry = entry->next;
    if (entry) {
      entry->count++;
    } else {
      entry = allocate(sizeof *entry);
      *entry = word;
      entry->next = counts;
      counts = entry;
    }
    if (!*end) return counts;
    at = end;
  }
}
static struct word *sortWords(struct word *words) {
  struct word *sorted = 0;
  while (words) {
    struct word *next = words->next, **at = &sorted;
    while (*at && compare(*at, words) <= 0) at = &(*at)->next;
    words->next = *at;
    *at = words;
    words = next;
  }
  return sorted;
}
static char *put(char *to, const char *from, int size) {
  for (int i = 0; i < size; i++) *to++ = from[i];
  return to;
}
static char *putNumber(char *to, int n) {
  char digits[12];
  int size = 0;
  do digits[sizeof digits - ++size] = (char)('0' + n % 10);
  while (n /= 10);
  return put(to, digits + sizeof digits - size, size);
}
static int escape(const char *from, const char *end) {
  char *start = allocate(1024), *to = start;
  for (; from < end; from++) {
    if (*from == '<') to = put(to, "&lt;", 4);
    else if (*from == '>') to = put(to, "&gt;", 4);
    else if (*from == '&') to = put(to, "&amp;", 5);
    else *to++ = *from;
  }
  *(char *volatile *)&top = to;
  return (int)(to - start);
}
EXPORT(strings) {
  int sum = 0;
  for (int n = 0; n < 1500; n++) {
    top = arena;
    struct word *words = sortWords(splitAndCount());
    char *line = allocate(1024), *to = line;
    for (; words; words = words->next) {
      if (to != line) *to++ = ';';
      to = put(to, words->text, words->size);
      *to++ = '=';
      to = putNumber(to, n + words->count);
    }
    sum += escape(line, to);
  }
  return sum;
}
