#include "engine/review/rubric.h"

#include <algorithm>

#include "engine/base/statistics.h"

namespace chuyi::review {
namespace {

const Decimal kHundred{100};
constexpr std::size_t kReasonBytesMax = 2'000;

/// Reads one sheet against the rubric, and collects what is wrong with it.
class SheetReader {
 public:
  SheetReader(const Rubric& rubric, const json::object& sheet)
      : rubric_(rubric), scores_(object_or_empty(sheet, "scores")), vetoes_(object_or_empty(sheet, "vetoes")) {}

  Result<SheetTotal> run(const Unit* unit) {
    Decimal total;
    for (const Criterion& top : rubric_.criteria) {
      Decimal weight = top.weight;
      if (unit != nullptr) {
        const auto found = std::find_if(unit->weights.begin(), unit->weights.end(), [&](const auto& each) { return each.first == top.id; });
        if (found == unit->weights.end()) continue;
        weight = found->second;
      }
      total = total + share_of(top, weight);
    }
    for (const auto& member : scores_)
      if (!known_.contains(std::string{member.key()}))
        wrong("/data/scores/" + pointer_segment(member.key()), "form.additional", "Expected a criterion of the rubric", "不是评审指标");
    read_vetoes();
    if (!details_.empty())
      return Error{.kind = ErrorKind::invalid,
                   .code = "form.sheet",
                   .message = "Expected a score for every criterion of the rubric",
                   .message_zh = "请为每项指标评分",
                   .details = std::move(details_)};
    const bool zero = rubric_.veto_effect == VetoEffect::zero && !out_.vetoes.empty();
    out_.total = zero ? Decimal{} : total.rounded(rubric_.sheet_places);
    return std::move(out_);
  }

 private:
  void wrong(std::string place, const char* code, std::string message, std::string message_zh) {
    details_.push_back({.place = std::move(place), .code = code, .message = std::move(message), .message_zh = std::move(message_zh)});
  }

  /// What `criterion` adds to the mark of what it is part of.
  Decimal share_of(const Criterion& criterion, Decimal weight) {
    const std::size_t at = out_.marks.size();
    out_.marks.push_back({criterion.id, Decimal{}});
    Decimal mark;
    const bool composite = !criterion.criteria.empty();
    if (composite)
      for (const Criterion& part : criterion.criteria) mark = mark + share_of(part, part.weight);
    else
      mark = score_of(criterion);
    out_.marks[at].mark = mark;
    if (!composite && !rubric_.hundred) return mark;  // was scored on its weight
    const Weighted share{mark, weight};
    return weighted({&share, 1}, 6);
  }

  Decimal score_of(const Criterion& criterion) {
    known_.insert(criterion.id);
    const std::string given = string_or(scores_, criterion.id);
    const std::string place = "/data/scores/" + pointer_segment(criterion.id);
    if (!criterion.levels.empty()) {
      std::string all;
      for (const Level& level : criterion.levels) {
        if (level.id == given) return level.points;
        all += (all.empty() ? "" : ", ") + level.id;
      }
      wrong(place, "form.level", "Expected one of the levels " + all, "应为以下等级之一：" + all);
      return Decimal{};
    }
    const Decimal max = rubric_.hundred ? kHundred : criterion.weight;
    const Result<Decimal> score = Decimal::parse(given);
    if (score && *score >= Decimal{} && *score <= max && *score == score->rounded(kScorePlaces)) return *score;
    wrong(place, "form.score", "Expected a decimal string from 0 to " + max.to_string() + " with at most 2 decimal places",
          "分值应在0至" + max.to_string() + "之间，最多两位小数");
    return Decimal{};
  }

  void read_vetoes() {
    for (const std::string& id : rubric_.vetoes) {
      const std::string place = "/data/vetoes/" + pointer_segment(id);
      const json::object& given = object_or_empty(vetoes_, id);
      const json::value* answer = given.if_contains("veto");
      if (answer == nullptr || !answer->is_bool()) {
        wrong(place, "form.veto", "Expected \"veto\": true or false", "请填写是否一票否决");
        continue;
      }
      if (!answer->get_bool()) continue;
      std::string reason = string_or(given, "reason");
      if (reason.find_first_not_of(" \t\r\n") == std::string::npos || reason.size() > kReasonBytesMax)
        wrong(place + "/reason", "form.veto_reason", "Expected the reason of a veto, at most 2000 bytes", "一票否决应写明理由（不超过2000字节）");
      out_.vetoes.push_back({id, std::move(reason)});
    }
    for (const auto& member : vetoes_)
      if (std::find(rubric_.vetoes.begin(), rubric_.vetoes.end(), std::string_view{member.key()}) == rubric_.vetoes.end())
        wrong("/data/vetoes/" + pointer_segment(member.key()), "form.additional", "Expected a veto item of the rubric", "不是一票否决事项");
  }

  const Rubric& rubric_;
  const json::object& scores_;
  const json::object& vetoes_;
  std::set<std::string> known_;
  SheetTotal out_;
  std::vector<Detail> details_;
};

}  // namespace

bool Rubric::breaks_ties_by(TieBreak by) const {
  return std::any_of(tie_breakers.begin(), tie_breakers.end(), [&](const TieBreaker& each) { return each.by == by; });
}

Result<SheetTotal> total_of(const Rubric& rubric, std::string_view unit, const json::object& sheet) {
  const auto found = std::find_if(rubric.units.begin(), rubric.units.end(), [&](const Unit& each) { return each.id == unit; });
  if (!rubric.units.empty() && found == rubric.units.end())
    return Error{.kind = ErrorKind::invalid,
                 .code = "rubric.unit",
                 .message = "Expected a kind of applicant that the rubric has weights for, but found '" + std::string{unit} + "'",
                 .message_zh = "评审指标未规定“" + std::string{unit} + "”类单位的权重"};
  return SheetReader(rubric, sheet).run(rubric.units.empty() ? nullptr : &*found);
}

Combined combined(const Rubric& rubric, std::vector<Decimal> totals) {
  Combined out;
  if (totals.empty()) return out;
  if (rubric.combine == Combine::median) {
    out.value = median(std::move(totals), rubric.places);
    return out;
  }
  if (rubric.combine == Combine::trimmed_mean) {
    out.too_few = static_cast<std::int64_t>(totals.size()) < rubric.trimmed_min;
    if (out.too_few && rubric.too_few != TooFew::mean) return out;
    out.trimmed = !out.too_few;
    if (out.trimmed) {
      std::sort(totals.begin(), totals.end());
      totals.pop_back();
      totals.erase(totals.begin());
    }
  }
  out.value = mean(totals, rubric.places);
  return out;
}

}  // namespace chuyi::review
