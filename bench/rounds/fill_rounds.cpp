/// bench_fill_rounds DATA: an installation with rounds of many applications, for what lists, dashboards and the review of a
/// round cost. A few applications go the real way to where they wait; the others are copies with ids, people, organisations
/// and dates of their own, through the store's port.
#include <array>
#include <condition_variable>
#include <cstdio>
#include <functional>
#include <mutex>

#include <CLI/CLI.hpp>

#include "bench/support/installation.h"
#include "engine/invoke/rows_json.h"

namespace chuyi::bench {
namespace {

using std::chrono::hours;

struct Options {
  std::string folder, store;
  std::size_t tasks = 100'000;
  std::size_t round = 5'000;  ///< applications of a round
  std::size_t experts = 600;
};

constexpr std::size_t kReviews = 7;
constexpr std::size_t kTasksEach = 5 + kReviews;  ///< of an application, about
constexpr std::size_t kColleges = 280;
constexpr std::size_t kPrefectures = 14;
constexpr std::size_t kLiveRounds = 3;
constexpr const char* kProvince = "430000";
constexpr const char* kProgrammes[] = {"workshop", "vocational-alliance", "master-studio", "innovation-team", "training-base", "think-tank", "culture-base",
                                       "forum", "lecture-series", "skills-training", "group-college", "group-secondary", "group-technician", "group-undergrad",
                                       "backbone-college", "high-level-college", "excellent-secondary", "excellent-technician", "teaching-master", "spirit-inheritor"};
constexpr const char* kCrafts[] = {"湘绣", "醴陵釉下五彩瓷", "菊花石雕", "滩头年画", "土家织锦", "竹编", "木雕", "铜官陶", "棕编", "苗银"};

std::string padded(std::size_t n, int digits) {
  char out[24];
  std::snprintf(out, sizeof out, "%0*zu", digits, n);
  return out;
}
std::string prefecture_of(std::size_t college) { return "43" + padded(1 + college % kPrefectures, 2) + "00"; }
std::string college_id(std::size_t n) { return "college-" + padded(n + 1, 3); }
std::string expert_id(std::size_t n) { return "expert-" + padded(n, 4); }

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
  return text;
}

/// How an application stands: its session and tasks, to be copied.
struct Pattern {
  std::string id;
  SessionRow session;
  std::vector<TaskRow> tasks;
};

class Filling {
 public:
  Filling(Installation& to, const Options& options) : to_(to), options_(options) {}

  void run() {
    const std::size_t applications = std::max<std::size_t>(options_.tasks / kTasksEach, 30);
    const std::size_t round = std::min(options_.round, applications / kLiveRounds);
    to_.begin();
    make_people();
    make_patterns();
    for (std::size_t i = 0; i < kLiveRounds; ++i) make_round(i);
    std::size_t tasks = 0;
    for (std::size_t n = 1; tasks < options_.tasks; ++n) tasks += fill_one(n, n / round);
    wait(0);
    std::printf("%zu tasks, rounds of %zu applications\n", tasks, round);
  }

 private:
  void make_people() {
    auto change = std::make_shared<Change>();
    const std::string hash = value_of(to_.queries().user("clerk"), "read a user")->password;
    const auto user = [&](const std::string& id, const char* role, const std::string& org) {
      change->users.push_back({.id = id, .name = id, .password = hash, .memberships = {{role, org}}, .disabled = false});
    };
    for (std::size_t i = 1; i < kPrefectures; ++i) {
      change->organisations.push_back({.id = prefecture_of(i), .parent = kProvince, .level = "prefecture", .name = "市州" + std::to_string(i), .name_en = {}, .data = {{"kind", "education"}}});
      user("bureau-" + padded(i + 1, 2), "recommending-officer", prefecture_of(i));
    }
    for (std::size_t i = 1; i < kColleges; ++i) {
      change->organisations.push_back({.id = college_id(i), .parent = prefecture_of(i), .level = "college", .name = "湖南第" + std::to_string(i) + "职业技术学院", .name_en = {}, .data = {{"kind", "college"}}});
      user("applicant-" + padded(i + 1, 3), "applicant", college_id(i));
    }
    for (std::size_t i = 0; i < options_.experts; ++i) user(expert_id(i), "reviewer", kProvince);
    user("lead", "provincial-officer", kProvince);
    user("supervisor", "discipline", kProvince);
    user("admin", "administrator", kProvince);
    put(change, "people");
  }

  /// Signs what the user finds in the inbox for the first application.
  void sign(const std::string& user, const char* kind, const char* outcome, json::object data) {
    const Actor actor = to_.actor(user);
    const TaskFilter filter{.memberships = actor.memberships, .user = user, .statuses = {"open"}, .session_id = application_id(0), .kind = kind};
    const Page<TaskRow> open = value_of(to_.queries().tasks(filter, {}), "find a task");
    if (open.rows.empty()) fail("find a task", Error{.code = kind});
    to_.execute({.kind = "task.complete", .task_id = open.rows.front().id, .actor = actor, .data = {{"outcome", outcome}, {"data", std::move(data)}}});
  }
  void keep() {
    Pattern out{.id = application_id(0), .session = *value_of(to_.queries().session(application_id(0)), "read an application"), .tasks = {}};
    out.tasks = value_of(to_.queries().tasks({.memberships = {}, .user = {}, .statuses = {}, .session_id = out.id, .kind = {}}, {.limit = 200, .after = {}}), "read its tasks").rows;
    std::sort(out.tasks.begin(), out.tasks.end(), [](const TaskRow& a, const TaskRow& b) { return a.id < b.id; });
    patterns_.push_back(std::move(out));
  }

  /// Waits for the prefecture; for the province; for its panel; is being scored; is scored.
  void make_patterns() {
    keep();
    sign("bureau", "task", "recommend", {{"opinion", "同意推荐"}});
    keep();
    sign("clerk", "task", "pass", {{"opinion", "同意"}});
    keep();
    json::array reviewers;
    for (std::size_t i = 0; i < kReviews; ++i) reviewers.emplace_back(expert_id(i));
    sign("clerk", "panel-setup", "appoint", {{"reviewers", std::move(reviewers)}});
    keep();
    for (std::size_t i = 0; i < kReviews; ++i) sign(expert_id(i), "sheet", "sign", {{"scores", scores(i)}, {"comment", "评审意见"}});
    keep();
  }

  static json::object scores(std::size_t n) {
    json::object out;
    const std::pair<const char*, std::size_t> criteria[] = {{"team", 15}, {"master", 15}, {"partnership", 20}, {"site", 10}, {"results", 20}, {"plan", 15}, {"outreach", 5}};
    for (const auto& [id, weight] : criteria) {
      n = n * 7919 % 1'000'003 + 13;
      out[id] = std::to_string(weight - 1 - n % (weight / 2)) + "." + std::to_string(n / 7 % 10);
    }
    return out;
  }

  void make_round(std::size_t index) {
    json::array programmes(std::begin(kProgrammes), std::begin(kProgrammes) + 1);
    to_.execute({.kind = "round.create",
                 .actor = to_.actor("clerk"),
                 .data = {{"id", round_id(index).substr(2)}, {"title", "批次"}, {"programmes", std::move(programmes)}, {"parameters", json::object{{"opens", "2030-03-03"}, {"deadline", "2030-03-13T17:30"}}}}});
  }
  /// The newest first; the first three are those that are live: nominated, waiting for panels, scored.
  static std::string round_id(std::size_t index) { return "r-" + std::to_string(2030 - index) + "-1"; }

  const Pattern& pattern_of(std::size_t n, std::size_t round) const {
    if (round == 0) return patterns_[n % 4 == 0 ? 0 : n % 4 == 1 ? 3 : 1];
    return patterns_[round == 1 ? 2 : 4];
  }

  /// @return its tasks
  std::size_t fill_one(std::size_t n, std::size_t round) {
    const Pattern& from = pattern_of(n, round);
    const std::size_t college = n * 37 % kColleges;
    const std::string id = application_id(n), prefecture = prefecture_of(college);
    const auto own = [&](std::string text) {
      text = replaced(std::move(text), from.id.substr(2), id.substr(2));
      text = replaced(std::move(text), "\"college-001\"", "\"" + college_id(college) + "\"");
      text = replaced(std::move(text), "\"430100\"", "\"" + prefecture + "\"");
      text = replaced(std::move(text), "13800000000", "138" + padded(n, 8));
      text = replaced(std::move(text), "91350100M000100Y43", "9135010" + padded(n % 300, 4) + "00100Y4");
      return replaced(std::move(text), "传统技艺", kCrafts[n % 10]);
    };
    auto change = std::make_shared<Change>();
    SessionRow session = from.session;
    session.id = id;
    session.programme = kProgrammes[n % std::size(kProgrammes)];
    session.round = round_id(round);
    session.title = std::string{kCrafts[n % 10]} + "技艺传承创新平台第" + std::to_string(n) + "号";
    session.org = college_id(college);
    session.org_name = "湖南第" + std::to_string(college) + "职业技术学院";
    session.orgs = {session.org, prefecture, kProvince};
    session.document = own(std::move(session.document));
    session.created += -hours(24 * 365 * static_cast<int>(round)) + std::chrono::milliseconds(n);
    if (round >= kLiveRounds) session.status = "ended";
    session.revision = 1;  // so that the store writes who may see it
    std::size_t sheet = 0;
    for (const TaskRow& each : from.tasks) {
      TaskRow task = task_from_json(value_of(parse_json(own(canonical_json(to_json(each))), kStoredJson, "row"), "copy a task").as_object());
      task.programme = session.programme;
      task.round = session.round;
      if (task.due) *task.due += hours(24 * static_cast<int>(n % 40)) - hours(24 * 365 * static_cast<int>(round));
      if (task.kind == "sheet") task.user = expert_id((n * kReviews + sheet++) * 11 % options_.experts);
      if (task.kind == "sheet" && task.outcome == "sign") {
        task.done_by = task.user;
        task.data["scores"] = scores(n * 31 + sheet);
      }
      // Work goes on for years in some that were awarded: theirs is what fills the inbox of an office.
      if (round >= kLiveRounds && n % 8 != 0 && (task.status == "open" || task.status == "claimed")) task.status = "done";
      if (task.status == "open" && n % 20 == 7 && task.role == "provincial-officer") {
        task.status = "claimed";
        task.claimed_by = n % 40 == 7 ? "clerk" : "lead";
      }
      change->tasks.push_back(std::move(task));
    }
    change->session = std::move(session);
    const std::size_t count = change->tasks.size();
    put(change, "application");
    return count;
  }

  void put(const std::shared_ptr<Change>& change, const char* what) {
    change->audit = {{"kind", "bench.fill"}, {"what", what}};
    wait(2'000);
    {
      const std::lock_guard lock(mutex_);
      ++waiting_;
    }
    to_.store().update({.decide = [change](View&) -> Result<Change> { return *change; }}, [this, what](Result<Reply> reply) {
      if (!reply) fail(what, reply.error());
      const std::lock_guard lock(mutex_);
      --waiting_;
      changed_.notify_all();
    });
  }
  void wait(std::size_t most) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ <= most; });
  }

  Installation& to_;
  const Options& options_;
  std::vector<Pattern> patterns_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t waiting_ = 0;
};

}  // namespace
}  // namespace chuyi::bench

int main(int argc, char** argv) {
  chuyi::bench::Options options;
  CLI::App app{"Fills an installation with rounds"};
  app.add_option("DATA", options.folder, "its folder")->required();
  app.add_option("--store", options.store, "postgresql://… of an empty database; none: SQLite");
  app.add_option("--tasks", options.tasks)->capture_default_str();
  app.add_option("--round", options.round, "applications of a round")->capture_default_str();
  app.add_option("--experts", options.experts)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  chuyi::bench::Installation installation({.data = options.folder, .store = options.store});
  chuyi::bench::Filling(installation, options).run();
}
