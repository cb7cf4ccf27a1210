#include "storage/postgres/postgres_documents.h"

#include <algorithm>
#include <optional>

#include "storage/documents/content.h"

namespace chuyi::postgres {
namespace {

constexpr std::size_t kPartBytes = 256U * 1024;
constexpr const char* kNow = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
// One step of sweeping: so many contents, and so many parts of each that is dead.
constexpr int kSweptMax = 4;
constexpr int kPartsSweptMax = 32;

Error document_error(const Error& error) {
  if (error.code == "store.full")
    return Error{.kind = ErrorKind::unavailable,
                 .code = "document.full",
                 .message = "Expected space on the disk of the database; free some and try again",
                 .message_zh = "存储空间不足，材料未保存"};
  return Error{.kind = ErrorKind::unavailable, .code = "document.io", .message = error.message, .message_zh = "材料存储暂时不可用"};
}

/// Runs `job`, which may be run again, on a connection of the pool.
template <class T>
Result<T> run(Pool& pool, const std::function<T(Connection&)>& job) {
  Result<T> out = pool.run(job);
  if (!out) return document_error(out.error());
  return out;
}

void sweep_one(Connection& db, std::int64_t id, const std::string& state) {
  if (state == "new") {
    db.prepare("UPDATE contents SET state = 'kept' WHERE id = ? AND (EXISTS (SELECT 1 FROM documents d WHERE d.body::json ->> 'digest' = contents.digest)"
               " OR EXISTS (SELECT 1 FROM bundles b WHERE b.digest = contents.digest)"
               " OR EXISTS (SELECT 1 FROM definitions d WHERE d.files::json ->> 'library.sha256' = contents.digest)"
               " OR EXISTS (SELECT 1 FROM audit a WHERE a.record = '{\"archived\":\"' || contents.digest || '\"}' AND a.record LIKE '{\"archived\"%'))")
        .bind(id)
        .run();
    db.prepare("UPDATE contents SET state = 'dead', digest = NULL, touched = 0 WHERE id = ? AND state = 'new'").bind(id).run();
  } else if (state == "open") {
    db.prepare("UPDATE contents SET state = 'dead', touched = 0 WHERE id = ?").bind(id).run();
  } else {
    db.prepare("DELETE FROM content_parts WHERE content = ? AND part IN (SELECT part FROM content_parts WHERE content = ? ORDER BY part LIMIT " +
               std::to_string(kPartsSweptMax) + ")")
        .bind(id)
        .bind(id)
        .run();
    db.prepare("DELETE FROM contents WHERE id = ? AND NOT EXISTS (SELECT 1 FROM content_parts WHERE content = contents.id)").bind(id).run();
  }
}

/// A bounded step; other nodes do others at the same time.
bool sweep(Connection& db) {
  db.prepare("BEGIN").run();
  auto old = db.prepare(std::string{"SELECT id, state FROM contents WHERE state <> 'kept' AND touched < "} + kNow + " - ? ORDER BY touched, id LIMIT " +
                        std::to_string(kSweptMax) + " FOR UPDATE SKIP LOCKED")
                 .bind(kUnreferencedMsMax)
                 .rows();
  while (old.step()) sweep_one(db, old.number(0), old.text(1));
  db.prepare("COMMIT").run();
  db.flush();
  return true;
}

class Writer final : public DocumentWriter {
 public:
  Writer(std::shared_ptr<Pool> pool, std::uint64_t bytes_max) : pool_(std::move(pool)), sum_(bytes_max) {}

  Result<> write(std::string_view bytes) override {
    if (Result<> added = sum_.add(bytes); !added) {
      drop();
      return added;
    }
    while (!bytes.empty()) {
      const std::string_view taken = bytes.substr(0, kPartBytes - part_.size());
      part_ += taken;
      bytes.remove_prefix(taken.size());
      if (part_.size() < kPartBytes) break;
      const Result<std::int64_t> kept = run<std::int64_t>(*pool_, [&](Connection& db) {
        const std::int64_t id = head(db);
        db.prepare(std::string{"UPDATE contents SET touched = "} + kNow + " WHERE id = ? AND state = 'open'").bind(id).run();
        add_part(db, id);
        db.flush();
        return id;
      });
      if (!kept) return kept.error();
      id_ = *kept;
      ++parts_;
      part_.clear();
    }
    return {};
  }

  Result<StoredDocument> finish() override {
    const StoredDocument out = sum_.finish();
    const Result<bool> named = run<bool>(*pool_, [&](Connection& db) {
      db.prepare("BEGIN").run();
      const std::int64_t id = head(db);
      if (!part_.empty()) add_part(db, id);
      // Those who bring the same content at the same time come one after the other.
      db.prepare("SELECT pg_advisory_xact_lock(hashtext('chuyi_contents'), hashtext(?))").bind(out.digest).run();
      // What was there before makes room: so bytes that were changed are mended, and this upload's time counts.
      db.prepare("UPDATE contents SET state = 'dead', digest = NULL, touched = 0 WHERE digest = ? AND id <> ?").bind(out.digest).bind(id).run();
      auto mine = db.prepare(std::string{"UPDATE contents SET state = 'new', digest = ?, size = ?, touched = "} + kNow +
                             " WHERE id = ? AND state IN ('open', 'new') RETURNING id")
                      .bind(out.digest)
                      .bind(static_cast<std::int64_t>(out.size))
                      .bind(id)
                      .rows();
      if (!mine.step()) throw Failure{.state = {}, .message = "the upload stood still for so long that it was given up"};
      db.prepare("COMMIT").run();
      db.flush();
      return true;
    });
    if (!named) return named.error();
    // As many steps as take away what one like this leaves; what fails here is left to the next upload.
    for (std::int64_t i = 0; i <= parts_ / kPartsSweptMax; ++i)
      if (!pool_->run<bool>(sweep)) break;
    return out;
  }

 private:
  /// Leaves to the sweeper at once what else it would find after an hour.
  void drop() {
    if (!id_) return;
    (void)pool_->run<bool>([&](Connection& db) {
      db.prepare("UPDATE contents SET state = 'dead', touched = 0 WHERE id = ? AND state = 'open'").bind(*id_).run();
      db.flush();
      return true;
    });
  }
  /// The head row, made with the first part.
  std::int64_t head(Connection& db) const {
    if (id_) return *id_;
    auto made = db.prepare(std::string{"INSERT INTO contents (size, state, touched) VALUES (0, 'open', "} + kNow + ") RETURNING id").rows();
    made.step();
    return made.number(0);
  }
  void add_part(Connection& db, std::int64_t id) const {
    db.prepare("INSERT INTO content_parts (content, part, bytes) VALUES (?,?,?) ON CONFLICT DO NOTHING").bind(id).bind(parts_).bind_bytes(part_).run();
  }

  std::shared_ptr<Pool> pool_;
  ContentSum sum_;
  std::optional<std::int64_t> id_;
  std::int64_t parts_ = 0;
  std::string part_;
};

class Reader final : public CheckedReader {
 public:
  Reader(std::shared_ptr<Pool> pool, std::string digest, std::uint64_t size) : CheckedReader(std::move(digest), size), pool_(std::move(pool)) {}

 private:
  Result<std::string> next(std::size_t bytes) override {
    while (part_.size() < bytes) {
      // By digest each time: the same content may have been put anew, under another head.
      Result<std::string> part = run<std::string>(*pool_, [&](Connection& db) {
        auto row = db.prepare("SELECT p.bytes FROM contents c JOIN content_parts p ON p.content = c.id WHERE c.digest = ? AND p.part = ?")
                       .bind(digest())
                       .bind(parts_)
                       .binary()
                       .rows();
        return row.step() ? row.text(0) : std::string{};
      });
      if (!part) return part;
      if (part->empty()) break;
      part_ += *part;
      ++parts_;
    }
    std::string out = part_.substr(0, bytes);
    part_.erase(0, out.size());
    return out;
  }

  std::shared_ptr<Pool> pool_;
  std::int64_t parts_ = 0;
  std::string part_;
};

}  // namespace

Result<std::unique_ptr<DocumentWriter>> PostgresDocuments::create(std::uint64_t bytes_max) {
  return std::unique_ptr<DocumentWriter>(std::make_unique<Writer>(pool_, bytes_max));
}

Result<std::unique_ptr<DocumentReader>> PostgresDocuments::open(std::string_view digest) {
  if (!is_digest(digest)) return unknown_document(digest);
  const Result<std::optional<std::int64_t>> size = run<std::optional<std::int64_t>>(*pool_, [&](Connection& db) {
    auto row = db.prepare("SELECT size FROM contents WHERE digest = ?").bind(digest).rows();
    return row.step() ? std::optional{row.number(0)} : std::nullopt;
  });
  if (!size) return size.error();
  if (!*size) return unknown_document(digest);
  return std::unique_ptr<DocumentReader>(std::make_unique<Reader>(pool_, std::string{digest}, static_cast<std::uint64_t>(**size)));
}

Result<StoredDocument> PostgresDocuments::seal(const BagSpec& spec) { return seal_by_copy(*this, spec, scratch_); }

}  // namespace chuyi::postgres
