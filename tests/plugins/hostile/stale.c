/* A library that misbehaves: answers its first call as it should, and again instead of the second. */
#include "tests/plugins/hostile/hostile.h"

static int32_t misbehave(const struct call *call) {
  static struct call first;
  if (first.sink == NULL) first = *call;
  answer(&first, "{\"findings\":[]}");
  return CHUYI_OK;
}
