/* A library that misbehaves: logs without measure, and bytes that are no text. */
#include <stdlib.h>
#include <unistd.h>

#include "tests/plugins/hostile/hostile.h"

static int32_t misbehave(const struct call *call) {
  const size_t size = (size_t)8 * 1024 * 1024;
  char *line = malloc(size);
  if (line == NULL) return CHUYI_FAILED;
  memset(line, 0xFF, size);
  memcpy(line, "first\nsecond", 12);
  call->host->log(line, size);
  for (int i = 0; i < 100000; ++i) call->host->log("again", 5);
  for (int i = 0; i < 100000; ++i)
    if (write(2, line, 1000) < 0) break;
  free(line);
  answer(call, "{\"findings\":[]}");
  return CHUYI_OK;
}
