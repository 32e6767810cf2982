/*
 * The shop of guests/scheme/app.scm in C, as a WASI command: the limit that the cold start of a frozen
 * program can come near to. What it answers is what the Scheme program answers, byte for byte, and it
 * comes about in the same way: the catalogue is parsed from the same text, documents are trees, and what
 * is rendered is escaped. Where a C programmer does otherwise, so does this: a part of a text points into
 * it, and what is rendered goes straight to the output. There is no library beneath it. It is built with
 * -Oz: nearly all of it runs once, so that what an engine has to compile costs more than what runs.
 */

/* ---- WASI ---- */

struct bytes {
  void *at;
  unsigned long size;
};
#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name))) int name
WASI(fd_read)(int fd, const struct bytes *parts, int count, unsigned long *done);
WASI(fd_write)(int fd, const struct bytes *parts, int count, unsigned long *done);

/* ---- Memory: one request is all that a process answers, so nothing is given back ---- */

extern char __heap_base; /* the linker's: where static data ends */
static char *top = &__heap_base;

/* Sees to it that there is memory for `size` bytes at the top. */
static void reserve(unsigned long size) {
  enum { kPageSize = 1 << 16 };
  unsigned long end = __builtin_wasm_memory_size(0) * kPageSize, left = end - (unsigned long)top;
  if (size <= left) return;
  unsigned long pages = (size - left + kPageSize - 1) / kPageSize;
  if (__builtin_wasm_memory_grow(0, pages) == -1ul) __builtin_trap();
}

static void *allocate(unsigned long size) {
  top = (char *)(((unsigned long)top + 7) & ~7ul);
  reserve(size);
  char *block = top;
  top += size;
  return block;
}

/* ---- Strings: UTF-8, never changed, and passed by address ---- */

typedef const struct string {
  const char *at;
  int size;
} *string;

/* A literal, as static data; a statement expression of GNU C, since a compound literal is made anew each time. */
#define S(literal)                                                       \
  ({                                                                     \
    static const struct string constant = {literal, sizeof literal - 1}; \
    &constant;                                                           \
  })

static string stringOf(const char *at, int size) {
  struct string *s = allocate(sizeof *s);
  *s = (struct string){at, size};
  return s;
}
/* A part of a string points into it. */
static string slice(string s, int from, int to) { return stringOf(s->at + from, to - from); }

/* New strings grow at the top of the memory, while nothing else is allocated: from `top`, by what is put there. */
static void putChar(char c) {
  reserve(1);
  *top++ = c;
}
static void put(string s) {
  for (int i = 0; i < s->size; i++) putChar(s->at[i]);
}
static string since(const char *start) { return stringOf(start, (int)(top - start)); }

/* The order of UTF-8's bytes is the order of code points. */
static int compare(const char *a, int sizeOfA, const char *b, int sizeOfB) {
  for (int i = 0; i < sizeOfA && i < sizeOfB; i++) {
    if (a[i] != b[i]) return (unsigned char)a[i] < (unsigned char)b[i] ? -1 : 1;
  }
  return sizeOfA - sizeOfB;
}
static int isLess(string a, string b) { return compare(a->at, a->size, b->at, b->size) < 0; }
static int equal(string a, string b) { return compare(a->at, a->size, b->at, b->size) == 0; }

static int contains(string s, string part) {
  for (int i = 0; i + part->size <= s->size; i++) {
    if (compare(s->at + i, part->size, part->at, part->size) == 0) return 1;
  }
  return 0;
}

/* Where a character first occurs, or -1. */
static int indexOf(string s, char c) {
  for (int i = 0; i < s->size; i++) {
    if (s->at[i] == c) return i;
  }
  return -1;
}

static int isSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static string trim(string s) {
  int from = 0, to = s->size;
  while (from < to && isSpace(s->at[from])) from++;
  while (to > from && isSpace(s->at[to - 1])) to--;
  return slice(s, from, to);
}

static string downcase(string s) {
  const char *start = top;
  for (int i = 0; i < s->size; i++) putChar(s->at[i] >= 'A' && s->at[i] <= 'Z' ? s->at[i] + 32 : s->at[i]);
  return since(start);
}

/* Takes the next part off a list with separators, of which 0 is left behind the last one. */
static string nextPart(string *rest, char separator) {
  string all = *rest;
  if (!all) return 0;
  int at = indexOf(all, separator);
  *rest = at < 0 ? 0 : slice(all, at + 1, all->size);
  return at < 0 ? all : slice(all, 0, at);
}

/* ---- Numbers ---- */

/* The value of a digit, or one that no radix has. */
static int digitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

static int isSign(const char *at, const char *end) { return at < end && (*at == '-' || *at == '+'); }

/* Digits go into `n`. Behind the last one. */
static const char *readDigits(const char *at, const char *end, int radix, double *n) {
  for (; at < end && digitOf(*at) < radix; at++) *n = *n * radix + digitOf(*at);
  return at;
}

static double timesPowerOfTen(double n, int power) {
  double scale = 1;
  for (int i = power < 0 ? -power : power; i > 0; i--) scale *= 10;
  return power < 0 ? n / scale : n * scale;
}

/* What follows an e: the power of ten. 0 where there is no number. */
static int readExponent(const char *at, const char *end, int *power) {
  enum { kMost = 300 }; /* far beyond every price, and within what a double can hold */
  int sign = isSign(at, end);
  const char *first = at + sign;
  double n = 0;
  if (readDigits(first, end, 10, &n) < end || first == end) return 0;
  int most = n < kMost ? (int)n : kMost;
  *power += sign && *at == '-' ? -most : most;
  return 1;
}

/*
 * Whether all of a text is a number, as string->number sees it: -12, and where the radix is ten also 1.50
 * and 5e-2. Both operands of timesPowerOfTen are exact with up to 15 digits, so that the result is rounded
 * once; of longer ones, and of infinities by name, a price has no need.
 */
static int readNumber(const char *at, const char *end, int radix, double *out) {
  int negative = at < end && *at == '-', power = 0;
  double n = 0;
  const char *first = at + isSign(at, end), *point = readDigits(first, end, radix, &n);
  int any = point > first;
  at = point;
  if (radix == 10 && at < end && *at == '.') {
    at = readDigits(point + 1, end, radix, &n);
    power = (int)(point + 1 - at);
    any |= power < 0;
  }
  if (!any) return 0;
  if (at < end && (radix != 10 || (*at | 0x20) != 'e' || !readExponent(at + 1, end, &power))) return 0;
  n = timesPowerOfTen(n, power);
  *out = negative ? -n : n;
  return 1;
}

static int toNumber(string s, double *out) { return readNumber(s->at, s->at + s->size, 10, out); }

static int integerOf(string s) {
  double n = 0;
  toNumber(s, &n);
  return (int)n;
}

static void putNumber(int n) {
  char digits[12];
  int at = sizeof digits;
  do digits[--at] = (char)('0' + n % 10);
  while (n /= 10);
  while (at < (int)sizeof digits) putChar(digits[at++]);
}
static string numberText(int n) {
  const char *start = top;
  putNumber(n);
  return since(start);
}

/* ---- Input and output ---- */

/* The next byte of standard input, or -1 at its end. */
static int nextByte(void) {
  static char input[1 << 12];
  static unsigned long at, size;
  if (at == size) {
    struct bytes all = {input, sizeof input};
    at = size = 0;
    if (fd_read(0, &all, 1, &size) != 0 || size == 0) return -1;
  }
  return (unsigned char)input[at++];
}

/* The next line, trimmed; 0 where there is none, or an empty one. */
static string readLine(void) {
  const char *start = top;
  for (int c; (c = nextByte()) >= 0 && c != '\n';) putChar((char)c);
  string line = trim(since(start));
  return line->size > 0 ? line : 0;
}

static char output[1 << 14]; /* one write of this size costs little beside its bytes */
static int outputSize;

static void flush(void) {
  struct bytes rest = {output, outputSize};
  for (unsigned long done = 0; rest.size > 0; rest.at = (char *)rest.at + done, rest.size -= done) {
    if (fd_write(1, &rest, 1, &done) != 0 || done == 0) break; /* nobody reads: not our error */
  }
  outputSize = 0;
}

static void printBytes(const char *at, int size) {
  for (int i = 0; i < size; i++) {
    if (outputSize == sizeof output) flush();
    output[outputSize++] = at[i];
  }
}
static void print(string s) { printBytes(s->at, s->size); }

/* ---- Names with values: the parameters of a query, headers, attributes ---- */

struct pair {
  string name, value;
  struct pair *next;
};
static struct pair *pair(string name, string value) {
  struct pair *one = allocate(sizeof *one);
  *one = (struct pair){name, value, 0};
  return one;
}
static const struct pair *find(const struct pair *pairs, string name) {
  while (pairs && !equal(pairs->name, name)) pairs = pairs->next;
  return pairs;
}

/* ---- HTML ---- */

/* A string, a number, a list of documents, or an element with a document in it. */
struct document {
  enum kind { kText, kNumber, kList, kElement } kind;
  union {
    string text;
    int number;
    struct {
      struct document *first, *last;
    } list;
    struct {
      string tag;
      const struct pair *attributes;
      const struct document *content;
    } element;
  };
  struct document *next; /* in the list that it is in */
};

static struct document *document(enum kind kind) {
  struct document *one = allocate(sizeof *one);
  one->kind = kind;
  one->next = 0;
  return one;
}
static struct document *text(string s) {
  struct document *one = document(kText);
  one->text = s;
  return one;
}
static struct document *number(int n) {
  struct document *one = document(kNumber);
  one->number = n;
  return one;
}
static struct document *element(string tag, const struct pair *attributes, const struct document *content) {
  struct document *one = document(kElement);
  one->element.tag = tag;
  one->element.attributes = attributes;
  one->element.content = content;
  return one;
}
static struct document *emptyList(void) {
  struct document *one = document(kList);
  one->list.first = one->list.last = 0;
  return one;
}
static void append(struct document *list, struct document *one) {
  if (list->list.first) list->list.last->next = one;
  else list->list.first = one;
  list->list.last = one;
}
static struct document *listOf(struct document **documents) {
  struct document *list = emptyList();
  for (; *documents; documents++) append(list, *documents);
  return list;
}
#define LIST(...) listOf((struct document *[]){__VA_ARGS__, 0})

static string entityOf(char c) {
  switch (c) {
    case '&': return S("&amp;");
    case '<': return S("&lt;");
    case '>': return S("&gt;");
    case '"': return S("&quot;");
    default: return 0;
  }
}

/* Runs of harmless characters stay together, so most texts are copied as a whole. */
static void printEscaped(string s) {
  int start = 0;
  for (int i = 0; i < s->size; i++) {
    string entity = entityOf(s->at[i]);
    if (!entity) continue;
    printBytes(s->at + start, i - start);
    print(entity);
    start = i + 1;
  }
  printBytes(s->at + start, s->size - start);
}

static void render(const struct document *document);

static void renderElement(string tag, const struct pair *attributes, const struct document *content) {
  print(S("<"));
  print(tag);
  for (; attributes; attributes = attributes->next) {
    print(S(" "));
    print(attributes->name);
    print(S("=\""));
    printEscaped(attributes->value);
    print(S("\""));
  }
  print(S(">"));
  render(content);
  print(S("</"));
  print(tag);
  print(S(">"));
}

static void render(const struct document *document) {
  switch (document->kind) {
    case kText: printEscaped(document->text); break;
    case kNumber: print(numberText(document->number)); break;
    case kList:
      for (const struct document *one = document->list.first; one; one = one->next) render(one);
      break;
    case kElement:
      renderElement(document->element.tag, document->element.attributes, document->element.content);
  }
}

static void respond(string status, string title, struct document *body) {
  struct document *head = element(S("head"), 0, element(S("title"), 0, text(title)));
  struct document *content = LIST(element(S("h1"), 0, text(title)), body);
  print(S("HTTP/1.1 "));
  print(status);
  print(S("\r\ncontent-type: text/html; charset=utf-8\r\n\r\n<!doctype html>\n"));
  render(element(S("html"), pair(S("lang"), S("en")), LIST(head, element(S("body"), 0, content))));
  print(S("\n"));
}

/* ---- The catalogue: name, category, price in cents, stock ---- */

static const char catalogueText[] =
    "Teapot, blue|kitchen|2450|12\n"
    "Cup & saucer|kitchen|890|140\n"
    "Bread knife|kitchen|1975|31\n"
    "Cutting board <oak>|kitchen|3300|8\n"
    "Desk lamp|office|5990|17\n"
    "Fountain pen|office|4200|25\n"
    "Notebook \"A5\"|office|650|320\n"
    "Ink, black|office|790|64\n"
    "Stapler|office|1240|0\n"
    "Wool blanket|home|7900|9\n"
    "Candle|home|450|210\n"
    "Picture frame|home|1590|42\n"
    "Door mat|home|2290|18\n"
    "Watering can|garden|1850|22\n"
    "Secateurs|garden|2790|14\n"
    "Seed tin|garden|1190|37\n"
    "Garden twine|garden|540|95\n"
    "Bird feeder|garden|3150|6\n"
    "Rain gauge|garden|1380|0\n"
    "Trowel|garden|980|51";

struct product {
  string name, category;
  int price, stock;
  struct product *next;
};

static struct product *parseProduct(string line) {
  struct product *product = allocate(sizeof *product);
  product->name = nextPart(&line, '|');
  product->category = nextPart(&line, '|');
  product->price = integerOf(nextPart(&line, '|'));
  product->stock = integerOf(nextPart(&line, '|'));
  product->next = 0;
  return product;
}

static struct product *catalogue;
static int catalogueSize;
static void parseCatalogue(void) {
  struct product **end = &catalogue;
  string rest = S(catalogueText);
  for (string line; (line = nextPart(&rest, '\n')); catalogueSize++) {
    *end = parseProduct(line);
    end = &(*end)->next;
  }
}

/* ---- Prices ---- */

static string money(int cents) {
  const char *start = top;
  putNumber(cents / 100);
  putChar('.');
  if (cents % 100 < 10) putChar('0');
  putNumber(cents % 100);
  return since(start);
}

static int withTax(int cents) { return (cents * 119 + 50) / 100; }

/* A discount for what there is much of. */
static int discounted(const struct product *product) {
  int price = product->price;
  return product->stock > 100 ? price - price / 10 : product->stock > 40 ? price - price / 20 : price;
}

static int finalPrice(const struct product *product) { return withTax(discounted(product)); }

/* ---- Requests ---- */

struct request {
  string method, path;
  const struct pair *query, *headers;
};

/* A character of one or two bytes. */
static void putCodePoint(int code) {
  if (code < 0x80) {
    putChar((char)code);
  } else {
    putChar((char)(0xc0 | code >> 6));
    putChar((char)(0x80 | (code & 0x3f)));
  }
}

static string decode(string s) {
  const char *start = top;
  for (const char *at = s->at, *end = at + s->size; at < end; at++) {
    double code;
    if (*at == '+') {
      putChar(' ');
    } else if (*at == '%' && at + 3 <= end && readNumber(at + 1, at + 3, 16, &code) && code >= 0) {
      putCodePoint((int)code);
      at += 2;
    } else {
      putChar(*at);
    }
  }
  return since(start);
}

static struct pair *parseParameter(string s) {
  int at = indexOf(s, '=');
  return at < 0 ? pair(decode(s), S("")) : pair(decode(slice(s, 0, at)), decode(slice(s, at + 1, s->size)));
}

static struct pair *parseQuery(string rest) {
  struct pair *first = 0, **end = &first;
  for (string one; (one = nextPart(&rest, '&'));) {
    if (one->size == 0) continue;
    *end = parseParameter(one);
    end = &(*end)->next;
  }
  return first;
}

static struct pair *parseHeader(string line) {
  int at = indexOf(line, ':');
  return at < 0 ? pair(downcase(line), S(""))
                : pair(downcase(slice(line, 0, at)), trim(slice(line, at + 1, line->size)));
}

static struct pair *readHeaders(void) {
  struct pair *first = 0, **end = &first;
  for (string line; (line = readLine());) {
    *end = parseHeader(line);
    end = &(*end)->next;
  }
  return first;
}

static struct request parseRequest(string line, const struct pair *headers) {
  string method = nextPart(&line, ' '), target = nextPart(&line, ' ');
  if (!target) target = S("/");
  int mark = indexOf(target, '?');
  if (mark < 0) return (struct request){method, target, 0, headers};
  struct pair *query = parseQuery(slice(target, mark + 1, target->size));
  return (struct request){method, slice(target, 0, mark), query, headers};
}

static string parameter(const struct request *request, string name, string otherwise) {
  const struct pair *found = find(request->query, name);
  return found ? found->value : otherwise;
}

/* ---- Pages ---- */

struct choice {
  string category, text;
  double minimum;
};
static int matches(const struct product *product, const struct choice *choice) {
  return (choice->category->size == 0 || equal(choice->category, product->category)) &&
         finalPrice(product) >= choice->minimum &&
         (choice->text->size == 0 || contains(downcase(product->name), downcase(choice->text)));
}

typedef const struct product *item;
typedef int (*order)(item, item);

static int isCheaper(item a, item b) { return discounted(a) < discounted(b); }
static int isMore(item a, item b) { return a->stock > b->stock; }
static int isBefore(item a, item b) { return isLess(a->name, b->name); }
static order ordering(string key) {
  return equal(key, S("price")) ? isCheaper : equal(key, S("stock")) ? isMore : isBefore;
}

/* A stable merge sort. */
static void sort(item *items, int size, order before) {
  if (size < 2) return;
  int half = size / 2;
  sort(items, half, before);
  sort(items + half, size - half, before);
  item *merged = allocate(size * sizeof *merged);
  for (int i = 0, a = 0, b = half; i < size; i++) {
    int second = a == half || (b < size && before(items[b], items[a]));
    merged[i] = items[second ? b++ : a++];
  }
  for (int i = 0; i < size; i++) items[i] = merged[i];
}

static struct document *productRow(item product) {
  struct document *price = text(money(finalPrice(product)));
  struct document *stock = product->stock == 0 ? text(S("sold out")) : number(product->stock);
  return element(S("tr"), 0,
                 LIST(element(S("td"), 0, text(product->name)), element(S("td"), 0, text(product->category)),
                      element(S("td"), pair(S("class"), S("price")), price), element(S("td"), 0, stock)));
}

static struct document *headRow(void) {
  return element(S("tr"), 0,
                 LIST(element(S("th"), 0, text(S("Name"))), element(S("th"), 0, text(S("Category"))),
                      element(S("th"), 0, text(S("Price"))), element(S("th"), 0, text(S("Stock")))));
}

static string withText(string wanted) {
  if (wanted->size == 0) return wanted;
  const char *start = top;
  put(S(" with \""));
  put(wanted);
  put(S("\""));
  return since(start);
}

static void productsPage(const struct request *request) {
  struct choice choice = {parameter(request, S("category"), S("")), parameter(request, S("q"), S("")), 0};
  if (toNumber(parameter(request, S("min"), S("0")), &choice.minimum)) choice.minimum *= 100;
  item *found = allocate(catalogueSize * sizeof *found);
  int size = 0, total = 0;
  for (item product = catalogue; product; product = product->next) {
    if (matches(product, &choice)) found[size++] = product;
  }
  sort(found, size, ordering(parameter(request, S("sort"), S("name"))));
  struct document *rows = emptyList();
  for (int i = 0; i < size; i++) {
    append(rows, productRow(found[i]));
    total += found[i]->stock * finalPrice(found[i]);
  }
  struct document *count = LIST(number(size), text(S(" of ")), number(catalogueSize), text(S(" products")),
                                text(withText(choice.text)));
  struct document *value = LIST(text(S("Stock value: ")), text(money(total)));
  respond(S("200 OK"), S("Products"),
          LIST(element(S("p"), 0, count), element(S("table"), 0, LIST(headRow(), rows)), element(S("p"), 0, value)));
}

static struct document *categoryLink(string category) {
  const char *start = top;
  put(S("/products?category="));
  put(category);
  put(S("&sort=price"));
  string target = since(start);
  return element(S("li"), 0, element(S("a"), pair(S("href"), target), text(category)));
}

static void homePage(const struct request *request) {
  const string categories[] = {S("kitchen"), S("office"), S("home"), S("garden")};
  const struct pair *agent = find(request->headers, S("user-agent"));
  struct document *welcome = LIST(text(S("Welcome")));
  if (agent) append(welcome, LIST(text(S(", ")), text(agent->value)));
  append(welcome, text(S("!")));
  struct document *links = emptyList();
  for (unsigned long i = 0; i < sizeof categories / sizeof *categories; i++) {
    append(links, categoryLink(categories[i]));
  }
  respond(S("200 OK"), S("Shop"), LIST(element(S("p"), 0, welcome), element(S("ul"), 0, links)));
}

static void answer(const struct request *request) {
  if (!equal(request->method, S("GET")) && !equal(request->method, S("HEAD"))) {
    respond(S("405 Method Not Allowed"), S("Not allowed"), element(S("p"), 0, text(S("Only GET is."))));
  } else if (equal(request->path, S("/"))) {
    homePage(request);
  } else if (equal(request->path, S("/products"))) {
    productsPage(request);
  } else {
    respond(S("404 Not Found"), S("Not found"),
            element(S("p"), 0, LIST(text(S("There is no ")), text(request->path), text(S(".")))));
  }
}

void _start(void) {
  parseCatalogue();
  string line = readLine();
  if (line) {
    struct request request = parseRequest(line, readHeaders());
    answer(&request);
  } else {
    respond(S("400 Bad Request"), S("Bad request"), element(S("p"), 0, text(S("Where is the request?"))));
  }
  flush();
}
