#include <algorithm>
#include <charconv>
#include <set>

#include "engine/base/split.h"
#include "engine/check/policy.h"
#include "engine/scxml/xml_gate.h"

// Reads workflows/policies/*.xml. policies.xsd beside them says the same for editors.
namespace chuyi::check {
namespace {

constexpr std::string_view kNamespace = "urn:chuyi:policies:1";
constexpr int kTimesMax = 100;

struct Role {
  const char* name;
  std::vector<Pattern> Policy::*patterns;
  bool required;
};
struct RuleRow {
  const char* name;
  Rule rule;
  std::vector<Role> roles;
};
const std::vector<RuleRow>& rules() {
  static const std::vector<RuleRow> rows{
      {"never", Rule::never, {{"what", &Policy::what, true}, {"after", &Policy::after, false}, {"unless", &Policy::unless, false}}},
      {"always-before",
       Rule::always_before,
       {{"what", &Policy::what, true}, {"before", &Policy::before, true}, {"since", &Policy::since, false}}},
      {"eventually",
       Rule::eventually,
       {{"after", &Policy::after, false}, {"reach", &Policy::reach, true}, {"unless", &Policy::unless, false}}},
      {"within",
       Rule::within,
       {{"after", &Policy::after, false},
        {"reach", &Policy::reach, true},
        {"clock", &Policy::clock, true},
        {"unless", &Policy::unless, false}}}};
  return rows;
}

struct PatternRow {
  const char* name;
  PatternKind kind;
  std::vector<std::string_view> attributes;
};
const std::vector<PatternRow>& patterns() {
  static const std::vector<PatternRow> rows{{"state", PatternKind::state, {"id", "stage"}},
                                            {"event", PatternKind::event, {"name"}},
                                            {"timer", PatternKind::timer, {"name"}},
                                            {"start", PatternKind::start, {"id", "stage", "type", "open-to"}},
                                            {"answer", PatternKind::answer, {"id", "stage", "type", "outcome"}},
                                            {"failure", PatternKind::failure, {"id", "stage", "type"}},
                                            {"end", PatternKind::end, {"id", "stage"}}};
  return rows;
}

template <class Rows>
std::string names_of(const Rows& rows) {
  std::string out;
  for (const auto& row : rows) out += (out.empty() ? "<" : ", <") + std::string{row.name} + ">";
  return out;
}

class Reader {
 public:
  explicit Reader(const XmlDocument& document) : document_(document) {}

  Result<std::vector<Policy>> run() {
    const pugi::xml_node root = document_.dom.document_element();
    if (std::string_view{root.name()} != "policies" || std::string_view{root.attribute("xmlns").value()} != kNamespace)
      problem(document_.place(root), "policy.root",
              "Expected the root element <policies xmlns=\"urn:chuyi:policies:1\">, but found <" + std::string{root.name()} + ">",
              "根元素应为<policies xmlns=\"urn:chuyi:policies:1\">");
    else
      for (const pugi::xml_node& node : elements(root)) read_policy(node);
    if (problems_.empty()) return std::move(policies_);
    return Error{.kind = ErrorKind::invalid,
                 .code = problems_.front().code,
                 .message = problems_.front().message,
                 .place = problems_.front().place,
                 .message_zh = problems_.front().message_zh,
                 .details = std::move(problems_)};
  }

 private:
  static std::vector<pugi::xml_node> elements(const pugi::xml_node& node) {
    std::vector<pugi::xml_node> out;
    for (const pugi::xml_node& child : node)
      if (child.type() == pugi::node_element) out.push_back(child);
    return out;
  }
  void problem(std::string place, const char* code, std::string en, std::string zh) {
    problems_.push_back({.place = std::move(place), .code = code, .message = std::move(en), .message_zh = std::move(zh)});
  }
  void unexpected(const pugi::xml_node& node, const std::string& expected) {
    problem(document_.place(node), "policy.element",
            "Expected " + expected + " inside <" + node.parent().name() + ">, but found <" + std::string{node.name()} + ">",
            "<" + std::string{node.parent().name()} + ">内应为" + expected + "，而不是<" + node.name() + ">");
  }
  void check_attributes(const pugi::xml_node& node, const std::vector<std::string_view>& known) {
    for (const pugi::xml_attribute& each : node.attributes())
      if (std::find(known.begin(), known.end(), each.name()) == known.end() && !std::string_view{each.name()}.starts_with("xml"))
        problem(document_.place(each), "policy.attribute",
                "Expected an attribute of <" + std::string{node.name()} + ">, but found '" + each.name() + "'",
                "<" + std::string{node.name()} + ">没有属性“" + each.name() + "”");
  }
  std::string required(const pugi::xml_node& node, const char* name) {
    const std::string value = node.attribute(name).value();
    if (value.empty())
      problem(document_.place(node), "policy.required", "Expected attribute '" + std::string{name} + "' of <" + node.name() + ">",
              "<" + std::string{node.name()} + ">缺少属性“" + name + "”");
    return value;
  }
  std::optional<std::int64_t> number(const pugi::xml_node& node, const char* name, std::int64_t max) {
    const pugi::xml_attribute found = node.attribute(name);
    if (!found) return std::nullopt;
    const std::string_view text = found.value();
    std::int64_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc{} || end != text.data() + text.size() || out < 0 || out > max)
      problem(document_.place(found), "policy.number",
              "Expected a whole number from 0 to " + std::to_string(max) + ", but found '" + std::string{text} + "'",
              "应为0至" + std::to_string(max) + "的整数，而不是“" + std::string{text} + "”");
    return out;
  }

  void read_policy(const pugi::xml_node& node) {
    if (std::string_view{node.name()} != "policy") return unexpected(node, "<policy>");
    check_attributes(node, {"id", "zh", "en"});
    Policy out;
    out.place = document_.place(node);
    out.id = required(node, "id");
    out.zh = required(node, "zh");
    out.en = required(node, "en");
    if (!out.id.empty() && !ids_.insert(out.id).second)
      problem(out.place, "policy.duplicate", "Expected each policy once, but found '" + out.id + "' again", "规则“" + out.id + "”重复");
    const std::vector<pugi::xml_node> children = elements(node);
    if (children.size() != 1) {
      problem(document_.place(node), "policy.rule", "Expected one of " + names_of(rules()) + " inside <policy>",
              "<policy>内应当有且只有一条规则：" + names_of(rules()));
      return;
    }
    read_rule(children.front(), out);
    policies_.push_back(std::move(out));
  }

  void read_rule(const pugi::xml_node& node, Policy& out) {
    const auto row = std::find_if(rules().begin(), rules().end(), [&](const RuleRow& each) { return std::string_view{node.name()} == each.name; });
    if (row == rules().end()) return unexpected(node, "one of " + names_of(rules()));
    out.rule = row->rule;
    if (out.rule == Rule::within)
      check_attributes(node, {"times"});
    else
      check_attributes(node, {});
    out.times = static_cast<int>(number(node, "times", kTimesMax).value_or(1));
    for (const pugi::xml_node& child : elements(node)) {
      const auto role = std::find_if(row->roles.begin(), row->roles.end(), [&](const Role& each) { return std::string_view{child.name()} == each.name; });
      if (role == row->roles.end()) {
        unexpected(child, "one of " + names_of(row->roles));
        continue;
      }
      check_attributes(child, {});
      for (const pugi::xml_node& pattern : elements(child)) (out.*role->patterns).push_back(read_pattern(pattern));
      if ((out.*role->patterns).empty())
        problem(document_.place(child), "policy.pattern", "Expected a pattern (" + names_of(patterns()) + ") inside <" + child.name() + ">",
                "<" + std::string{child.name()} + ">内应当有模式：" + names_of(patterns()));
    }
    for (const Role& role : row->roles)
      if (role.required && !node.child(role.name))
        problem(document_.place(node), "policy.rule", "Expected <" + std::string{role.name} + "> inside <" + node.name() + ">",
                "<" + std::string{node.name()} + ">缺少<" + role.name + ">");
    const bool open = std::any_of(out.what.begin(), out.what.end(), [](const Pattern& each) { return each.open_to_after; });
    if (open && (out.rule != Rule::never || out.after.empty()))
      problem(document_.place(node), "policy.rule", "Expected open-to=\"after\" only inside <never> with <after>",
              "open-to=\"after\"只能用于带<after>的<never>");
  }

  Pattern read_pattern(const pugi::xml_node& node) {
    Pattern out;
    out.place = document_.place(node);
    const auto row =
        std::find_if(patterns().begin(), patterns().end(), [&](const PatternRow& each) { return std::string_view{node.name()} == each.name; });
    if (row == patterns().end()) {
      unexpected(node, "one of " + names_of(patterns()));
      return out;
    }
    out.kind = row->kind;
    check_attributes(node, row->attributes);
    out.ids = split(node.attribute("id").value());
    out.stages = split(node.attribute("stage").value());
    out.types = split(node.attribute("type").value());
    out.name = node.attribute("name").value();
    if (node.attribute("outcome")) {
      ValueRule outcome;
      outcome.name = "outcome";
      outcome.equals = split(node.attribute("outcome").value());
      out.data.push_back(std::move(outcome));
    }
    if (const pugi::xml_attribute open = node.attribute("open-to")) {
      out.open_to_after = true;
      if (std::string_view{open.value()} != "after")
        problem(document_.place(open), "policy.attribute", "Expected open-to=\"after\", but found '" + std::string{open.value()} + "'",
                "open-to的值只能是after");
    }
    const bool of_invoke = out.kind == PatternKind::start || out.kind == PatternKind::answer || out.kind == PatternKind::failure;
    for (const pugi::xml_node& child : elements(node)) {
      const std::string_view name = child.name();
      if (name == "param" && of_invoke)
        out.parameters.push_back(read_value(child));
      else if (name == "data" && out.kind == PatternKind::answer)
        out.data.push_back(read_value(child));
      else
        unexpected(child, out.kind == PatternKind::answer ? "<param> or <data>" : of_invoke ? "<param>" : "nothing");
    }
    return out;
  }

  ValueRule read_value(const pugi::xml_node& node) {
    check_attributes(node, {"name", "equals", "has", "at-least", "working-days-min"});
    ValueRule out;
    out.name = required(node, "name");
    out.equals = split(node.attribute("equals").value());
    out.has = split(node.attribute("has").value());
    out.at_least = number(node, "at-least", 1'000'000);
    out.working_days_min = number(node, "working-days-min", 3'660);
    if (out.equals.empty() && out.has.empty() && !out.at_least && !out.working_days_min)
      problem(document_.place(node), "policy.required",
              "Expected one of equals, has, at-least and working-days-min of <" + std::string{node.name()} + ">",
              "<" + std::string{node.name()} + ">应当有equals、has、at-least、working-days-min之一");
    return out;
  }

  const XmlDocument& document_;
  std::vector<Policy> policies_;
  std::vector<Detail> problems_;
  std::set<std::string> ids_;
};

}  // namespace

Result<std::vector<Policy>> parse_policies(std::string_view xml, const std::string& file) {
  const Result<std::unique_ptr<XmlDocument>> document = parse_xml(xml, file);
  if (!document) return document.error();
  return Reader(**document).run();
}

}  // namespace chuyi::check
