/* A library that misbehaves: keeps 64 MiB of each call, and cannot do without them. */
#include <stdlib.h>

#include "tests/plugins/hostile/hostile.h"

static int32_t misbehave(const struct call *call) {
  const size_t size = (size_t)64 * 1024 * 1024;
  char *block = malloc(size);
  if (block == NULL) abort();
  for (size_t i = 0; i < size; i += 4096) ((volatile char *)block)[i] = 1;
  answer(call, "{\"findings\":[]}");
  return CHUYI_OK;
}
