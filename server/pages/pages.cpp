#include "server/pages/pages.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include <ctemplate/template.h>

#include "engine/base/digest.h"
#include "engine/invoke/rows_json.h"
#include "engine/scxml/diagram.h"
#include "server/api/shapes.h"
#include "server/diagram/diagram.h"
#include "server/identity.h"
#include "server/pages/render.h"
#include "server/phrases.h"

namespace chuyi {
Result<std::unique_ptr<Pages>> Pages::load(const std::string& templates, const std::string& static_folder) {
  auto out = std::make_unique<Pages>();
  std::ifstream in(static_folder + "/site.css", std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  out->stylesheet_ = text.str();
  if (out->stylesheet_.empty())
    return Error{.kind = ErrorKind::invalid, .code = "pages.files", .message = "Expected the stylesheet", .place = static_folder + "/site.css"};
  out->version_ = sha256_hex(out->stylesheet_).substr(0, 12);
  ctemplate::Template::SetTemplateRootDirectory(templates);
  for (const char* file : {"home.tpl", "programmes.tpl", "programme.tpl", "notices.tpl", "notice.tpl", "filed.tpl", "awards.tpl", "failure.tpl"})
    if (!ctemplate::LoadTemplate(file, ctemplate::STRIP_WHITESPACE))
      return Error{.kind = ErrorKind::invalid, .code = "pages.files", .message = "Expected a valid template", .place = templates + "/" + file};
  return out;
}

namespace pages {
namespace {

constexpr std::size_t kHomeRows = 6;

/// A programme's short name without the quotation marks' noise, by language.
std::string programme_title(Context& context, const Page& page, const std::string& id) {
  const DefinitionPtr definition = context.services.definitions.current(id);
  return definition ? page.pick(object_or_empty(definition->manifest, "titles")) : id;
}

Response missing(const Context& context) {
  Page page(context, "failure.tpl", "missing_title");
  page.dict().SetValue("MESSAGE", page.text("missing_text"));
  return page.finish(404);
}

/// What a programme has none of is left out.
void add_numbers(ctemplate::TemplateDictionary& out, const json::object& manifest) {
  if (const std::int64_t quota = int_or(object_or_empty(manifest, "quota"), "province", 0); quota > 0)
    out.SetValueAndShowSection("QUOTA", std::to_string(quota), "HAS_QUOTA");
  if (const std::int64_t years = int_or(manifest, "term_years", 0); years > 0) out.SetValueAndShowSection("TERM", std::to_string(years), "HAS_TERM");
}

void add_programme(Page& page, const Definition& definition) {
  ctemplate::TemplateDictionary* row = page.dict().AddSectionDictionary("PROGRAMME");
  row->SetValue("NAME", page.pick(object_or_empty(definition.manifest, "titles")));
  row->SetValue("DESCRIPTION", page.pick(object_or_empty(definition.manifest, "description")));
  add_numbers(*row, definition.manifest);
  row->SetValue("URL", page.link("/programmes/" + definition.programme));
}

void add_programmes(Context& context, Page& page, bool duties) {
  for (const DefinitionPtr& each : context.services.definitions.current())
    if (string_or(each->manifest, "kind", "programme") == (duties ? "duty" : "programme")) add_programme(page, *each);
}

void add_notice(Context& context, Page& page, const NoticeRow& stored) {
  const NoticeRow row = published(stored);
  ctemplate::TemplateDictionary* out = page.dict().AddSectionDictionary("NOTICE");
  out->SetValue("NAME", string_or(row.fields, "title", row.id));
  out->SetValue("ORG", string_or(row.fields, "org_name"));
  out->SetValue("PROGRAMME", programme_title(context, page, row.programme));
  out->SetValue("URL", page.link("/notices/" + row.id));
  out->SetValue("LAST_DAY", format_day(row.last_day));
  out->SetValue("STATUS", page.text("notice_" + row.status));
  const int left = remaining_days(row, context.services.calendar, context.services.clock.now());
  if (left > 0) {
    out->ShowSection("OPEN");
    out->SetIntValue("DAYS", left);
  } else {
    out->ShowSection("OVER");
  }
}

void add_award(Context& context, Page& page, const AwardRow& stored) {
  const AwardRow row = published(stored);
  ctemplate::TemplateDictionary* out = page.dict().AddSectionDictionary("AWARD");
  out->SetValue("NUMBER", row.number);
  out->SetValue("NAME", row.title);
  if (const DefinitionPtr definition = context.services.definitions.current(row.programme); definition && definition->certificate && row.status != "revoked")
    out->SetValueAndShowSection("CERTIFICATE", page.link("/api/v1/awards/" + percent_encode(row.number) + "/certificate"), "HAS_CERTIFICATE");
  out->SetValue("ORG", row.org_name);
  out->SetValue("PROGRAMME", programme_title(context, page, row.programme));
  out->SetValue("GRANTED", format_day(row.granted));
  out->SetValue("ENDS", format_day(row.ends));
  out->SetValue("STATUS", page.text("award_status_" + row.status));
  out->SetValue("STATUS_CLASS", row.status);
  std::string checks;
  for (const json::value& value : row.checks) {
    const json::object& check = value.as_object();
    checks += (checks.empty() ? "" : "; ") + std::to_string(int_or(check, "year", 0)) + ". " + page.text("verdict_" + string_or(check, "verdict"));
  }
  out->SetValue("CHECKS", checks.empty() ? "—" : checks);
}

/// What was typed into the objection form, and what is wrong with it: a field when it has a place, else the whole.
struct ObjectionInput {
  std::map<std::string, std::string> values;
  std::vector<Detail> errors;
};

void show_errors(Page& page, const std::vector<Detail>& errors) {
  if (errors.empty()) return;
  ctemplate::TemplateDictionary* list = page.dict().AddSectionDictionary("ERRORS");
  for (const Detail& error : errors) {
    ctemplate::TemplateDictionary* item = list->AddSectionDictionary(error.place.empty() ? "GENERAL" : "ERROR");
    if (!error.place.empty()) item->SetValue("TARGET", "#" + error.place.substr(1));
    item->SetValue("MESSAGE", page.language() == "en" || error.message_zh.empty() ? error.message : error.message_zh);
  }
}

/// The names of the notice's fields as the programme lists them, then what it does not list.
std::vector<std::string> field_order(const NoticeRow& row, const Definition* definition) {
  std::vector<std::string> out;
  if (definition != nullptr)
    for (std::string& name : strings_from_json(array_or_empty(object_or_empty(definition->manifest, "publicity"), "fields")))
      if (row.fields.contains(name)) out.push_back(std::move(name));
  for (const auto& field : row.fields)
    if (std::find(out.begin(), out.end(), field.key()) == out.end()) out.emplace_back(field.key());
  return out;
}

Response notice_page(Context& context, const NoticeRow& stored, const ObjectionInput& input, int status) {
  const NoticeRow row = published(stored);
  Page page(context, "notice.tpl", "notices_title");
  const DefinitionPtr definition = context.services.definitions.current(row.programme);
  const json::object shown = notice_json(row, definition.get(), context.services.calendar, context.services.clock.now());
  const std::string title = string_or(row.fields, "title", row.id);
  page.set_title(title);
  page.set_self("/notices/" + row.id);
  show_errors(page, input.errors);
  ctemplate::TemplateDictionary& dict = page.dict();
  dict.SetValue("NAME", title);
  dict.SetValue("PROGRAMME", programme_title(context, page, row.programme));
  dict.SetValue("ROUND", row.round);
  dict.SetValue("OPENS", format_day(day_in_shanghai(row.opens)));
  dict.SetValue("LAST_DAY", format_day(row.last_day));
  dict.SetValue("RULE", page.pick(shown.at("rule").as_object()));
  if (const std::string lead = page.pick(shown.at("lead").as_object()); !lead.empty()) dict.SetValueAndShowSection("LEAD", lead, "HAS_LEAD");
  dict.SetValue("STATUS", page.text("notice_" + row.status));
  if (row.provisional) dict.ShowSection("PROVISIONAL");
  for (const std::string& name : field_order(row, definition.get())) {
    ctemplate::TemplateDictionary* out = dict.AddSectionDictionary("FIELD");
    const std::string label = page.pick(object_or_empty(shown.at("labels").as_object(), name));
    out->SetValue("LABEL", label.empty() ? name : label);
    out->SetValue("VALUE", string_or(row.fields, name));
  }
  const int left = remaining_days(row, context.services.calendar, context.services.clock.now());
  ctemplate::TemplateDictionary* form = dict.AddSectionDictionary(left > 0 ? "FORM" : "CLOSED");
  if (left > 0) {
    dict.ShowSection("REMAINING");
    dict.SetIntValue("DAYS", left);
    form->SetValue("ACTION", page.link("/notices/" + row.id + "/objections"));
    // New for each rendering: nobody can guess it, and a form that was refused is another one when it is sent again.
    form->SetValue("KEY", Identity::new_token().substr(0, 32));
    for (const char* field : {"objector", "contact", "reason"}) {
      std::string upper = field;
      for (char& c : upper) c = static_cast<char>(c - 32);
      const auto typed = input.values.find(field);
      form->SetValue(upper, typed == input.values.end() ? std::string{} : typed->second);
      for (const Detail& error : input.errors)
        if (error.place == std::string{"/"} + field) {
          form->SetValue(upper + "_ERROR", page.language() == "en" ? error.message : error.message_zh);
          form->ShowSection(upper + "_WRONG");
        }
    }
  }
  return page.finish(status);
}

net::awaitable<Result<std::optional<NoticeRow>>> load_notice(Context& context) {
  co_return co_await context.blocking([&] { return context.services.queries.notice(context.parameters[0]); });
}

}  // namespace

Response failure(const Context& context, const Error& error, Response answer) {
  if (answer.status == 404) return missing(context);
  Page page(context, "failure.tpl", "missing_title");
  page.set_title(context.services.texts.get(error.code, page.language()));
  page.dict().SetValue("MESSAGE", detail_of(error, context.services.texts, page.language()));
  page.dict().SetValueAndShowSection("ID", context.request.id, "REQUEST");
  Response out = page.finish(answer.status);
  for (const auto& [name, value] : answer.headers)
    if (name != "Content-Type") out.with(name, value);
  return out;
}

net::awaitable<Response> home(Context& context) {
  Page page(context, "home.tpl", "site_name");
  add_programmes(context, page, false);
  const auto open = co_await context.blocking([&] { return context.services.queries.notices({.programme = {}, .status = "open"}, {.limit = kHomeRows}); });
  if (!open) co_return context.fail(open.error());
  for (const NoticeRow& row : open->rows) add_notice(context, page, row);
  page.dict().ShowSection(open->rows.empty() ? "NO_NOTICES" : "HAS_NOTICES");
  const auto granted = co_await context.blocking([&] { return context.services.queries.awards({}, {.limit = kHomeRows}); });
  if (!granted) co_return context.fail(granted.error());
  for (const AwardRow& row : granted->rows) add_award(context, page, row);
  page.dict().ShowSection(granted->rows.empty() ? "NO_AWARDS" : "HAS_AWARDS");
  co_return page.finish();
}

net::awaitable<Response> programmes(Context& context) {
  Page page(context, "programmes.tpl", "programmes_title");
  // What people apply for first, then what authorities owe each other.
  for (const bool duties : {false, true}) add_programmes(context, page, duties);
  co_return page.finish();
}

net::awaitable<Response> programme(Context& context) {
  const DefinitionPtr definition = context.services.definitions.current(context.parameters[0]);
  if (!definition) co_return missing(context);
  Page page(context, "programme.tpl", "programmes_title");
  const json::object& manifest = definition->manifest;
  ctemplate::TemplateDictionary& dict = page.dict();
  const std::string title = page.pick(object_or_empty(manifest, "titles"));
  page.set_title(title);
  dict.SetValue("NAME", title);
  dict.SetValue("DESCRIPTION", page.pick(object_or_empty(manifest, "description")));
  add_numbers(dict, manifest);
  const NoticeRow rule{.rule = canonical_json(json::value(object_or_empty(manifest, "publicity")))};
  if (manifest.contains("publicity"))
    dict.SetValueAndShowSection("PUBLICITY", page.pick(notice_json(rule, definition.get(), context.services.calendar, context.services.clock.now()).at("rule").as_object()), "HAS_PUBLICITY");
  dict.SetValue("DIAGRAM", page.link("/programmes/" + definition->programme + "/diagram.svg"));
  for (const json::value& value : array_or_empty(manifest, "documents")) {
    const json::object& document = value.as_object();
    ctemplate::TemplateDictionary* row = dict.AddSectionDictionary("DOCUMENT");
    row->SetValue("LABEL", page.pick(object_or_empty(document, "titles")));
    row->SetValue("REQUIRED", page.text(bool_or(document, "required", false) ? "programme_required" : "programme_optional"));
  }
  for (const json::value& value : array_or_empty(object_or_empty(manifest, "rubric"), "criteria")) {
    const json::object& criterion = value.as_object();
    ctemplate::TemplateDictionary* row = dict.AddSectionDictionary("CRITERION");
    row->SetValue("LABEL", page.pick(object_or_empty(criterion, "titles")));
    row->SetValue("WEIGHT", string_or(criterion, "weight"));
  }
  co_return page.finish();
}

net::awaitable<Response> programme_diagram(Context& context) {
  const DefinitionPtr definition = context.services.definitions.current(context.parameters[0]);
  if (!definition) co_return missing(context);
  const std::string language = language_of(context.request);
  const Result<std::string> svg = co_await context.blocking([&] { return svg_of_dot(scxml::to_dot(*definition->chart, workflow_phrases(context.services.texts, language, definition.get()))); });
  if (!svg) co_return context.fail(svg.error());
  Response out{.status = 200, .body = *svg};
  out.with("Content-Type", "image/svg+xml").with("Cache-Control", "public, max-age=300").with("Vary", "Accept-Language");
  co_return out;
}

net::awaitable<Response> notices(Context& context) {
  Page page(context, "notices.tpl", "notices_title");
  const PageRequest request = context.page();
  const auto rows = co_await context.blocking([&] { return context.services.queries.notices({}, {.limit = 30, .after = request.after}); });
  if (!rows) co_return context.fail(rows.error());
  for (const NoticeRow& row : rows->rows) add_notice(context, page, row);
  page.dict().ShowSection(rows->rows.empty() ? "NO_NOTICES" : "HAS_NOTICES");
  if (!rows->next.empty()) page.dict().SetValueAndShowSection("NEXT_URL", page.link("/notices?after=" + percent_encode(rows->next)), "NEXT");
  co_return page.finish();
}

net::awaitable<Response> notice(Context& context) {
  const auto row = co_await load_notice(context);
  if (!row) co_return context.fail(row.error());
  if (!*row) co_return missing(context);
  co_return notice_page(context, **row, {}, 200);
}

net::awaitable<Response> objection(Context& context) {
  const auto row = co_await load_notice(context);
  if (!row) co_return context.fail(row.error());
  if (!*row) co_return missing(context);
  ObjectionInput input;
  if (!context.request.header("content-type").starts_with("application/x-www-form-urlencoded") ||
      !parse_query(context.request.body, input.values))
    co_return context.fail(Error{.kind = ErrorKind::invalid, .code = "http.form", .message = "Expected a form in UTF-8", .message_zh = "表单内容有误"});
  Command command{.kind = "objection.file", .data = {{"notice", (*row)->id}}};
  for (const char* field : {"objector", "contact", "reason"}) command.data[field] = input.values[field];
  // The form carries its own key: a second click files nothing twice.
  const std::string key = input.values["key"];
  if (!key.empty() && key.size() <= 64)
    command.key = IdempotencyKey{.actor = "public", .key = "page-" + key, .digest = sha256_hex(context.request.path + context.request.body)};
  const Result<Reply> reply = co_await context.execute(std::move(command));
  if (!reply) {
    const Error& error = reply.error();
    input.errors = error.details;
    const Texts& texts = context.services.texts;
    if (error.code == "idempotency.mismatch")
      input.errors = {{.place = {}, .code = error.code, .message = texts.get("page.objection_sent", "en"), .message_zh = texts.get("page.objection_sent", "zh")}};
    else if (input.errors.empty())
      input.errors = {{.place = {}, .code = error.code, .message = detail_of(error, texts, "en"), .message_zh = detail_of(error, texts, "zh")}};
    co_return notice_page(context, **row, input, status_of(error));
  }
  Page page(context, "filed.tpl", "objection_done");
  page.set_self("/notices/" + (*row)->id);
  page.dict().SetValue("RECEIPT", string_or(reply->body.as_object(), "id"));
  page.dict().SetValue("BACK_URL", page.link("/notices/" + (*row)->id));
  co_return page.finish();
}

net::awaitable<Response> awards(Context& context) {
  Page page(context, "awards.tpl", "awards_title");
  const PageRequest request = context.page();
  const AwardFilter filter{.programme = context.request.query_or("programme"), .round = {}, .status = context.request.query_or("status"), .text = context.request.query_or("q").substr(0, 200)};
  const auto rows = co_await context.blocking([&] { return context.services.queries.awards(filter, {.limit = 25, .after = request.after}); });
  if (!rows) co_return context.fail(rows.error());
  for (const AwardRow& row : rows->rows) add_award(context, page, row);
  page.dict().ShowSection(rows->rows.empty() ? "NO_AWARDS" : "HAS_AWARDS");
  page.dict().SetValue("QUERY", filter.text);
  // A search keeps the language that was chosen, and the next page what was searched for.
  if (context.request.query.contains("lang")) page.dict().SetValueAndShowSection("LANG_FIELD", page.language(), "LANG_CHOSEN");
  std::string next = "/awards?after=" + percent_encode(rows->next);
  for (const char* name : {"programme", "status", "q"})
    if (const std::string value = context.request.query_or(name); !value.empty()) next += "&" + std::string{name} + "=" + percent_encode(value);
  if (!rows->next.empty()) page.dict().SetValueAndShowSection("NEXT_URL", page.link(next), "NEXT");
  co_return page.finish();
}

net::awaitable<Response> static_file(Context& context) {
  if (context.parameters[0] != "site.css") co_return missing(context);
  const Pages& files = context.services.pages;
  const std::string tag = "\"" + files.stylesheet_version() + "\"";
  Response out{.status = context.request.header("if-none-match") == tag ? 304 : 200};
  if (out.status == 200) out.body = files.stylesheet();
  out.with("Content-Type", "text/css; charset=utf-8").with("ETag", tag).with("Cache-Control", "public, max-age=31536000, immutable");
  co_return out;
}

}  // namespace pages
}  // namespace chuyi
