#include "engine/runtime/events_json.h"

#include "engine/base/form.h"

namespace chuyi {
namespace {

using scxml::Event;
using scxml::EventType;

constexpr std::size_t kNameMax = 200;

Error invalid(const char* code, const char* message, const char* message_zh) {
  return Error{.kind = ErrorKind::invalid, .code = code, .message = message, .message_zh = message_zh};
}

/// Without its parameters, in lower case (RFC 9110, 8.3.1).
std::string essence(std::string_view media_type) {
  std::string out{media_type.substr(0, media_type.find_first_of("; \t"))};
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

json::value read_value(std::string text) {
  const bool light = !text.empty() && (text.front() == '{' || text.front() == '[' || text.front() == '-' || (text.front() >= '0' && text.front() <= '9') ||
                                       text == "true" || text == "false");
  if (light)
    if (Result<json::value> parsed = parse_json(text, JsonLimits{}, "form"); parsed && canonical_json(*parsed) == text) return std::move(*parsed);
  return json::value(std::move(text));
}

}  // namespace

json::object to_json(const Event& event) {
  json::object out{{"event", event.name}};
  if (event.type == EventType::platform) out["type"] = "platform";
  if (event.type == EventType::internal) out["type"] = "internal";
  for (const auto& [key, text] : {std::pair{"sendid", &event.sendid}, std::pair{"origin", &event.origin}, std::pair{"origintype", &event.origintype},
                                  std::pair{"invokeid", &event.invokeid}, std::pair{"raw", &event.raw}})
    if (!text->empty()) out[key] = *text;
  if (!event.data.is_null()) out["data"] = event.data;
  return out;
}

Event event_of(const json::object& object) {
  const std::string type = string_or(object, "type");
  Event out{.name = string_or(object, "event"),
            .type = type == "platform" ? EventType::platform : type == "internal" ? EventType::internal : EventType::external,
            .sendid = string_or(object, "sendid"),
            .origin = string_or(object, "origin"),
            .origintype = string_or(object, "origintype"),
            .invokeid = string_or(object, "invokeid"),
            .raw = string_or(object, "raw")};
  if (const json::value* data = object.if_contains("data")) out.data = *data;
  return out;
}

Result<Event> http_event(std::string_view media_type, std::string body) {
  const std::string raw = "POST\r\nContent-Type: " + std::string{media_type} + "\r\n\r\n" + body;
  if (!is_utf8(raw) || raw.find('\0') != std::string::npos) return invalid("http_event.content", "Expected UTF-8 text", "内容须为UTF-8文本");
  Event out{.name = "HTTP.POST", .origintype = std::string{scxml::kHttpProcessor}, .raw = raw};
  const std::string type = essence(media_type);
  if (type == "application/x-www-form-urlencoded") {
    const std::optional<FormPairs> pairs = parse_form(body);
    if (!pairs) return invalid("http_event.form", "Expected a form of at most 64 pairs, percent-encoded UTF-8", "表单格式不正确");
    json::object data;
    bool named = false;
    for (const auto& [name, value] : *pairs) {
      if (name != "_scxmleventname") {
        data[name] = read_value(value);
        continue;
      }
      if (named || value.empty() || value.size() > kNameMax)
        return invalid("http_event.name", "Expected _scxmleventname once, of 1 to 200 bytes", "事件名称不正确");
      named = true;
      out.name = value;
    }
    if (!data.empty()) out.data = std::move(data);
    return out;
  }
  if (type == "application/json") {
    Result<json::value> parsed = parse_json(body, JsonLimits{}, "body");
    if (!parsed) return parsed.error();
    out.data = std::move(*parsed);
  } else if (!body.empty()) {
    out.data = json::value(std::move(body));
  }
  return out;
}

}  // namespace chuyi
