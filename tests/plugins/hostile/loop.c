/* A library that misbehaves: never ends. */
#include "tests/plugins/hostile/hostile.h"

static int32_t misbehave(const struct call *call) {
  (void)call;
  for (volatile int again = 1; again;) {
  }
  return CHUYI_FAILED;
}
