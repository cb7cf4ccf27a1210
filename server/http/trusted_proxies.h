#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/network_v6.hpp>

#include "engine/base/result.h"

namespace chuyi {

/// The proxies whose word is taken on where a request came from.
class TrustedProxies {
 public:
  /// @param networks  addresses and networks: "192.0.2.7", "10.0.0.0/8", "fd00::/8".
  /// Errors: `invalid` "cli.trusted_proxy".
  static Result<TrustedProxies> read(const std::vector<std::string>& networks);

  /// The address a request came from: `peer`, or while that is a trusted proxy the one that it names in
  /// `forwarded` (X-Forwarded-For, the nearest last). What came before a stranger or before what is no address is
  /// anybody's claim and not looked at.
  std::string origin(const std::string& peer, std::string_view forwarded) const;

 private:
  bool trusts(const boost::asio::ip::address_v6& address) const;
  std::vector<boost::asio::ip::network_v6> networks_;  ///< IPv4 ones mapped into IPv6
};

}  // namespace chuyi
