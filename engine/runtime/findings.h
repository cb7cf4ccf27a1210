#pragma once

#include <string>
#include <vector>

#include "engine/base/json.h"
#include "engine/base/result.h"
#include "engine/ports/queries.h"

/// Whether an application repeats another one, or shares its people with one that still runs.
namespace chuyi {

/// What an application has in common with another that repeats it. Digests only: names and texts stay in the form.
struct Trace {
  std::string key;   ///< "person:…", "title:…", "text:…", "document:…" and a digest
  std::string what;  ///< "person", "title", "text", "document"
  std::string place; ///< JSON pointer into the form; of a document its kind and name
};

inline constexpr const char* kRevisionRecord = "revision";  ///< id: application/number; about: the application
inline constexpr const char* kTraceRecord = "trace";  ///< id: application/number; about: the key
inline constexpr std::size_t kTracesMax = 100;

/// The title within its organisation, long texts without spaces and punctuation, documents, people by name within their
/// organisation; at most kTracesMax.
std::vector<Trace> traces_of(const SessionRow& session, const json::object& form, const std::vector<DocumentRow>& documents);

/// Other applications with one of the traces: [{"what","place","application","programme","round","title","org_name","status"}].
/// People count only where the other application still runs.
Result<json::array> find_traces(Queries& queries, const std::string& session_id, const std::vector<Trace>& traces);

json::array to_json(const std::vector<Trace>& traces);
std::vector<Trace> traces_from_json(const json::array& array);

}  // namespace chuyi
