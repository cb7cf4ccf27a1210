#include <algorithm>
#include <charconv>
#include <functional>

#include "engine/base/digest.h"
#include "engine/invoke/rows_json.h"
#include "server/api/blind.h"
#include "server/api/handlers.h"
#include "server/api/lookup.h"
#include "server/page_counter.h"

namespace chuyi::api {
namespace {

/// RFC 6266 with RFC 8187's filename*: an attachment, never shown inside the site's origin.
std::string attachment(const std::string& name) {
  return "attachment; filename=\"document\"; filename*=UTF-8''" + percent_encode(name);
}

Response file_response(std::unique_ptr<DocumentReader> reader, const std::string& type, const std::string& name, const std::string& digest) {
  Response out{.status = 200, .stream = std::move(reader)};
  out.with("Content-Type", type);
  out.with("Content-Disposition", attachment(name));
  out.with("ETag", "\"" + digest + "\"");
  out.with("Content-Security-Policy", "sandbox; default-src 'none'");
  return out;
}

/// Media types as RFC 9110 writes them, without parameters.
bool is_media_type(const std::string& text) {
  const std::size_t slash = text.find('/');
  return slash != std::string::npos && slash > 0 && slash + 1 < text.size() && text.size() < 100 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '/' || c == '-' || c == '.' || c == '+'; });
}

/// Files up to this size are read to their end before the first byte is sent: one that was changed on the disk is a
/// 503. A larger one ends as a truncated answer, for DocumentReader gives its last part only when all of it is right.
constexpr std::uint64_t kCheckedFirstBytesMax = std::uint64_t{16} * 1024 * 1024;

Result<std::unique_ptr<DocumentReader>> open_to_send(DocumentStore& documents, const std::string& digest) {
  Result<std::unique_ptr<DocumentReader>> reader = documents.open(digest);
  if (!reader || (*reader)->size() > kCheckedFirstBytesMax) return reader;
  while (true) {
    const Result<std::string> part = (*reader)->read(1U << 16);
    if (!part) return part.error();
    if (part->empty()) return documents.open(digest);
  }
}

Error empty_document() {
  return Error{.kind = ErrorKind::invalid, .code = "document.empty", .message = "Expected a document with content", .message_zh = "材料内容为空"};
}

/// The documents of an application, as the actor may see them. Blocks: call it on the pool.
Result<std::vector<DocumentRow>> seen_documents(Context& context) {
  const Result<Seen> seen = see_application(context, context.parameters[0]);
  if (!seen) return seen.error();
  Result<std::vector<DocumentRow>> rows = context.services.queries.documents(seen->session.id);
  if (rows && is_blind(context.actor, seen->session, seen->definition.get())) return shown_documents(std::move(*rows), seen->definition.get());
  return rows;
}

/// Passes the whole body to `take`, on the pool. @return its size.
net::awaitable<Result<std::uint64_t>> read_body(Context& context, std::function<Result<>(std::string_view)> take) {
  std::uint64_t size = 0;
  while (true) {
    Result<std::string> part = co_await context.body->read();
    if (!part) co_return part.error();
    if (part->empty()) co_return size;
    size += part->size();
    Result<> taken = co_await context.blocking([&] { return take(*part); });
    if (!taken) co_return taken.error();
  }
}

net::awaitable<Result<StoredDocument>> store_body(Context& context) {
  Result<std::unique_ptr<DocumentWriter>> writer =
      co_await context.blocking([&] { return context.services.documents.create(context.services.limits.document_bytes_max); });
  if (!writer) co_return writer.error();
  std::function<Result<>(std::string_view)> take = [&](std::string_view part) { return (*writer)->write(part); };
  const Result<std::uint64_t> size = co_await read_body(context, std::move(take));
  if (!size) co_return size.error();
  if (*size == 0) co_return empty_document();
  co_return co_await context.blocking([&] { return (*writer)->finish(); });
}

/// For the repeat of a request: the content is compared, not kept.
net::awaitable<Result<StoredDocument>> hash_body(Context& context) {
  Sha256 hash;
  std::function<Result<>(std::string_view)> take = [&](std::string_view part) -> Result<> {
    hash.update(part);
    return {};
  };
  const Result<std::uint64_t> size = co_await read_body(context, std::move(take));
  if (!size) co_return size.error();
  if (*size == 0) co_return empty_document();
  co_return StoredDocument{.digest = hash.finish_hex(), .size = *size};
}

/// Pages of what was stored, where the programme limits those of its kind; 0: it does not. Content that cannot be counted is
/// given back.
Result<std::int64_t> pages_of(Context& context, const Definition* definition, const std::string& kind, const StoredDocument& content) {
  bool limited = false;
  if (definition != nullptr)
    for (const json::value& each : array_or_empty(definition->manifest, "documents"))
      limited = limited || (string_or(each.get_object(), "kind") == kind && each.get_object().contains("pages_max"));
  if (!limited) return 0;
  DocumentStore& documents = context.services.documents;
  const Result<std::unique_ptr<DocumentReader>> reader = documents.open(content.digest);
  Result<std::int64_t> pages = reader ? count_pages(**reader) : Result<std::int64_t>{reader.error()};
  if (!pages) documents.release(content.digest, false);
  return pages;
}

}  // namespace

net::awaitable<Response> add_document(Context& context) {
  const Result<Seen> seen = co_await context.blocking([&] { return see_application(context, context.parameters[0]); });
  if (!seen) co_return context.fail(seen.error());
  const std::string type = context.request.header("content-type").substr(0, context.request.header("content-type").find(';'));
  if (!is_media_type(type))
    co_return context.fail(Error{.kind = ErrorKind::invalid,
                                 .code = "http.content_type",
                                 .message = "Expected the document's media type as Content-Type, e.g. application/pdf",
                                 .message_zh = "请以Content-Type说明材料格式"});
  const Result<TaskRow> task = co_await context.blocking([&] { return open_nomination(context, *seen); });
  Command command;
  command.kind = "document.add";
  if (task) command.task_id = task->id;
  const std::string& length = context.request.header("content-length");
  std::int64_t announced = 0;
  std::from_chars(length.data(), length.data() + length.size(), announced);
  command.data = {{"kind", context.request.query_or("kind")},
                  {"name", context.request.query_or("name")},
                  {"media_type", type},
                  {"digest", ""},
                  {"size", announced}};
  // All that can be refused is refused before the body is read; but what was answered before is answered again.
  Command asked = command;
  const Result<Reply> probed = co_await context.probe(std::move(asked));
  const bool repeated = !probed && probed.error().code == "idempotency.mismatch";
  if (!repeated && !task) co_return context.fail(task.error());
  if (!repeated && !probed) co_return context.fail(probed.error());
  Result<StoredDocument> content = Error{};
  if (repeated)  // no co_await inside ?: for g++ 12
    content = co_await hash_body(context);
  else
    content = co_await store_body(context);
  if (!content) co_return context.fail(content.error());
  if (!repeated) {
    const Result<std::int64_t> pages = co_await context.blocking([&] { return pages_of(context, seen->definition.get(), string_or(command.data, "kind"), *content); });
    if (!pages) co_return context.fail(pages.error());
    if (*pages > 0) command.data["pages"] = *pages;
  }
  command.data["digest"] = content->digest;
  if (!repeated) command.hold(content->digest);
  command.data["size"] = static_cast<std::int64_t>(content->size);
  const Result<Reply> reply = co_await context.execute(std::move(command), content->digest);
  if (!reply) co_return context.fail(reply.error());
  Reply shown = *reply;
  shown.body = document_json(document_from_json(reply->body.as_object()));
  co_return reply_response(shown);
}

net::awaitable<Response> list_documents(Context& context) {
  const Result<std::vector<DocumentRow>> rows = co_await context.blocking([&] { return seen_documents(context); });
  if (!rows) co_return context.fail(rows.error());
  json::array items;
  for (const DocumentRow& row : *rows) items.emplace_back(document_json(row));
  co_return list_response(context.request, std::move(items), {});
}

net::awaitable<Response> get_document(Context& context) {
  struct Found {
    DocumentRow row;
    std::unique_ptr<DocumentReader> reader;
  };
  Result<Found> found = co_await context.blocking([&]() -> Result<Found> {
    const Result<std::vector<DocumentRow>> rows = seen_documents(context);
    if (!rows) return rows.error();
    for (const DocumentRow& row : *rows) {
      if (row.id != context.parameters[1]) continue;
      Result<std::unique_ptr<DocumentReader>> reader = open_to_send(context.services.documents, row.digest);
      if (!reader) return reader.error();
      return Found{.row = row, .reader = std::move(*reader)};
    }
    return Error{.kind = ErrorKind::not_found, .code = "document.unknown", .message = "Expected a document of this application", .message_zh = "未找到该材料"};
  });
  if (!found) co_return context.fail(found.error());
  co_return file_response(std::move(found->reader), found->row.media_type, found->row.name, found->row.digest);
}

net::awaitable<Response> remove_document(Context& context) {
  const Result<TaskRow> task = co_await context.blocking([&]() -> Result<TaskRow> {
    const Result<Seen> seen = see_application(context, context.parameters[0]);
    if (!seen) return seen.error();
    return open_nomination(context, *seen);
  });
  if (!task) co_return context.fail(task.error());
  json::object data{{"document", context.parameters[1]}};
  const Result<Reply> reply = co_await context.execute(task_command("document.remove", task->id, std::move(data)));
  if (!reply) co_return context.fail(reply.error());
  co_return Response{.status = 204};
}

net::awaitable<Response> get_bundle(Context& context) {
  struct Found {
    BundleRow row;
    std::unique_ptr<DocumentReader> reader;
  };
  Result<Found> found = co_await context.blocking([&]() -> Result<Found> {
    const Result<Seen> seen = see_application(context, context.parameters[0]);
    if (!seen) return seen.error();
    if (is_blind(context.actor, seen->session, seen->definition.get()))
      return Error{.kind = ErrorKind::forbidden,
                   .code = "bundle.blind",
                   .message = "Expected somebody who may know whose application it is: the panel is double-blind; open the documents one by one",
                   .message_zh = "本评审实行双盲，不提供材料包，请逐份查阅材料"};
    const Result<std::optional<BundleRow>> row = context.services.queries.latest_bundle(seen->session.id);
    if (!row) return row.error();
    if (!*row)
      return Error{.kind = ErrorKind::not_found, .code = "bundle.none", .message = "Expected an application that was submitted", .message_zh = "该申报尚未提交，没有材料包"};
    Result<std::unique_ptr<DocumentReader>> reader = open_to_send(context.services.documents, (*row)->digest);
    if (!reader) return reader.error();
    return Found{.row = **row, .reader = std::move(*reader)};
  });
  if (!found) co_return context.fail(found.error());
  co_return file_response(std::move(found->reader), "application/zip", context.parameters[0] + ".zip", found->row.digest);
}

}  // namespace chuyi::api
