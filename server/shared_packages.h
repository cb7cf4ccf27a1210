#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "engine/ports/documents.h"
#include "engine/ports/queries.h"
#include "engine/runtime/command.h"
#include "plugins/loader/package_library.h"

namespace chuyi {

/// The packages of an installation with several nodes. What one of them has in its folders it offers to all, with the
/// native library among the documents, so that a node needs no folder to serve what another was given. The newest
/// version of a programme counts; what an administrator puts into a folder and has read again counts in any case.
class SharedPackages final : public Definitions {
 public:
  SharedPackages(PackageLibrary& own, Queries& queries, DocumentStore& documents);
  ~SharedPackages() override;
  SharedPackages(const SharedPackages&) = delete;
  SharedPackages& operator=(const SharedPackages&) = delete;

  /// Offers what is newer here than elsewhere and looks once a second, from now on, for what others offer.
  /// @return problems.
  std::vector<Detail> start(CommandService& commands);

  std::vector<DefinitionPtr> current() const override;
  /// Looks into the store for one that is not known yet, once a second at most.
  DefinitionPtr current(std::string_view programme) const override;
  DefinitionPtr by_digest(std::string_view digest) const override;
  Result<DefinitionPtr> restore(std::string_view digest, const json::object& files) override { return own_.restore(digest, files); }
  std::vector<Detail> reload() override;

 private:
  /// Takes over what the store says by now. Keeps what it has where that fails.
  void follow() const;
  Result<> offer(const Definition& definition, bool chosen);

  PackageLibrary& own_;
  Queries& queries_;
  DocumentStore& documents_;
  CommandService* commands_ = nullptr;
  mutable std::mutex following_;  ///< taken before the other
  mutable std::string followed_;  ///< the setting as it was last read; guarded by following_
  mutable std::mutex mutex_;
  mutable std::map<std::string, DefinitionPtr, std::less<>> current_;
  mutable std::set<std::string, std::less<>> unknown_;  ///< programmes that the store did not have a moment ago
  bool stopping_ = false;
  std::condition_variable stopped_;
  std::thread thread_;
};

/// Puts the native library of `definition`, where it has one, among the documents, and holds it there.
Result<> share_library(const Definition& definition, DocumentStore& documents);
/// What share_library() put there.
Result<std::string> fetch_library(DocumentStore& documents, const std::string& digest);

}  // namespace chuyi
