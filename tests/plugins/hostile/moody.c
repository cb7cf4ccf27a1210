/* A library that behaves or misbehaves as its input says. */
#include "tests/plugins/hostile/hostile.h"

static int32_t misbehave(const struct call *call) {
  if (strstr(call->json, "crash") != NULL) *(volatile int *)NULL = 1;
  for (volatile int again = strstr(call->json, "hang") != NULL; again;) {
  }
  answer(call, "{\"findings\":[]}");
  return CHUYI_OK;
}
