#include "engine/runtime/dispatcher.h"
#include "server/api/handlers.h"
#include "server/imports/columns.h"
#include "server/imports/imports.h"

namespace chuyi::api {

// POST /api/v1/admin/imports?kind=…&preview=true&renew_codes=true
net::awaitable<Response> import_rows(Context& context) {
  constexpr const char* kWorkbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
  const std::string& type = context.request.header("content-type");
  if (!type.starts_with("text/csv") && !type.starts_with(kWorkbook))
    co_return context.fail(Error{.kind = ErrorKind::invalid,
                                 .code = "http.content_type",
                                 .message = std::string{"Expected Content-Type: text/csv or "} + kWorkbook,
                                 .message_zh = "导入文件应为CSV或XLSX"});
  const ImportOptions options{.kind = context.request.query_or("kind"),
                              .preview = context.request.query_or("preview") == "true",
                              .renew_codes = context.request.query_or("renew_codes") == "true",
                              .now = context.services.clock.now()};
  const auto execute = [&](Command command) {
    command.actor = context.actor;
    return execute_and_wait(context.services.commands, std::move(command));
  };
  const Result<json::object> report = co_await context.blocking([&] { return import_sheet(context.request.body, options, context.services.queries, execute); });
  if (!report) co_return context.fail(report.error());
  const bool refused = !options.preview && !bool_or(*report, "applied", false);
  co_return json_response(refused ? 422 : 200, *report);
}

net::awaitable<Response> get_import_template(Context& context) {
  const std::string& kind = context.parameters[0];
  if (import_columns(kind).empty()) co_return context.fail(Error{.kind = ErrorKind::not_found, .code = "import.kind", .message = "Expected organisations, users or experts", .message_zh = "没有这种导入模板"});
  Result<std::string> book = import_template(kind, language_of(context.request));
  if (!book) co_return context.fail(book.error());
  Response out{.status = 200, .body = std::move(*book)};
  out.with("Content-Type", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet");
  out.with("Content-Disposition", "attachment; filename=\"" + kind + ".xlsx\"");
  co_return out;
}

}  // namespace chuyi::api
