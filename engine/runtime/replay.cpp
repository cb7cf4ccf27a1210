#include "engine/runtime/replay.h"

#include "engine/base/digest.h"
#include "engine/runtime/session_commands.h"

namespace chuyi {
namespace {

constexpr std::size_t kPage = 200;

/// The session row as it was before its first command.
SessionRow blank(const SessionRow& row) {
  SessionRow out = row;
  out.status = "running";
  out.stage.clear();
  out.state.clear();
  out.document.clear();
  out.revision = 0;
  return out;
}

}  // namespace

Result<ReplayReport> replay(Queries& queries, const Definitions& definitions, const InvokeRegistry& registry,
                            std::string_view session_id, std::int64_t until,
                            const std::function<void(const ReplayedCommand&)>& each) {
  const Result<std::optional<SessionRow>> stored = queries.session(session_id);
  if (!stored) return stored.error();
  if (!*stored)
    return Error{.kind = ErrorKind::not_found,
                 .code = "application.unknown",
                 .message = "Expected a known application, but found '" + std::string{session_id} + "'"};
  const DefinitionPtr definition = definitions.by_digest((*stored)->definition);
  if (!definition)
    return Error{.kind = ErrorKind::not_found,
                 .code = "definition.unknown",
                 .message = "Expected definition " + (*stored)->definition + " in the store"};
  ReplayReport report;
  SessionRow row = blank(**stored);
  std::int64_t after = 0;
  for (bool more = true; more;) {
    const Result<std::vector<AuditRow>> page = queries.audit(session_id, after, kPage);
    if (!page) return page.error();
    more = page->size() == kPage;
    for (const AuditRow& entry : *page) {
      after = entry.seq;
      if (until != 0 && entry.seq > until) {
        more = false;
        break;
      }
      Result<json::value> record = parse_json(entry.record, kStoredJson, "journal");
      if (!record) return record.error();
      const json::object& object = record->as_object();
      const Command command = command_of_record(object);
      JournalView view(object_or_empty(object, "reads"));
      Result<SessionDocument> document = row.document.empty() ? Result<SessionDocument>{SessionDocument{}}
                                                              : decode_document(*definition, row.document);
      if (!document) return document.error();
      SessionRun run(registry, definition, row, std::move(*document), from_ms(int_or(object, "at", 0)), view);
      if (const Result<json::object> ran = run_command(run, command); !ran) return ran.error();
      Change change;
      run.finish(change);
      row = *change.session;
      const bool agrees = sha256_hex(row.document) == string_or(object, "document");
      if (!agrees && report.first_difference == 0) report.first_difference = entry.seq;
      ++report.commands;
      const Result<SessionDocument> now = decode_document(*definition, row.document);
      if (!now) return now.error();
      each({.seq = entry.seq,
            .record = object,
            .configuration = now->chart.configuration,
            .datamodel = now->chart.datamodel,
            .agrees = agrees});
    }
  }
  report.document = row.document;
  report.identical = until == 0 && report.first_difference == 0 && row.document == (*stored)->document;
  return report;
}

}  // namespace chuyi
