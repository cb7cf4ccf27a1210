#include "plugins/loader/manifest.h"

#include <algorithm>
#include <functional>
#include <set>

#include "engine/base/split.h"
#include "engine/base/time.h"
#include "engine/ports/plugin_host.h"
#include "engine/review/rubric.h"
#include "engine/scxml/xml_gate.h"
#include "plugins/loader/rubric_xml.h"
#include "plugins/loader/schema.h"

namespace chuyi {
namespace {

/// Of the interface between packages and this program: what plugin.xml says, the hooks, what charts see.
constexpr int kPluginApi = 1;

json::object texts(const pugi::xml_node& node) {
  return {{"zh", node.attribute("zh").value()}, {"en", node.attribute("en").value()}};
}

class Reader {
 public:
  Reader(const XmlDocument& document) : document_(document), root_(document.dom.document_element()) {}

  Result<Manifest> run() {
    out_.id = root_.attribute("id").value();
    out_.version = root_.attribute("version").value();
    json::object& data = out_.data;
    data["titles"] = texts(root_.child("title"));
    data["description"] = texts(root_.child("description"));
    data["kind"] = root_.attribute("kind").as_string("programme");
    for (const char* name : {"licence", "author"})
      if (const pugi::xml_attribute given = root_.attribute(name)) data[name] = given.value();
    json::array rounds;
    json::object deadlines;
    for (const pugi::xml_node& round : root_.children("round")) {
      rounds.emplace_back(round.attribute("id").value());
      if (const pugi::xml_attribute deadline = round.attribute("deadline")) {
        if (!parse_day(deadline.value())) problem(round, "plugin.round", "Expected a deadline YYYY-MM-DD without a time zone");
        deadlines[round.attribute("id").value()] = deadline.value();
      }
    }
    const bool is_round = data["kind"] == "round";
    if (is_round != rounds.empty()) problem(root_, "plugin.round", is_round ? "Expected no <round> in a package of rounds" : "Expected a <round>");
    if (!is_round && !root_.child("form")) problem(root_, "plugin.form", "Expected a <form>");
    data["rounds"] = std::move(rounds);
    if (!deadlines.empty()) data["deadlines"] = std::move(deadlines);
    read_people();
    if (const pugi::xml_node quota = root_.child("quota")) read_quota(quota);
    if (const pugi::xml_node term = root_.child("term")) {
      data["term_years"] = term.attribute("years").as_int();
      if (const pugi::xml_attribute years = term.attribute("ban-years"))
        data["ban"] = json::object{{"years", years.as_int()}, {"of", term.attribute("ban-of").as_string("unit")}};
    }
    if (const pugi::xml_node numbering = root_.child("numbering")) data["numbering"] = json::object{{"scheme", numbering.attribute("scheme").value()}};
    if (const pugi::xml_node panel = root_.child("panel")) read_panel(panel);
    if (const pugi::xml_node publicity = root_.child("publicity")) read_publicity(publicity);
    if (const pugi::xml_node check = root_.child("annual-check")) read_annual_check(check);
    if (const pugi::xml_node funding = root_.child("funding")) read_funding(funding);
    if (const pugi::xml_node eligibility = root_.child("eligibility")) read_eligibility(eligibility);
    if (const pugi::xml_node rubric = root_.child("rubric")) read_rubric(rubric);
    read_documents();
    read_parts();
    read_texts();
    read_library();
    read_api();
    if (problems_.empty()) return std::move(out_);
    return Error{.kind = ErrorKind::invalid,
                 .code = problems_.front().code,
                 .message = problems_.front().message,
                 .place = problems_.front().place,
                 .message_zh = {},
                 .details = std::move(problems_)};
  }

 private:
  void problem(const pugi::xml_node& node, const char* code, std::string message) {
    problems_.push_back({.place = document_.place(node), .code = code, .message = std::move(message), .message_zh = {}});
  }

  /// The children of `node` by a key that may not come twice.
  json::array list_of(const pugi::xml_node& node, const char* name, const char* key, const std::function<json::object(const pugi::xml_node&)>& read) {
    json::array out;
    std::set<std::string> seen;
    for (const pugi::xml_node& each : node.children(name)) {
      if (key != nullptr && !seen.insert(each.attribute(key).value()).second)
        problem(each, "plugin.duplicate", std::string{"Expected each <"} + name + "> once, but '" + each.attribute(key).value() + "' comes twice");
      out.push_back(read(each));
    }
    return out;
  }

  void read_people() {
    json::array aliases = list_of(root_, "alias", nullptr, [](const pugi::xml_node& node) {
      json::object alias = texts(node);
      if (const pugi::xml_attribute since = node.attribute("since")) alias["since"] = since.value();
      return alias;
    });
    if (!aliases.empty()) out_.data["aliases"] = std::move(aliases);
    if (const pugi::xml_node node = root_.child("applicants")) {
      json::object applicants{{"titles", texts(node)}};
      for (const char* key : {"levels", "kinds"}) {
        json::array named;
        for (std::string& each : split(node.attribute(key).value())) named.emplace_back(std::move(each));
        if (!named.empty()) applicants[key] = std::move(named);
      }
      if (const pugi::xml_attribute co_leads = node.attribute("co-leads")) applicants["co_leads"] = co_leads.as_int();
      out_.data["applicants"] = std::move(applicants);
    }
    const pugi::xml_node node = root_.child("recommendation");
    out_.data["recommendation"] = json::object{{"level", node.attribute("level").as_string("prefecture")}};
    if (node) out_.data["recommendation"].as_object()["titles"] = texts(node);
  }

  void read_quota(const pugi::xml_node& node) {
    json::object quota{{"kind", node.attribute("kind").as_string("cap")}};
    const int province = node.attribute("province").as_int();
    if (province > 0) quota["province"] = province;
    quota["per"] = list_of(node, "per", "level", [&](const pugi::xml_node& each) { return read_per(each, province); });
    quota["named"] = list_of(node, "named", "zh", texts);
    if (province > 0 && quota["named"].get_array().size() > static_cast<std::size_t>(province))
      problem(node, "plugin.quota", "Expected no more named places than the province's " + std::to_string(province));
    const auto passage = [](const pugi::xml_node& each) {
      json::object out;
      for (const char* key : {"notice", "section", "text"}) out[key] = each.attribute(key).value();
      if (const pugi::xml_attribute value = each.attribute("value")) out["value"] = value.as_int();
      return out;
    };
    quota["passages"] = list_of(node, "passage", nullptr, passage);
    quota["readings"] = list_of(node, "reading", nullptr, passage);
    if (province == 0 && quota["per"].get_array().empty()) problem(node, "plugin.quota", "Expected 'province', <per>, or both of <quota>; leave it out when there is none");
    for (const char* key : {"per", "named", "passages", "readings"})
      if (quota[key].get_array().empty()) quota.erase(key);
    out_.data["quota"] = std::move(quota);
  }

  json::object read_per(const pugi::xml_node& node, int province) {
    json::object per{{"level", node.attribute("level").value()}};
    for (const char* bound : {"min", "max"})
      if (const pugi::xml_attribute value = node.attribute(bound)) per[bound] = value.as_int();
    const int min = node.attribute("min").as_int(0);
    const int max = node.attribute("max").as_int(0);
    if (min == 0 && max == 0) problem(node, "plugin.quota", "Expected 'min', 'max' or both of <per>");
    if (max > 0 && min > max) problem(node, "plugin.quota", "Expected a min of at most the max " + std::to_string(max) + ", but found " + std::to_string(min));
    if (province > 0 && (min > province || max > province))
      problem(node, "plugin.quota", "Expected at most the province's " + std::to_string(province) + " of one organisation");
    json::object exceptions;
    for (const pugi::xml_node& each : node.children("except")) {
      if (!exceptions.emplace(each.attribute("org").value(), each.attribute("max").as_int()).second)
        problem(each, "plugin.duplicate", "Expected one <except> of each organisation");
    }
    if (!exceptions.empty()) per["except"] = std::move(exceptions);
    return per;
  }

  void read_panel(const pugi::xml_node& node) {
    json::object panel{{"reviewers_min", node.attribute("reviewers-min").as_int()}};
    for (const char* mode : {"opening", "blind"})
      if (const pugi::xml_attribute given = node.attribute(mode)) panel[mode] = given.value();
    json::array words;
    for (std::string& word : split(node.attribute("common-words").value(), " ")) words.emplace_back(std::move(word));
    if (!words.empty()) panel["common_words"] = std::move(words);
    out_.conflicts = node.attribute("conflicts").value();
    out_.conflicts_place = document_.place(node);
    out_.data["panel"] = std::move(panel);
  }

  void read_annual_check(const pugi::xml_node& node) {
    json::array indicators = list_of(node, "indicator", "id", [](const pugi::xml_node& each) {
      json::object indicator{{"id", each.attribute("id").value()}, {"titles", texts(each)}, {"type", each.attribute("type").value()}};
      if (const pugi::xml_attribute unit = each.attribute("unit")) indicator["unit"] = unit.value();
      return indicator;
    });
    out_.data["annual_check"] = json::object{
        {"due", json::object{{"days", node.attribute("due-days").as_int()}, {"unit", node.attribute("unit").value()}, {"include_start", false}}}};
    if (!indicators.empty()) out_.data["annual_check"].as_object()["indicators"] = std::move(indicators);
  }

  void read_funding(const pugi::xml_node& node) {
    json::object funding{{"titles", texts(node)}};
    funding["sources"] = list_of(node, "source", "id", [](const pugi::xml_node& each) { return json::object{{"id", each.attribute("id").value()}, {"titles", texts(each)}}; });
    out_.data["funding"] = std::move(funding);
  }

  void read_eligibility(const pugi::xml_node& node) {
    out_.data["eligibility"] = list_of(node, "rule", "id", [](const pugi::xml_node& each) {
      json::object rule{{"id", each.attribute("id").value()},
                        {"strength", each.attribute("strength").value()},
                        {"rule", each.attribute("rule").value()},
                        {"message_zh", each.attribute("zh").value()},
                        {"message_en", each.attribute("en").value()}};
      if (const pugi::xml_attribute place = each.attribute("place")) rule["place"] = place.value();
      return rule;
    });
  }

  void read_publicity(const pugi::xml_node& node) {
    json::array fields;
    json::object labels;
    for (const pugi::xml_node& field : node.children("field")) {
      fields.emplace_back(field.attribute("name").value());
      labels[field.attribute("name").value()] = texts(field);
    }
    out_.data["publicity"] = json::object{{"days", node.attribute("days").as_int()},
                                          {"unit", node.attribute("unit").value()},
                                          {"include_start", node.attribute("include-start").as_bool()},
                                          {"fields", std::move(fields)},
                                          {"labels", std::move(labels)}};
    if (const pugi::xml_attribute max = node.attribute("objections-max"))
      out_.data["publicity"].as_object()["objections_max"] = max.as_int();
  }

  void read_rubric(const pugi::xml_node& rubric) {
    RubricNodes nodes;
    json::object data = rubric_json(rubric, nodes);
    if (const Result<review::Rubric> read = review::read_rubric(data); !read)
      for (Detail each : details_of(read.error())) {
        each.place = document_.place(node_at(nodes, each.place));
        each.code = "plugin.rubric";
        problems_.push_back(std::move(each));
      }
    out_.data["rubric"] = std::move(data);
  }

  void read_documents() {
    const pugi::xml_node list = root_.child("documents");
    json::array documents = list_of(list, "document", "kind", [this](const pugi::xml_node& node) {
      json::array types;
      for (std::string& type : split(node.attribute("media-types").value(), " ,")) types.emplace_back(std::move(type));
      json::object out{{"kind", node.attribute("kind").value()},
                       {"titles", texts(node)},
                       {"required", node.attribute("required").as_bool()},
                       {"public", node.attribute("public").as_bool()},
                       {"media_types", std::move(types)},
                       {"bytes_max", static_cast<std::int64_t>(node.attribute("bytes-max").as_llong())}};
      if (node.attribute("identifies").as_bool()) out["identifies"] = true;
      if (const pugi::xml_attribute pages = node.attribute("pages-max")) {
        out["pages_max"] = pages.as_int();
        if (std::string_view{node.attribute("media-types").value()} != "application/pdf")
          problem(node, "plugin.pages", "Expected pages-max only where media-types is application/pdf, whose pages can be counted");
      }
      return out;
    });
    out_.data["documents"] = std::move(documents);
    out_.data["documents_max"] = list.attribute("max").as_int();
  }

  void read_parts() {
    const std::string scheme = root_.child("numbering").attribute("scheme").value();
    if (!scheme.empty() && scheme.find("{seq") == std::string::npos)
      problem(root_.child("numbering"), "plugin.numbering", "Expected {seq} or {seq:03} in the numbering scheme");
    const pugi::xml_node workflow = root_.child("workflow");
    out_.workflow_src = workflow.attribute("src").value();
    out_.workflow_shared = workflow.attribute("shared").value();
    out_.workflow_place = document_.place(workflow);
    if (out_.workflow_src.empty() == out_.workflow_shared.empty())
      problem(workflow, "plugin.workflow", "Expected either 'src' or 'shared' of <workflow>");
    json::object params;
    for (const pugi::xml_node& param : workflow.children("param"))
      if (!params.emplace(param.attribute("name").value(), param.attribute("value").value()).second) problem(param, "plugin.duplicate", "Expected each <param> once");
    if (!params.empty() && out_.workflow_shared.empty()) problem(workflow, "plugin.workflow", "Expected parameters of a shared workflow only; a workflow of the package says what it means itself");
    out_.data["params"] = std::move(params);
    if (!out_.workflow_shared.empty()) out_.data["shared_workflow"] = out_.workflow_shared;
    json::object forms;
    list_of(root_, "form", "id", [&](const pugi::xml_node& node) {
      ManifestForm form{.id = node.attribute("id").value(), .src = node.attribute("src").value(), .place = document_.place(node)};
      forms[form.id] = form.src;
      out_.forms.push_back(std::move(form));
      return json::object{};
    });
    if (object_or_empty(out_.data, "annual_check").contains("indicators") && !forms.contains("annual")) {
      out_.forms.push_back({.id = "annual", .src = {}, .place = document_.place(root_.child("annual-check"))});
      forms["annual"] = "plugin.xml";
    }
    out_.data["forms"] = std::move(forms);
  }

  void read_texts() {
    const pugi::xml_node certificate = root_.child("certificate");
    out_.certificate_src = certificate.attribute("src").value();
    out_.certificate_shared = certificate.attribute("shared").value();
    out_.certificate_place = document_.place(certificate);
    if (certificate && out_.certificate_src.empty() == out_.certificate_shared.empty())
      problem(certificate, "plugin.certificate", "Expected either 'src' or 'shared' of <certificate>");
    json::object own;
    list_of(root_.child("texts"), "text", "key", [&](const pugi::xml_node& node) {
      own[node.attribute("key").value()] = texts(node);
      out_.text_places[node.attribute("key").value()] = document_.place(node);
      return json::object{};
    });
    if (!own.empty()) out_.data["texts"] = std::move(own);
  }

  void read_library() {
    const pugi::xml_node node = root_.child("library");
    out_.library = node.attribute("src").value();
    out_.library_place = document_.place(node);
    json::array hooks;
    if (node)
      for (std::string& hook : split(node.attribute("hooks").as_string("validate"), " ")) hooks.emplace_back(std::move(hook));
    json::array invokes = list_of(node, "invoke", "type", [&](const pugi::xml_node& each) {
      json::array answers = list_of(each, "answer", "event", [](const pugi::xml_node& answer) { return json::object{{"event", answer.attribute("event").value()}, {"titles", texts(answer)}}; });
      return json::object{{"type", each.attribute("type").value()}, {"answers", std::move(answers)}};
    });
    if (!invokes.empty() && std::find(hooks.begin(), hooks.end(), json::value(hook::kHandle)) == hooks.end())
      problem(node, "plugin.hook", "Expected 'handle' among the hooks of a library with <invoke> types of its own");
    json::object asks;
    for (const std::string_view hook : hook::kAll)
      asks[hook] = std::find(hooks.begin(), hooks.end(), json::value(hook)) != hooks.end();
    out_.data["asks"] = std::move(asks);
    out_.data["hooks"] = std::move(hooks);
    if (!invokes.empty()) out_.data["invokes"] = std::move(invokes);
  }

  void read_api() {
    const std::string range = root_.attribute("api").value();
    const std::size_t dash = range.find('-');
    const int from = std::stoi(range);
    const int to = dash == std::string::npos ? from : std::stoi(range.substr(dash + 1));
    if (from > kPluginApi || to < kPluginApi)
      problem(root_, "plugin.api", "Expected a package for version " + std::to_string(kPluginApi) + " of the plugin interface, but it is for " + range);
  }

  const XmlDocument& document_;
  pugi::xml_node root_;
  Manifest out_;
  std::vector<Detail> problems_;
};

}  // namespace

Result<Manifest> read_manifest(const std::string& text, const std::string& file, const std::string& schema_path) {
  const Result<std::unique_ptr<XmlDocument>> document = read_by_schema(text, file, schema_path, "plugin.schema");
  if (!document) return document.error();
  return Reader(**document).run();
}

}  // namespace chuyi
