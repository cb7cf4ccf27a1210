/* A library that behaves or misbehaves as its input says. Its answer holds the call's id and how many calls this process
 * has had. */
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "tests/plugins/hostile/hostile.h"

static int has(const struct call *call, const char *mood) { return strstr(call->json, mood) != NULL; }

static int32_t misbehave(const struct call *call) {
  static int calls;
  char text[512];
  char id[200] = "";
  sscanf(call->json, "{\"call\":\"%199[^\"]", id);
  ++calls;
  if (has(call, "followed")) {
    struct pollfd socket = {.fd = 3, .events = POLLIN};
    call->host->log("running", 7);
    if (poll(&socket, 1, 60000) != 1) return CHUYI_FAILED;
  }
  if (has(call, "crash")) *(volatile int *)NULL = 1;
  for (volatile int again = has(call, "hang"); again;) {
  }
  if (has(call, "forge")) { /* the answer to the process's first call, by its own hand */
    static const char frame[] = "\x12\x00\x00\x00" "A1\n{\"findings\":[]}";
    if (write(3, frame, sizeof frame - 1) < 0) return CHUYI_FAILED;
  }
  for (const clock_t end = clock() + CLOCKS_PER_SEC * 2 / 5; has(call, "burn") && clock() < end;) {
  }
  snprintf(text, sizeof text, "{\"findings\":[{\"place\":\"/%d\",\"code\":\"id\",\"message\":\"%s\",\"message_zh\":\"-\"}]}", calls, id[0] ? id : "-");
  answer(call, text);
  return CHUYI_OK;
}
