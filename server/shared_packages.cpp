#include "server/shared_packages.h"

#include <chrono>

#include <spdlog/spdlog.h>

#include "engine/runtime/dispatcher.h"
#include "server/installation.h"

namespace chuyi {
namespace {

constexpr std::uint64_t kLibraryBytesMax = std::uint64_t{64} * 1024 * 1024;
constexpr std::chrono::seconds kLookEvery{1};
constexpr std::size_t kUnknownMax = 100;

Detail detail_of(const Definition& definition, const Error& error) {
  return {.place = definition.programme, .code = error.code, .message = error.message, .message_zh = error.message_zh};
}

}  // namespace

Result<> share_library(const Definition& definition, DocumentStore& documents) {
  if (definition.library.empty()) return {};
  const Result<std::string> bytes = read_file(definition.library);
  if (!bytes) return bytes.error();
  const Result<std::unique_ptr<DocumentWriter>> writer = documents.create(kLibraryBytesMax);
  if (!writer) return writer.error();
  if (Result<> written = (*writer)->write(*bytes); !written) return written.error();
  const Result<StoredDocument> stored = (*writer)->finish();
  if (!stored) return stored.error();
  if (stored->digest == definition.library_digest) return {};
  documents.release(stored->digest, false);
  return Error{.kind = ErrorKind::unavailable, .code = "plugin.library_kept", .message = "Expected the library as it was read from the package", .place = definition.library};
}

Result<std::string> fetch_library(DocumentStore& documents, const std::string& digest) {
  const Result<std::unique_ptr<DocumentReader>> reader = documents.open(digest);
  if (!reader) return reader.error();
  std::string out;
  while (true) {
    const Result<std::string> part = (*reader)->read(1U << 20);
    if (!part) return part;
    if (part->empty()) return out;
    out += *part;
    if (out.size() > kLibraryBytesMax) return Error{.kind = ErrorKind::too_large, .code = "plugin.file_size", .message = "Expected a library of at most 64 MiB"};
  }
}

SharedPackages::SharedPackages(PackageLibrary& own, Queries& queries, DocumentStore& documents) : own_(own), queries_(queries), documents_(documents) {
  for (const DefinitionPtr& each : own_.current()) current_[each->programme] = each;
}

SharedPackages::~SharedPackages() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::vector<Detail> SharedPackages::start(CommandService& commands) {
  commands_ = &commands;
  std::vector<Detail> problems;
  const Result<std::optional<std::string>> setting = queries_.setting(kPackagesSetting);
  const Result<json::object> packages = setting ? setting_object(*setting, kPackagesSetting) : Result<json::object>(setting.error());
  if (!packages) problems = details_of(packages.error());
  for (const DefinitionPtr& each : own_.current()) {
    const json::object said = packages ? object_or_empty(*packages, each->programme) : json::object{};
    if (!packages || (!said.empty() && !is_newer_version(each->version, string_or(said, "version")))) continue;
    if (Result<> offered = offer(*each, false); !offered && offered.error().code != "package.older") problems.push_back(detail_of(*each, offered.error()));
  }
  follow();
  thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    while (!stopped_.wait_for(lock, kLookEvery, [this] { return stopping_; })) {
      unknown_.clear();
      lock.unlock();
      follow();
      lock.lock();
    }
  });
  return problems;
}

std::vector<DefinitionPtr> SharedPackages::current() const {
  const std::lock_guard lock(mutex_);
  std::vector<DefinitionPtr> out;
  for (const auto& [programme, definition] : current_) out.push_back(definition);
  return out;
}

DefinitionPtr SharedPackages::current(std::string_view programme) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = current_.find(programme); found != current_.end()) return found->second;
    if (unknown_.contains(programme) || unknown_.size() >= kUnknownMax) return nullptr;
  }
  follow();
  const std::lock_guard lock(mutex_);
  if (const auto found = current_.find(programme); found != current_.end()) return found->second;
  unknown_.emplace(programme);
  return nullptr;
}

DefinitionPtr SharedPackages::by_digest(std::string_view digest) const {
  if (DefinitionPtr known = own_.by_digest(digest)) return known;
  const Result<std::optional<DefinitionRow>> row = queries_.definition(digest);
  if (!row || !*row) return nullptr;
  const Result<DefinitionPtr> restored = own_.restore(digest, (*row)->files);
  if (restored) return *restored;
  spdlog::warn("package {} {}: {}: {}", (*row)->programme, (*row)->version, restored.error().code, restored.error().message);
  return nullptr;
}

std::vector<Detail> SharedPackages::reload() {
  std::map<std::string, std::string> before;
  for (const DefinitionPtr& each : own_.current()) before[each->programme] = each->digest;
  std::vector<Detail> problems = own_.reload();
  for (const DefinitionPtr& each : own_.current()) {
    if (before[each->programme] == each->digest) continue;
    if (Result<> offered = offer(*each, true); !offered) problems.push_back(detail_of(*each, offered.error()));
  }
  follow();
  return problems;
}

void SharedPackages::follow() const {
  const std::lock_guard one_at_a_time(following_);
  const Result<std::optional<std::string>> kept = queries_.setting(kPackagesSetting);
  if (!kept || !*kept || **kept == followed_) return;
  const Result<json::object> packages = setting_object(*kept, kPackagesSetting);
  if (!packages) return;
  bool all = true;
  for (const auto& [programme, _] : *packages) {
    const std::string digest = string_or(object_or_empty(*packages, programme), "digest");
    if (digest.empty()) {  // removed
      {
        const std::lock_guard lock(mutex_);
        current_.erase(programme);
      }
      if (Result<> removed = own_.uninstall(programme); !removed) spdlog::warn("package {}: {}", std::string{programme}, removed.error().message);
      continue;
    }
    const DefinitionPtr definition = by_digest(digest);
    all = all && definition;
    const std::lock_guard lock(mutex_);
    if (definition) current_[programme] = definition;
  }
  if (all) followed_ = **kept;
}

Result<> SharedPackages::offer(const Definition& definition, bool chosen) {
  if (Result<> shared = share_library(definition, documents_); !shared) return shared;
  Command command = system_command("package.put", {{"programme", definition.programme},
                                                   {"version", definition.version},
                                                   {"digest", definition.digest},
                                                   {"files", definition.files},
                                                   {"chosen", chosen}});
  if (!definition.library.empty()) command.hold(definition.library_digest);
  const Result<Reply> put = execute_and_wait(*commands_, std::move(command));
  if (!put) return put.error();
  return {};
}

}  // namespace chuyi
