#include "engine/ports/store.h"

#include <future>
#include <memory>

#include "engine/base/digest.h"

namespace chuyi {

Result<Reply> update_and_wait(Store& store, Update update) {
  auto promise = std::make_shared<std::promise<Result<Reply>>>();
  std::future<Result<Reply>> reply = promise->get_future();
  store.update(std::move(update), [promise](Result<Reply> result) { promise->set_value(std::move(result)); });
  return reply.get();
}

namespace {
constexpr std::string_view kArchivedHead = R"({"archived":")";
constexpr std::string_view kArchivedTail = R"("})";
}  // namespace

std::string archived_record(std::string_view bag) { return std::string{kArchivedHead} + std::string{bag} + std::string{kArchivedTail}; }

std::string bag_of_archived(std::string_view record) {
  if (!record.starts_with(kArchivedHead) || !record.ends_with(kArchivedTail)) return {};
  return std::string{record.substr(kArchivedHead.size(), record.size() - kArchivedHead.size() - kArchivedTail.size())};
}

std::string audit_hash(std::string_view previous_hash, std::string_view canonical_record) {
  Sha256 hash;
  hash.update(previous_hash);
  hash.update("\n");
  hash.update(canonical_record);
  return hash.finish_hex();
}

}  // namespace chuyi
