#include <algorithm>

#include "engine/review/rubric.h"

namespace chuyi::review {
namespace {

const Decimal kHundred{100};
constexpr int kTiersMax = 3;
constexpr std::size_t kCriteriaMax = 200;
constexpr std::size_t kListMax = 50;

template <class T>
struct Word {
  const char* word;
  T value;
};
constexpr Word<bool> kScales[] = {{"weight", false}, {"hundred", true}};
constexpr Word<Combine> kCombines[] = {{"mean", Combine::mean}, {"trimmed-mean", Combine::trimmed_mean}, {"median", Combine::median}};
constexpr Word<TooFew> kTooFew[] = {{"mean", TooFew::mean}, {"refuse", TooFew::refuse}, {"add-reviewer", TooFew::add_reviewer}};
constexpr Word<VetoEffect> kEffects[] = {{"zero", VetoEffect::zero}, {"vetoed", VetoEffect::vetoed}};
constexpr Word<TieBreak> kTieBreaks[] = {{"criterion", TieBreak::criterion}, {"median", TieBreak::median}, {"submitted", TieBreak::submitted}};

/// Of a decimal that a manifest writes as a string, an older one as an integer.
std::string text_of(const json::object& object, const char* key) {
  return string_or(object, key, object.contains(key) ? std::to_string(int_or(object, key, -1)) : "");
}

class Reader {
 public:
  explicit Reader(const json::object& rubric) : json_(rubric) {}

  Result<Rubric> run() {
    out_.hundred = word(json_, "", "scale", kScales, false);
    out_.combine = word(json_, "", "combine", kCombines, Combine::mean);
    read_trim();
    read_rounding();
    read_units();
    out_.criteria = read_criteria(array_or_empty(json_, "criteria"), "/criteria", 1);
    check_units();
    read_veto();
    read_divergence();
    read_tie_breakers();
    read_stages();
    if (problems_.empty()) return std::move(out_);
    return Error{.kind = ErrorKind::invalid,
                 .code = "rubric.invalid",
                 .message = "Expected a rubric that can be scored: " + problems_.front().message,
                 .place = problems_.front().place,
                 .message_zh = "评审指标有误：" + problems_.front().message_zh,
                 .details = std::move(problems_)};
  }

 private:
  void problem(std::string place, const char* code, std::string message, std::string message_zh) {
    if (problems_.size() < kListMax) problems_.push_back({.place = std::move(place), .code = code, .message = std::move(message), .message_zh = std::move(message_zh)});
  }

  template <class T, std::size_t N>
  T word(const json::object& object, const std::string& place, const char* key, const Word<T> (&words)[N], T fallback) {
    if (!object.contains(key)) return fallback;
    const std::string given = string_or(object, key);
    std::string all;
    for (const Word<T>& each : words) {
      if (given == each.word) return each.value;
      all += (all.empty() ? "" : ", ") + std::string{each.word};
    }
    problem(place + "/" + key, "rubric.word", "Expected one of " + all + ", but found '" + given + "'", "应为以下之一：" + all + "，现为“" + given + "”");
    return fallback;
  }

  std::int64_t whole(const json::object& object, const std::string& place, const char* key, std::int64_t fallback, std::int64_t min, std::int64_t max) {
    const std::int64_t value = object.contains(key) ? int_or(object, key, min - 1) : fallback;
    if (value >= min && value <= max) return value;
    const std::string bounds = std::to_string(min) + " to " + std::to_string(max);
    problem(place + "/" + key, "rubric.number", "Expected a whole number of " + bounds, "应为" + std::to_string(min) + "至" + std::to_string(max) + "的整数");
    return fallback;
  }

  /// Above 0 (or 0 where that is allowed) and at most `max`.
  Decimal decimal(const json::object& object, const std::string& place, const char* key, Decimal max, bool zero = false) {
    const std::string given = text_of(object, key);
    const Result<Decimal> value = Decimal::parse(given);
    if (value && *value <= max && (*value > Decimal{} || (zero && *value == Decimal{}))) return *value;
    problem(place + "/" + key, "rubric.number",
            std::string{"Expected a decimal "} + (zero ? "from 0" : "above 0") + " and at most " + max.to_string() + ", but found '" + given + "'",
            std::string{zero ? "应为0至" : "应大于0且不超过"} + max.to_string() + "，现为“" + given + "”");
    return value ? *value : Decimal{};
  }

  std::string id_of(const json::object& object, const std::string& place, std::set<std::string>& seen) {
    std::string id = string_or(object, "id");
    if (id.empty() || id.size() > 64)
      problem(place, "rubric.id", "Expected an id of 1 to 64 bytes", "缺少编号，或编号过长");
    else if (!seen.insert(id).second)
      problem(place, "rubric.duplicate", "Expected each id once, but '" + id + "' comes twice", "“" + id + "”重复");
    return id;
  }

  void check_sum(Decimal sum, const std::string& place) {
    if (sum != kHundred)
      problem(place, "rubric.weights", "Expected weights that sum to 100, but they sum to " + sum.to_string(), "权重之和应为100，现为" + sum.to_string());
  }

  /// Calls `read(object, place)` for each member of a list of objects.
  template <class Read>
  void each(const json::array& list, const std::string& place, std::size_t max, const Read& read) {
    if (list.size() > max) problem(place, "rubric.too_many", "Expected at most " + std::to_string(max), "不得超过" + std::to_string(max) + "项");
    for (std::size_t i = 0; i < std::min(list.size(), max); ++i) {
      const std::string at = place + "/" + std::to_string(i);
      if (const json::object* object = list[i].if_object())
        read(*object, at);
      else
        problem(at, "rubric.shape", "Expected an object", "应为对象");
    }
  }

  void read_trim() {
    const json::object& trim = object_or_empty(json_, "trim");
    out_.trimmed_min = whole(trim, "/trim", "min", 5, 3, 50);
    out_.too_few = word(trim, "/trim", "too_few", kTooFew, TooFew::mean);
    if (!trim.empty() && out_.combine != Combine::trimmed_mean)
      problem("/trim", "rubric.unused", "Expected 'trim' with a trimmed mean only", "仅“去掉最高分和最低分”时可设“trim”");
  }

  void read_rounding() {
    const json::object& rounding = object_or_empty(json_, "rounding");
    if (string_or(rounding, "mode", "half-up") != "half-up") problem("/rounding/mode", "rubric.word", "Expected half-up", "应为half-up（四舍五入）");
    out_.places = static_cast<int>(whole(rounding, "/rounding", "places", 2, 0, 4));
    out_.sheet_places = static_cast<int>(whole(rounding, "/rounding", "sheet_places", 6, 0, 6));
  }

  std::vector<Criterion> read_criteria(const json::array& list, const std::string& place, int tier) {
    std::vector<Criterion> out;
    const bool by_unit = tier == 1 && !out_.units.empty();
    Decimal sum;
    each(list, place, kListMax, [&](const json::object& object, const std::string& at) {
      Criterion& criterion = out.emplace_back();
      criterion.id = id_of(object, at, ids_);
      if (!by_unit) criterion.weight = decimal(object, at, "weight", kHundred);
      if (by_unit && object.contains("weight")) problem(at + "/weight", "rubric.units", "Expected no weight here: the units have them", "权重由各类单位分别规定，此处不得填写");
      sum = sum + criterion.weight;
      read_levels(array_or_empty(object, "levels"), at + "/levels", criterion);
      const json::array& inner = array_or_empty(object, "criteria");
      if (inner.empty()) return;
      if (!criterion.levels.empty()) problem(at, "rubric.levels", "Expected either levels or criteria of a criterion", "同一指标不得既有等级又有下级指标");
      if (tier == kTiersMax)
        problem(at, "rubric.depth", "Expected at most " + std::to_string(kTiersMax) + " tiers", "指标不得超过" + std::to_string(kTiersMax) + "级");
      else
        criterion.criteria = read_criteria(inner, at + "/criteria", tier + 1);
    });
    if (out.empty()) problem(place, "rubric.empty", "Expected at least one criterion", "至少需要一项指标");
    else if (!by_unit) check_sum(sum, place);
    if (tier == 1 && ids_.size() > kCriteriaMax) problem(place, "rubric.too_many", "Expected at most " + std::to_string(kCriteriaMax) + " criteria", "指标过多");
    return out;
  }

  void read_levels(const json::array& list, const std::string& place, Criterion& criterion) {
    std::set<std::string> seen;
    const Decimal max = out_.hundred ? kHundred : criterion.weight;
    each(list, place, kListMax, [&](const json::object& object, const std::string& at) {
      const std::string id = id_of(object, at, seen);
      const Decimal points = decimal(object, at, "points", max, true);
      if (points != points.rounded(kScorePlaces)) problem(at + "/points", "rubric.number", "Expected at most 2 decimal places", "最多两位小数");
      if (!criterion.levels.empty() && points >= criterion.levels.back().points)
        problem(at + "/points", "rubric.levels", "Expected levels from the best down, each with fewer points than the one before", "等级应从高到低排列，分值逐级递减");
      criterion.levels.push_back({id, points});
    });
    if (criterion.levels.size() == 1) problem(place, "rubric.levels", "Expected at least two levels", "至少需要两个等级");
  }

  void read_units() {
    std::set<std::string> seen;
    each(array_or_empty(json_, "units"), "/units", kListMax, [&](const json::object& object, const std::string& at) {
      Unit unit{.id = id_of(object, at, seen), .weights = {}};
      const json::object& weights = object_or_empty(object, "weights");
      Decimal sum;
      for (const auto& member : weights) {
        const std::string key{member.key()};
        const Decimal weight = decimal(weights, at + "/weights", key.c_str(), kHundred);
        unit.weights.emplace_back(key, weight);
        sum = sum + weight;
      }
      check_sum(sum, at);
      out_.units.push_back(std::move(unit));
    });
    if (!out_.units.empty() && !out_.hundred)
      problem("/units", "rubric.units", "Expected the scale 'hundred' where weights depend on the unit", "按单位类别设权重时，应采用百分制");
  }

  void check_units() {
    const auto is_top = [&](const std::string& id) { return std::any_of(out_.criteria.begin(), out_.criteria.end(), [&](const Criterion& top) { return top.id == id; }); };
    for (std::size_t i = 0; i < out_.units.size(); ++i)
      for (const auto& [id, weight] : out_.units[i].weights)
        if (!is_top(id)) problem("/units/" + std::to_string(i), "rubric.units", "Expected a criterion of the first tier, but found '" + id + "'", "“" + id + "”不是一级指标");
  }

  void read_veto() {
    if (!json_.contains("veto")) return;
    const json::object& veto = object_or_empty(json_, "veto");
    out_.veto_effect = word(veto, "/veto", "effect", kEffects, VetoEffect::none);
    out_.veto_sheets_min = whole(veto, "/veto", "sheets_min", 1, 1, 50);
    if (out_.veto_effect == VetoEffect::none) problem("/veto", "rubric.veto", "Expected what a veto does: zero or vetoed", "应写明一票否决的后果：zero或vetoed");
    if (out_.veto_effect == VetoEffect::zero && veto.contains("sheets_min"))
      problem("/veto/sheets_min", "rubric.unused", "Expected a number of sheets only where the application is vetoed", "仅否决申报时可规定份数");
    each(array_or_empty(veto, "items"), "/veto/items", kListMax, [&](const json::object& object, const std::string& at) { out_.vetoes.push_back(id_of(object, at, ids_)); });
    if (out_.vetoes.empty()) problem("/veto/items", "rubric.empty", "Expected at least one item", "至少需要一项一票否决事项");
  }

  void read_divergence() {
    if (!json_.contains("divergence")) return;
    const json::object& object = object_or_empty(json_, "divergence");
    Divergence out;
    if (object.contains("range")) out.range = decimal(object, "/divergence", "range", kHundred);
    if (object.contains("deviation")) out.deviation = decimal(object, "/divergence", "deviation", kHundred);
    out.then = string_or(object, "then");
    if (!out.range && !out.deviation) problem("/divergence", "rubric.divergence", "Expected a range, a deviation or both", "应规定极差、标准差或两者");
    if (out.then != "third-reviewer" && out.then != "discussion")
      problem("/divergence/then", "rubric.word", "Expected one of third-reviewer, discussion, but found '" + out.then + "'", "应为third-reviewer（增加专家）或discussion（集体讨论）");
    out_.divergence = std::move(out);
  }

  void read_tie_breakers() {
    std::set<std::string> seen;
    each(array_or_empty(json_, "tie_breakers"), "/tie_breakers", kListMax, [&](const json::object& object, const std::string& at) {
      if (!object.contains("by")) problem(at, "rubric.word", "Expected 'by'", "缺少“by”");
      TieBreaker out{.by = word(object, at, "by", kTieBreaks, TieBreak::criterion), .criterion = string_or(object, "criterion")};
      const bool is_veto = std::find(out_.vetoes.begin(), out_.vetoes.end(), out.criterion) != out_.vetoes.end();
      if (out.by == TieBreak::criterion && (!ids_.contains(out.criterion) || is_veto))
        problem(at + "/criterion", "rubric.tie_breaker", "Expected a criterion of the rubric, but found '" + out.criterion + "'", "“" + out.criterion + "”不是评审指标");
      if (out.by != TieBreak::criterion && !out.criterion.empty()) problem(at + "/criterion", "rubric.unused", "Expected no criterion here", "此处不得填写指标");
      if (!seen.insert(string_or(object, "by") + " " + out.criterion).second) problem(at, "rubric.duplicate", "Expected each tie-breaker once", "同分处理规则重复");
      out_.tie_breakers.push_back(std::move(out));
    });
  }

  void read_stages() {
    std::set<std::string> seen;
    Decimal sum;
    each(array_or_empty(json_, "stages"), "/stages", kListMax, [&](const json::object& object, const std::string& at) {
      Stage out{.id = id_of(object, at, seen), .weight = decimal(object, at, "weight", kHundred)};
      sum = sum + out.weight;
      out_.stages.push_back(std::move(out));
    });
    if (!out_.stages.empty()) check_sum(sum, "/stages");
  }

  const json::object& json_;
  Rubric out_;
  std::set<std::string> ids_;  ///< of criteria and vetoes
  std::vector<Detail> problems_;
};

}  // namespace

Result<Rubric> read_rubric(const json::object& rubric) { return Reader(rubric).run(); }

}  // namespace chuyi::review
