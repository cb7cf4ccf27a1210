#include "server/problem.h"

#include <boost/json/serialize.hpp>

#include "engine/invoke/rows_json.h"

namespace chuyi {

Result<> Texts::add(const std::string& text, const std::string& file) {
  const Result<json::value> parsed = parse_json(text, JsonLimits{}, file);
  if (!parsed) return parsed.error();
  for (const auto& member : parsed->as_object()) {
    const json::object& both = member.value().as_object();
    texts_[member.key()] = {string_or(both, "zh"), string_or(both, "en")};
  }
  return {};
}

std::string Texts::get(const std::string& code, const std::string& language) const {
  auto found = texts_.find(code);
  for (std::string family = code; found == texts_.end();) {
    const std::size_t dot = family.rfind('.');
    if (dot == std::string::npos) return code;
    family.resize(dot);
    found = texts_.find(family + ".*");
  }
  return language == "en" ? found->second.second : found->second.first;
}

std::string language_of(const Request& request) {
  const std::string chosen = request.query_or("lang");
  if (chosen == "zh" || chosen == "en") return chosen;
  const std::string& accepted = request.header("accept-language");
  const std::size_t en = accepted.find("en");
  const std::size_t zh = accepted.find("zh");
  return en != std::string::npos && (zh == std::string::npos || en < zh) ? "en" : "zh";
}

int status_of(const Error& error) {
  switch (error.kind) {
    case ErrorKind::invalid: {
      const bool content = error.code.starts_with("form.") || error.code.starts_with("rule.") || error.code == "plugin.refused" ||
                           error.code == "idempotency.mismatch" || error.code.starts_with("user.") ||
                           error.code.starts_with("organisation.");
      return content ? 422 : 400;
    }
    case ErrorKind::unauthenticated: return 401;
    case ErrorKind::forbidden: return 403;
    case ErrorKind::not_found: return 404;
    case ErrorKind::rejected: return 409;
    case ErrorKind::precondition: return error.code == "precondition.missing" ? 428 : 412;
    case ErrorKind::too_large: return error.code == "login.limited" ? 429 : 413;
    case ErrorKind::unavailable: return 503;
  }
  return 500;
}

std::string detail_of(const Error& error, const Texts& texts, const std::string& language) {
  if (language == "zh" && !error.message_zh.empty()) return printable(error.message_zh);
  // What a disk or a library says is for the log.
  const bool internal = error.kind == ErrorKind::unavailable && !error.code.starts_with("plugin.") &&
                        error.code != "login.busy" && error.code != "certificate.font";
  return internal ? texts.get(error.code, language) : printable(error.message);
}

json::object problem_json(const Error& error, const Texts& texts) {
  json::object out{{"code", error.code}, {"zh", detail_of(error, texts, "zh")}, {"en", detail_of(error, texts, "en")}};
  if (!error.place.empty()) out["place"] = printable(error.place);
  if (!error.allowed.empty()) out["allowed"] = to_json(error.allowed);
  json::array errors;
  for (const Detail& each : error.details)
    errors.push_back(json::object{
        {"place", printable(each.place)}, {"code", each.code}, {"zh", printable(each.message_zh)}, {"en", printable(each.message)}});
  if (!errors.empty()) out["errors"] = std::move(errors);
  return out;
}

Response problem(const Error& error, const Texts& texts, const Request& request, std::optional<int> exact) {
  const std::string language = language_of(request);
  const int status = exact.value_or(status_of(error));
  json::object body{{"type", "urn:chuyi:problem:" + error.code},
                    {"title", texts.get(error.code, language)},
                    {"status", status},
                    {"code", error.code},
                    {"detail", detail_of(error, texts, language)},
                    {"request_id", request.id}};
  if (!error.place.empty()) body["place"] = printable(error.place);
  if (!error.allowed.empty()) body["allowed"] = to_json(error.allowed);
  if (!error.details.empty()) {
    json::array errors;
    for (const Detail& each : error.details)
      errors.push_back(json::object{{"pointer", printable(each.place)},
                                    {"code", each.code},
                                    {"detail", printable(each.message)},
                                    {"detail_zh", printable(each.message_zh)}});
    body["errors"] = std::move(errors);
  }
  Response out{.status = status, .body = json::serialize(body)};
  out.with("Content-Type", "application/problem+json");
  if (status == 401) out.with("WWW-Authenticate", "Bearer realm=\"chuyi\"");
  if (status == 503) out.with("Retry-After", "2");
  if (status == 429) out.with("Retry-After", "30");
  return out;
}

}  // namespace chuyi
