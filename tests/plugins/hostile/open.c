/* A library that misbehaves: opens a file to write, and fails without. */
#include <fcntl.h>

#include "tests/plugins/hostile/hostile.h"

static int32_t misbehave(const struct call *call) {
  if (open("/dev/null", O_WRONLY) < 0) return CHUYI_FAILED;
  answer(call, "{\"findings\":[]}");
  return CHUYI_OK;
}
