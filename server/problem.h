#pragma once

#include <map>
#include <optional>
#include <string>

#include "engine/base/json.h"
#include "engine/base/result.h"
#include "server/http/message.h"

namespace chuyi {

/// What people read, by stable code, in zh and en. From server/texts/*.json.
class Texts {
 public:
  /// Adds {"code": {"zh","en"}, …}. A code may end in ".*" and then serves its whole family.
  Result<> add(const std::string& text, const std::string& file);
  /// The text of the code or its nearest family; the code itself when there is none.
  std::string get(const std::string& code, const std::string& language) const;

 private:
  std::map<std::string, std::pair<std::string, std::string>> texts_;
};

/// "zh" or "en": `lang` of the query, else Accept-Language, else zh.
std::string language_of(const Request& request);

int status_of(const Error& error);
/// What to tell people about it, in `language`. Details of the storage or of the machine never go out.
std::string detail_of(const Error& error, const Texts& texts, const std::string& language);

/// A refusal within an answer that says more: {"code", "zh", "en"} and where there are any "place", "allowed" and, for each
/// finding, "errors": [{"place", "code", "zh", "en"}].
json::object problem_json(const Error& error, const Texts& texts);

/// application/problem+json (RFC 9457).
/// `status` where it is more exact than what the kind of error says.
Response problem(const Error& error, const Texts& texts, const Request& request, std::optional<int> status = {});

}  // namespace chuyi
