/* Asked for the fields of a certificate, it gives none; of a title with "crash" it dies. */
#include <stdlib.h>
#include <string.h>

#include "plugins/sdk/chuyi_plugin.h"

static int32_t render(const chuyi_host *host, const char *json, size_t size, chuyi_sink sink, void *context) {
  static const char answer[] = "{\"fields\":{}}";
  static const char word[] = "crash";
  (void)host;
  for (size_t at = 0; at + sizeof word <= size; ++at)
    if (memcmp(json + at, word, sizeof word - 1) == 0) abort();
  sink(context, answer, sizeof answer - 1);
  return CHUYI_OK;
}

static const chuyi_plugin_info info = {.size = sizeof info, .abi_version = CHUYI_ABI_VERSION, .package_id = "e2e-render", .render = render};

const chuyi_plugin_info *chuyi_plugin(uint32_t abi_version) { return abi_version == CHUYI_ABI_VERSION ? &info : NULL; }
