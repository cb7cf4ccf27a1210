/* A validator that never answers: crash. */
#include "plugins/sdk/chuyi_plugin.h"

static int32_t validate(const chuyi_host *host, const char *json, size_t size, chuyi_sink sink, void *context) {
  (void)host;
  (void)json;
  (void)size;
  (void)sink;
  (void)context;
  *(volatile int *)NULL = 1;
  return CHUYI_FAILED;
}

static const chuyi_plugin_info plugin = {sizeof(chuyi_plugin_info), CHUYI_ABI_VERSION, "e2e-crash", validate};

const chuyi_plugin_info *chuyi_plugin(uint32_t abi_version) {
  return abi_version == CHUYI_ABI_VERSION ? &plugin : NULL;
}
