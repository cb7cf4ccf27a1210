#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/ports/message_sender.h"

namespace chuyi {

/// "http://host[:port]" or https, without a path. Errors: `invalid` "cli.public_url".
Result<std::string> read_public_url(const std::string& url);

/// Posts messages over HTTP, one at a time on a thread of its own, to URLs that begin with one of `allowed`: the same
/// scheme, host and port, and a path at or below the allowed one. No redirects, no proxies of the environment, ten seconds
/// for each, certificates are verified. Each carries its id as Idempotency-Key. Ends with the object.
/// Errors: `invalid` "cli.allow_message" for what is no such URL.
Result<std::unique_ptr<MessageSender>> make_message_sender(const std::vector<std::string>& allowed);

}  // namespace chuyi
