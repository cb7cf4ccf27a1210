#include "server/pages/render.h"

#include "server/pages/pages.h"

namespace chuyi::pages {
namespace {

/// Every text that templates name, as T_KEY.
constexpr const char* kTexts[] = {
    "site_name", "site_owner", "skip", "nav_home", "nav_programmes", "nav_notices", "nav_awards", "language_switch", "intro",
    "programmes_title", "programmes_lead", "programme_quota", "programme_quota_unit", "programme_term", "programme_term_unit", "programme_more",
    "programme_documents", "programme_required", "programme_optional", "programme_rubric", "programme_weight", "programme_criterion",
    "programme_workflow", "programme_stages", "programme_publicity", "programme_kind", "programme_document",
    "stage_nomination", "stage_review", "stage_publicity", "stage_award", "stage_annual", "notices_title", "notices_lead", "notices_none",
    "notice_programme", "notice_round", "notice_opens", "notice_last_day", "notice_remaining", "notice_remaining_unit", "notice_closed", "notice_open", "notice_cancelled",
    "notice_provisional", "notice_rule", "notice_content", "notice_item", "notice_value", "objection_title", "objection_lead", "objection_name", "objection_name_hint",
    "objection_contact", "objection_contact_hint", "objection_reason", "objection_reason_hint", "objection_submit", "objection_errors", "objection_done",
    "objection_receipt", "objection_receipt_hint", "objection_back", "objection_over", "awards_title", "awards_lead", "awards_search", "awards_search_button", "awards_none", "award_number",
    "award_title", "award_org", "award_granted", "award_ends", "award_status", "award_certificate", "award_programme", "award_checks", "next_page", "all_notices", "all_awards",
    "latest_awards", "open_notices", "failure_request", "footer", "privacy", "view", "required_mark"};

std::string upper(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  return text;
}

}  // namespace

Page::Page(const Context& context, const char* file, const char* title_key)
    : context_(context), file_(file), language_(language_of(context.request)), dict_("page") {
  for (const char* key : kTexts) dict_.SetTemplateGlobalValue("T_" + upper(key), text(key));
  dict_.SetTemplateGlobalValue("LANG", language_ == "en" ? "en" : "zh-CN");
  dict_.SetTemplateGlobalValue("CSS", "/static/site.css?v=" + context.services.pages.stylesheet_version());
  dict_.SetTemplateGlobalValue("SWITCH_LANG", language_ == "en" ? "zh-CN" : "en");
  dict_.SetTemplateGlobalValue("HOME_URL", link("/"));
  dict_.SetTemplateGlobalValue("PROGRAMMES_URL", link("/programmes"));
  dict_.SetTemplateGlobalValue("NOTICES_URL", link("/notices"));
  dict_.SetTemplateGlobalValue("AWARDS_URL", link("/awards"));
  dict_.AddIncludeDictionary("TOP")->SetFilename("top.tpl");
  dict_.AddIncludeDictionary("BOTTOM")->SetFilename("bottom.tpl");
  set_title(text(title_key));
  std::string self = context.request.path;
  if (context.request.method != "POST")
    for (const auto& [name, value] : context.request.query)
      if (name != "lang") self += (self.find('?') == std::string::npos ? "?" : "&") + percent_encode(name) + "=" + percent_encode(value);
  set_self(self);
}

void Page::set_self(const std::string& path) {
  dict_.SetTemplateGlobalValue("SWITCH_URL", path + (path.find('?') == std::string::npos ? "?lang=" : "&lang=") + (language_ == "en" ? "zh" : "en"));
}

std::string Page::text(const std::string& key) const { return context_.services.texts.get("page." + key, language_); }

void Page::set_title(const std::string& title) { dict_.SetTemplateGlobalValue("TITLE", title); }

std::string Page::link(const std::string& path) const {
  if (context_.request.query_or("lang") != language_) return path;
  return path + (path.find('?') == std::string::npos ? "?lang=" : "&lang=") + language_;
}

Response Page::finish(int status) {
  Response out{.status = status};
  if (!ctemplate::ExpandTemplate(file_, ctemplate::STRIP_WHITESPACE, &dict_, &out.body))
    return problem(Error{.kind = ErrorKind::unavailable, .code = "pages.template", .message = "Expected template " + file_}, context_.services.texts, context_.request);
  out.with("Content-Type", "text/html; charset=utf-8");
  out.with("Vary", "Accept, Accept-Language");
  out.with("Content-Language", language_ == "en" ? "en" : "zh-CN");
  out.with("Content-Security-Policy",
           "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'");
  return out;
}

}  // namespace chuyi::pages
