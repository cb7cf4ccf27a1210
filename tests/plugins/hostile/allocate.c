/* A library that misbehaves: takes all memory and crashes without it. */
#include <stdlib.h>

#include "tests/plugins/hostile/hostile.h"

static int32_t misbehave(const struct call *call) {
  const size_t size = (size_t)64 * 1024 * 1024;
  (void)call;
  for (volatile int again = 1; again;) {
    volatile char *block = malloc(size);
    for (size_t i = 0; i < size; i += 4096) block[i] = 1;
  }
  return CHUYI_FAILED;
}
