#include "server/throttle.h"

#include <algorithm>

#include <boost/asio/ip/address.hpp>

namespace chuyi {
namespace {

/// IPv6 clients own a /64: they are counted by it.
std::string network_of(const std::string& peer) {
  boost::system::error_code ec;
  const auto address = boost::asio::ip::make_address(peer, ec);
  if (ec || address.is_v4()) return peer;
  if (address.to_v6().is_v4_mapped()) return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6()).to_string();
  auto bytes = address.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), static_cast<unsigned char>(0));
  return boost::asio::ip::address_v6(bytes).to_string();
}

std::string pair_of(const std::string& user, const std::string& network) { return network + " " + user; }

}  // namespace

std::optional<std::chrono::milliseconds> Throttle::take(const std::string& user, const std::string& peer, Time now) {
  const std::string network = network_of(peer);
  const std::string pair = pair_of(user, network);
  const std::lock_guard lock(mutex_);
  Bucket& bucket = users_.at(pair);
  const bool known = known_.find(pair) != nullptr;
  const auto every = known ? options_.known_every : options_.user_every;
  const Time full = std::max(bucket.full, now) + every;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(full - every * options_.user_burst - now);
  if (known) {
    if (wait > options_.wait_max) return std::nullopt;
    bucket.full = full;
    return std::max(wait, std::chrono::milliseconds{0});
  }
  Bucket& shared = peers_.at(network);
  const Time shared_full = std::max(shared.full, now) + options_.peer_every;
  if (wait.count() > 0 || shared_full - options_.peer_every * options_.peer_burst > now) return std::nullopt;
  bucket.full = full;
  shared.full = shared_full;
  return std::chrono::milliseconds{0};
}

void Throttle::succeeded(const std::string& user, const std::string& peer) {
  const std::string network = network_of(peer);
  const std::string pair = pair_of(user, network);
  const std::lock_guard lock(mutex_);
  users_.at(pair) = {};
  // Only the one attempt: a right password of one's own is no way to go on guessing others'.
  if (known_.find(pair) == nullptr) peers_.at(network).full -= options_.peer_every;
  known_.at(pair).is = true;
}

}  // namespace chuyi
