/* A library that misbehaves: crashes while it is loaded. */
#include <stdlib.h>

#include "tests/plugins/hostile/hostile.h"

__attribute__((constructor)) static void at_load(void) { abort(); }

static int32_t misbehave(const struct call *call) {
  (void)call;
  return CHUYI_FAILED;
}
