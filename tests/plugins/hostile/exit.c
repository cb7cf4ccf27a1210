/* A library that misbehaves: ends the process. */
#include <stdlib.h>

#include "tests/plugins/hostile/hostile.h"

static int32_t misbehave(const struct call *call) {
  (void)call;
  exit(0);
}
