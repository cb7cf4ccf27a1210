#include "server/api/blind.h"

#include <map>

#include "engine/invoke/rows_json.h"
#include "engine/review/blind.h"

namespace chuyi::api {
SessionRow shown_session(const Actor& actor, const SessionRow& session, const Definition* definition) {
  SessionRow out = session;
  if (!is_blind(actor, session, definition)) return out;
  out.title = shown_title(actor, session, definition);
  out.org_name = out.title;
  out.org.clear();
  return out;
}

std::vector<DocumentRow> shown_documents(std::vector<DocumentRow> documents, const Definition* definition) {
  std::map<std::string, bool> identifies;
  if (definition != nullptr)
    for (const json::value& kind : array_or_empty(definition->manifest, "documents"))
      identifies[string_or(kind.get_object(), "kind")] = bool_or(kind.get_object(), "identifies", false);
  std::erase_if(documents, [&](const DocumentRow& row) { return !identifies.contains(row.kind) || identifies.at(row.kind); });
  std::map<std::string, int> number;
  for (DocumentRow& row : documents) {
    row.name = row.kind + "-" + std::to_string(++number[row.kind]);
    row.added_by.clear();
  }
  return documents;
}

Result<json::object> shown_nomination(const SessionRow& session, const Definition& definition) {
  const Result<json::object> form = nomination_of(session, definition);
  if (!form) return form.error();
  return review::without_identity(object_or_empty(definition.forms, "nomination"), *form);
}

Result<json::array> names_left(Queries& queries, const SessionRow& session, const Definition& definition) {
  json::array out;
  if (!is_double_blind(definition)) return out;
  const Result<json::object> form = nomination_of(session, definition);
  if (!form) return form.error();
  const Result<std::vector<DocumentRow>> rows = queries.documents(session.id);
  if (!rows) return rows.error();
  std::vector<review::DocumentName> documents;
  for (const DocumentRow& row : *rows) documents.push_back({.id = row.id, .name = row.name});
  const std::vector<std::string> words = strings_from_json(array_or_empty(object_or_empty(definition.manifest, "panel"), "common_words"));
  for (const Detail& each : review::names_left(object_or_empty(definition.forms, "nomination"), *form, session.org_name, words, documents))
    out.push_back(json::object{{"place", each.place}, {"code", each.code}, {"zh", each.message_zh}, {"en", each.message}});
  return out;
}

}  // namespace chuyi::api
