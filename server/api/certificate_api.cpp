#include <mutex>

#include "engine/base/digest.h"
#include "engine/base/placeholders.h"
#include "engine/invoke/rows_json.h"
#include "engine/runtime/session_document.h"
#include "server/api/handlers.h"
#include "server/api/shapes.h"
#include "server/bounded_map.h"
#include "server/certificate/certificate.h"

namespace chuyi::api {
namespace {

constexpr std::size_t kDrawnMax = 64;  // certificates, some 50 KiB each

/// What a certificate is made from.
struct Subject {
  AwardRow award;
  SessionRow session;
  DefinitionPtr definition;
  json::object form;
  OrganisationRow org;
  OrganisationRow issuer;  ///< the authority of the province that `org` belongs to: the top of its tree
  std::string language;
};

Error no_certificate(const char* code, const char* message, const char* message_zh) {
  return Error{.kind = ErrorKind::not_found, .code = code, .message = message, .message_zh = message_zh};
}

constexpr const char* kDigits[] = {"〇", "一", "二", "三", "四", "五", "六", "七", "八", "九", "十"};

/// 三, 十, 二十一; up to 99.
std::string han_number(unsigned n) {
  if (n <= 10) return kDigits[n];
  return (n < 20 ? "" : std::string{kDigits[n / 10]}) + "十" + (n % 10 == 0 ? "" : kDigits[n % 10]);
}

/// 二〇二六年三月七日: years by their digits, months and days as numbers.
std::string han_day(Day day) {
  const std::chrono::year_month_day date{day};
  std::string out;
  for (const char digit : std::to_string(static_cast<int>(date.year()))) out += kDigits[digit - '0'];
  return out + "年" + han_number(static_cast<unsigned>(date.month())) + "月" + han_number(static_cast<unsigned>(date.day())) + "日";
}

std::string day_in(Day day, const std::string& language) {
  if (language != "en") return han_day(day);
  static constexpr const char* kMonths[] = {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"};
  const std::chrono::year_month_day date{day};
  return std::to_string(static_cast<unsigned>(date.day())) + " " + kMonths[static_cast<unsigned>(date.month()) - 1] + " " + std::to_string(static_cast<int>(date.year()));
}

/// An empty one where it is not known.
Result<OrganisationRow> organisation(Queries& queries, const std::string& id) {
  const Result<std::optional<OrganisationRow>> found = queries.organisation(id);
  if (!found) return found.error();
  return found->value_or(OrganisationRow{});
}

/// Errors: `not_found` "award.unknown", "certificate.none"; `rejected` "certificate.revoked"; those of the store.
Result<Subject> load(Context& context, const std::string& number, const std::string& language) {
  Queries& queries = context.services.queries;
  const Result<std::optional<AwardRow>> award = queries.award(number);
  if (!award) return award.error();
  if (!*award) return no_certificate("award.unknown", "Expected the number of an award", "没有这个认定编号");
  if ((*award)->status == "revoked")
    return Error{.kind = ErrorKind::rejected, .code = "certificate.revoked", .message = "Expected an award that stands, but it was revoked", .message_zh = "该认定已撤销，不再出具证书"};
  const Result<std::optional<SessionRow>> session = queries.session((*award)->session_id);
  if (!session) return session.error();
  const DefinitionPtr definition = *session ? context.services.definitions.by_digest((*session)->definition) : nullptr;
  if (!definition || !definition->certificate) return no_certificate("certificate.none", "Expected a programme that gives certificates", "该项目类别不出具证书");
  const Result<SessionDocument> document = decode_document(*definition, (*session)->document);
  if (!document) return document.error();
  Result<OrganisationRow> org = organisation(queries, (*session)->org);
  if (!org) return org.error();
  Result<OrganisationRow> issuer = organisation(queries, (*session)->orgs.empty() ? (*session)->org : (*session)->orgs.back());
  if (!issuer) return issuer.error();
  return Subject{.award = published(**award),
                 .session = **session,
                 .definition = definition,
                 .form = object_or_empty(object_or_empty(document->chart.datamodel, "application"), "form"),
                 .org = std::move(*org),
                 .issuer = std::move(*issuer),
                 .language = language};
}

/// The text of a form's field, by its path: "leader.name". What is no text is empty.
std::string text_at(const json::object& form, std::string_view path) {
  const std::size_t dot = path.find('.');
  if (dot == std::string_view::npos) return string_or(form, path);
  return text_at(object_or_empty(form, path.substr(0, dot)), path.substr(dot + 1));
}

/// What a placeholder of the template stands for. @param fields  as hook `render` gave them.
std::string value_of(const Subject& subject, const json::object& fields, const std::string& name) {
  const AwardRow& award = subject.award;
  // In Chinese the name that it had when it applied.
  if (name == "org") return subject.language == "en" && !subject.org.name_en.empty() ? subject.org.name_en : award.org_name;
  if (name == "title") return award.title;
  if (name == "programme") return string_or(object_or_empty(subject.definition->manifest, "titles"), subject.language);
  if (name == "round") return award.round;
  if (name == "number") return award.number;
  if (name == "granted") return day_in(award.granted, subject.language);
  if (name == "ends") return day_in(award.ends, subject.language);
  if (name == "term") return subject.language == "en" ? std::to_string(award.term_years) : han_number(static_cast<unsigned>(award.term_years));
  if (name == "issuer") return subject.language == "en" && !subject.issuer.name_en.empty() ? subject.issuer.name_en : subject.issuer.name;
  if (name.starts_with("form.")) return text_at(subject.form, name.substr(5));
  return string_or(fields, name.substr(name.find('.') + 1));
}

/// The texts of the template for this award, as the public may have them.
std::vector<std::string> texts_of(const Subject& subject, const json::object& fields) {
  std::vector<std::string> out;
  for (const CertificateText& text : subject.definition->certificate->texts)
    out.push_back(mask_personal(printable(fill_placeholders(subject.language == "en" ? text.en : text.zh, [&](const std::string& name) { return value_of(subject, fields, name); }))));
  return out;
}

/// Asks the package for what only it knows. Errors: those of the host.
Result<json::object> rendered(Context& context, const Subject& subject) {
  const SessionRow& session = subject.session;
  const Result<json::object> answer = context.services.plugin_host.call(
      *subject.definition, hook::kRender, {},
      {{"kind", "certificate"},
       {"application", json::object{{"id", session.id}, {"programme", session.programme}, {"round", session.round}, {"title", session.title}, {"org", session.org}, {"org_name", session.org_name}}},
       {"data", subject.form},
       {"award", award_json(subject.award)}});
  if (answer) return object_or_empty(*answer, "fields");
  Error error = answer.error();
  error.message_zh = "项目插件出现问题，证书暂时无法生成，请联系管理员";
  return error;
}

/// Everything that the bytes depend on: what the package says depends on nothing else either.
std::string identity_of(const Subject& subject, const std::string& link) {
  json::object key{{"definition", subject.definition->digest}, {"award", award_json(subject.award)}, {"texts", to_json(texts_of(subject, {}))}, {"language", subject.language}, {"link", link}};
  return sha256_hex(canonical_json(key));
}

Result<std::string> draw(Context& context, const Subject& subject, const std::string& link, const std::string& identity) {
  static std::mutex mutex;
  static BoundedMap<std::string> drawn(kDrawnMax);
  {
    const std::lock_guard lock(mutex);
    if (const std::string* found = drawn.find(identity)) return *found;
  }
  const Result<json::object> fields = rendered(context, subject);
  if (!fields) return fields.error();
  Result<std::string> pdf = draw_certificate(*subject.definition->certificate, {.texts = texts_of(subject, *fields), .language = subject.language, .title = subject.award.number, .link = link, .date = subject.award.granted});
  const std::lock_guard lock(mutex);
  if (pdf) drawn.at(identity) = *pdf;
  return pdf;
}

}  // namespace

net::awaitable<Response> get_certificate(Context& context) {
  const std::string language = language_of(context.request);
  std::string identity;
  // On the pool of those who wait for packages: one that hangs holds up nobody else.
  const Result<std::string> pdf = co_await context.blocking_on(context.services.package_pool, [&]() -> Result<std::string> {
    const Result<Subject> subject = load(context, context.parameters[0], language);
    if (!subject) return subject.error();
    const std::string& home = context.services.public_url;
    const std::string link = home.empty() ? std::string{} : home + "/awards?q=" + percent_encode(subject->award.number);
    identity = identity_of(*subject, link);
    return draw(context, *subject, link, identity);
  });
  if (!pdf) co_return context.fail(pdf.error(), pdf.error().code == "certificate.revoked" ? std::optional{410} : std::nullopt);
  const std::string tag = "\"" + identity + "\"";
  Response out{.status = context.request.header("if-none-match") == tag ? 304 : 200};
  if (out.status == 200) out.body = *pdf;
  out.with("Content-Type", "application/pdf").with("ETag", tag).with("Vary", "Accept-Language").with("Content-Language", language == "en" ? "en" : "zh-CN");
  // An award may be revoked: whoever keeps a copy asks again.
  out.with("Cache-Control", "no-cache");
  out.with("Content-Disposition", "inline; filename=\"certificate.pdf\"; filename*=UTF-8''" + percent_encode(context.parameters[0] + ".pdf"));
  co_return out;
}

}  // namespace chuyi::api
