/* A library that misbehaves: answers twice. */
#include "tests/plugins/hostile/hostile.h"

static int32_t misbehave(const struct call *call) {
  answer(call, "{\"findings\":[]}");
  answer(call, "{\"findings\":[]}");
  return CHUYI_OK;
}
