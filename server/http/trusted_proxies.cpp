#include "server/http/trusted_proxies.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <boost/asio/ip/address.hpp>

namespace chuyi {
namespace {

namespace ip = boost::asio::ip;

constexpr unsigned kMappedBits = 96;  // of ::ffff:0:0/96, RFC 4291 section 2.5.5.2

std::optional<ip::address_v6> read_address(std::string_view text) {
  boost::system::error_code ec;
  const ip::address address = ip::make_address(text, ec);
  if (ec) return std::nullopt;
  return address.is_v4() ? ip::make_address_v6(ip::v4_mapped, address.to_v4()) : address.to_v6();
}

std::string text_of(const ip::address_v6& address) {
  return address.is_v4_mapped() ? ip::make_address_v4(ip::v4_mapped, address).to_string() : address.to_string();
}

std::optional<ip::network_v6> read_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::optional<ip::address_v6> address = read_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  const unsigned before = text.substr(0, slash).find(':') == std::string_view::npos ? kMappedBits : 0;
  unsigned bits = 128 - before;
  if (slash != std::string_view::npos) {
    const std::string_view prefix = text.substr(slash + 1);
    const unsigned bits_max = bits;
    const auto [end, failed] = std::from_chars(prefix.data(), prefix.data() + prefix.size(), bits);
    if (failed != std::errc{} || end != prefix.data() + prefix.size() || bits > bits_max) return std::nullopt;
  }
  return ip::network_v6{*address, static_cast<unsigned short>(before + bits)};
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  const std::size_t first = text.find_first_not_of(kBlank);
  return first == std::string_view::npos ? std::string_view{} : text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

Result<TrustedProxies> TrustedProxies::read(const std::vector<std::string>& networks) {
  TrustedProxies out;
  for (const std::string& each : networks) {
    const std::optional<ip::network_v6> network = read_network(each);
    if (!network)
      return Error{.kind = ErrorKind::invalid, .code = "cli.trusted_proxy", .message = "Expected an IP address or a network such as 10.0.0.0/8, but found '" + each + "'", .place = "--trusted-proxy"};
    out.networks_.push_back(network->canonical());
  }
  return out;
}

bool TrustedProxies::trusts(const ip::address_v6& address) const {
  return std::any_of(networks_.begin(), networks_.end(),
                     [&](const ip::network_v6& each) { return ip::network_v6(address, each.prefix_length()).canonical() == each; });
}

std::string TrustedProxies::origin(const std::string& peer, std::string_view forwarded) const {
  std::optional<ip::address_v6> at = networks_.empty() ? std::nullopt : read_address(peer);
  if (!at) return peer;
  while (trusts(*at) && !forwarded.empty()) {
    const std::size_t comma = forwarded.rfind(',');
    const std::optional<ip::address_v6> before = read_address(trim(comma == std::string_view::npos ? forwarded : forwarded.substr(comma + 1)));
    if (!before) break;
    at = before;
    forwarded = comma == std::string_view::npos ? std::string_view{} : forwarded.substr(0, comma);
  }
  return text_of(*at);
}

}  // namespace chuyi
