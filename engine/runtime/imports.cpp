#include "engine/runtime/imports.h"

#include <algorithm>
#include <map>
#include <set>

#include "engine/invoke/rows_json.h"

namespace chuyi {
namespace {

json::object user_json(const UserRow& row) { return {{"id", row.id}, {"name", row.name}, {"memberships", to_json(row.memberships)}, {"disabled", row.disabled}}; }

class Planner {
 public:
  Planner(const json::object& data, const ImportLookup& known, Instant now) : data_(data), rows_(array_or_empty(data, "rows")), known_(known), now_(now) {}

  ImportPlan plan() && {
    const std::string kind = string_or(data_, "kind");
    std::vector<std::size_t> order(rows_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    const auto level = [&](std::size_t row) { return rank_of_level(string_or(given(row), "level")); };
    if (kind == "organisations") {
      std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return level(a) < level(b); });
      announce();
    }
    for (const std::size_t row : order) {
      const std::string id = string_or(given(row), "id");
      if (!id.empty() && !seen_.insert(id).second) {
        problem(row, {.place = "/id", .code = "import.duplicate", .message = "Expected each id once, but '" + printable(id) + "' comes again", .message_zh = "编号重复"});
        continue;
      }
      if (kind == "organisations") organisation(row, id);
      else if (kind == "users") user(row, id);
      else expert(row, id);
    }
    return std::move(out_);
  }

 private:
  const json::object& given(std::size_t row) const {
    static const json::object kNone;
    return rows_[row].is_object() ? rows_[row].get_object() : kNone;
  }

  /// Rows may name each other in any order.
  void announce() {
    for (std::size_t row = 0; row < rows_.size(); ++row)
      coming_.emplace(string_or(given(row), "id"), OrganisationRow{.id = string_or(given(row), "id"), .parent = {}, .level = string_or(given(row), "level"), .name = {}, .name_en = {}, .data = {}});
  }

  void organisation(std::size_t row, const std::string& id) {
    const std::optional<OrganisationRow> old = known_.organisation(id);
    json::object merged = old ? to_json(*old) : json::object{};
    for (const auto& member : given(row)) merged[member.key()] = member.value();
    const FindOrganisation find = [&](std::string_view wanted) -> std::optional<OrganisationRow> {
      if (const auto found = coming_.find(wanted); found != coming_.end()) return found->second;
      return known_.organisation(wanted);
    };
    Result<OrganisationRow> made = organisation_of(merged, old, find, now_);
    if (!made) return problems(row, made.error());
    if (changed(row, id, made->name, old ? to_json(*old) : json::object{}, to_json(*made))) out_.organisations.push_back(std::move(*made));
  }

  void user(std::size_t row, const std::string& id) {
    const std::optional<UserRow> old = known_.user(id);
    json::object merged = old ? user_json(*old) : json::object{};
    for (const auto& member : given(row)) merged[member.key()] = member.value();
    Result<UserRow> made = user_of(merged, old, known_.organisation);
    if (!made) return problems(row, made.error());
    const bool fresh = !old || (bool_or(data_, "renew", false) && is_pending(old->password));
    if (std::string code = string_or(object_or_empty(data_, "password_hash"), id); fresh && !code.empty()) made->password = std::move(code);
    if (changed(row, id, made->name, old ? user_json(*old) : json::object{}, user_json(*made)) || fresh) out_.users.push_back(std::move(*made));
    if (fresh) out_.changes.back().as_object()["code"] = true;
  }

  void expert(std::size_t row, const std::string& id) {
    const std::optional<RecordRow> old = known_.expert(id);
    Result<RecordRow> made = expert_of(given(row), old, known_.organisation, now_);
    if (!made) return problems(row, made.error());
    if (changed(row, id, string_or(made->data, "name"), old ? old->data : json::object{}, made->data)) out_.experts.push_back(std::move(*made));
  }

  /// Notes what changes.
  bool changed(std::size_t row, const std::string& id, const std::string& name, const json::object& from, const json::object& to) {
    json::object fields;
    for (const auto& member : to) {
      const json::value* before = from.if_contains(member.key());
      if (!from.empty() && (before == nullptr || canonical_json(*before) != canonical_json(member.value())))
        fields[member.key()] = json::object{{"from", before == nullptr ? json::value() : *before}, {"to", member.value()}};
    }
    for (const auto& member : from)
      if (!to.contains(member.key())) fields[member.key()] = json::object{{"from", member.value()}, {"to", nullptr}};
    const bool writes = from.empty() || !fields.empty();
    json::object change{{"row", static_cast<std::int64_t>(row)}, {"id", id}, {"name", name}, {"action", from.empty() ? "add" : writes ? "change" : "keep"}};
    if (!fields.empty()) change["fields"] = std::move(fields);
    out_.changes.push_back(std::move(change));
    return writes;
  }

  void problem(std::size_t row, Detail detail) {
    detail.place = "/" + std::to_string(row) + detail.place;
    out_.problems.push_back(std::move(detail));
  }
  void problems(std::size_t row, const Error& error) {
    for (Detail& each : details_of(error)) problem(row, std::move(each));
  }

  const json::object& data_;
  const json::array& rows_;
  const ImportLookup& known_;
  Instant now_;
  std::map<std::string, OrganisationRow, std::less<>> coming_;
  std::set<std::string> seen_;
  ImportPlan out_;
};

}  // namespace

ImportPlan plan_import(const json::object& data, const ImportLookup& known, Instant now) { return Planner(data, known, now).plan(); }

}  // namespace chuyi
