/* What every misbehaving library has in common. Each defines misbehave(), the whole of its hook. */
#ifndef CHUYI_HOSTILE_H
#define CHUYI_HOSTILE_H

#include <string.h>

#include "plugins/sdk/chuyi_plugin.h"

struct call {
  const chuyi_host *host;
  const char *json; /* NUL-terminated */
  chuyi_sink sink;
  void *context;
};

static int32_t misbehave(const struct call *call);

static inline void answer(const struct call *call, const char *json) { call->sink(call->context, json, strlen(json)); }

static int32_t validate(const chuyi_host *host, const char *json, size_t size, chuyi_sink sink, void *context) {
  static char input[65536];
  if (size >= sizeof input) return CHUYI_BAD_INPUT;
  memcpy(input, json, size);
  input[size] = '\0';
  const struct call call = {host, input, sink, context};
  return misbehave(&call);
}

static const chuyi_plugin_info plugin = {
    .size = sizeof(chuyi_plugin_info), .abi_version = CHUYI_ABI_VERSION, .package_id = "hostile", .validate = validate};

const chuyi_plugin_info *chuyi_plugin(uint32_t abi_version) { return abi_version == CHUYI_ABI_VERSION ? &plugin : NULL; }

#endif
