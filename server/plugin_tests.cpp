#include "server/plugin_tests.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>

#include "engine/forms/forms.h"
#include "engine/stages/profiles.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

/// As the loader's own: a package that needs more is refused there.
constexpr check::Limits kCheckLimits{.nodes_max = 200'000, .edges_max = 2'000'000};
constexpr JsonLimits kTestLimits{.bytes_max = 2U * 1024 * 1024};

using Findings = std::set<std::pair<std::string, std::string>>;

std::string text_of(const Findings& findings) {
  std::string out;
  for (const auto& [place, code] : findings) out += (out.empty() ? "" : ", ") + ("'" + place + "' " + code);
  return out;
}

class Tests {
 public:
  Tests(const Definition& definition, PluginHost& plugins) : definition_(definition), plugins_(plugins) {}

  void file(const std::string& path, const std::string& text) {
    place_ = path;
    const Result<json::value> parsed = parse_json(text, kTestLimits, path);
    if (!parsed) return malformed(parsed.error().message);
    if (!parsed->is_array()) return one(*parsed);
    for (std::size_t i = 0; i < parsed->get_array().size(); ++i) {
      place_ = path + "#/" + std::to_string(i);
      one(parsed->get_array()[i]);
    }
  }

  TestRun take() { return std::move(out_); }

 private:
  void malformed(const std::string& why) {
    out_.failures.push_back({.place = place_,
                             .code = "plugin.test_file",
                             .message = R"(Expected {"form","data","expect":{"findings":[…]}} or {"hook","input","expect":{…}}, but found: )" + why,
                             .message_zh = "测试用例格式有误"});
  }
  void failed(const std::string& expected, const std::string& found) {
    out_.failures.push_back({.place = place_, .code = "plugin.test", .message = "Expected " + expected + ", but found " + found, .message_zh = "应为：" + expected + "；实为：" + found});
  }
  static bool is_object_at(const json::object& given, const char* key) {
    const json::value* found = given.if_contains(key);
    return found != nullptr && found->is_object();
  }

  void one(const json::value& given) {
    ++out_.cases;
    if (!given.is_object() || !is_object_at(given.get_object(), "expect")) return malformed("no object with \"expect\"");
    const json::object& test = given.get_object();
    if (test.contains("form") && is_object_at(test, "data")) return form(test);
    if (test.contains("hook") && is_object_at(test, "input")) return hook(test);
    malformed("neither a form with data nor a hook with input");
  }

  void form(const json::object& test) {
    const std::string id = string_or(test, "form");
    const auto compiled = definition_.compiled_forms.find(id);
    if (compiled == definition_.compiled_forms.end()) return malformed("the package has no form '" + id + "'");
    std::vector<Detail> findings = validate_form(*compiled->second, test.at("data"), {{"deadline", string_or(test, "deadline", first_deadline())}});
    if (findings.empty()) {
      json::object application{{"id", "a-test"}, {"programme", definition_.programme}, {"round", "2026"}, {"title", "test"}, {"org", "test"}, {"org_name", "test"}};
      for (const auto& member : object_or_empty(test, "application")) application[member.key()] = member.value();
      const Result<json::object> answer = plugins_.call(
          definition_, hook::kValidate, {}, {{"form", id}, {"data", test.at("data")}, {"date", string_or(test, "date", "2026-03-02")}, {"application", std::move(application)}});
      if (!answer) return failed("an answer of validate", answer.error().message);
      findings = findings_of(*answer);
    }
    Findings found;
    for (const Detail& each : findings) found.emplace(each.place, each.code);
    Findings expected;
    for (const json::value& each : array_or_empty(object_or_empty(test, "expect"), "findings")) {
      if (!each.is_object()) return malformed("a finding that is no object");
      expected.emplace(string_or(each.get_object(), "place"), string_or(each.get_object(), "code"));
    }
    if (found == expected) return;
    failed(expected.empty() ? "no findings" : text_of(expected), found.empty() ? "none" : text_of(found));
  }

  /// Of the first round that names one; a form of another day says it itself.
  std::string first_deadline() const {
    const json::object& deadlines = object_or_empty(definition_.manifest, "deadlines");
    return deadlines.empty() ? "2026-03-02" : std::string{deadlines.begin()->value().as_string()};
  }

  void hook(const json::object& test) {
    const Result<json::object> answer = plugins_.call(definition_, string_or(test, "hook"), {}, test.at("input").as_object());
    if (!answer) return failed("an answer of " + string_or(test, "hook"), answer.error().message);
    const std::string expected = canonical_json(test.at("expect"));
    const std::string found = canonical_json(*answer);
    if (found != expected) failed(expected, found);
  }

  const Definition& definition_;
  PluginHost& plugins_;
  std::string place_;
  TestRun out_;
};

}  // namespace

Result<std::unique_ptr<TemporaryFolder>> TemporaryFolder::make(const std::string& parent) {
  std::error_code ec;
  fs::create_directories(parent, ec);
  std::string path = parent + "/package.XXXXXX";
  if (::mkdtemp(path.data()) == nullptr)
    return Error{.kind = ErrorKind::unavailable, .code = "file.write", .message = std::string{"Expected to make a folder, but: "} + std::strerror(errno), .place = parent};
  return std::unique_ptr<TemporaryFolder>(new TemporaryFolder(std::move(path)));
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ec;
  fs::remove_all(path_, ec);
}

std::vector<Detail> check_package(const Definition& definition, const std::vector<check::Policy>& policies) {
  const auto read = [&](const std::string& src) { return read_source(definition.files, src); };
  const check::Report report =
      check::check(*definition.chart, {.manifest = definition.manifest, .sources = read}, builtin_world(), policies, kCheckLimits);
  std::vector<Detail> out;
  for (const check::Finding& each : report.findings) out.push_back(check::flat(each));
  return out;
}

TestRun run_package_tests(const Definition& definition, const PackageFiles& files, PluginHost& plugins) {
  Tests tests(definition, plugins);
  for (const auto& [path, text] : files)
    if (path.starts_with("tests/") && !path.starts_with("tests/way") && path.ends_with(".json") && path.find('/', 6) == std::string::npos) tests.file(path, text);
  return tests.take();
}

}  // namespace chuyi
