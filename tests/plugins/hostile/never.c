/* A library that misbehaves: reports success without an answer. */
#include "tests/plugins/hostile/hostile.h"

static int32_t misbehave(const struct call *call) {
  (void)call;
  return CHUYI_OK;
}
