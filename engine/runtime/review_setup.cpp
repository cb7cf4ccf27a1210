#include <algorithm>

#include "engine/invoke/rows_json.h"
#include "engine/review/assignment.h"
#include "engine/review/conflicts.h"
#include "engine/review/results_input.h"
#include "engine/runtime/review_commands.h"

// A round's review as it is set up: what cannot hold is refused here, not when it is used.
namespace chuyi {
namespace {

constexpr std::size_t kPointersMax = 20;
constexpr std::size_t kPointerBytesMax = 240;

class Setup {
 public:
  Setup(const Runtime& runtime, const json::object& data, const RecordRow& round) : runtime_(runtime), data_(data), round_(round) {}

  Result<json::object> read() {
    read_year();
    read_people();
    if (const Result<review::ConflictPolicy> policy =
            review::conflict_policy_from_json(object_or_empty(data_, "policy"), static_cast<int>(year_));
        !policy)
      take(policy.error(), "/policy");
    read_assignment();
    read_programmes();
    if (!problems_.empty())
      return Error{.kind = ErrorKind::invalid,
                   .code = "review.setup",
                   .message = "Expected a review that can be held: " + problems_.front().message,
                   .place = problems_.front().place,
                   .message_zh = "评审设置不可行：" + problems_.front().message_zh,
                   .details = std::move(problems_)};
    return json::object{{"year", year_}, {"people", object_or_empty(data_, "people")}, {"policy", object_or_empty(data_, "policy")},
                        {"assignment", object_or_empty(data_, "assignment")}, {"programmes", std::move(programmes_)}};
  }

 private:
  void problem(std::string place, std::string message, std::string message_zh) {
    problems_.push_back({.place = std::move(place),
                         .code = "review.setup",
                         .message = std::move(message),
                         .message_zh = std::move(message_zh)});
  }
  void take(const Error& error, const std::string& below) {
    for (Detail detail : details_of(error)) {
      detail.place = below + detail.place;
      problems_.push_back(std::move(detail));
    }
  }

  void read_year() {
    const std::string opens = string_or(round_.data, "opens");
    year_ = int_or(data_, "year", opens.size() >= 4 ? std::stoll(opens.substr(0, 4)) : 0);
    if (year_ < 2000 || year_ > 2999) problem("/year", "Expected a year", "年度应为4位年份");
  }

  bool is_of_round(std::string_view programme) const {
    const std::vector<std::string> all = strings_from_json(array_or_empty(round_.data, "programmes"));
    return std::find(all.begin(), all.end(), programme) != all.end();
  }

  void read_people() {
    static constexpr std::string_view kNames[] = {"leader", "members", "named", "partners", "field", "level", "unit"};
    for (const auto& programme : object_or_empty(data_, "people")) {
      const std::string place = "/people/" + pointer_segment(programme.key());
      if (programme.key() != "*" && !is_of_round(programme.key()))
        problem(place, "Expected a programme of the round, or '*' for all others", "不是本批次的项目类别");
      if (!programme.value().is_object()) {
        problem(place, "Expected an object", "应为对象");
        continue;
      }
      for (const auto& field : programme.value().get_object()) {
        const std::string here = place + "/" + pointer_segment(field.key());
        if (std::find(std::begin(kNames), std::end(kNames), field.key()) == std::end(kNames))
          problem(here, "Expected leader, members, named, partners, field, level or unit", "没有这一项");
        const json::array* pointers = field.value().if_array();
        const bool good = pointers != nullptr && pointers->size() <= kPointersMax &&
                          std::all_of(pointers->begin(), pointers->end(), [](const json::value& each) {
                            return each.is_string() && each.get_string().starts_with("/") && each.get_string().size() <= kPointerBytesMax;
                          });
        if (!good) problem(here, "Expected at most 20 pointers like \"/form/leader/phone\"", "应为不超过20个指针，如“/form/leader/phone”");
      }
    }
  }

  /// Of nobody and nothing: only what is malformed shows.
  void read_assignment() {
    json::object input = object_or_empty(data_, "assignment");
    input["year"] = year_;
    input["policy"] = object_or_empty(data_, "policy");
    input["experts"] = json::array{};
    input["applications"] = json::array{};
    if (const Result<json::object> done = review::run_assignment(input); !done && done.error().kind == ErrorKind::invalid)
      for (Detail detail : details_of(done.error()))
        if (!detail.place.starts_with("/policy") && !detail.place.starts_with("/year")) {
          detail.place = "/assignment" + detail.place;
          problems_.push_back(std::move(detail));
        }
  }

  /// How each programme is ranked; without lists of its own it has one, cut at the round's plan.
  void read_programmes() {
    const json::object& given = object_or_empty(data_, "programmes");
    for (const auto& member : given)
      if (!is_of_round(member.key()) || !member.value().is_object())
        problem("/programmes/" + pointer_segment(member.key()),
                "Expected an object for a programme of the round", "应为本批次项目类别的设置");
    if (!problems_.empty()) return;
    for (const std::string& id : strings_from_json(array_or_empty(round_.data, "programmes"))) {
      json::object one = object_or_empty(given, id);
      const std::string place = "/programmes/" + pointer_segment(id);
      for (const auto& member : one)
        if (member.key() != "lists" && member.key() != "calibration" && member.key() != "committee")
          problem(place + "/" + pointer_segment(member.key()), "Expected lists, calibration or committee",
                  "没有这一项");
      if (!one.contains("lists")) {
        json::object list{{"id", "all"}};
        if (const std::int64_t planned = int_or(object_or_empty(round_.data, "planned"), id, 0); planned > 0) list["places"] = planned;
        one["lists"] = json::array{std::move(list)};
      }
      json::object input = one;
      input["id"] = id;
      if (const DefinitionPtr definition = runtime_.definitions.current(id))
        input["rubric"] = object_or_empty(definition->manifest, "rubric");
      json::object whole{{"programmes", json::array{std::move(input)}}};
      if (const Result<review::Input> read = review::read_input(whole); !read)
        for (Detail detail : details_of(read.error())) {
          constexpr std::string_view kHead = "/programmes/0";
          detail.place = place + (detail.place.size() > kHead.size() ? detail.place.substr(kHead.size()) : "");
          problems_.push_back(std::move(detail));
        }
      programmes_[id] = std::move(one);
    }
  }

  const Runtime& runtime_;
  const json::object& data_;
  const RecordRow& round_;
  std::int64_t year_ = 0;
  json::object programmes_;
  std::vector<Detail> problems_;
};

}  // namespace

Result<json::object> read_review_setup(const Runtime& runtime, const json::object& data,
                                       const RecordRow& round) {
  return Setup(runtime, data, round).read();
}

}  // namespace chuyi
