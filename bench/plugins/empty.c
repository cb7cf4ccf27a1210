/* A validator that does nothing: what a call of it takes is what the host costs. */
#include "plugins/sdk/chuyi_plugin.h"

static int32_t validate(const chuyi_host *host, const char *json, size_t size, chuyi_sink sink, void *context) {
  static const char text[] = "{\"findings\":[]}";
  (void)host, (void)json, (void)size;
  sink(context, text, sizeof text - 1);
  return CHUYI_OK;
}

static const chuyi_plugin_info plugin = {
    .size = sizeof(chuyi_plugin_info), .abi_version = CHUYI_ABI_VERSION, .package_id = "empty", .validate = validate};

const chuyi_plugin_info *chuyi_plugin(uint32_t abi_version) { return abi_version == CHUYI_ABI_VERSION ? &plugin : NULL; }
