/* A library that misbehaves: takes 10 GB at once, and writes there whether it got them or not. */
#include <stdlib.h>

#include "tests/plugins/hostile/hostile.h"

static int32_t misbehave(const struct call *call) {
  volatile char *block = malloc((size_t)10 * 1024 * 1024 * 1024);
  *block = 1;
  answer(call, "{\"findings\":[]}");
  return CHUYI_OK;
}
