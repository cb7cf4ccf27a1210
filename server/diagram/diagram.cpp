#include "server/diagram/diagram.h"

#include <mutex>

#include <graphviz/gvc.h>

#include "engine/base/digest.h"
#include "server/bounded_map.h"

namespace chuyi {
namespace {

constexpr std::size_t kDotMax = 1024U * 1024;
constexpr std::size_t kDrawnMax = 256;

Error graphviz_error() {
  return Error{.kind = ErrorKind::unavailable,
               .code = "diagram.graphviz",
               .message = "Expected Graphviz with its layout plugins (package graphviz)",
               .message_zh = "流程图暂时无法生成"};
}

Result<std::string> draw(const std::string& dot, const char* format) {
  if (dot.size() > kDotMax) return Error{.kind = ErrorKind::invalid, .code = "diagram.size", .message = "Expected a smaller chart"};
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  static GVC_t* context = gvContext();
  Agraph_t* graph = agmemread(dot.c_str());
  if (graph == nullptr || context == nullptr) return graphviz_error();
  std::string out;
  if (gvLayout(context, graph, "dot") == 0) {
    char* data = nullptr;
    unsigned int size = 0;
    if (gvRenderData(context, graph, format, &data, &size) == 0) out.assign(data, size);
    gvFreeRenderData(data);
    gvFreeLayout(context, graph);
  }
  agclose(graph);
  if (out.empty()) return graphviz_error();
  return out;
}

Result<std::string> draw_svg(const std::string& dot) {
  const Result<std::string> drawn = draw(dot, "svg");
  if (!drawn) return drawn;
  // The prolog names a DTD; a picture needs neither.
  const std::size_t start = drawn->find("<svg");
  if (start == std::string::npos) return graphviz_error();
  return drawn->substr(start);
}

}  // namespace

Result<std::string> svg_of_dot(const std::string& dot) {
  // The source says all that is to be seen, the texts and the way taken too: whoever asks for the same picture waits for nobody.
  static std::mutex mutex;
  static BoundedMap<std::string> drawn(kDrawnMax);
  const std::string key = sha256_hex(dot);
  {
    const std::lock_guard lock(mutex);
    if (const std::string* found = drawn.find(key)) return *found;
  }
  Result<std::string> svg = draw_svg(dot);
  const std::lock_guard lock(mutex);
  if (svg) drawn.at(key) = *svg;
  return svg;
}

Result<std::string> png_of_dot(const std::string& dot) {
  const std::size_t open = dot.find("{\n");
  if (open == std::string::npos) return graphviz_error();
  return draw(dot.substr(0, open + 2) + "  graph [dpi=192, bgcolor=\"#ffffff\"];\n" + dot.substr(open + 2), "png");
}

}  // namespace chuyi
