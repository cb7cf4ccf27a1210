#include "server/http/trusted_proxies.h"

#include <gtest/gtest.h>

namespace chuyi {
namespace {

/// Goal: whose word on a request's origin is taken, and how far. Method: a table of peers and headers.
struct Case {
  const char* peer;
  const char* forwarded;
  const char* origin;
};

TEST(TrustedProxiesTest, TakesTheWordOfProxiesAlone) {
  const Result<TrustedProxies> proxies = TrustedProxies::read({"10.0.0.0/8", "192.0.2.7", "fd00::/8"});
  ASSERT_TRUE(proxies);
  for (const Case& each : {
           Case{"198.51.100.1", "203.0.113.9", "198.51.100.1"},                       // a stranger's claim
           Case{"10.1.2.3", "203.0.113.9", "203.0.113.9"},
           Case{"10.1.2.3", "", "10.1.2.3"},
           Case{"192.0.2.7", "1.1.1.1, 203.0.113.9", "203.0.113.9"},                  // what the client wrote itself
           Case{"192.0.2.8", "203.0.113.9", "192.0.2.8"},                             // the neighbour of a proxy
           Case{"10.1.2.3", "203.0.113.9,10.9.9.9 , 192.0.2.7", "203.0.113.9"},       // proxies in a row
           Case{"10.1.2.3", "203.0.113.9, nobody, 10.9.9.9", "10.9.9.9"},             // no address: its teller
           Case{"10.1.2.3", "203.0.113.9, ", "10.1.2.3"},
           Case{"10.1.2.3", "10.4.4.4", "10.4.4.4"},                                  // nobody but proxies
           Case{"::ffff:10.1.2.3", "203.0.113.9", "203.0.113.9"},
           Case{"::ffff:198.51.100.1", "203.0.113.9", "198.51.100.1"},
           Case{"fd12::1", "2001:db8::5", "2001:db8::5"},
           Case{"fe80::1", "2001:db8::5", "fe80::1"},
       })
    EXPECT_EQ(proxies->origin(each.peer, each.forwarded), each.origin) << each.peer << " ← " << each.forwarded;
}

TEST(TrustedProxiesTest, TrustsNobodyUnlessTold) {
  const Result<TrustedProxies> none = TrustedProxies::read({});
  ASSERT_TRUE(none);
  EXPECT_EQ(none->origin("127.0.0.1", "203.0.113.9"), "127.0.0.1");
}

TEST(TrustedProxiesTest, RefusesWhatIsNoNetwork) {
  for (const char* wrong : {"", "proxy.example.cn", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8x", "10.0.0.0/-1", "fd00::/129", "10.0.0"}) {
    const Result<TrustedProxies> read = TrustedProxies::read({wrong});
    ASSERT_FALSE(read) << wrong;
    EXPECT_EQ(read.error().code, "cli.trusted_proxy");
    EXPECT_EQ(read.error().place, "--trusted-proxy");
  }
}

}  // namespace
}  // namespace chuyi
