#include "server/cli/commands.h"

namespace chuyi {

Result<> run_demo(const SharedFiles& files, ServeOptions serve_options, const DemoOptions& options) {
  (void)options;
  return run_serve(files, serve_options);
}

}  // namespace chuyi
