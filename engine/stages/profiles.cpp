#include "engine/stages/profiles.h"

namespace chuyi {
namespace {

using check::Answer;
using check::InvokeProfile;

json::array list(std::initializer_list<const char*> texts) {
  json::array out;
  for (const char* each : texts) out.emplace_back(each);
  return out;
}

/// People may take longer than `due`.
Answer overdue(const char* parameter) {
  return {.event = "task.overdue.{id}", .zh = "逾期", .en = "overdue", .parameter = parameter, .ends = false};
}

Answer verdict(const char* value, const char* zh) {
  return {.event = "done.invoke.{id}", .data = {{{"verdict", value}}}, .zh = zh, .en = value};
}

}  // namespace

const check::World& builtin_world() {
  static const check::World world{
      .invokes =
          {InvokeProfile{.type = "task",
                         .parameters = {{.name = "role", .is_role = true},
                                        {.name = "org"},
                                        {.name = "user"},
                                        {.name = "form", .is_form = true},
                                        {.name = "outcomes", .fallback = list({"done"})},
                                        {.name = "not_by", .fallback = json::array{}},
                                        {.name = "due"},
                                        {.name = "data"},
                                        {.name = "seals_bundle"},
                                        {.name = "quota_on"},
                                        {.name = "quota_at"},
                                        {.name = "needs"},
                                        {.name = "needs_documents"},
                                        {.name = "exclusive"},
                                        {.name = "makes_leader"},
                                        {.name = "accepts_documents"},
                                        {.name = "return_to", .fallback = json::array{}},
                                        {.name = "escalate"}},
                         .required = {{"role", "org"}, {"user"}},
                         .answers = {overdue("due")},
                         .outcomes = "outcomes",
                         .returns = "return_to",
                         .not_by = "not_by"},
           InvokeProfile{.type = "countersign",
                         .parameters = {{.name = "parties"},
                                        {.name = "order", .allowed = {"parallel", "sequence"}, .fallback = "parallel"},
                                        {.name = "needs", .allowed = {"all", "any", "quorum", "weight"}, .fallback = "all"},
                                        {.name = "quorum"},
                                        {.name = "weight"},
                                        {.name = "due"},
                                        {.name = "silence", .allowed = {"waits", "agrees"}, .fallback = "waits"},
                                        {.name = "signatures"},
                                        {.name = "on_return", .allowed = {"stand", "fall"}, .fallback = "stand"},
                                        {.name = "not_by", .fallback = json::array{}},
                                        {.name = "data"}},
                         .required = {{"parties"}},
                         .answers = {{.event = "done.invoke.{id}", .data = {{{"outcome", "agreed"}}}, .zh = "会签通过", .en = "agreed"},
                                     {.event = "done.invoke.{id}", .data = {{{"outcome", "returned"}}}, .zh = "会签退回", .en = "returned"},
                                     overdue("due")},
                         .not_by = "not_by"},
           InvokeProfile{.type = "panel",
                         .parameters = {{.name = "org"}, {.name = "reviewers_min"}, {.name = "reviewers"}, {.name = "unit"}, {.name = "opening", .allowed = {"none", "two"}}},
                         .answers = {{.event = "done.invoke.{id}", .zh = "评审结束", .en = "closed"}},
                         .separates = true},
           InvokeProfile{.type = "panel-reopening",
                         .parameters = {{.name = "panel"}, {.name = "org"}},
                         .answers = {{.event = "done.invoke.{id}", .data = {{{"outcome", "reopen"}}}, .zh = "同意重启评审", .en = "reopened"},
                                     {.event = "done.invoke.{id}", .data = {{{"outcome", "refuse"}}}, .zh = "不同意重启评审", .en = "not reopened"}}},
           InvokeProfile{.type = "publicity",
                         .parameters = {{.name = "period", .manifest = "publicity"},
                                        {.name = "org"},
                                        {.name = "fields"},
                                        {.name = "objections"},
                                        {.name = "needs_opinion"}},
                         .answers = {{.event = "done.invoke.{id}",
                                      .data = {{{"upheld", 0}}},
                                      .zh = "期满，没有成立的异议",
                                      .en = "over, no objection upheld"},
                                     {.event = "done.invoke.{id}",
                                      .data = {{{"upheld", 1}}, {{"upheld", 2}}, {{"upheld", 5}}},
                                      .zh = "期满，有成立的异议",
                                      .en = "over, an objection upheld"},
                                     {.event = "publicity.held.{id}", .zh = "期满，异议尚未裁定", .en = "over, an objection not decided", .ends = false}}},
           InvokeProfile{.type = "award",
                         .parameters = {{.name = "action", .allowed = {"reserve", "grant", "revoke", "complete"}, .fallback = "grant"}, {.name = "number"}},
                         .answers = {{.event = "done.invoke.{id}", .zh = "办结", .en = "done"}}},
           InvokeProfile{.type = "annual-check",
                         .parameters = {{.name = "year"},
                                        {.name = "due"},
                                        {.name = "form", .is_form = true, .fallback = "annual"},
                                        {.name = "reporter_org"},
                                        {.name = "officer_org"}},
                         .answers = {verdict("excellent", "优秀"), verdict("qualified", "合格"), verdict("rectify", "限期整改"),
                                     verdict("unqualified", "不合格"), overdue("")}},
           InvokeProfile{.type = "plugin",
                         .parameters = {{.name = "hook", .allowed = {"score", "number"}}, {.name = "input"}},
                         .required = {{"hook"}},
                         .answers = {{.event = "done.invoke.{id}", .zh = "答复", .en = "answered"}, check::package_failure()},
                         .fails = false},
           InvokeProfile{.type = "scxml", .answers = {{.event = "done.invoke.{id}", .zh = "结束", .en = "ended"}}}},
      .roles = {"applicant", "org-admin", "org-approver", "recommending-officer", "provincial-officer", "reviewer", "discipline", "administrator"},
      .stages = {"nomination", "review", "publicity", "award", "annual-check"},
      .outside = {"applicant", "recommender", "province", "place", "round", "application"}};
  return world;
}

}  // namespace chuyi
