/* A library that misbehaves: answers when nobody waits any more. */
#include <time.h>

#include "tests/plugins/hostile/hostile.h"

static int32_t misbehave(const struct call *call) {
  const struct timespec hour = {3600, 0};
  nanosleep(&hour, NULL);
  answer(call, "{\"findings\":[]}");
  return CHUYI_OK;
}
