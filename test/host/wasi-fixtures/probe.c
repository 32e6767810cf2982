/*
 * A guest that uses what a C program uses of WASI, and says what it got: the same text on every
 * host. As a command it takes its first argument for the name of a probe; as a reactor it exports
 * the probes. Rebuild both files with:
 *
 *     node test/host/wasi-fixtures/build.mjs
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define EXPORT(name) __attribute__((export_name(name)))

extern char **environ;

static void say(const char *what, int ok) { printf("%s %s\n", what, ok ? "ok" : strerror(errno)); }

EXPORT("environment") void environment(void) {
  for (char **each = environ; each && *each; each++) printf("env %s\n", *each);
}

EXPORT("files") void files(void) {
  char text[64] = {0};
  struct stat st;
  FILE *f = fopen("/work/sub/new.txt", "w+");
  say("create", f != NULL);
  if (!f) return;
  fprintf(f, "hello %d", 42);
  fflush(f);
  fseek(f, 2, SEEK_SET);
  fread(text, 1, 3, f);
  printf("read %s\n", text);
  fseek(f, 10, SEEK_SET);
  fputc('!', f);
  fclose(f);
  stat("/work/sub/new.txt", &st);
  printf("size %d %s\n", (int)st.st_size, S_ISREG(st.st_mode) ? "file" : "other");
  say("append", (f = fopen("/work/sub/new.txt", "a")) && fputs("tail", f) >= 0 && fclose(f) == 0);
  say("rename", rename("/work/sub/new.txt", "/work/moved.txt") == 0);
  say("old name", stat("/work/sub/new.txt", &st) == 0);
  say("truncate", truncate("/work/moved.txt", 5) == 0);
  f = fopen("/work/moved.txt", "r");
  memset(text, 0, sizeof text);
  fread(text, 1, 60, f);
  fclose(f);
  printf("moved %s\n", text);
  say("mkdir", mkdir("/work/made", 0777) == 0);
  say("mkdir again", mkdir("/work/made", 0777) == 0);
  say("rmdir full", rmdir("/work/sub") == 0);
  say("rmdir", rmdir("/work/made") == 0);
  say("exclusive", open("/work/moved.txt", O_CREAT | O_EXCL | O_RDWR, 0666) >= 0);
  say("directory as file", open("/work/sub", O_RDWR) >= 0);
  say("file as directory", open("/work/moved.txt", O_RDONLY | O_DIRECTORY) >= 0);
  int fd = open("/work/moved.txt", O_RDONLY);
  say("write to read-only", write(fd, "x", 1) == 1);
  say("seek before start", lseek(fd, -1, SEEK_SET) >= 0);
  close(fd);
  // Temporary files are removed while open.
  fd = open("/work/temp", O_CREAT | O_RDWR, 0666);
  say("unlink", unlink("/work/temp") == 0);
  write(fd, "still", 5);
  memset(text, 0, sizeof text);
  printf("pread %d %s\n", (int)pread(fd, text, 9, 1), text);
  pwrite(fd, "TS", 2, 1);
  lseek(fd, 0, SEEK_SET);
  memset(text, 0, sizeof text);
  read(fd, text, 60);
  printf("temp %s\n", text);
  close(fd);
  say("temp gone", stat("/work/temp", &st) == 0);
  say("out by dots", open("/work/sub/../../etc/passwd", O_RDONLY) >= 0);
  say("out by link", open("/work/out/passwd", O_RDONLY) >= 0);
  say("elsewhere", open("/etc/passwd", O_RDONLY) >= 0);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

EXPORT("list") void list(void) {
  char *names[64];
  int count = 0;
  DIR *dir = opendir("/work");
  for (struct dirent *entry; dir && count < 64 && (entry = readdir(dir));) {
    char line[300];
    const char *kind = entry->d_type == DT_DIR ? "dir" : entry->d_type == DT_REG ? "file" : "other";
    snprintf(line, sizeof line, "%s %s", kind, entry->d_name);
    names[count++] = strdup(line);
  }
  closedir(dir);
  qsort(names, count, sizeof *names, by_name);
  for (int i = 0; i < count; i++) puts(names[i]);
}

EXPORT("input") void input(void) {
  char line[100];
  while (fgets(line, sizeof line, stdin)) printf("line %s", line);
  fprintf(stderr, "end of input\n");
}

EXPORT("times") void times_(void) {
  struct timespec a, b, c;
  clock_gettime(CLOCK_REALTIME, &a);
  clock_gettime(CLOCK_MONOTONIC, &b);
  struct timespec nap = {3, 5};
  say("sleep", nanosleep(&nap, NULL) == 0);
  clock_gettime(CLOCK_MONOTONIC, &c);
  printf("%lld.%09ld %lld.%09ld %lld.%09ld\n", (long long)a.tv_sec, a.tv_nsec, (long long)b.tv_sec,
         b.tv_nsec, (long long)c.tv_sec, c.tv_nsec);
  struct pollfd ready = {.fd = 0, .events = POLLIN};
  printf("poll %d\n", poll(&ready, 1, 1000));
}

EXPORT("random_bytes") void random_bytes(void) {
  unsigned char bytes[16];
  if (getentropy(bytes, sizeof bytes) == 0)
    for (int i = 0; i < 16; i++) printf("%02x", bytes[i]);
  puts("");
}

EXPORT("leave_open") int leave_open(void) { return open("/work/a.txt", O_RDONLY); }
EXPORT("close_it") int close_it(int fd) { return close(fd); }

#ifdef COMMAND
int main(int argc, char **argv) {
  for (int i = 0; i < argc; i++) printf("arg %s\n", argv[i]);
  const char *which = argc > 1 ? argv[1] : "";
  if (!strcmp(which, "env")) environment();
  if (!strcmp(which, "exit")) exit(7);
  return 0;
}
#endif
