/* A library that misbehaves: answers with more than a frame holds. */
#include <stdlib.h>

#include "tests/plugins/hostile/hostile.h"

static int32_t misbehave(const struct call *call) {
  const size_t size = (size_t)5 * 1024 * 1024;
  char *text = malloc(size);
  if (text == NULL) return CHUYI_FAILED;
  memset(text, (unsigned char)32, size);
  memcpy(text, "{\"findings\":[]}", 15);
  call->sink(call->context, text, size);
  free(text);
  return CHUYI_OK;
}
