#include "engine/runtime/findings.h"

#include <algorithm>
#include <array>

#include "engine/base/digest.h"

namespace chuyi {
namespace {

/// Shorter texts say the same without being copied.
constexpr std::size_t kTextBytesMin = 90;
constexpr std::size_t kDepthMax = 12;
/// Of one trace, and in all: a template that everybody sends is not looked through to its end.
constexpr std::size_t kOthersMax = 5;
constexpr std::size_t kFindingsMax = 50;

/// Without white space and ASCII punctuation, letters small: what a copy keeps.
std::string normalised(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')) out += c;
    if (c >= 'A' && c <= 'Z') out += static_cast<char>(c - 'A' + 'a');
  }
  for (const char* mark : {"\u3000", "，", "。", "、", "；", "："})
    for (std::size_t at = out.find(mark); at != std::string::npos; at = out.find(mark, at)) out.erase(at, std::string_view{mark}.size());
  return out;
}

class Collector {
 public:
  explicit Collector(const SessionRow& session) : session_(session) {}

  void add(const char* what, const std::string& of, std::string place) {
    std::string key = std::string{what} + ":" + sha256_hex(of);
    const bool known = std::any_of(out.begin(), out.end(), [&](const Trace& each) { return each.key == key; });
    if (!known && out.size() < kTracesMax) out.push_back({.key = std::move(key), .what = what, .place = std::move(place)});
  }

  void walk(const json::value& value, const std::string& place, std::size_t depth) {
    if (depth > kDepthMax) return;
    if (value.is_string() && value.get_string().size() >= kTextBytesMin) {
      add("text", normalised(std::string{value.get_string()}), place);
    } else if (value.is_array()) {
      for (std::size_t i = 0; i < value.get_array().size(); ++i) walk(value.get_array()[i], place + "/" + std::to_string(i), depth + 1);
    } else if (value.is_object()) {
      const json::object& object = value.get_object();
      const bool person = std::any_of(kPersonal.begin(), kPersonal.end(), [&](const char* each) { return object.contains(each); });
      if (const std::string name = string_or(object, "name"); !name.empty() && person && !object.contains("uscc"))
        add("person", session_.org + "\n" + name, place);
      for (const auto& member : object) walk(member.value(), place + "/" + pointer_segment(member.key()), depth + 1);
    }
  }

  std::vector<Trace> out;

 private:
  static constexpr std::array kPersonal = {"phone", "id_number", "birth", "title", "role", "side", "post"};
  const SessionRow& session_;
};

}  // namespace

std::vector<Trace> traces_of(const SessionRow& session, const json::object& form, const std::vector<DocumentRow>& documents) {
  Collector collector(session);
  collector.add("title", session.org + "\n" + normalised(session.title), "/title");
  for (const DocumentRow& document : documents)
    if (!document.removed) collector.add("document", document.digest, document.kind + "/" + document.name);
  collector.walk(json::value(form), "", 0);
  return std::move(collector.out);
}

Result<json::array> find_traces(Queries& queries, const std::string& session_id, const std::vector<Trace>& traces) {
  json::array out;
  for (const Trace& trace : traces) {
    if (out.size() >= kFindingsMax) break;
    const Result<Page<RecordRow>> others = queries.records({.kind = kTraceRecord, .about = trace.key}, {.limit = kOthersMax});
    if (!others) return others.error();
    for (const RecordRow& other : others->rows) {
      const std::string id = other.id.substr(0, other.id.find('/'));
      if (id == session_id) continue;
      const Result<std::optional<SessionRow>> session = queries.session(id);
      if (!session) return session.error();
      if (!*session || (trace.what == "person" && (*session)->status != "running")) continue;
      out.push_back(json::object{{"what", trace.what},
                                 {"place", trace.place},
                                 {"application", id},
                                 {"programme", (*session)->programme},
                                 {"round", (*session)->round},
                                 {"title", (*session)->title},
                                 {"org_name", (*session)->org_name},
                                 {"status", (*session)->status}});
    }
  }
  return out;
}

json::array to_json(const std::vector<Trace>& traces) {
  json::array out;
  for (const Trace& each : traces) out.push_back(json::object{{"key", each.key}, {"what", each.what}, {"place", each.place}});
  return out;
}

std::vector<Trace> traces_from_json(const json::array& array) {
  std::vector<Trace> out;
  for (const json::value& each : array)
    if (each.is_object()) out.push_back({.key = string_or(each.get_object(), "key"), .what = string_or(each.get_object(), "what"), .place = string_or(each.get_object(), "place")});
  return out;
}

}  // namespace chuyi
