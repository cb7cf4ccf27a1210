// Goal: a ranking follows from the sheets alone, ties are broken by declared rules or by people, and an export says
// everything needed to do it again. Method: small rounds by hand; shuffles, leave-one-out and changed bytes on made-up ones.
#include "engine/review/results.h"

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>


#include "tests/review/made_up.h"

namespace chuyi::review {
namespace {

json::object object(const std::string& text) { return json::parse(text).get_object(); }

/// One programme with totals only: {"a1": ["80", "90"], …}.
json::object round_of(const std::string& programme, const std::string& totals) {
  json::object out{{"programmes", json::array{object(programme)}}, {"applications", json::array{}}, {"panels", json::array{}}, {"sheets", json::array{}}};
  json::array ids;
  for (const auto& member : object(totals)) {
    out["applications"].get_array().push_back(json::object{{"id", member.key()}, {"programme", "w"}});
    ids.emplace_back(member.key());
    for (std::size_t i = 0; i < member.value().get_array().size(); ++i)
      out["sheets"].get_array().push_back(json::object{{"application", member.key()}, {"panel", "p"}, {"expert", "e" + std::to_string(i)}, {"total", member.value().get_array()[i]}});
  }
  out["panels"].get_array().push_back(json::object{{"id", "p"}, {"applications", ids}, {"experts", json::array{"e0", "e1", "e2", "e3", "e4"}}});
  return out;
}

constexpr const char* kPlain = R"({"id":"w","rubric":{"criteria":[{"id":"x","weight":"100"}]},"lists":[{"id":"all","places":2}]})";

json::object computed(const json::object& input) {
  Result<json::object> out = results_of(input);
  EXPECT_TRUE(out) << (out ? "" : out.error().message + " " + out.error().place);
  return out ? std::move(*out) : json::object{};
}

const json::object& first_list(const json::object& results) {
  return results.at("results").at("programmes").at(0).at("lists").at(0).get_object();
}

/// "1 a1 in; 2 a2 tied; …"
std::string ranking(const json::object& results) {
  std::string out;
  for (const json::value& value : first_list(results).at("ranking").get_array()) {
    const json::object& each = value.get_object();
    out += (out.empty() ? "" : "; ") + (each.at("rank").is_null() ? "-" : std::to_string(each.at("rank").to_number<int>())) + " " + string_or(each, "application") + " " +
           string_or(each, "side") + (each.contains("outcome") && string_or(each, "outcome") == "open" ? " open" : "");
  }
  return out;
}

std::string code_of(const json::object& input) {
  const Result<json::object> out = results_of(input);
  return out ? "" : details_of(out.error()).front().code + " " + details_of(out.error()).front().place;
}

TEST(Ranking, ShowsATieAtTheLineAndLeavesItToPeople) {
  json::object input = round_of(kPlain, R"({"a1":["90"],"a2":["80"],"a3":["80"],"a4":["70"]})");
  json::object out = computed(input);
  EXPECT_EQ(ranking(out), "1 a1 in; 2 a2 tied open; 2 a3 tied open; 4 a4 out");
  EXPECT_EQ(json::serialize(first_list(out).at("line")), R"({"places":2,"awards":1,"last_in":"90.00","first_out":"70.00","tie":["a2","a3"]})");
  input["tie_decisions"] = json::array{object(R"({"programme":"w","list":"all","order":["a3","a2"],"reason":"区域布局","by":"委员会"})")};
  EXPECT_EQ(ranking(computed(input)), "1 a1 in; 2 a3 in; 3 a2 out; 4 a4 out");
  input["tie_decisions"] = json::array{object(R"({"programme":"w","list":"all","order":["a3","a1"],"reason":"x"})")};
  EXPECT_EQ(code_of(input), "results.input /tie_decisions/0") << "a1 is in no tie";
  input["tie_decisions"] = json::array{object(R"({"programme":"w","list":"all","order":["a3","a2"],"reason":" "})")};
  EXPECT_EQ(code_of(input), "results.reason /tie_decisions/0/reason");
}

TEST(Ranking, BreaksTiesOnlyAsDeclared) {
  const std::string programme = R"({"id":"w","rubric":{"criteria":[{"id":"x","weight":"60"},{"id":"y","weight":"40"}],"tie_breakers":[{"by":"criterion","criterion":"y"}%]},"lists":[{"id":"all","places":1}]})";
  const auto input_with = [&](const std::string& more) {
    std::string own = programme;
    json::object input = round_of(own.replace(own.find('%'), 1, more), R"({"a1":[],"a2":[],"a3":[]})");
    json::array& sheets = input["sheets"].get_array();
    for (const char* text : {R"({"application":"a1","scores":{"x":"50","y":"30"}})", R"({"application":"a2","scores":{"x":"49","y":"31"}})", R"({"application":"a3","scores":{"x":"49","y":"31"}})"}) {
      json::object sheet = object(text);
      sheet["panel"] = "p";
      sheet["expert"] = "e0";
      sheets.push_back(std::move(sheet));
    }
    for (json::value& each : input["applications"].get_array()) each.get_object()["submitted"] = string_or(each.get_object(), "id") == "a3" ? "2026-03-01T09:00:00Z" : "2026-03-01T09:00:01Z";
    return input;
  };
  EXPECT_EQ(ranking(computed(input_with(""))), "1 a2 tied open; 1 a3 tied open; 3 a1 out") << "who came first counts only where it is declared";
  EXPECT_EQ(ranking(computed(input_with(R"(,{"by":"median"},{"by":"submitted"})"))), "1 a3 in; 2 a2 out; 3 a1 out");
}

// Goal: an expert withdrew and four sheets of five are left; what happens is what the rubric declares.
TEST(Ranking, DoesWithTooFewSheetsWhatTheRubricSays) {
  const auto with = [](const char* rule) {
    json::object input = round_of(R"({"id":"w","rubric":{"combine":"trimmed-mean","criteria":[{"id":"x","weight":"100"}],"trim":{"too_few":")" + std::string{rule} + R"("}},"lists":[{"id":"all","places":2}]})",
                                  R"({"a1":["50","80","81","83","99"],"a2":["50","80","81","83","99"]})");
    json::object& gone = input["sheets"].get_array()[9].get_object();
    gone.erase("total");
    gone["withdrawn"] = "回避";
    return computed(input);
  };
  const json::object mean = with("mean");
  EXPECT_EQ(ranking(mean), "1 a1 in; 2 a2 in");
  EXPECT_EQ(json::serialize(mean.at("results").at("applications").at(1).at("stages").at(0).at("too_few")), R"("mean")");
  EXPECT_EQ(json::serialize(mean.at("results").at("applications").at(1).at("raw")), R"("73.50")");
  const json::object refused = with("refuse");
  EXPECT_EQ(ranking(refused), "1 a1 in; - a2 unranked");
  EXPECT_EQ(json::serialize(refused.at("results").at("applications").at(1).at("status")), R"("too-few-sheets")");
}

TEST(Ranking, PutsAVetoedApplicationOut) {
  json::object input = round_of(R"({"id":"w","rubric":{"criteria":[{"id":"x","weight":"100"}],"veto":{"effect":"vetoed","sheets_min":2,"items":[{"id":"safety"}]}},"lists":[{"id":"all","places":2}]})", R"({"a1":[],"a2":[]})");
  for (const char* application : {"a1", "a2"})
    for (int i = 0; i < 3; ++i) {
      const bool veto = i < (std::string{application} == "a1" ? 1 : 2);
      input["sheets"].get_array().push_back(json::object{{"application", application}, {"panel", "p"}, {"expert", "e" + std::to_string(i)}, {"scores", json::object{{"x", "90"}}},
                                                         {"vetoes", json::object{{"safety", json::object{{"veto", veto}, {"reason", "重大安全事故"}}}}}});
    }
  const json::object out = computed(input);
  EXPECT_EQ(ranking(out), "1 a1 in; - a2 unranked");
  EXPECT_EQ(first_list(out).at("fragile").get_array().size(), 2U) << "a2 is out by either of two sheets";
  input["decisions"] = json::array{object(R"({"application":"a2","outcome":"award","reason":"x","by":"y"})")};
  EXPECT_EQ(code_of(input), "results.unranked /decisions");
}

// Goal: calibration as its formula says, beside the raw values. Method: two panels of which one is ten points milder.
TEST(Calibration, StandsBesideTheRawValues) {
  const auto with = [](const char* method) {
    json::object input = round_of(R"({"id":"w","rubric":{"criteria":[{"id":"x","weight":"100"}]},"calibration":{"method":")" + std::string{method} + R"(","rank_by":"calibrated"},"lists":[{"id":"all","places":2}]})",
                                  R"({"a1":["90"],"a2":["80"]})");
    for (const auto& [id, total] : {std::pair{"b1", "79"}, std::pair{"b2", "71"}}) {
      input["applications"].get_array().push_back(json::object{{"id", id}, {"programme", "w"}});
      input["sheets"].get_array().push_back(json::object{{"application", id}, {"panel", "q"}, {"expert", "f"}, {"total", total}});
    }
    input["panels"].get_array().push_back(object(R"({"id":"q","applications":["b1","b2"],"experts":["f"]})"));
    std::string out;
    const json::object results = computed(input);
    for (const json::value& each : results.at("results").at("applications").get_array())
      out += string_or(each.get_object(), "raw") + " " + string_or(each.get_object(), "calibrated") + "; ";
    return out;
  };
  EXPECT_EQ(with("panel-shift"), "90.00 85.00; 80.00 75.00; 79.00 84.00; 71.00 76.00; ") << "means 85, 75, 80";
  // The programme's deviation is √45.5 = 6.745369; a1: 80 + 5 · 6.745369 / 5.
  EXPECT_EQ(with("z-score"), "90.00 86.75; 80.00 73.25; 79.00 86.75; 71.00 73.25; ");
}

struct Ballot {
  const char* name;
  int members, present, in_favour;
  const char* quorum;
  const char* majority;
  const char* outcome;
};
void PrintTo(const Ballot& row, std::ostream* out) { *out << row.name; }
class Ballots : public testing::TestWithParam<Ballot> {};

TEST_P(Ballots, CountThosePresent) {
  json::object input = round_of(kPlain, R"({"a1":["90"]})");
  input["programmes"].at(0).get_object()["committee"] = json::object{{"members", GetParam().members}, {"quorum", GetParam().quorum}, {"majority", GetParam().majority}};
  input["votes"] = json::array{json::object{{"application", "a1"}, {"present", GetParam().present}, {"for", GetParam().in_favour}, {"against", 0}}};
  EXPECT_EQ(string_or(first_list(computed(input)).at("ranking").at(0).get_object(), "vote_outcome"), GetParam().outcome);
}

INSTANTIATE_TEST_SUITE_P(Edges, Ballots, testing::Values(
  Ballot{"HalfIsNotMore",        15, 10, 5, "two-thirds", "half",       "lost"},
  Ballot{"MoreThanHalf",         15, 10, 6, "two-thirds", "half",       "carried"},
  Ballot{"ExactlyTwoThirds",     15, 12, 8, "two-thirds", "two-thirds", "carried"},
  Ballot{"OneBelowTwoThirds",    15, 12, 7, "two-thirds", "two-thirds", "lost"},
  Ballot{"PresentNotForAndAgainst", 15, 11, 7, "two-thirds", "two-thirds", "lost"},
  Ballot{"QuorumByOne",          15, 9,  9, "two-thirds", "half",       "no-quorum"},
  Ballot{"HalfQuorum",           15, 8,  8, "half",       "half",       "carried"}),
  [](const auto& row) { return std::string(row.param.name); });

TEST(Committee, DepartsItemByItemWithAReason) {
  json::object input = round_of(kPlain, R"({"a1":["90"],"a2":["80"],"a3":["70"]})");
  input["decisions"] = json::array{object(R"({"application":"a2","outcome":"decline","reason":"同一负责人","by":"领导小组"})"), object(R"({"application":"a3","outcome":"award","reason":"区域布局","by":"领导小组"})")};
  const json::object out = computed(input);
  EXPECT_EQ(json::serialize(first_list(out).at("ranking").at(2).at("deviation")), R"({"computed":"decline","reason":"区域布局","by":"领导小组"})");
  input["decisions"].get_array().erase(input["decisions"].get_array().begin());
  EXPECT_EQ(code_of(input), "results.over_plan /decisions") << "three awards for two places";
  input["decisions"].get_array()[0].get_object().erase("reason");
  EXPECT_EQ(code_of(input), "results.reason /decisions/0/reason");
}

TEST(Stages, AreWeighted) {
  json::object input = round_of(R"({"id":"w","rubric":{"criteria":[{"id":"x","weight":"100"}],"stages":[{"id":"written","weight":"40"},{"id":"meeting","weight":"60"}],"divergence":{"range":"15","then":"third-reviewer"}},"lists":[]})",
                                R"({"a1":["80","95.01"],"a2":["80","95"]})");
  input["panels"].get_array()[0].get_object()["stage"] = "written";
  input["panels"].get_array().push_back(object(R"({"id":"m","stage":"meeting","applications":["a1"],"experts":["e9"]})"));
  input["sheets"].get_array().push_back(object(R"({"application":"a1","panel":"m","expert":"e9","total":"91.33"})"));
  const json::object out = computed(input);
  const json::value& a1 = out.at("results").at("applications").at(0);
  EXPECT_EQ(json::serialize(a1.at("raw")), R"("89.80")") << "0.4 * 87.51 + 0.6 * 91.33 = 89.802; 87.505 is rounded up first";
  EXPECT_EQ(json::serialize(a1.at("stages").at(0).at("diverges")), R"("third-reviewer")");
  EXPECT_FALSE(out.at("results").at("applications").at(1).at("stages").at(0).get_object().contains("diverges")) << "15 is not more than 15";
  EXPECT_EQ(ranking(out), "1 a1 listed; - a2 unranked") << "a2 was not in the meeting";
}

TEST(Input, IsRefusedWithEveryProblem) {
  json::object input = round_of(kPlain, R"({"a1":["90"],"a2":["101"]})");
  input["sheets"].get_array().push_back(object(R"({"application":"a1","panel":"p","expert":"stranger","total":"9"})"));
  input["sheets"].get_array().push_back(object(R"({"application":"a1","panel":"p","expert":"e0","total":"9"})"));
  input["sheets"].get_array().push_back(object(R"({"application":"zz","panel":"p","expert":"e0","total":"9"})"));
  const Result<json::object> out = results_of(input);
  ASSERT_FALSE(out);
  std::string all;
  for (const Detail& each : out.error().details) all += each.code + " " + each.place + "; ";
  EXPECT_EQ(all, "results.total /sheets/1/total; results.not_in_panel /sheets/2; results.duplicate /sheets/3; results.unknown /sheets/4/application; ");
}

class MadeUpRounds : public testing::TestWithParam<int> {
 protected:
  MadeUp round(int spread) const { return {.seed = static_cast<unsigned>(GetParam()), .spread = spread}; }
};

TEST_P(MadeUpRounds, RankAlikeInAnyOrder) {
  MadeUp from = round(1);  // many ties
  from.rubric.insert(from.rubric.size() - 1, R"(,"tie_breakers":[{"by":"criterion","criterion":"c"}])");
  const json::object input = input_of(from);
  const std::string expected = export_bytes(computed(input));
  for (unsigned i = 0; i < 5; ++i) EXPECT_TRUE(export_bytes(computed(shuffled(input, i))) == expected) << "shuffle " << i;
}

// Goal: what is said to change without a sheet is what changes. Method: each sheet is really taken out of the input.
TEST_P(MadeUpRounds, KnowWhichPlacesHangOnOneSheet) {
  for (const char* method : {"none", "z-score"}) {
    MadeUp from = round(1);
    from.applications = 100;
    from.experts = 5;
    if (std::string{method} != "none") from.calibration = {{"method", method}, {"rank_by", "calibrated"}};
    const Result<Input> input = read_input(normalised(input_of(from)));
    Result<Results> results = compute(*input);
    find_fragile(*input, *results);
    const auto sides = [&](const Results& of) {
      std::vector<Side> out(input->applications.size(), Side::unranked);
      for (const Ranked& each : of.programmes[0].lists[0].ranked) out[each.application] = each.side;
      return out;
    };
    const std::vector<Side> before = sides(*results);
    std::vector<std::string> expected, found;
    for (std::size_t sheet = 0; sheet < input->sheets.size(); ++sheet) {
      Input less = *input;
      less.sheets[sheet].withdrawn = "left out";
      const std::vector<Side> after = sides(*compute(less));
      std::string line = std::to_string(sheet);
      for (std::size_t i = 0; i < after.size(); ++i)
        if (before[i] != after[i]) line += " " + std::to_string(i) + ":" + std::to_string(static_cast<int>(after[i]));
      if (line.find(' ') != std::string::npos) expected.push_back(line);
    }
    for (const Fragile& each : results->programmes[0].fragile[0]) {
      std::string line = std::to_string(each.sheet);
      for (const Moved& one : each.moved) line += " " + std::to_string(one.application) + ":" + std::to_string(static_cast<int>(one.after));
      found.push_back(line);
    }
    EXPECT_FALSE(expected.empty());
    EXPECT_EQ(found, expected) << method;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, MadeUpRounds, testing::Range(1, 6));

// Goal: no changed byte passes. Method: every byte of a small export is changed, in two ways.
TEST(Export, IsVerifiedToTheByte) {
  const std::string right = export_bytes(computed(input_of({.applications = 3, .experts = 2, .places = 1})));
  ASSERT_TRUE(verify_export(right));
  for (std::size_t i = 0; i < right.size(); ++i)
    for (const char change : {'\1', '\2'}) {
      std::string wrong = right;
      wrong[i] = static_cast<char>(wrong[i] ^ change);
      ASSERT_FALSE(verify_export(wrong)) << i;
    }
}

TEST(Export, SaysWhereItDiffers) {
  std::string wrong = export_bytes(computed(round_of(kPlain, R"({"a1":["90"],"a2":["80"]})")));
  wrong.replace(wrong.find(R"("value":"90.00")"), 15, R"("value":"90.01")");
  const Result<> verified = verify_export(wrong);
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().details.at(0).place, "/results/programmes/0/lists/0/ranking/0/value");
  EXPECT_EQ(verified.error().details.at(0).message, R"(Expected "90.00", but the export says "90.01")");
  EXPECT_EQ(verify_export("{}").error().code, "results.format");
}

}  // namespace
}  // namespace chuyi::review
