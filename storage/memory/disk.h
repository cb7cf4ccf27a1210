#pragma once

#include <map>
#include <mutex>
#include <set>

#include "engine/ports/audit.h"
#include "storage/memory/memory.h"

namespace chuyi {

template <class Row>
using Table = std::map<std::string, Row, std::less<>>;

struct KnownReply {
  std::string digest;
  Reply reply;
};

struct MemoryDisk {
  std::mutex mutex;
  Table<SessionRow> sessions;
  Table<TaskRow> tasks;
  Table<NoticeRow> notices;
  Table<ObjectionRow> objections;
  Table<AwardRow> awards;
  Table<DocumentRow> documents;
  std::map<std::pair<std::string, std::string>, BundleRow> bundles;
  Table<TimerRow> timers;
  Table<OutboxRow> outbox;
  Table<std::int64_t> series;
  std::map<std::pair<std::string, std::string>, RecordRow> records;
  Table<OrganisationRow> organisations;
  Table<UserRow> users;
  Table<LoginRow> logins;
  Table<DefinitionRow> definitions;
  Table<std::string> settings;
  std::map<std::pair<std::string, std::string>, KnownReply> replies;
  std::vector<AuditRow> audit;

  // What a rehearsal of thousands of applications asks for all the time.
  using Ids = std::map<std::string, std::set<std::string>, std::less<>>;
  Ids tasks_of, documents_of;  ///< by session
  Ids open_tasks_for;          ///< open and claimed ones, by holder_of()
  std::map<std::pair<std::string, std::string>, std::set<std::string>> records_about;  ///< by kind and what they are about
};

/// Whose inbox an open task is in.
std::string holder_of(const TaskRow& task);
std::string holder_of(const Membership& membership);

/// The rows of these ids that `wanted` keeps, in the order of their keys.
template <class Row, class Wanted>
std::vector<Row> rows_among(const Table<Row>& table, const std::set<std::string>& ids, Wanted wanted) {
  std::vector<Row> out;
  for (const std::string& id : ids)
    if (const auto found = table.find(id); found != table.end() && wanted(found->second)) out.push_back(found->second);
  return out;
}

template <class Row>
std::optional<Row> find_row(const Table<Row>& table, std::string_view key) {
  const auto found = table.find(key);
  return found == table.end() ? std::nullopt : std::optional{found->second};
}

/// The rows that `wanted` keeps, in the order of their keys.
template <class Row, class Wanted>
std::vector<Row> rows_where(const Table<Row>& table, Wanted wanted) {
  std::vector<Row> out;
  for (const auto& [key, row] : table)
    if (wanted(row)) out.push_back(row);
  return out;
}

/// Those after id `after`, in order of their ids.
std::vector<SessionRow> applications_of(const MemoryDisk& disk, std::string_view round, std::string_view after, std::size_t limit);
std::optional<RecordRow> find_record(const MemoryDisk& disk, std::string_view kind, std::string_view id);
/// Those after id `after`.
std::vector<RecordRow> records_where(const MemoryDisk& disk, const RecordFilter& filter, const std::string& after, std::size_t limit);

std::unique_ptr<Queries> make_memory_queries(std::shared_ptr<MemoryDisk> disk);

}  // namespace chuyi
