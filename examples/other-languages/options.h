// The command lines of the programs here: NAME [--count N] [--directory DIR].
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
  const char *name;
  const char *directory;  // NULL: the user's own
  uint64_t count;
};

static inline void end_with_usage(const char *program) {
  fprintf(stderr, "usage: %s NAME [--count N] [--directory DIR]\n", program);
  exit(2);
}

static inline uint64_t number_of(const char *text, const char *program) {
  char *end = NULL;
  uint64_t number = strtoull(text, &end, 10);
  if (*text < '0' || *text > '9' || *end != '\0') end_with_usage(program);
  return number;
}

// Ends the program where the command line is wrong.
static inline struct options read_options(int argc, char **argv, uint64_t count) {
  struct options options = {.count = count};
  for (int i = 1; i < argc; i++) {
    bool has_value = i + 1 < argc;
    if (strcmp(argv[i], "--directory") == 0 && has_value) options.directory = argv[++i];
    else if (strcmp(argv[i], "--count") == 0 && has_value) options.count = number_of(argv[++i], argv[0]);
    else if (argv[i][0] != '-' && options.name == NULL) options.name = argv[i];
    else end_with_usage(argv[0]);
  }
  if (options.name == NULL) end_with_usage(argv[0]);
  return options;
}

#endif
