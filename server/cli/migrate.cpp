#include <algorithm>
#include <filesystem>
#include <iostream>
#include <set>

#include <boost/json/serialize.hpp>

#include "engine/migrate/migrations.h"
#include "engine/scxml/describe.h"
#include "engine/stages/profiles.h"
#include "server/cli/commands.h"
#include "server/cli/progress.h"
#include "server/shared_packages.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

const Actor& cli_actor() {
  static const Actor actor{.user_id = "system", .name = "chuyi migrate", .memberships = {}};
  return actor;
}

/// Errors: `invalid` "cli.map"; those of reading a file.
Result<scxml::StateMap> read_maps(const std::vector<std::string>& texts) {
  scxml::StateMap out;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos && equals > 0 && equals + 1 < text.size()) {
      out[text.substr(0, equals)] = text.substr(equals + 1);
      continue;
    }
    const Error wrong{.kind = ErrorKind::invalid, .code = "cli.map", .message = "Expected OLD=NEW, or a JSON file of {\"OLD\": \"NEW\"}, but found '" + text + "'", .place = "--map"};
    if (!fs::is_regular_file(text)) return wrong;
    const Result<std::string> content = read_file(text);
    if (!content) return content.error();
    const Result<json::value> map = parse_json(*content, JsonLimits{}, text);
    if (!map) return map.error();
    if (!map->is_object()) return wrong;
    for (const auto& member : map->get_object()) {
      if (!member.value().is_string()) return wrong;
      out[member.key()] = member.value().get_string();
    }
  }
  return out;
}

/// Both versions and the map. NEW may be a package, which is then taken in.
Result<MigrationRequest> read_request(const Migrations& migrations, PackageLibrary& library, const MigrateOptions& options) {
  Result<scxml::StateMap> map = read_maps(options.maps);
  if (!map) return map.error();
  Result<DefinitionPtr> from = migrations.find(options.from);
  if (!from) return from.error();
  Result<DefinitionPtr> to;
  if (fs::exists(options.to)) {
    to = library.load(options.to);
    if (to) to = library.restore((*to)->digest, (*to)->files);
  } else {
    to = migrations.find(options.to);
  }
  if (!to) return to.error();
  return MigrationRequest{.from = *from, .to = *to, .map = std::move(*map)};
}

class Printer {
 public:
  Printer(const MigrationPlan& plan, bool zh) : plan_(plan), zh_(zh) {
    for (const scxml::StateInfo& each : scxml::states_of(*plan.request.from->chart)) from_[each.id] = title_of(each);
    for (const scxml::StateInfo& each : scxml::states_of(*plan.request.to->chart)) to_[each.id] = title_of(each);
  }

  void print() const {
    const MigrationRequest& request = plan_.request;
    std::cout << request.from->programme << " " << request.from->version << " (" << request.from->digest.substr(0, 12) << ") → " << request.to->version
              << " (" << request.to->digest.substr(0, 12) << ")\n";
    for (const Detail& each : plan_.problems) std::cout << text(each) << "\n";
    print_states();
    for (const PlannedMove& each : plan_.applications) print(each);
    print_sum();
    if (!plan_.migration.empty())
      std::cout << (zh_ ? "迁移编号 " : "migration ") << plan_.migration << (zh_ ? "；撤销：" : "; to undo it: ") << "chuyi migrate undo " << plan_.migration << "\n";
  }

 private:
  using Titles = std::map<std::string, std::string>;
  std::string title_of(const scxml::StateInfo& state) const { return zh_ ? state.title_zh : state.title_en; }
  std::string text(const Detail& detail) const {
    return printable(zh_ && !detail.message_zh.empty() ? detail.message_zh : detail.message) + " [" + detail.code + "]";
  }
  std::string state(const std::string& id, const Titles& titles) const {
    const auto found = titles.find(id);
    const std::string title = found == titles.end() || found->second == id ? "" : found->second;
    return title.empty() ? id : zh_ ? title + "（" + id + "）" : id + " (" + title + ")";
  }
  /// The innermost states of a configuration.
  std::string place(const std::vector<std::string>& configuration, const DefinitionPtr& definition, const Titles& titles) const {
    std::set<std::string> parents;
    for (const scxml::StateInfo& each : scxml::states_of(*definition->chart))
      if (std::find(configuration.begin(), configuration.end(), each.id) != configuration.end()) parents.insert(each.parent);
    std::string out;
    for (const std::string& id : configuration)
      if (!parents.contains(id)) out += (out.empty() ? "" : " + ") + state(id, titles);
    return out;
  }

  void print_states() const {
    for (const PlannedState& each : plan_.states) {
      if (each.id == each.to) continue;
      if (each.id.empty())
        std::cout << "  + " << state(each.to, to_) << (zh_ ? "：新增" : ": added");
      else if (each.to.empty())
        std::cout << "  - " << state(each.id, from_) << (zh_ ? "：已删除" : ": removed");
      else
        std::cout << "  * " << state(each.id, from_) << " → " << state(each.to, to_);
      if (!each.id.empty()) std::cout << (zh_ ? "，现有申报 " : ", applications there: ") << each.applications;
      std::cout << "\n";
    }
  }

  void print(const PlannedMove& move) const {
    std::cout << move.application << "  " << printable(move.org_name + " " + move.title) << "  [" << name_of(move.fate) << "]  "
              << place(move.before, plan_.request.from, from_);
    if (!move.after.empty()) std::cout << " → " << place(move.after, plan_.request.to, to_);
    std::cout << "\n";
    for (const Detail& each : move.reasons) std::cout << "    " << text(each) << "\n";
    for (const Detail& each : move.warnings) std::cout << (zh_ ? "    注意：" : "    note: ") << text(each) << "\n";
  }

  void print_sum() const {
    const auto count = [&](Fate fate) {
      return std::count_if(plan_.applications.begin(), plan_.applications.end(), [&](const PlannedMove& each) { return each.fate == fate; });
    };
    struct Row {
      Fate fate;
      const char* en;
      const char* zh;
    };
    static constexpr Row kRows[] = {{Fate::moved, " moved", "件已迁移"},
                                    {Fate::as_is, " can move as it is", "件可直接迁移"},
                                    {Fate::mapped, " can move by the mapping", "件可按映射迁移"},
                                    {Fate::needs_mapping, " needs a mapping", "件需要指定映射"},
                                    {Fate::cannot, " cannot move", "件不能迁移"},
                                    {Fate::breaks_policy, " would break a policy", "件迁移后将违反规则"}};
    std::cout << (zh_ ? "在办申报" : "running applications: ") << plan_.applications.size() << (zh_ ? "件" : "");
    for (const Row& row : kRows)
      if (const auto number = count(row.fate); number > 0) std::cout << (zh_ ? "；" : "; ") << number << (zh_ ? row.zh : row.en);
    std::cout << "\n";
  }

  const MigrationPlan& plan_;
  bool zh_;
  Titles from_, to_;
};

Result<> show(const MigrationPlan& plan, const MigrateOptions& options) {
  if (options.json)
    std::cout << json::serialize(to_json(plan)) << "\n";
  else
    Printer(plan, options.language == "zh").print();
  if (plan.problems.empty()) return {};
  return Error{.kind = ErrorKind::rejected, .code = "migrate.problems", .message = "Expected a new workflow that keeps every policy"};
}

Result<std::unique_ptr<Offline>> open_stopped(const SharedFiles& files, const Home& home) {
  Result<std::unique_ptr<Offline>> opened = Offline::open_known(files, home);
  if (opened) restore_definitions((*opened)->queries(), (*opened)->library());
  return opened;
}

Migrations migrations_of(Offline& installation, std::vector<check::Policy> policies) {
  return Migrations({.commands = &installation.commands(),
                     .queries = installation.queries(),
                     .definitions = installation.library(),
                     .registry = installation.registry(),
                     .world = builtin_world(),
                     .policies = std::move(policies)});
}

}  // namespace

Result<> run_migrate_plan(const SharedFiles& files, const Home& home, const MigrateOptions& options) {
  Result<std::vector<check::Policy>> policies = load_policies(files);
  if (!policies) return policies.error();
  const Result<std::unique_ptr<Queries>> queries = open_readers(home);
  if (!queries) return queries.error();
  const InvokeRegistry registry = make_registry();
  const std::unique_ptr<PackageLibrary> library = make_library(files, registry, home.data, {});
  restore_definitions(**queries, *library);
  const Migrations migrations({.commands = nullptr, .queries = **queries, .definitions = *library, .registry = registry, .world = builtin_world(), .policies = std::move(*policies)});
  const Result<MigrationRequest> request = read_request(migrations, *library, options);
  if (!request) return request.error();
  const Result<MigrationPlan> plan = [&] {
    Progress bar("plan");
    return migrations.plan(*request, [&](std::size_t done, std::size_t all) { bar.show(done, all); });
  }();
  return plan ? show(*plan, options) : plan.error();
}

Result<> run_migrate_apply(const SharedFiles& files, const Home& home, const MigrateOptions& options) {
  if (options.dry_run) return run_migrate_plan(files, home, options);
  Result<std::vector<check::Policy>> policies = load_policies(files);
  if (!policies) return policies.error();
  const Result<std::unique_ptr<Offline>> opened = open_stopped(files, home);
  if (!opened) return opened.error();
  const Migrations migrations = migrations_of(**opened, std::move(*policies));
  const Result<MigrationRequest> request = read_request(migrations, (*opened)->library(), options);
  if (!request) return request.error();
  // Nodes that never saw the package go on with its code.
  if (!home.store.empty())
    if (Result<> shared = share_library(*request->to, (*opened)->documents()); !shared) return shared;
  const Result<MigrationPlan> plan = [&] {
    Progress bar("apply");
    return migrations.apply(*request, cli_actor(), [&](std::size_t done, std::size_t all) { bar.show(done, all); });
  }();
  if (!plan) return plan.error();
  if (Result<> shown = show(*plan, options); !shown) return shown;
  const bool moved = plan->applications.empty() || std::any_of(plan->applications.begin(), plan->applications.end(), [](const PlannedMove& each) {
    return each.fate != Fate::needs_mapping && each.fate != Fate::cannot && each.fate != Fate::breaks_policy;
  });
  if (moved) return {};
  return Error{.kind = ErrorKind::rejected, .code = "migrate.none", .message = "Expected an application that can move; the reasons stand above"};
}

Result<> run_migrate_undo(const SharedFiles& files, const Home& home, const std::string& migration, bool json_output) {
  const Result<std::unique_ptr<Offline>> opened = open_stopped(files, home);
  if (!opened) return opened.error();
  const Migrations migrations = migrations_of(**opened, {});
  const Result<UndoReport> report = [&] {
    Progress bar("undo");
    return migrations.undo(migration, cli_actor(), [&](std::size_t done, std::size_t all) { bar.show(done, all); });
  }();
  if (!report) return report.error();
  if (json_output) {
    std::cout << json::serialize(to_json(*report)) << "\n";
  } else {
    if (report->restored.empty() && report->left.empty()) std::cerr << "nothing to put back: " << migration << " moved nobody or was undone before\n";
    for (const std::string& each : report->restored) std::cout << each << "  restored\n";
    for (const Detail& each : report->left) std::cout << line_of(each) << "\n";
  }
  return {};
}

Result<> run_migrate_list(const SharedFiles& files, const Home& home, bool json_output) {
  const Result<std::unique_ptr<Queries>> queries = open_readers(home);
  if (!queries) return queries.error();
  const InvokeRegistry registry = make_registry();
  const std::unique_ptr<PackageLibrary> library = make_library(files, registry, home.data, {});
  const Migrations migrations({.commands = nullptr, .queries = **queries, .definitions = *library, .registry = registry, .world = builtin_world(), .policies = {}});
  const Result<std::vector<MigrationEntry>> entries = migrations.list();
  if (!entries) return entries.error();
  json::array items;
  for (const MigrationEntry& each : *entries) {
    items.push_back(to_json(each));
    if (json_output) continue;
    std::cout << each.id << "  " << format_instant(each.at) << "  by " << printable(each.by) << "  " << each.programme << "  " << each.from.substr(0, 12) << " → "
              << each.to.substr(0, 12);
    for (const auto& [old, target] : each.map) std::cout << "  " << old << "=" << target;
    std::cout << "  moved " << each.moved << (each.undone ? "  undone" : "") << "\n";
  }
  if (json_output) std::cout << json::serialize(items) << "\n";
  return {};
}

}  // namespace chuyi
