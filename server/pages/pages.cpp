#include "server/pages/pages.h"

#include <fstream>
#include <sstream>

#include <ctemplate/template.h>

#include "engine/base/digest.h"
#include "engine/scxml/diagram.h"
#include "server/api/shapes.h"
#include "server/diagram/diagram.h"
#include "server/pages/render.h"
#include "server/phrases.h"

namespace chuyi {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

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
  for (const char* file : {"home.tpl", "programmes.tpl", "programme.tpl", "notices.tpl", "notice.tpl", "filed.tpl", "awards.tpl", "missing.tpl"})
    if (!ctemplate::LoadTemplate(file, ctemplate::STRIP_WHITESPACE))
      return Error{.kind = ErrorKind::invalid, .code = "pages.files", .message = "Expected a valid template", .place = templates + "/" + file};
  return out;
}

std::string mask_personal(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && is_digit(text[end])) ++end;
    const std::size_t digits = end - at;
    const bool id = (digits == 18) || (digits == 17 && end < text.size() && (text[end] == 'X' || text[end] == 'x'));
    if (id) {
      out += text.substr(at, 4) + "**********" + "****";
      at = digits == 17 ? end + 1 : end;
    } else if (digits == 11 && text[at] == '1') {
      out += text.substr(at, 3) + "****" + text.substr(at + 7, 4);
      at = end;
    } else if (digits > 0) {
      out += text.substr(at, digits);
      at = end;
    } else {
      out += text[at++];
    }
  }
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

Response missing(Context& context) {
  Page page(context, "missing.tpl", "missing_title");
  page.dict().SetValue("MESSAGE", page.text("missing_text"));
  return page.finish(404);
}

void add_programme(Page& page, const Definition& definition) {
  ctemplate::TemplateDictionary* row = page.dict().AddSectionDictionary("PROGRAMME");
  row->SetValue("NAME", page.pick(object_or_empty(definition.manifest, "titles")));
  row->SetValue("DESCRIPTION", page.pick(object_or_empty(definition.manifest, "description")));
  row->SetIntValue("QUOTA", static_cast<long>(int_or(object_or_empty(definition.manifest, "quota"), "province", 0)));
  row->SetIntValue("TERM", static_cast<long>(int_or(definition.manifest, "term_years", 0)));
  row->SetValue("URL", page.link("/programmes/" + definition.programme));
}

void add_notice(Context& context, Page& page, const NoticeRow& row) {
  ctemplate::TemplateDictionary* out = page.dict().AddSectionDictionary("NOTICE");
  out->SetValue("NAME", mask_personal(string_or(row.fields, "title", row.id)));
  out->SetValue("ORG", mask_personal(string_or(row.fields, "org_name")));
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

void add_award(Context& context, Page& page, const AwardRow& row) {
  ctemplate::TemplateDictionary* out = page.dict().AddSectionDictionary("AWARD");
  out->SetValue("NUMBER", row.number);
  out->SetValue("NAME", mask_personal(row.title));
  out->SetValue("ORG", mask_personal(row.org_name));
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

/// What was typed into the objection form, and what is wrong with it.
struct ObjectionInput {
  std::map<std::string, std::string> values;
  std::vector<Detail> errors;
};

Response notice_page(Context& context, const NoticeRow& row, const ObjectionInput& input, int status) {
  Page page(context, "notice.tpl", "notices_title");
  const DefinitionPtr definition = context.services.definitions.current(row.programme);
  const json::object shown = notice_json(row, definition.get(), context.services.calendar, context.services.clock.now());
  const std::string title = mask_personal(string_or(row.fields, "title", row.id));
  page.set_title(title);
  ctemplate::TemplateDictionary& dict = page.dict();
  dict.SetValue("NAME", title);
  dict.SetValue("PROGRAMME", programme_title(context, page, row.programme));
  dict.SetValue("ROUND", row.round);
  dict.SetValue("OPENS", format_day(day_in_shanghai(row.opens)));
  dict.SetValue("LAST_DAY", format_day(row.last_day));
  dict.SetValue("RULE", page.pick(shown.at("rule").as_object()));
  dict.SetValue("STATUS", page.text("notice_" + row.status));
  if (row.provisional) dict.ShowSection("PROVISIONAL");
  for (const auto& field : row.fields) {
    ctemplate::TemplateDictionary* out = dict.AddSectionDictionary("FIELD");
    const std::string label = page.pick(object_or_empty(shown.at("labels").as_object(), field.key()));
    out->SetValue("LABEL", label.empty() ? std::string{field.key()} : label);
    out->SetValue("VALUE", mask_personal(std::string{field.value().as_string()}));
  }
  const int left = remaining_days(row, context.services.calendar, context.services.clock.now());
  ctemplate::TemplateDictionary* form = dict.AddSectionDictionary(left > 0 ? "FORM" : "CLOSED");
  if (left > 0) {
    dict.ShowSection("REMAINING");
    dict.SetIntValue("DAYS", left);
    form->SetValue("ACTION", page.link("/notices/" + row.id + "/objections"));
    form->SetValue("KEY", input.values.contains("key") ? input.values.at("key") : sha256_hex(context.request.id + row.id + format_instant(context.services.clock.now())).substr(0, 32));
    for (const char* field : {"objector", "contact", "reason"}) {
      std::string upper = field;
      for (char& c : upper) c = static_cast<char>(c - 32);
      const auto typed = input.values.find(field);
      form->SetValue(upper, typed == input.values.end() ? std::string{} : typed->second);
      for (const Detail& error : input.errors)
        if (error.place == std::string{"/"} + field) {
          form->SetValue(upper + "_ERROR", page.language() == "en" ? error.message : error.message_zh);
          form->ShowSection(upper + "_WRONG");
          ctemplate::TemplateDictionary* item = dict.AddSectionDictionary("ERRORS")->AddSectionDictionary("ERROR");
          item->SetValue("TARGET", std::string{"#"} + field);
          item->SetValue("MESSAGE", page.language() == "en" ? error.message : error.message_zh);
        }
    }
  }
  return page.finish(status);
}

net::awaitable<Result<std::optional<NoticeRow>>> load_notice(Context& context) {
  co_return co_await context.blocking([&] { return context.services.queries.notice(context.parameters[0]); });
}

}  // namespace

net::awaitable<Response> home(Context& context) {
  Page page(context, "home.tpl", "site_name");
  for (const DefinitionPtr& each : context.services.definitions.current()) add_programme(page, *each);
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
  for (const DefinitionPtr& each : context.services.definitions.current()) add_programme(page, *each);
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
  dict.SetIntValue("QUOTA", static_cast<long>(int_or(object_or_empty(manifest, "quota"), "province", 0)));
  dict.SetIntValue("TERM", static_cast<long>(int_or(manifest, "term_years", 0)));
  const NoticeRow rule{.rule = canonical_json(json::value(object_or_empty(manifest, "publicity")))};
  dict.SetValue("PUBLICITY", page.pick(notice_json(rule, definition.get(), context.services.calendar, context.services.clock.now()).at("rule").as_object()));
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
  out.with("Content-Type", "image/svg+xml").with("Cache-Control", "public, max-age=300");
  co_return out;
}

net::awaitable<Response> notices(Context& context) {
  Page page(context, "notices.tpl", "notices_title");
  const PageRequest request = context.page();
  const auto rows = co_await context.blocking([&] { return context.services.queries.notices({}, {.limit = 30, .after = request.after}); });
  if (!rows) co_return context.fail(rows.error());
  for (const NoticeRow& row : rows->rows) add_notice(context, page, row);
  page.dict().ShowSection(rows->rows.empty() ? "NO_NOTICES" : "HAS_NOTICES");
  if (!rows->next.empty()) page.dict().SetValueAndShowSection("NEXT_URL", page.link("/notices?after=" + rows->next), "NEXT");
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
    input.errors = reply.error().details;
    if (input.errors.empty())
      input.errors.push_back({.place = "/reason", .code = reply.error().code, .message = reply.error().message, .message_zh = reply.error().message_zh});
    co_return notice_page(context, **row, input, status_of(reply.error()));
  }
  Page page(context, "filed.tpl", "objection_done");
  page.dict().SetValue("RECEIPT", string_or(reply->body.as_object(), "id"));
  page.dict().SetValue("BACK_URL", page.link("/notices/" + (*row)->id));
  co_return page.finish();
}

net::awaitable<Response> awards(Context& context) {
  Page page(context, "awards.tpl", "awards_title");
  const PageRequest request = context.page();
  const AwardFilter filter{.programme = context.request.query_or("programme"), .round = {}, .status = context.request.query_or("status"), .text = context.request.query_or("q").substr(0, 200)};
  const auto rows = co_await context.blocking([&] { return context.services.queries.awards(filter, {.limit = 30, .after = request.after}); });
  if (!rows) co_return context.fail(rows.error());
  for (const AwardRow& row : rows->rows) add_award(context, page, row);
  page.dict().ShowSection(rows->rows.empty() ? "NO_AWARDS" : "HAS_AWARDS");
  page.dict().SetValue("QUERY", filter.text);
  page.dict().SetValue("LANG_FIELD", page.language());
  if (!rows->next.empty()) {
    // The template engine encodes what stands in a link.
    page.dict().ShowSection("NEXT");
    page.dict().SetValue("NEXT_AFTER", rows->next);
  }
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
