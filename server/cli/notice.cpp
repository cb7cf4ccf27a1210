#include "server/cli/notice.h"

#include <algorithm>
#include <iostream>
#include <memory>
#include <set>

#include <boost/json/serialize.hpp>

#include "engine/base/notice_text.h"
#include "plugins/loader/package_library.h"
#include "server/installation.h"

namespace chuyi {
namespace {

/// What a package has to say about a section of a notice.
struct Claim {
  std::string programme;
  std::int64_t quota = 0;           ///< the province's, else the smallest of one organisation
  std::set<std::int64_t> known;     ///< every number of its quota
  std::set<std::int64_t> readings;  ///< what another notice says in its place
};

std::vector<Claim> claims_on(const std::vector<DefinitionPtr>& definitions, const std::string& section) {
  std::vector<Claim> out;
  for (const DefinitionPtr& each : definitions) {
    const json::object& quota = object_or_empty(each->manifest, "quota");
    Claim claim{.programme = each->programme, .quota = int_or(quota, "province", 0), .known = {}, .readings = {}};
    bool stands_there = false;
    for (const char* said : {"passages", "readings"})
      for (const json::value& passage : array_or_empty(quota, said)) {
        if (string_or(passage.get_object(), "section") != section) continue;
        stands_there = true;
        if (passage.get_object().contains("value")) claim.readings.insert(int_or(passage.get_object(), "value", 0));
      }
    if (!stands_there) continue;
    if (claim.quota > 0) claim.known.insert(claim.quota);
    for (const json::value& per : array_or_empty(quota, "per"))
      for (const char* bound : {"min", "max"})
        if (const std::int64_t number = int_or(per.get_object(), bound, 0); number > 0) claim.known.insert(number);
    if (claim.quota == 0 && !claim.known.empty()) claim.quota = *claim.known.begin();
    out.push_back(std::move(claim));
  }
  return out;
}

/// {"section","value","text","result","packages"}; result: "agrees", "reading" (a conflict that the package names),
/// "conflict", "unclaimed".
json::object compared(const NoticeNumber& number, const std::vector<Claim>& claims) {
  const auto any = [&](auto&& holds) { return std::any_of(claims.begin(), claims.end(), holds); };
  const char* result = claims.empty()                                                                       ? "unclaimed"
                       : any([&](const Claim& each) { return each.known.contains(number.value); })    ? "agrees"
                       : any([&](const Claim& each) { return each.readings.contains(number.value); }) ? "reading"
                                                                                                       : "conflict";
  json::array packages;
  for (const Claim& each : claims) packages.push_back(json::object{{"id", each.programme}, {"quota", each.quota}});
  return {{"section", number.section}, {"value", number.value}, {"text", number.text}, {"result", result}, {"packages", std::move(packages)}};
}

}  // namespace

Result<> run_notice(const SharedFiles& files, const std::string& file, bool json_output) {
  const Result<std::string> text = read_file(file);
  if (!text) return text.error();
  const InvokeRegistry registry = make_registry();
  const std::unique_ptr<PackageLibrary> library = make_library(files, registry, {}, {});
  (void)library->reload();
  json::array items;
  std::int64_t unsettled = 0;
  for (const NoticeNumber& number : numbers_of_notice(*text)) {
    json::object item = compared(number, claims_on(library->current(), number.section));
    const std::string result = string_or(item, "result");
    unsettled += result == "conflict" || result == "unclaimed" ? 1 : 0;
    if (!json_output) {
      std::cout << number.section << "  " << number.value << "  " << result;
      for (const json::value& each : item.at("packages").as_array()) std::cout << "  " << string_or(each.as_object(), "id") << " " << int_or(each.as_object(), "quota", 0);
      std::cout << "\n";
    }
    items.push_back(std::move(item));
  }
  if (json_output) std::cout << json::serialize(json::object{{"items", std::move(items)}}) << "\n";
  if (unsettled == 0) return {};
  return Error{.kind = ErrorKind::invalid,
               .code = "notice.conflict",
               .message = "Expected numbers that the packages have, or name as another reading, but " + std::to_string(unsettled) + " differ; nothing was changed",
               .message_zh = "有" + std::to_string(unsettled) + "处数字与任务类型包不一致且未登记为异文；未作任何更改"};
}

}  // namespace chuyi
