#include "server/archive.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/runtime/dispatcher.h"
#include "storage/documents/bag_folder.h"
#include "storage/documents/bag_limits.h"
#include "storage/documents/bag_validator.h"
#include "storage/documents/io_error.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

// What one bag holds at most; a verifier holds some of them in memory.
constexpr std::size_t kApplicationsMax = 500;
constexpr std::size_t kBytesMax = std::size_t{16} * 1024 * 1024;
constexpr std::size_t kBagsHeld = 4;
constexpr std::size_t kPage = 200;

/// One bag to be.
struct Batch {
  BagSpec spec;
  json::array sessions;  ///< {"id", "through"}
  std::size_t records = 0;
  std::size_t bytes = 0;
  std::int64_t first = 0;  ///< seq
  std::int64_t last = 0;
};

/// Adds what of a session is not archived yet: {"hash":…,"record":…,"seq":…}, one a line.
/// @return  whether some is left for another bag, once this one is moved out.
Result<bool> add(Batch& batch, Queries& queries, const SessionRow& session) {
  std::string lines;
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::int64_t after = 0;
  bool full = false;
  for (bool more = true; more && !full;) {
    const Result<std::vector<AuditRow>> rows = queries.audit(session.id, after, kPage);
    if (!rows) return rows.error();
    more = rows->size() == kPage;
    for (const AuditRow& row : *rows) {
      after = row.seq;
      if (!bag_of_archived(row.record).empty()) continue;
      lines += R"({"hash":")" + row.hash + R"(","record":)" + row.record + R"(,"seq":)" + std::to_string(row.seq) + "}\n";
      if (first == 0) first = row.seq;
      last = row.seq;
      ++batch.records;
      if (lines.size() < kBytesMax) continue;
      full = true;
      break;
    }
  }
  if (first == 0) return false;
  batch.bytes += lines.size();
  batch.first = batch.first == 0 ? first : std::min(batch.first, first);
  batch.last = std::max(batch.last, last);
  batch.spec.payload.push_back({.path = "events/" + session.id + "-" + std::to_string(first) + ".jsonl", .digest = {}, .bytes = std::move(lines)});
  batch.sessions.push_back(json::object{{"id", session.id}, {"through", last}});
  return full;
}

/// Writes a stored document to an open file. `name`: for errors.
Result<> write_to(int fd, DocumentStore& documents, const std::string& digest, const std::string& name) {
  const Result<std::unique_ptr<DocumentReader>> reader = documents.open(digest);
  if (!reader) return reader.error();
  while (true) {
    const Result<std::string> part = (*reader)->read(std::size_t{1} << 16);
    if (!part) return part.error();
    if (part->empty()) return {};
    for (std::string_view bytes = *part; !bytes.empty();) {
      const ssize_t count = ::write(fd, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return io_error("write " + name, errno);
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }
}

/// Writes a stored bag to `path`, under another name until it is whole.
Result<> write_copy(DocumentStore& documents, const std::string& digest, const std::string& path) {
  const std::string partial = path + ".partial";
  const int fd = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return io_error("create " + partial, errno);
  const Result<> written = write_to(fd, documents, digest, partial);
  ::close(fd);
  if (!written) return written;
  if (Result<> synced = sync_file(partial); !synced) return synced;
  if (::rename(partial.c_str(), path.c_str()) != 0) return io_error("name " + path, errno);
  return sync_file(fs::path{path}.parent_path().string());
}

Result<> keep_copy(DocumentStore& documents, const Batch& batch, const std::string& digest, const std::string& folder) {
  const std::string path = folder + "/events-" + std::to_string(batch.first) + "-" + std::to_string(batch.last) + "-" + digest.substr(0, 12) + ".zip";
  if (Result<> written = write_copy(documents, digest, path); !written) return written;
  const Result<BagReport> report = validate_bag(path);
  if (!report) return report.error();
  if (report->errors.empty() && report->payload_files == batch.spec.payload.size()) return {};
  return Error{.kind = ErrorKind::invalid,
               .code = "archive.copy",
               .message = "Expected a copy of the bag as it was sealed; the records are still in the database",
               .place = path,
               .message_zh = "归档副本与原件不符，事件仍在数据库中",
               .details = report->errors};
}

Result<> move_out(CommandService& commands, DocumentStore& documents, Batch batch, const std::string& folder, ArchiveReport& report) {
  batch.spec.info = {{"Bag-Software-Agent", "chuyi"},
                     {"External-Description", "Audit records of ended applications, one application a file"},
                     {"Audit-Records", std::to_string(batch.records)}};
  const Result<StoredDocument> bag = documents.seal(batch.spec);
  if (!bag) return bag.error();
  Command command = system_command("audit.archive", {{"bag", bag->digest}, {"records", batch.records}, {"sessions", batch.sessions}});
  command.actor.name = "chuyi archive";
  // From now on, before the copy takes its time: a bag that may be swept by then is refused, and the records stay.
  command.hold(bag->digest);
  if (Result<> kept = keep_copy(documents, batch, bag->digest, folder); !kept) {
    documents.release(bag->digest, false);
    return kept;
  }
  if (const Result<Reply> reply = execute_and_wait(commands, std::move(command)); !reply) return reply.error();
  report.applications += batch.sessions.size();
  report.records += batch.records;
  report.bags.push_back(bag->digest);
  return {};
}

}  // namespace

Result<ArchiveReport> archive_records(CommandService& commands, Queries& queries, DocumentStore& documents, const ArchiveRequest& request,
                                      const std::function<void(std::size_t)>& done) {
  std::error_code ec;
  fs::create_directories(request.folder, ec);
  if (ec) return io_error("create " + request.folder, ec.value());
  ArchiveReport report;
  Batch batch;
  PageRequest page{.limit = kPage, .after = {}};
  const SessionFilter filter{.programme = {}, .round = request.round, .status = "ended", .stage = {}, .text = {}};
  do {
    const Result<Page<SessionRow>> rows = queries.sessions(filter, page);
    if (!rows) return rows.error();
    for (const SessionRow& row : rows->rows) {
      if (request.before && row.updated >= *request.before) continue;
      for (bool more = true; more;) {
        const Result<bool> added = add(batch, queries, row);
        if (!added) return added.error();
        more = *added;
        if (batch.sessions.size() < kApplicationsMax && batch.bytes < kBytesMax) continue;
        if (Result<> moved = move_out(commands, documents, std::exchange(batch, {}), request.folder, report); !moved) return moved.error();
        done(report.applications);
      }
    }
    page.after = rows->next;
  } while (!page.after.empty());
  if (!batch.sessions.empty())
    if (Result<> moved = move_out(commands, documents, std::move(batch), request.folder, report); !moved) return moved.error();
  done(report.applications);
  return report;
}

Result<ArchivedBags::Records> ArchivedBags::read(const std::string& bag) const {
  const auto missing = [&](const Error& error) {
    return Error{.kind = ErrorKind::not_found,
                 .code = "archive.missing",
                 .message = "Expected the bag of archived events " + bag + " among the documents; put its copy back there. " + error.message,
                 .place = bag,
                 .message_zh = "缺少已归档事件的材料包"};
  };
  const int memory = ::memfd_create("bag", MFD_CLOEXEC);  // kBytesMax bounds it
  if (memory < 0) return io_error("hold a bag", errno);
  const Result<> written = write_to(memory, documents_, bag, bag);
  const Result<std::unique_ptr<ZipArchive>> zip = written ? open_zip("/proc/self/fd/" + std::to_string(memory), kBagLimits) : missing(written.error());
  ::close(memory);
  if (!zip) return written ? missing(zip.error()) : zip.error();
  Records out;
  for (const ZipEntry& entry : (*zip)->entries()) {
    if (entry.name.find("/data/events/") == std::string::npos) continue;
    const Result<std::string> text = (*zip)->read_all(entry, kStoredJson.bytes_max);
    if (!text) return text.error();
    for (std::size_t begin = 0, end = 0; (end = text->find('\n', begin)) != std::string::npos; begin = end + 1) {
      const Result<json::value> line = parse_json(std::string_view{*text}.substr(begin, end - begin), kStoredJson, "archived record");
      if (!line || !line->is_object()) continue;  // its record is then missed
      out[int_or(line->get_object(), "seq", 0)] = canonical_json(object_or_empty(line->get_object(), "record"));
    }
  }
  return out;
}

Result<std::string> ArchivedBags::record(const AuditRow& row, const std::string& bag) {
  auto found = std::find_if(held_.begin(), held_.end(), [&](const auto& each) { return each.first == bag; });
  if (found == held_.end()) {
    Result<Records> records = read(bag);
    if (!records) return records.error();
    if (held_.size() == kBagsHeld) held_.pop_back();
    held_.emplace_front(bag, *std::move(records));
    found = held_.begin();
  }
  const auto record = found->second.find(row.seq);
  return record == found->second.end() ? std::string{} : record->second;
}

}  // namespace chuyi
