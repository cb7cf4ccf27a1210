// Conflicts, draw and assignment of generated rounds, by size. One thread; its CPU time, which
// waiting for a core does not lengthen, the middle of three runs.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <tuple>

#include "bench/support/report.h"
#include "engine/review/assignment.h"
#include "engine/review/conflicts.h"
#include "engine/review/draw.h"

namespace {

using namespace chuyi;

/// A round: programmes, colleges in 14 prefectures, a quarter of the experts from enterprises, two experts an employer,
/// 30 fields that an application has one and an expert one to three of. In a tight one experts have hardly more room than
/// there are reviews, and most applications are of few fields.
class Round {
 public:
  Round(int applications, int experts, bool tight) : applications_(applications), experts_(experts), tight_(tight) {}

  json::object input() {
    constexpr int coverage = 7;
    const int mean = applications_ * coverage / experts_;
    return {{"year", 2026},
            {"policy", policy()},
            {"experts", experts()},
            {"applications", applications()},
            {"coverage", coverage},
            {"load", json::object{{"min", tight_ ? mean - 1 : mean / 2}, {"max", tight_ ? mean + 1 : mean * 5 / 4 + 2}}},
            {"limits", json::array{json::object{{"by", "region"}, {"at_most", 3}}, json::object{{"by", "employer"}, {"at_most", 1}}}},
            {"cost", json::object{{"mismatch", 200}, {"same_region", 20}, {"balance", 1}}}};
  }

  json::object draw_input() {
    const std::string seed(64, '7'), context = "bench";
    const auto stratum = [](const char* name, json::object where) {
      return json::object{{"name", name}, {"where", std::move(where)}, {"at_least", "1/3"}, {"spares_at_least", 2}};
    };
    return {{"year", 2026},
            {"policy", policy()},
            {"experts", experts()},
            {"applications", json::array{}},
            {"context", context},
            {"seed", seed},
            {"commitment", review::commitment_of(seed, context)},
            {"seats", 9},
            {"spares", 6},
            {"strata",
             json::array{stratum("enterprise", {{"kind", json::array{"enterprise"}}}),
                         stratum("out-of-province", {{"out_of_province", true}}), stratum("field", {{"field", json::array{"F3", "F4"}}})}}};
  }

  json::array experts() {
    json::array out;
    for (int i = 0; i < experts_; ++i) {
      const int employer = i / 2;
      const bool enterprise = employer % 4 == 0;
      json::array fields;
      for (int n = 1 + pick(3); n > 0; --n) fields.push_back(json::value(field()));
      json::array projects;
      for (int n = pick(4); n > 0; --n)
        projects.push_back(json::object{{"with", person()}, {"project", "P" + std::to_string(pick(9999))}, {"year", 2020 + pick(7)}});
      out.push_back(json::object{{"id", "e" + std::to_string(i)},
                                 {"person", i % 20 == 0 ? person() + "-" + std::to_string(i) : "x" + std::to_string(i)},
                                 {"fields", std::move(fields)},
                                 {"region", "43" + std::to_string(employer % 14)},
                                 {"employer", (enterprise ? "ent" : "col") + std::to_string(employer)},
                                 {"kind", enterprise ? "enterprise" : "college"},
                                 {"out_of_province", employer % 3 == 0},
                                 {"nominated_year", 2026},
                                 {"co_projects", std::move(projects)}});
    }
    return out;
  }

 private:
  int pick(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  std::string field() { return "F" + std::to_string(pick(30)); }
  std::string applied_field() { return "F" + std::to_string(tight_ ? std::min({pick(30), pick(30), pick(30)}) : pick(30)); }
  std::string person() { return "p" + std::to_string(pick(applications_ * 6)); }

  json::array applications() {
    json::array out;
    for (int i = 0; i < applications_; ++i) {
      const int org = pick(400);
      json::array members, partners;
      for (int m = 1; m < 6; ++m) members.push_back(json::value("p" + std::to_string(i * 6 + m)));
      for (int n = pick(3); n > 0; --n) partners.push_back(json::value("ent" + std::to_string(pick(300) / 4 * 4)));
      char id[16];
      std::snprintf(id, sizeof id, "a%05d", i);
      out.push_back(json::object{{"id", id},
                                 {"programme", "g" + std::to_string(i % 20)},
                                 {"title", "T" + std::to_string(i)},
                                 {"org", "col" + std::to_string(org)},
                                 {"competent_department", "43" + std::to_string(org % 14)},
                                 {"leader", "p" + std::to_string(i * 6)},
                                 {"members", std::move(members)},
                                 {"partners", std::move(partners)},
                                 {"field", applied_field()},
                                 {"region", "43" + std::to_string(org % 14)}});
    }
    return out;
  }

  static json::object policy() {
    json::array rules;
    for (const std::string_view name : review::rule_names())
      rules.push_back(json::object{{"rule", name}, {"zh", "回避"}, {"en", "conflict"}});
    return {{"rules", std::move(rules)}};
  }

  int applications_, experts_;
  bool tight_;
  std::mt19937_64 random_{42};
};

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

template <class Run>
double seconds(const Run& run) {
  std::vector<double> all;
  for (int i = 0; i < 3; ++i) {
    const double start = cpu_seconds();
    run();
    all.push_back(cpu_seconds() - start);
  }
  std::sort(all.begin(), all.end());
  return all[1];
}

template <class T>
const T& checked(const Result<T>& result) {
  if (result) return *result;
  for (const Detail& each : details_of(result.error())) std::fprintf(stderr, "%s [%s]\n", each.message.c_str(), each.code.c_str());
  std::exit(1);
}

double mebibytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace

int main() {
  bench::print_machine(".");
  std::printf("\n%-12s %-8s %-6s %12s %8s %8s %9s %9s %8s %8s %8s\n", "applications", "experts", "room", "conflicts s", "found", "draw s",
              "assign s", "networks", "pairs", "matched", "max MiB");
  for (const auto& [applications, experts, tight] : {std::tuple{500, 150, false},
                                                     {1000, 300, false},
                                                     {2500, 600, false},
                                                     {5000, 600, false},
                                                     {5000, 600, true},
                                                     {10'000, 1200, false}}) {
    const json::object input = Round(applications, experts, tight).input();
    std::vector<Detail> found;
    review::Reader reader(input, "", found);
    const std::vector<review::Expert> people = review::read_experts(reader);
    const std::vector<review::Candidate> candidates = review::read_candidates(reader);
    const review::ConflictPolicy policy = review::read_conflict_policy(reader);
    std::size_t conflicts = 0;
    const double conflict_seconds = seconds([&] { conflicts = review::Conflicts(policy, candidates).all(people).size(); });
    const json::object draw_input = Round(applications, experts, tight).draw_input();
    const double draw_seconds = seconds([&] { checked(review::run_draw(draw_input)); });
    json::object result;
    const double assign_seconds = seconds([&] { result = checked(review::run_assignment(input)); });
    std::printf("%-12d %-8d %-6s %12.3f %8zu %8.3f %9.2f %9lld %8lld %8.3f %8.0f\n", applications, experts, tight ? "tight" : "ample",
                conflict_seconds, conflicts, draw_seconds, assign_seconds, static_cast<long long>(int_or(result, "networks", 0)),
                static_cast<long long>(int_or(result, "columns", 0)),
                static_cast<double>(int_or(result, "matched", 0)) / static_cast<double>(int_or(result, "reviews", 1)), mebibytes());
    std::fflush(stdout);
  }
}
