/* Not one that misbehaves: a library built with the first header, whose struct ended with validate. */
#include <string.h>

#include "plugins/sdk/chuyi_plugin.h"

static int32_t validate(const chuyi_host *host, const char *json, size_t size, chuyi_sink sink, void *context) {
  static const char text[] = "{\"findings\":[]}";
  (void)host, (void)json, (void)size;
  sink(context, text, sizeof text - 1);
  return CHUYI_OK;
}

/* What lies behind the struct is not the struct's. */
static const struct {
  struct {
    uint32_t size;
    uint32_t abi_version;
    const char *package_id;
    chuyi_hook validate;
  } info;
  uintptr_t behind[7];
} plugin = {{sizeof plugin.info, CHUYI_ABI_VERSION, "hostile", validate}, {1, 1, 1, 1, 1, 1, 1}};

const chuyi_plugin_info *chuyi_plugin(uint32_t abi_version) {
  return abi_version == CHUYI_ABI_VERSION ? (const chuyi_plugin_info *)(const void *)&plugin : NULL;
}
