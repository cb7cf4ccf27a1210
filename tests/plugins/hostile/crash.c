/* A library that misbehaves: writes to address zero. */
#include "tests/plugins/hostile/hostile.h"

static int32_t misbehave(const struct call *call) {
  (void)call;
  *(volatile int *)NULL = 1;
  return CHUYI_FAILED;
}
