#include "engine/runtime/blind.h"

#include <algorithm>

#include "engine/invoke/rows_json.h"
#include "engine/review/blind.h"
#include "engine/runtime/session_document.h"

namespace chuyi {

bool is_double_blind(const Definition& definition) { return string_or(object_or_empty(definition.manifest, "panel"), "blind") == "double"; }

bool is_blind(const Actor& actor, const SessionRow& session, const Definition* definition) {
  return sees_as_reviewer(actor, session) && (definition == nullptr || is_double_blind(*definition));
}

std::string shown_title(const Actor& actor, const SessionRow& session, const Definition* definition) {
  return is_blind(actor, session, definition) ? review::pseudonym_of(session.id) : session.title;
}

Result<json::object> nomination_of(const SessionRow& session, const Definition& definition) {
  const Result<SessionDocument> document = decode_document(definition, session.document);
  if (!document) return document.error();
  return object_or_empty(object_or_empty(document->chart.datamodel, "application"), "form");
}

Result<bool> names_applicant(const SessionRow& session, const Definition& definition, const std::string& text) {
  if (text.find(session.title) != std::string::npos) return true;
  const Result<json::object> form = nomination_of(session, definition);
  if (!form) return form.error();
  const std::vector<std::string> words = strings_from_json(array_or_empty(object_or_empty(definition.manifest, "panel"), "common_words"));
  const std::vector<Detail> left =
      review::names_left(object_or_empty(definition.forms, "nomination"), *form, session.org_name, words, {{.id = "text", .name = text}});
  return std::any_of(left.begin(), left.end(), [](const Detail& each) { return each.place == "/documents/text"; });
}

}  // namespace chuyi
