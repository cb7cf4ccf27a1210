#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/json.h"
#include "engine/base/result.h"

/// Double-blind review: what of an application tells who applies. Which fields do is said by the form's schema, "x-identifies": true
/// at a property; what stands below it is part of it.
namespace chuyi::review {

/// What an application is called where its own names are hidden; the same for the same id: "申报A-1734".
std::string pseudonym_of(std::string_view application);

/// The form without the fields that identify.
json::object without_identity(const json::object& schema, const json::object& form);

struct DocumentName {
  std::string id, name;
};
/// Places that still name the applicant: texts of the form that identify nobody by their field, and names of documents. Looked for
/// are `org_name`, what is left of it without `common_words`, and every text of the fields that identify.
/// At most 100, place = JSON pointer into the form, or "/documents/ID".
std::vector<Detail> names_left(const json::object& schema, const json::object& form, const std::string& org_name,
                               const std::vector<std::string>& common_words, const std::vector<DocumentName>& documents);

}  // namespace chuyi::review
