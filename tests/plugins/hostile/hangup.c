/* A library that misbehaves: closes the socket. */
#include <unistd.h>

#include "tests/plugins/hostile/hostile.h"

static int32_t misbehave(const struct call *call) {
  close(3);
  answer(call, "{\"findings\":[]}");
  return CHUYI_OK;
}
