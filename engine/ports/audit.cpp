#include "engine/ports/audit.h"

#include "engine/base/digest.h"
#include "engine/base/mutant.h"

namespace chuyi {
namespace {

constexpr std::size_t kPage = 500;

Error broken(std::int64_t seq, std::string message) {
  return Error{.kind = ErrorKind::invalid,
               .code = "audit.broken",
               .message = "Expected " + message,
               .place = "audit:" + std::to_string(seq)};
}

Result<> check(const AuditRow& row, const AuditHead& head) {
  const std::int64_t seq = head.count + 1;
  if (row.seq != seq) return broken(seq, "record " + std::to_string(seq) + ", but found " + std::to_string(row.seq));
  const Result<json::value> record = parse_json(row.record, kStoredJson, "audit record");
  if (!record || !record->is_object() || canonical_json(*record) != row.record)
    return broken(seq, "a record in canonical form");
  const json::object& object = record->get_object();
  if (int_or(object, "seq", 0) != seq || string_or(object, "session") != row.session_id)
    return broken(seq, "the record to name its own row");
  if (audit_hash(head.hash, row.record) != row.hash && !CHUYI_MUTANT("audit_link_not_checked")) return broken(seq, "the hash to be that of the record and the one before");
  return {};
}

/// Checks the records after `head` and moves it on. @return  whether there were any.
Result<bool> follow(Queries& queries, AuditHead& head, const FetchArchived& archived) {
  const Result<std::vector<AuditRow>> page = queries.audit({}, head.count, kPage);
  if (!page) return page.error();
  for (AuditRow row : *page) {
    if (const std::string bag = bag_of_archived(row.record); archived && !bag.empty()) {
      Result<std::string> record = archived(row, bag);
      if (!record) return record.error();
      row.record = std::move(*record);
    }
    if (Result<> good = check(row, head); !good) return good.error();
    head = {.count = row.seq, .hash = row.hash};
  }
  return !page->empty();
}

}  // namespace

Result<AuditHead> verify_audit(Queries& queries, const std::function<void(std::int64_t)>& progress, const FetchArchived& archived) {
  AuditHead head{.count = 0, .hash = std::string{kAuditGenesis}};
  while (true) {
    Result<bool> more = follow(queries, head, archived);
    if (!more) return more.error();
    if (progress) progress(head.count);
    if (*more) continue;
    const Result<std::optional<std::string>> count = queries.setting(kAuditCountSetting);
    if (!count) return count.error();
    const Result<std::optional<std::string>> hash = queries.setting(kAuditHashSetting);
    if (!hash) return hash.error();
    if (count->value_or("0") == std::to_string(head.count) && hash->value_or(std::string{kAuditGenesis}) == head.hash) return head;
    // A server beside us may have written meanwhile; else the log was cut off or grew behind its back.
    more = follow(queries, head, archived);
    if (!more) return more.error();
    if (!*more && CHUYI_MUTANT("audit_end_not_checked")) return head;
    if (!*more) return broken(head.count, "the log to end at record " + count->value_or("0") + ", but it ends here");
  }
}

}  // namespace chuyi
