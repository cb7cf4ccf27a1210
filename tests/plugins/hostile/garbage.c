/* A library that misbehaves: writes onto the socket itself. */
#include <unistd.h>

#include "tests/plugins/hostile/hostile.h"

static int32_t misbehave(const struct call *call) {
  (void)call;
  const char noise[] = "\x05\x00\x00\x00noise";
  return write(3, noise, sizeof noise - 1) < 0 ? CHUYI_BAD_INPUT : CHUYI_FAILED;
}
