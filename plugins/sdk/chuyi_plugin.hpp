// chuyi_plugin.h for C++20, with Boost.JSON for values: hooks are functions from a value to a value, and no exception
// leaves the library. Header only; a package copies it together with chuyi_plugin.h and links boost_json (or includes
// <boost/json/src.hpp> in one of its sources). A complete validator:
//
//   #include "chuyi_plugin.hpp"
//
//   static void validate(const boost::json::value& call, chuyi::sdk::Findings& findings) {
//     if (call.at("form").as_string() != "nomination") return;
//     if (call.at("data").at("apprentices").as_int64() < 3)
//       findings.add("/apprentices", "apprentices", "Expected at least 3 apprentices", "带徒应不少于3人");
//   }
//
//   CHUYI_PLUGIN("my-package", .validate = chuyi::sdk::hook<validate>)
#ifndef CHUYI_PLUGIN_HPP
#define CHUYI_PLUGIN_HPP

#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <boost/json.hpp>

#include "chuyi_plugin.h"

namespace chuyi::sdk {

namespace json = boost::json;

/// What validate, eligible and check_indicators find wrong.
class Findings {
 public:
  /// @param place  JSON pointer into "data".
  void add(std::string_view place, std::string_view code, std::string_view message, std::string_view message_zh) {
    list_.push_back(json::object{{"place", place}, {"code", code}, {"message", message}, {"message_zh", message_zh}});
  }
  json::array take() { return std::move(list_); }

 private:
  json::array list_;
};

/// What hook<> makes the C hook of: `void(call, findings)` or `json::object(call)`.
template <auto kFunction>
inline constexpr bool kFinds = std::is_invocable_v<decltype(kFunction), const json::value&, Findings&>;

template <auto kFunction>
json::object answer_to(const json::value& call) {
  if constexpr (kFinds<kFunction>) {
    Findings findings;
    kFunction(call, findings);
    return {{"findings", findings.take()}};
  } else {
    return kFunction(call);
  }
}

/// The C hook that calls `kFunction`. A member that is missing or of another kind (what at(), as_string() and their like
/// throw, and every other std::logic_error) is CHUYI_BAD_INPUT, any other exception CHUYI_FAILED; what() goes to the log.
template <auto kFunction>
int32_t hook(const chuyi_host* host, const char* text, size_t size, chuyi_sink sink, void* context) noexcept {
  const auto give_up = [host](int32_t status, std::string_view why) {
    host->log(why.data(), why.size());
    return status;
  };
  std::string answer;
  try {
    answer = json::serialize(answer_to<kFunction>(json::parse({text, size})));
  } catch (const boost::system::system_error& error) {
    return give_up(CHUYI_BAD_INPUT, error.what());
  } catch (const std::logic_error& error) {
    return give_up(CHUYI_BAD_INPUT, error.what());
  } catch (const std::exception& error) {
    return give_up(CHUYI_FAILED, error.what());
  } catch (...) {
    return give_up(CHUYI_FAILED, "an exception that is no std::exception");
  }
  sink(context, answer.data(), answer.size());
  return CHUYI_OK;
}

/// The hooks of chuyi_plugin_info, none of them there until it is named.
struct Hooks {
  chuyi_hook validate = nullptr;
  chuyi_hook eligible = nullptr;
  chuyi_hook score = nullptr;
  chuyi_hook number = nullptr;
  chuyi_hook check_indicators = nullptr;
  chuyi_hook render = nullptr;
  chuyi_hook handle = nullptr;
  chuyi_hook migrate = nullptr;
};

constexpr chuyi_plugin_info info_of(const char* package_id, const Hooks& hooks) {
  return {sizeof(chuyi_plugin_info), CHUYI_ABI_VERSION, package_id,   hooks.validate, hooks.eligible, hooks.score, hooks.number,
          hooks.check_indicators,    hooks.render,      hooks.handle, hooks.migrate};
}

}  // namespace chuyi::sdk

/// The exported symbol. After the package's id its hooks, in the order of chuyi_plugin_info: `.validate = …, .score = …`.
#define CHUYI_PLUGIN(PACKAGE_ID, ...)                                                                          \
  extern "C" const chuyi_plugin_info* chuyi_plugin(uint32_t abi_version) {                                     \
    static constexpr chuyi_plugin_info info = chuyi::sdk::info_of(PACKAGE_ID, {__VA_ARGS__});                  \
    return abi_version == CHUYI_ABI_VERSION ? &info : nullptr;                                                 \
  }

#endif
