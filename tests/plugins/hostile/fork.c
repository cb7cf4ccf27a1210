/* A library that misbehaves: starts a process, and fails without. */
#include <unistd.h>

#include "tests/plugins/hostile/hostile.h"

static int32_t misbehave(const struct call *call) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  if (child < 0) return CHUYI_FAILED;
  answer(call, "{\"findings\":[]}");
  return CHUYI_OK;
}
