#include "server/simulate/people.h"

#include <algorithm>
#include <filesystem>

#include "engine/base/digest.h"
#include "engine/invoke/rows_json.h"
#include "engine/review/rubric.h"
#include "engine/runtime/people.h"

namespace chuyi::simulate {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProvince = "430000";

const std::vector<std::string> kSurnames{"王", "李", "张", "刘", "陈", "杨", "黄", "周", "吴", "罗", "谭", "彭", "曾", "肖", "邓", "唐"};
const std::vector<std::string> kGivenNames{"建国", "芳", "志强", "丽", "伟", "敏", "海涛", "静", "军", "艳", "文斌", "慧", "晓峰", "红梅", "立新", "雪"};
const std::vector<std::string> kFields{"装备制造", "电子信息", "财经商贸", "教育与体育", "医药卫生", "交通运输", "土木建筑", "旅游", "文化艺术", "农林牧渔"};
const std::vector<std::string> kTopics{"智能制造", "湘绣技艺", "数字商贸", "护理", "新能源汽车", "轨道交通", "装配式建筑", "湘菜烹饪", "陶瓷艺术", "现代农业"};

struct Kind {
  const char *id, *name;
  std::size_t share;  ///< of a hundred colleges
};
constexpr Kind kKinds[] = {{"secondary", "中等职业学校", 42}, {"college", "职业技术学院", 34}, {"technician", "技师学院", 16}, {"undergraduate", "职业大学", 8}};

std::string numbered(const char* prefix, std::size_t number, std::size_t digits) {
  std::string text = std::to_string(number);
  if (text.size() < digits) text.insert(0, digits - text.size(), '0');
  return prefix + text;
}

/// With the check character of GB 32100-2015.
std::string with_check(std::string code) {
  static constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
  std::size_t sum = 0, weight = 1;
  for (const char c : code) {
    sum += kAlphabet.find(c) * weight;
    weight = weight * 3 % kAlphabet.size();
  }
  return code + kAlphabet[(kAlphabet.size() - sum % kAlphabet.size()) % kAlphabet.size()];
}

Actor actor_of(std::string id, std::string name, std::vector<Membership> memberships) {
  return {.user_id = std::move(id), .name = std::move(name), .memberships = std::move(memberships)};
}

Result<json::value> read_json(const std::string& path) {
  const Result<std::string> text = read_file(path);
  if (!text) return text.error();
  return parse_json(*text, kStoredJson, path);
}

/// A package's own example, from the first folder that has one.
json::object example_of(const SharedFiles& files, const std::string& programme, const char* name) {
  for (const std::string& folder : files.packages) {
    const std::string path = folder + "/" + programme + "/tests/" + name;
    if (!fs::exists(path)) continue;
    if (const Result<json::value> read = read_json(path); read && read->is_object()) return object_or_empty(read->get_object(), "data");
  }
  return {};
}

/// Programmes whose applications are scored by experts and whose packages say what a good form is.
Result<std::vector<Programme>> programmes_of(const SharedFiles& files, const Call& call) {
  const InvokeRegistry registry = make_registry();
  const std::unique_ptr<PackageLibrary> library = make_library(files, registry, "", {});
  library->reload();
  std::vector<Programme> out;
  for (const DefinitionPtr& definition : library->current()) {
    const bool called = call.programmes.empty() || std::find(call.programmes.begin(), call.programmes.end(), definition->programme) != call.programmes.end();
    if (!called) continue;
    const json::object& rubric = object_or_empty(definition->manifest, "rubric");
    Programme programme{.id = definition->programme, .manifest = definition->manifest, .example = example_of(files, definition->programme, "nomination.json")};
    const Result<review::Rubric> read = review::read_rubric(rubric);
    if (rubric.empty() || !read || programme.example.empty()) continue;
    programme.report = example_of(files, definition->programme, "annual.json");
    const json::object& titles = object_or_empty(definition->manifest, "titles");
    programme.zh = string_or(titles, "zh");
    programme.en = string_or(titles, "en");
    for (const json::value& document : array_or_empty(definition->manifest, "documents"))
      if (bool_or(document.as_object(), "required", false)) programme.documents.push_back(string_or(document.as_object(), "kind"));
    programme.reviews = static_cast<std::size_t>(std::max(int_or(object_or_empty(definition->manifest, "panel"), "reviewers_min", 3), read->sheets_min()));
    out.push_back(std::move(programme));
  }
  for (const std::string& asked : call.programmes)
    if (std::none_of(out.begin(), out.end(), [&](const Programme& each) { return each.id == asked; }))
      return Error{.kind = ErrorKind::invalid, .code = "simulate.call", .message = "Expected a programme with a rubric and an example of a nomination, but found '" + asked + "'", .place = "/programmes", .message_zh = "“" + asked + "”没有评审指标或申报示例，不能演练"};
  if (out.empty()) return Error{.kind = ErrorKind::not_found, .code = "simulate.programmes", .message = "Expected packages with a rubric and an example of a nomination", .message_zh = "没有可以演练的项目包"};
  return out;
}

class Casting {
 public:
  Casting(const Options& options, const Call& call, Cast& cast) : options_(options), call_(call), days_(call.days), cast_(cast) {}

  Result<> organisations(const SharedFiles& files) {
    const Result<json::value> province = read_json(files.root + "/workflows/data/hunan/organisations.json");
    if (!province) return province.error();
    for (const json::value& each : province->as_array()) {
      add(each.as_object());
      if (string_or(each.as_object(), "level") == "prefecture" && string_or(each.as_object(), "kind") == "education")
        cast_.prefectures[string_or(each.as_object(), "id")] = string_or(each.as_object(), "name");
    }
    colleges();
    officers();
    return {};
  }

  void judges() {
    Dice dice(options_.seed, "experts");
    for (std::size_t i = 0; i < options_.experts; ++i) {
      Judge judge;
      review::Expert& expert = judge.expert;
      expert.id = numbered("expert-", i + 1, 3);
      expert.person = person_of(kExpertsFrom + i);
      expert.name = dice.one_of(kSurnames) + dice.one_of(kGivenNames);
      expert.title = dice.chance(60) ? "正高级" : "副高级";
      const std::size_t field = dice.below(kFields.size());
      expert.fields = {kFields[field], kFields[(field + 1 + dice.below(3)) % kFields.size()]};
      expert.region = prefecture(dice);
      const std::size_t kind = dice.below(100);
      expert.kind = kind < 50 ? "college" : kind < 75 ? "enterprise" : kind < 90 ? "research" : "government";
      if (expert.kind == "college") expert.employer = colleges_[dice.below(colleges_.size())];
      if (expert.kind == "enterprise") expert.enterprises = {firm(dice.below(kFirms))};
      expert.out_of_province = dice.chance(15);
      expert.nominated_year = call_.year - (dice.chance(94) ? 0 : 4);
      judge.severity = dice.between(-7, 5);
      judge.noise = dice.between(2, 7);
      judge.per_day = 2 + dice.below(5);
      if (dice.chance(12)) {
        judge.away_from = dice.below(4);
        judge.away_to = judge.away_from + 3 + dice.below(9);
      }
      cast_.judges.push_back(std::move(judge));
    }
  }

  void plans() {
    Dice dice(options_.seed, "applications");
    const std::vector<std::size_t> counts = shares();
    std::size_t number = 0;
    for (std::size_t programme = 0; programme < cast_.programmes.size(); ++programme) {
      const std::vector<std::string> who = applicants_of(cast_.programmes[programme]);
      for (std::size_t i = 0; i < counts[programme] && !who.empty(); ++i) plan(dice, programme, dice.one_of(who), ++number);
      const std::int64_t target = int_or(object_or_empty(cast_.programmes[programme].manifest, "quota"), "province", 0);
      const auto half = static_cast<std::int64_t>((counts[programme] + 1) / 2);
      const std::int64_t usual = std::max<std::int64_t>(1, target > 0 ? std::min(target, half) : half);
      cast_.programmes[programme].planned = int_or(object_or_empty(call_.parameters, "planned"), cast_.programmes[programme].id, usual);
    }
    ties(dice);
  }

 private:
  static constexpr std::size_t kExpertsFrom = 1'000'000;
  static constexpr std::size_t kFirms = 200;

  static std::string firm(std::size_t number) { return with_check(numbered("91430000MA4F", number, 5)); }

  void add(const json::object& organisation) {
    cast_.by_id[string_or(organisation, "id")] = organisation;
    cast_.organisations.push_back(organisation);
  }
  std::string prefecture(Dice& dice) {
    auto at = cast_.prefectures.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(dice.below(cast_.prefectures.size())));
    return at->first;
  }

  void colleges() {
    Dice dice(options_.seed, "colleges");
    const std::size_t count = std::clamp<std::size_t>(options_.applications / 9, 24, 600);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t at = (i * 100 / count + dice.below(3)) % 100;  // every kind is there, also among few
      std::size_t kind = 0;
      for (std::size_t sum = kKinds[0].share; kind + 1 < std::size(kKinds) && at >= sum; sum += kKinds[++kind].share) {
      }
      const std::string parent = prefecture(dice);
      const std::string id = numbered("college-", i + 1, 3);
      json::object college{{"id", id}, {"parent", parent}, {"level", "college"}, {"kind", kKinds[kind].id}, {"region", parent},
                           {"name", dice.one_of(kTopics) + numbered("第", i + 1, 1) + kKinds[kind].name}, {"name_en", id}};
      if (kKinds[kind].id == std::string_view{"college"} && dice.chance(15)) college["competent"] = dice.chance(50) ? "dept-jtt" : "dept-nyt";
      add(college);
      colleges_.push_back(id);
    }
  }

  void officers() {
    for (const json::object& each : cast_.organisations) {
      const std::string id = string_or(each, "id");
      const std::string level = string_or(each, "level");
      const std::string name = string_or(each, "name");
      if (level == "college" || (level == "prefecture" && string_or(each, "kind") == "education")) {
        cast_.applicants[id] = actor_of("applicant-" + id, name + "申报人", {{"applicant", id}});
        cast_.admins[id] = actor_of("admin-" + id, name + "管理员", {{"org-admin", id}});
        cast_.approvers[id] = actor_of("approver-" + id, name + "审定人", {{"org-approver", id}});
      }
      if (level == "prefecture" || level == "county") cast_.recommenders.push_back(actor_of("office-" + id, name + "经办", {{"recommending-officer", id}}));
    }
    const std::size_t clerks = 2 + options_.applications / 1000;
    for (std::size_t i = 0; i < clerks; ++i) cast_.clerks.push_back(actor_of(numbered("clerk-", i + 1, 1), "省厅经办", {{"provincial-officer", kProvince}}));
    cast_.supervisor = actor_of("supervisor", "省厅纪检监督", {{"discipline", kProvince}});
    cast_.lead = actor_of("lead", "省厅负责人", {{"provincial-officer", kProvince}});
    cast_.administrator = actor_of("administrator", "系统管理员", {{"administrator", kProvince}});
  }

  std::vector<std::string> applicants_of(const Programme& programme) const {
    const json::object& rule = object_or_empty(programme.manifest, "applicants");
    const std::vector<std::string> levels = strings_from_json(array_or_empty(rule, "levels"));
    const std::vector<std::string> kinds = strings_from_json(array_or_empty(rule, "kinds"));
    const auto in = [](const std::vector<std::string>& all, const std::string& one) { return all.empty() || std::find(all.begin(), all.end(), one) != all.end(); };
    std::vector<std::string> out;
    for (const json::object& each : cast_.organisations)
      if (in(levels, string_or(each, "level")) && in(kinds, string_or(each, "kind")) && cast_.applicants.contains(string_or(each, "id"))) out.push_back(string_or(each, "id"));
    return out;
  }

  /// Applications of each programme: as its places are, and a few of the smallest.
  std::vector<std::size_t> shares() const {
    constexpr std::int64_t kLeast = 20;
    std::int64_t all = 0;
    std::vector<std::int64_t> weights;
    for (const Programme& each : cast_.programmes) {
      weights.push_back(std::max(kLeast, int_or(object_or_empty(each.manifest, "quota"), "province", kLeast)));
      all += weights.back();
    }
    const auto wanted = static_cast<std::int64_t>(options_.applications);
    std::vector<std::size_t> out;
    std::int64_t given = 0, sum = 0;
    for (const std::int64_t weight : weights) {
      sum += weight;
      const std::int64_t until = wanted * sum / all;  // so that the shares add up to what was asked for
      out.push_back(static_cast<std::size_t>(until - given));
      given = until;
    }
    return out;
  }

  void plan(Dice& dice, std::size_t programme, const std::string& org, std::size_t number) {
    Plan out{.label = numbered("a-", number, 4), .programme = programme, .org = org};
    const json::object& unit = cast_.by_id.at(org);
    out.region = cast_.prefectures.contains(org) ? org : string_or(unit, "parent");
    const std::size_t topic = dice.below(kTopics.size());
    out.title = kTopics[topic] + "（" + string_or(unit, "name") + "）" + out.label;
    const std::size_t habit = dice.below(100);
    out.habit = habit < 70 ? Habit::punctual : habit < 95 ? Habit::last_day : Habit::late;
    out.starts = 1 + dice.below(std::max<std::size_t>(1, days_ * 2 / 3));
    out.submits = out.habit == Habit::punctual ? out.starts + dice.below(days_ - out.starts) : out.habit == Habit::last_day ? days_ : days_ + 1 + dice.below(3);
    if (dice.chance(4)) out.withdraws = 1 + dice.below(30);
    out.answers = dice.chance(85) ? 1 + dice.below(4) : 6 + dice.below(4);  // some take longer than they are given
    out.careless = dice.chance(5);
    out.quality = dice.between(62, 96);
    out.leader = person_of(number * 10);
    for (std::size_t i = 1; i <= 3; ++i) out.members.push_back(person_of(number * 10 + i));
    out.partners = {firm(dice.below(kFirms))};
    cast_.plans.push_back(std::move(out));
  }

  /// What makes experts and applicants know each other beyond where they work.
  void ties(Dice& dice) {
    for (Judge& judge : cast_.judges) {
      const auto somebody = [&]() -> const Plan& { return dice.one_of(cast_.plans); };
      if (cast_.plans.empty()) return;
      if (dice.chance(20)) judge.expert.co_projects.push_back({.person = somebody().leader, .project = dice.one_of(kTopics) + "项目", .year = call_.year - 5 + static_cast<int>(dice.below(6))});
      if (dice.chance(5)) judge.expert.relations.push_back({.person = somebody().leader, .kind = dice.chance(50) ? "near-relative" : "adviser-student"});
      if (dice.chance(10)) {
        const Plan& seen = somebody();  // in its school's own review
        judge.expert.judged.push_back({.application = {}, .title = seen.title, .org = seen.org});
      }
      if (dice.chance(5)) judge.expert.declared.push_back({.application = {}, .org = somebody().org, .reason = "兼职"});
    }
    // And some apply themselves.
    for (std::size_t i = 0; i < cast_.judges.size() / 25; ++i) {
      Plan& plan = cast_.plans[dice.below(cast_.plans.size())];
      plan.leader = cast_.judges[dice.below(cast_.judges.size())].expert.person;
    }
  }

  const Options& options_;
  const Call& call_;
  std::size_t days_;
  Cast& cast_;
  std::vector<std::string> colleges_;
};

}  // namespace

Dice::Dice(std::uint64_t seed, std::string_view purpose) {
  const std::string digest = sha256_hex(std::to_string(seed) + "/" + std::string{purpose});
  state_ = std::stoull(digest.substr(0, 16), nullptr, 16) | 1;
}

std::size_t Dice::below(std::size_t count) {
  state_ ^= state_ << 13;
  state_ ^= state_ >> 7;
  state_ ^= state_ << 17;
  return static_cast<std::size_t>((state_ >> 11) % count);
}

std::string person_of(std::size_t number) { return numbered("139", number, 8); }

Actor actor_of(const Cast& cast, const Judge& judge) {
  Actor out{.user_id = judge.expert.id, .name = judge.expert.name, .memberships = {{"reviewer", kProvince}}};
  if (cast.by_id.contains(judge.expert.employer)) out.memberships.push_back({"reviewer", judge.expert.employer});
  return out;
}

json::object pool_entry(const Judge& judge) {
  json::object out = review::to_json(judge.expert);
  out.erase("declared");  // each says that himself
  out.erase("employer_names");  // the register knows them
  out["identity"] = judge.expert.person;
  out.erase("person");
  for (const auto& [list, member] : {std::pair{"co_projects", "with"}, std::pair{"relations", "person"}})
    if (json::value* entries = out.if_contains(list); entries != nullptr)
      for (json::value& each : entries->as_array()) {
        json::object& entry = each.as_object();
        entry["identity"] = string_or(entry, member);
        entry.erase(member);
      }
  return out;
}

Result<Cast> make_cast(const SharedFiles& files, const Options& options, const Call& call) {
  Cast out;
  Result<std::vector<Programme>> programmes = programmes_of(files, call);
  if (!programmes) return programmes.error();
  out.programmes = std::move(*programmes);
  Casting casting(options, call, out);
  if (Result<> read = casting.organisations(files); !read) return read.error();
  casting.judges();
  casting.plans();
  return out;
}

std::vector<const Actor*> everybody(const Cast& cast) {
  std::vector<const Actor*> out{&cast.lead, &cast.supervisor, &cast.administrator};
  for (const auto* staff : {&cast.applicants, &cast.admins, &cast.approvers})
    for (const auto& [org, actor] : *staff) out.push_back(&actor);
  for (const Actor& each : cast.recommenders) out.push_back(&each);
  for (const Actor& each : cast.clerks) out.push_back(&each);
  return out;
}

}  // namespace chuyi::simulate
