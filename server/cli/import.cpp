#include <iostream>

#include <boost/json/serialize.hpp>

#include "engine/runtime/dispatcher.h"
#include "server/cli/commands.h"
#include "server/imports/imports.h"
#include "server/installation.h"

namespace chuyi {

Result<> run_import(const SharedFiles& files, const Home& home, const ImportCliOptions& options) {
  const Result<std::string> bytes = read_file(options.file);
  if (!bytes) return bytes.error();
  const Result<std::unique_ptr<Offline>> opened = Offline::open_known(files, home);
  if (!opened) return opened.error();
  const auto execute = [&](Command command) {
    command.actor = Actor{.user_id = "system", .name = "chuyi import", .memberships = {}};
    return execute_and_wait((*opened)->commands(), std::move(command));
  };
  const ImportOptions import{.kind = options.kind, .preview = options.preview, .renew_codes = options.renew_codes, .now = SystemClock().now()};
  const Result<json::object> report = import_sheet(*bytes, import, (*opened)->queries(), execute);
  if (!report) return report.error();
  const json::array& problems = array_or_empty(*report, "problems");
  if (options.json) std::cout << json::serialize(*report) << "\n";
  for (const json::value& value : options.json ? json::array{} : array_or_empty(*report, "changes")) {
    const json::object& change = value.as_object();
    if (string_or(change, "action") != "keep")
      std::cout << "row " << int_or(change, "row", 0) << ": " << string_or(change, "action") << " " << string_or(change, "id") << " " << string_or(change, "name") << "\n";
  }
  for (const json::value& value : options.json ? json::array{} : array_or_empty(*report, "codes"))
    std::cout << "code of " << string_or(value.as_object(), "id") << ": " << string_or(value.as_object(), "code") << "\n";
  if (problems.empty()) return {};
  Error error{.kind = ErrorKind::invalid, .code = "import.rows", .message = "Expected rows without problems; nothing was imported", .message_zh = "导入内容有误，未导入任何一行"};
  for (const json::value& value : problems) {
    const json::object& each = value.as_object();
    error.details.push_back({.place = options.file + ":" + std::to_string(int_or(each, "row", 0)) + ": " + string_or(each, "column"),
                             .code = string_or(each, "code"),
                             .message = string_or(each, "detail"),
                             .message_zh = string_or(each, "detail_zh")});
  }
  return error;
}

}  // namespace chuyi
