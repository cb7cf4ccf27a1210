#include "server/cli/why.h"

#include <charconv>
#include <iostream>

#include <boost/json/serialize.hpp>

#include "engine/runtime/journal_view.h"
#include "engine/why/why.h"
#include "server/cli/remote.h"
#include "server/cli/workflow_commands.h"
#include "server/http/message.h"
#include "server/phrases.h"

namespace chuyi {
namespace {

/// Where the installation's clock stands.
Instant now_of(Queries& queries) {
  std::int64_t ms = 0;
  if (const auto manual = queries.setting(kManualClockSetting); manual && *manual)
    if (std::from_chars((*manual)->data(), (*manual)->data() + (*manual)->size(), ms).ec == std::errc{}) return from_ms(ms);
  return SystemClock().now();
}

Result<json::object> from_installation(const SharedFiles& files, const Home& home, const std::string& id) {
  const Result<std::unique_ptr<Queries>> queries = open_readers(home);
  if (!queries) return queries.error();
  std::string application = id;
  std::string only_task;
  const Result<std::optional<TaskRow>> task = (*queries)->task(id);
  if (!task) return task.error();
  if (*task) {
    application = (*task)->session_id;
    only_task = id;
  }
  const Result<std::optional<SessionRow>> session = (*queries)->session(application);
  if (!session) return session.error();
  if (!*session)
    return Error{.kind = ErrorKind::not_found,
                 .code = "why.unknown",
                 .message = "Expected the id of an application or a task, but found '" + id + "'",
                 .message_zh = "没有这项申报或待办"};
  const InvokeRegistry registry = make_registry();
  const std::unique_ptr<PackageLibrary> library = make_library(files, registry, home.data, {});
  restore_definitions(**queries, *library);
  const DefinitionPtr definition = library->by_digest((*session)->definition);
  if (!definition)
    return Error{.kind = ErrorKind::unavailable,
                 .code = "definition.unknown",
                 .message = "Expected the definition that the application runs on"};
  const Result<Texts> texts = load_workflow_texts(files);
  if (!texts) return texts.error();
  const Result<WhyAsked> asked = gather_why(**queries, **session, *definition, now_of(**queries), only_task,
                                            [](const TaskRow&) { return true; });
  if (!asked) return asked.error();
  return json::object{{"application", application},
                      {"reasons", why_json(*asked, workflow_phrases(*texts, "zh", definition.get()),
                                           workflow_phrases(*texts, "en", definition.get()))}};
}

Result<json::object> from_server(const WhyOptions& options) {
  Result<RemoteServer> server = RemoteServer::sign_in(options.server, options.user, options.password_stdin);
  if (!server) return server.error();
  const std::string path = (options.id.starts_with("t-") ? "/tasks/" : "/applications/") + percent_encode(options.id) + "/why";
  return server->send("GET", path, {}, {});
}

}  // namespace

Result<> run_why(const SharedFiles& files, const Home& home, const WhyOptions& options) {
  const Result<json::object> told = options.server.empty() ? from_installation(files, home, options.id) : from_server(options);
  if (!told) return told.error();
  if (options.json) {
    std::cout << json::serialize(*told) << "\n";
    return {};
  }
  for (const json::value& each : array_or_empty(*told, "reasons")) std::cout << string_or(each.get_object(), options.language) << "\n";
  for (const json::value& value : array_or_empty(*told, "you")) {
    const json::object& each = value.get_object();
    const bool possible = bool_or(each, "possible", false);
    const std::string title = string_or(object_or_empty(each, "titles"), options.language, string_or(each, "outcome"));
    std::cout << "  " << (possible ? "✓ " : "✗ ") << title
              << (possible ? ""
                           : "  " + string_or(each, options.language) + " [" + string_or(each, "code") + "]")
              << "\n";
    for (const json::value& detail : array_or_empty(each, "errors"))
      std::cout << "      " << string_or(detail.get_object(), "place") << " "
                << string_or(detail.get_object(), options.language) << "\n";
  }
  return {};
}

}  // namespace chuyi
