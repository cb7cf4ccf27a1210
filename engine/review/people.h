#pragma once

#include <string>
#include <vector>

#include "engine/base/json.h"
#include "engine/base/result.h"
#include "engine/review/reader.h"

/// Who reviews and what is reviewed, as the conflict rules, the draw and the assignment see them. A person is an opaque
/// digest of an identity number: the same person has the same digest as expert, leader and member.
namespace chuyi::review {

struct CoProject {
  std::string person;  ///< with whom
  std::string project;
  int year = 0;  ///< the last one in which it ran
};
struct Relation {
  std::string person;
  std::string kind;  ///< a word of the policy, e.g. "near-relative", "adviser-student"
};
/// The expert sat in the in-college review of this: by its id, or by title and unit when it had none yet.
struct Judged {
  std::string application, title, org;
};
/// The expert stands back from an application, or from all of a unit.
struct Declaration {
  std::string application, org, reason;
};

/// Somebody whom a form names, and where he works: what is left to compare where it has no number of him.
struct Named {
  std::string name, unit;
  bool identified = false;  ///< the form has an identity number, which the rules about persons compare
};

struct Expert {
  std::string id;      ///< of the user
  std::string person;  ///< digest; empty: the rules about persons know nothing of this expert
  std::string name, title;
  std::vector<std::string> fields;       ///< codes, the strongest first
  std::string region;                    ///< code of the prefecture
  std::string employer;                  ///< id of the organisation
  std::vector<std::string> employer_names;  ///< what it is called, and was
  std::vector<std::string> enterprises;  ///< credit codes where employed or shareholder
  std::string kind;                      ///< enterprise, college, research, government
  bool out_of_province = false;
  int nominated_year = 0;  ///< last (re-)nomination; 0: never
  std::vector<CoProject> co_projects;
  std::vector<Relation> relations;
  std::vector<Judged> judged;
  std::vector<Declaration> declared;
};

/// An application as the conflict rules see it.
struct Candidate {
  std::string id, programme, title;
  std::string org;
  std::vector<std::string> org_chain;  ///< what the unit belongs to, the nearest first
  std::string competent_department;    ///< id of the organisation
  std::string leader;                  ///< person
  std::vector<std::string> members;    ///< persons
  std::vector<Named> named;            ///< leader and members by name
  std::vector<std::string> handlers;   ///< users who filed, checked or recommended it
  std::vector<std::string> partners;   ///< credit codes or ids of organisations
  std::string field, region;
  std::vector<Relation> relations;  ///< declared by the applicants: a leader's or member's, to `person`
};

/// What stands of a person in a form ({"name", "unit"?, "id_number"?}), through lists; who has no unit there is of `unit`.
void add_named(const json::value& from, const std::string& unit, std::vector<Named>& out);

Expert read_expert(Reader& from);
Candidate read_candidate(Reader& from);
json::object to_json(const Expert& expert);
json::object to_json(const Candidate& candidate);

/// What this layer reads of an expert whom the pool keeps with more about him.
json::object expert_of_pool(const std::string& id, const json::object& data);

/// The members "experts" and "applications" of `from`, sorted by id, so that nothing depends on the order of the input.
/// Two with one id, or two experts with one person, are defects.
std::vector<Expert> read_experts(Reader& from);
std::vector<Candidate> read_candidates(Reader& from);

/// One of each, from JSON. Errors: `invalid` "review.input" with every defect.
Result<Expert> expert_from_json(const json::object& from);
Result<Candidate> candidate_from_json(const json::object& from);

}  // namespace chuyi::review
