#pragma once

#include <map>
#include <memory>
#include <string>

#include "server/routes.h"

namespace chuyi {

/// The public pages' files: templates by name, the stylesheet and its content hash.
class Pages {
 public:
  /// Errors: `invalid` "pages.files" when a file is missing.
  static Result<std::unique_ptr<Pages>> load(const std::string& templates, const std::string& static_folder);
  const std::string& stylesheet() const { return stylesheet_; }
  const std::string& stylesheet_version() const { return version_; }

 private:
  std::string stylesheet_;
  std::string version_;
};

namespace pages {

/// The page of an error, in place of its problem+json `answer`, whose status and headers it keeps.
Response failure(const Context& context, const Error& error, Response answer);

net::awaitable<Response> home(Context& context);
net::awaitable<Response> programmes(Context& context);
net::awaitable<Response> programme(Context& context);
net::awaitable<Response> programme_diagram(Context& context);
net::awaitable<Response> notices(Context& context);
net::awaitable<Response> notice(Context& context);
net::awaitable<Response> objection(Context& context);
net::awaitable<Response> awards(Context& context);
net::awaitable<Response> static_file(Context& context);

}  // namespace pages
}  // namespace chuyi
