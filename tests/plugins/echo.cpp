// A package of every hook, each of which answers with "answer" of its input, or ends as "end" there says.
#include <stdexcept>

#include "plugins/sdk/chuyi_plugin.hpp"

namespace {

namespace json = boost::json;

json::object echo(const json::value& call) {
  if (const json::value* end = call.as_object().if_contains("end")) {
    if (*end == "missing") call.at("nowhere");
    if (*end == "kind") call.at("end").as_array();
    if (*end == "failed") throw std::runtime_error("out of order");
    throw 1;
  }
  return call.at("answer").as_object();
}

constexpr auto kEcho = chuyi::sdk::hook<echo>;

}  // namespace

CHUYI_PLUGIN("echo", .validate = kEcho, .eligible = kEcho, .score = kEcho, .number = kEcho, .check_indicators = kEcho, .render = kEcho,
             .handle = kEcho, .migrate = kEcho)
