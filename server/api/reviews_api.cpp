#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "engine/base/digest.h"
#include "engine/invoke/rows_json.h"
#include "engine/review/conflicts.h"
#include "engine/review/draw.h"
#include "engine/review/results.h"
#include "engine/review/sealed_export.h"
#include "engine/runtime/fields.h"
#include "engine/runtime/review_commands.h"
#include "engine/runtime/review_dashboard.h"
#include "engine/runtime/rounds.h"
#include "server/api/handlers.h"
#include "server/identity.h"
#include "server/results_export.h"

// The review of a whole round: docs/review.md. Officers of its province work on it, its discipline supervisors read all of
// it and witness; to everybody else there is nothing.
namespace chuyi::api {
namespace {

Error unknown_round() {
  return Error{.kind = ErrorKind::not_found,
               .code = "round.unknown",
               .message = "Expected a known round",
               .message_zh = "未找到该批次，或您无权查看"};
}
Error unknown_record() {
  return Error{.kind = ErrorKind::not_found,
               .code = "review.unknown",
               .message = "Expected a draw, an assignment or results of the round",
               .message_zh = "未找到该记录"};
}

/// Whether the actor works on this round or supervises it.
Result<> may_review(Context& context) {
  const Result<std::optional<SessionRow>> round = context.services.queries.session(context.parameters[0]);
  if (!round) return round.error();
  const bool seen = *round && (*round)->kind == kRoundKind &&
                    (is_round_officer(context.actor, **round) || is_round_supervisor(context.actor, **round));
  return seen ? Result<>{} : Result<>{unknown_round()};
}

/// Runs `read`, which answers with a body, for whoever may see the round.
template <class Read>
net::awaitable<Response> shown(Context& context, Read read) {
  const Result<json::object> body = co_await context.blocking([&]() -> Result<json::object> {
    if (Result<> seen = may_review(context); !seen) return seen.error();
    return read();
  });
  if (!body) co_return context.fail(body.error());
  co_return json_response(200, *body);
}

/// A file that is verified elsewhere: its bytes are the point.
template <class Read>
net::awaitable<Response> file(Context& context, const char* type, const std::string& name, Read read) {
  const Result<std::string> bytes = co_await context.blocking([&]() -> Result<std::string> {
    if (Result<> seen = may_review(context); !seen) return seen.error();
    return read();
  });
  if (!bytes) co_return context.fail(bytes.error());
  Response out{.status = 200, .headers = {}, .body = *bytes, .stream = {}};
  out.with("Content-Type", type);
  out.with("Content-Disposition", "attachment; filename=\"" + name + "\"");
  out.with("ETag", "\"" + sha256_hex(out.body) + "\"");
  co_return out;
}

Result<RecordRow> record_of(Context& context, const char* kind) {
  const Result<std::optional<RecordRow>> row =
      context.services.queries.record(kind, review_id(context.parameters[0], context.parameters[1]));
  if (!row) return row.error();
  return *row ? Result<RecordRow>{**row} : Result<RecordRow>{unknown_record()};
}

json::object record_json(const RecordRow& row) {
  json::object out = row.data;
  out["id"] = row.id.substr(std::min(row.id.size(), row.about.size() + 1));
  out["revision"] = static_cast<std::int64_t>(row.revision);
  return out;
}

/// What was computed, as its file. A draw has none before its seed is opened.
Result<json::object> export_of(Context& context, const char* kind) {
  if (const Result<RecordRow> row = record_of(context, kind); !row) return row.error();
  const Result<RecordRow> kept = record_of(context, kReviewExport);
  if (!kept) return kept.error();
  json::object out = object_or_empty(kept->data, "export");
  if (!out.contains("result") && !out.contains("results"))
    return rejection("review.state", "Expected a draw whose seed was opened", "该抽取尚未公开种子");
  return out;
}

net::awaitable<Response> list_of(Context& context, const char* kind) {
  const PageRequest page = context.page();
  std::string next;
  const Result<json::array> items = co_await context.blocking([&]() -> Result<json::array> {
    if (Result<> seen = may_review(context); !seen) return seen.error();
    const Result<Page<RecordRow>> rows = context.services.queries.records({.kind = kind, .about = context.parameters[0]}, page);
    if (!rows) return rows.error();
    next = rows->next;
    json::array out;
    for (const RecordRow& row : rows->rows) out.emplace_back(record_json(row));
    return out;
  });
  if (!items) co_return context.fail(items.error());
  co_return list_response(context.request, *items, next);
}

net::awaitable<Response> one_of(Context& context, const char* kind) {
  co_return co_await shown(context, [&]() -> Result<json::object> {
    const Result<RecordRow> row = record_of(context, kind);
    if (!row) return row.error();
    return record_json(*row);
  });
}

net::awaitable<Response> export_file(Context& context, const char* kind) {
  const std::string name = context.parameters[0] + "-" + context.parameters[1] + ".json";
  co_return co_await file(context, "application/json", name, [&]() -> Result<std::string> {
    const Result<json::object> kept = export_of(context, kind);
    if (!kept) return kept.error();
    return canonical_json(*kept) + "\n";
  });
}

/// The command, for whoever may see the round; what the actor may do with it the command says.
net::awaitable<Response> act(Context& context, const char* kind, const std::vector<Field>& fields, const json::object& more) {
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  const Result<> seen = co_await context.reading([&] { return may_review(context); });
  if (!seen) co_return context.fail(seen.error());
  for (const auto& member : more) (*body)[member.key()] = member.value();
  (*body)["round"] = context.parameters[0];
  if (context.parameters.size() > 1) (*body)["id"] = context.parameters[1];
  Command command{.kind = kind, .session_id = {}, .task_id = {}, .actor = {}, .data = std::move(*body), .if_revision = {}, .key = {}};
  const Result<Reply> reply = co_await context.execute(std::move(command));
  if (!reply) co_return context.fail(reply.error());
  co_return reply_response(*reply);
}

using Type = Field::Type;
const json::object kNoMore;

}  // namespace

net::awaitable<Response> get_review(Context& context) {
  co_return co_await shown(context, [&] { return review_setup_of(context.services.queries, context.parameters[0]); });
}

net::awaitable<Response> put_review(Context& context) {
  const std::vector<Field> fields{{"year", Type::any, false},
                                  {"people", Type::object, false},
                                  {"policy", Type::object, false},
                                  {"assignment", Type::object, false},
                                  {"programmes", Type::object, false}};
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  json::object defaults;
  for (const auto& member : context.services.review_defaults)
    if (!body->contains(member.key())) defaults[member.key()] = member.value();
  co_return co_await act(context, "review.setup", fields, defaults);
}

net::awaitable<Response> get_conflicts(Context& context) {
  const std::string name = context.parameters[0] + "-conflicts.json";
  co_return co_await file(context, "application/json", name, [&]() -> Result<std::string> {
    const Result<ReviewFacts> facts = review_facts(context.services.queries, context.services.definitions, context.parameters[0]);
    if (!facts) return facts.error();
    return review::make_export(kConflictsExport, conflict_input(*facts), review::run_conflicts);
  });
}

net::awaitable<Response> get_dashboard(Context& context) {
  co_return co_await shown(context, [&] {
    return review_dashboard(context.services.queries, context.services.definitions, context.parameters[0],
                            context.services.clock.now());
  });
}

net::awaitable<Response> list_draws(Context& context) { co_return co_await list_of(context, kReviewDraw); }
net::awaitable<Response> get_draw(Context& context) { co_return co_await one_of(context, kReviewDraw); }
net::awaitable<Response> export_draw(Context& context) { co_return co_await export_file(context, kReviewDraw); }

net::awaitable<Response> create_draw(Context& context) {
  const std::vector<Field> fields{{"id"},
                                  {"seats", Type::any},
                                  {"spares", Type::any, false},
                                  {"strata", Type::array, false},
                                  {"nominated_since", Type::any, false},
                                  {"conflicts_max", Type::any, false},
                                  {"programmes", Type::array, false},
                                  {"applications", Type::array, false},
                                  {"commitment", Type::text, false}};
  Result<json::object> body = context.json_body(fields);
  if (!body) co_return context.fail(body.error());
  const Result<> seen = co_await context.reading([&] { return may_review(context); });
  if (!seen) co_return context.fail(seen.error());
  // The seed is in this one answer and nowhere else: not in the command, the store or the log.
  std::string seed;
  if (string_or(*body, "commitment").empty()) {
    seed = Identity::new_token();
    (*body)["commitment"] = review::commitment_of(seed, review_id(context.parameters[0], string_or(*body, "id")));
  }
  (*body)["round"] = context.parameters[0];
  Command command{.kind = "review.draw",
                  .session_id = {},
                  .task_id = {},
                  .actor = {},
                  .data = std::move(*body),
                  .if_revision = {},
                  .key = {}};
  const Result<Reply> reply = co_await context.execute(std::move(command));
  if (!reply) co_return context.fail(reply.error());
  Reply answer = *reply;
  // Asked again: the answer is that of the first time, and its seed is gone.
  if (!seed.empty() && !answer.replayed) answer.body.as_object()["seed"] = seed;
  Response out = reply_response(answer);
  out.with("Cache-Control", "no-store");
  co_return out;
}

net::awaitable<Response> reveal_draw(Context& context) {
  const std::vector<Field> fields{{"seed"}};
  co_return co_await act(context, "review.reveal", fields, kNoMore);
}
net::awaitable<Response> witness_draw(Context& context) {
  const std::vector<Field> fields{};
  co_return co_await act(context, "review.witness", fields, kNoMore);
}
net::awaitable<Response> withdraw_draw(Context& context) {
  const std::vector<Field> fields{{"reason"}};
  co_return co_await act(context, "review.withdraw", fields, kNoMore);
}
net::awaitable<Response> add_absence(Context& context) {
  const std::vector<Field> fields{{"expert"}, {"reason"}};
  co_return co_await act(context, "review.absent", fields, kNoMore);
}

net::awaitable<Response> list_assignments(Context& context) { co_return co_await list_of(context, kReviewAssignment); }
net::awaitable<Response> export_assignment(Context& context) { co_return co_await export_file(context, kReviewAssignment); }

net::awaitable<Response> get_assignment(Context& context) {
  co_return co_await shown(context, [&]() -> Result<json::object> {
    const Result<RecordRow> row = record_of(context, kReviewAssignment);
    if (!row) return row.error();
    const Result<json::object> kept = export_of(context, kReviewAssignment);
    if (!kept) return kept.error();
    json::object out = record_json(*row);
    out["assignments"] = array_or_empty(object_or_empty(*kept, "result"), "assignments");
    return out;
  });
}

net::awaitable<Response> propose_assignment(Context& context) {
  const std::vector<Field> fields{{"programmes", Type::array, false}, {"draw", Type::text, false},
                                  {"coverage", Type::any, false},     {"load", Type::object, false},
                                  {"limits", Type::array, false},     {"cost", Type::object, false},
                                  {"load_of", Type::array, false},    {"fixed", Type::array, false},
                                  {"forbidden", Type::array, false},  {"previous", Type::text, false}};
  co_return co_await act(context, "review.assign", fields, kNoMore);
}

net::awaitable<Response> confirm_assignment(Context& context) {
  const std::vector<Field> fields{{"no_conflict", Type::array, false}};
  co_return co_await act(context, "review.appoint", fields, kNoMore);
}

net::awaitable<Response> list_results(Context& context) { co_return co_await list_of(context, kReviewResults); }
net::awaitable<Response> export_results(Context& context) { co_return co_await export_file(context, kReviewResults); }

net::awaitable<Response> get_results(Context& context) {
  co_return co_await shown(context, [&]() -> Result<json::object> {
    const Result<RecordRow> row = record_of(context, kReviewResults);
    if (!row) return row.error();
    const Result<json::object> kept = export_of(context, kReviewResults);
    if (!kept) return kept.error();
    json::object out = record_json(*row);
    const std::string programme = context.request.query_or("programme");
    const std::string list = context.request.query_or("list");
    json::array programmes;
    for (const json::value& each : array_or_empty(object_or_empty(*kept, "results"), "programmes")) {
      json::object one = each.as_object();
      if (!programme.empty() && string_or(one, "id") != programme) continue;
      json::array lists;
      for (const json::value& ranked : array_or_empty(one, "lists"))
        if (list.empty() || string_or(ranked.as_object(), "id") == list) lists.push_back(ranked);
      one["lists"] = std::move(lists);
      programmes.push_back(std::move(one));
    }
    out["programmes"] = std::move(programmes);
    return out;
  });
}

net::awaitable<Response> results_workbook(Context& context) {
  const std::string programme = context.request.query_or("programme");
  const std::string language = context.request.query_or("lang", "zh") == "en" ? "en" : "zh";
  const std::string name = context.parameters[0] + "-" + context.parameters[1] + ".xlsx";
  co_return co_await file(context, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", name, [&]() -> Result<std::string> {
    const Result<json::object> kept = export_of(context, kReviewResults);
    if (!kept) return kept.error();
    const Result<review::Input> input = review::read_input(object_or_empty(*kept, "input"));
    if (!input) return input.error();
    const Result<review::Results> results = review::compute(*input);
    if (!results) return results.error();
    for (std::size_t i = 0; i < input->programmes.size(); ++i) {
      if (!programme.empty() && input->programmes[i].id != programme) continue;
      const std::filesystem::path path = std::filesystem::temp_directory_path() / ("chuyi-" + Identity::new_token() + ".xlsx");
      const Result<> written = write_workbook(results_tables(*input, *results, i, language), path.string());
      std::ifstream in(path, std::ios::binary);
      std::string bytes{std::istreambuf_iterator<char>(in), {}};
      std::error_code ignored;
      std::filesystem::remove(path, ignored);
      if (!written) return written.error();
      return bytes;
    }
    return unknown_record();
  });
}

net::awaitable<Response> rank_round(Context& context) {
  const std::vector<Field> fields{{"programmes", Type::array, false}};
  co_return co_await act(context, "review.rank", fields, kNoMore);
}

net::awaitable<Response> deliberate_results(Context& context) {
  const std::vector<Field> fields{{"present", Type::array},
                                  {"votes", Type::array, false},
                                  {"decisions", Type::array, false},
                                  {"tie_decisions", Type::array, false}};
  co_return co_await act(context, "review.deliberate", fields, kNoMore);
}

net::awaitable<Response> settle_results(Context& context) {
  const std::vector<Field> fields{};
  co_return co_await act(context, "review.settle", fields, kNoMore);
}

net::awaitable<Response> get_round_list(Context& context) {
  co_return co_await shown(context, [&]() -> Result<json::object> {
    const Result<std::optional<RecordRow>> row = context.services.queries.record(kReviewList, context.parameters[0]);
    if (!row) return row.error();
    if (!*row) return unknown_record();
    json::object out = whole_list((*row)->data);
    out["programmes"] = object_or_empty((*row)->data, "programmes");
    return out;
  });
}

}  // namespace chuyi::api
