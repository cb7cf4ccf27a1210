#include "plugins/loader/pack.h"
#include "server/api/handlers.h"
#include "server/plugin_admin.h"

namespace chuyi::api {
namespace {

Response no_content() { return Response{.status = 204, .body = {}}; }

/// What is wrong with a package is wrong with the content of the request, not with its form.
Response refusal(Context& context, const Error& error) {
  return context.fail(error, error.kind == ErrorKind::invalid ? std::optional<int>{422} : std::nullopt);
}

net::awaitable<Result<std::string>> read_archive(Context& context) {
  if (!context.request.header("content-type").starts_with("application/zip"))
    co_return Error{.kind = ErrorKind::invalid, .code = "http.content_type", .message = "Expected a package as Content-Type: application/zip", .message_zh = "程序包应为application/zip"};
  std::string out;
  while (true) {
    const Result<std::string> part = co_await context.body->read();
    if (!part) co_return part;
    if (part->empty()) co_return out;
    out += *part;
    if (out.size() > kPackageBytesMax)
      co_return Error{.kind = ErrorKind::too_large, .code = "zip.size", .message = "Expected an archive of at most 64 MiB", .message_zh = "程序包不得超过64 MiB"};
  }
}

net::awaitable<Response> set_enabled(Context& context, bool enabled) {
  const Result<> done = co_await context.blocking([&] { return context.services.plugins.enable(context.parameters[0], enabled, context.actor); });
  if (!done) co_return context.fail(done.error());
  co_return json_response(200, json::object{{"id", context.parameters[0]}, {"enabled", enabled}});
}

}  // namespace

net::awaitable<Response> list_plugins(Context& context) {
  Result<json::array> items = co_await context.blocking([&] { return context.services.plugins.list(); });
  if (!items) co_return context.fail(items.error());
  co_return list_response(context.request, std::move(*items), {});
}

net::awaitable<Response> install_plugin(Context& context) {
  const Result<std::string> archive = co_await read_archive(context);
  if (!archive) co_return context.fail(archive.error());
  const InstallOptions options{.upgrade = context.request.query_or("upgrade") == "true", .unsigned_too = context.request.query_or("unsigned") == "true"};
  const Result<json::object> installed = co_await context.blocking([&] { return context.services.plugins.install("package.zip", *archive, options, context.actor); });
  if (!installed) co_return refusal(context, installed.error());
  co_return json_response(bool_or(*installed, "changed", false) ? 201 : 200, *installed);
}

net::awaitable<Response> enable_plugin(Context& context) { return set_enabled(context, true); }
net::awaitable<Response> disable_plugin(Context& context) { return set_enabled(context, false); }

net::awaitable<Response> remove_plugin(Context& context) {
  const Result<> removed = co_await context.blocking([&] { return context.services.plugins.remove(context.parameters[0], context.actor); });
  if (!removed) co_return context.fail(removed.error());
  co_return no_content();
}

net::awaitable<Response> list_trusted(Context& context) {
  Result<json::array> items = co_await context.blocking([&] { return context.services.plugins.trusted(); });
  if (!items) co_return context.fail(items.error());
  co_return list_response(context.request, std::move(*items), {});
}

net::awaitable<Response> add_trusted(Context& context) {
  const std::vector<Field> fields{{"name"}, {"key"}};
  const Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  const std::string name = string_or(*body, "name");
  const std::string key = string_or(*body, "key");
  const Result<std::string> id = co_await context.blocking([&] { return context.services.plugins.trust(name, key, context.actor); });
  if (!id) co_return refusal(context, id.error());
  co_return json_response(201, json::object{{"id", *id}, {"name", name}, {"key", key}});
}

net::awaitable<Response> remove_trusted(Context& context) {
  const Result<> removed = co_await context.blocking([&] { return context.services.plugins.distrust(context.parameters[0], context.actor); });
  if (!removed) co_return context.fail(removed.error());
  co_return no_content();
}

}  // namespace chuyi::api
