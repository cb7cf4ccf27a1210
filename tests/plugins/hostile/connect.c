/* A library that misbehaves: makes a connection, and fails without a socket for it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/plugins/hostile/hostile.h"

static int32_t misbehave(const struct call *call) {
  const struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  const int made = socket(AF_INET, SOCK_STREAM, 0);
  if (made < 0 && connect(3, (const struct sockaddr *)&there, sizeof there) < 0) return CHUYI_FAILED;
  answer(call, "{\"findings\":[]}");
  return CHUYI_OK;
}
