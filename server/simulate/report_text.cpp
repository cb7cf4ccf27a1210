#include <boost/json/serialize.hpp>

#include "server/simulate/report.h"

namespace chuyi::simulate {
namespace {

/// Lines of a report, in one language.
class Writer {
 public:
  explicit Writer(const std::string& language) : en_(language == "en") {}

  void title(const char* zh, const char* en) { out_ += std::string{"\n"} + (en_ ? en : zh) + "\n"; }
  void line(const std::string& text) { out_ += "  " + text + "\n"; }
  std::string said(const char* zh, const char* en) const { return en_ ? en : zh; }
  std::string name(const json::object& of) const {
    const std::string text = string_or(of, en_ ? "en" : "zh");
    return text.empty() ? string_or(of, en_ ? "zh" : "en", string_or(of, "code")) : text;
  }
  std::string take() { return std::move(out_); }

 private:
  bool en_;
  std::string out_;
};

std::string number(const json::object& of, const char* key) { return std::to_string(int_or(of, key, 0)); }

constexpr const char* kCounts[] = {"applications", "late", "returned", "withdrawn", "recommended", "selected"};

void counts(Writer& to, const json::array& rows, bool plan) {
  to.line(to.said("申报\t逾期\t退回\t撤回\t推荐\t入选\t", "filed\tlate\treturn\twithdr.\trecomm.\tselect.\t") + (plan ? to.said("计划\t认定\t类别", "planned\tawards\tprogramme") : to.said("市州", "prefecture")));
  for (const json::value& value : rows) {
    const json::object& row = value.as_object();
    std::string text;
    for (const char* key : kCounts) text += number(row, key) + "\t";
    if (plan) text += number(row, "planned") + "\t" + number(row, "awards") + "\t";
    to.line(text + to.name(row));
  }
}

void refusals(Writer& to, const json::array& rows) {
  for (const json::value& value : rows) {
    const json::object& row = value.as_object();
    to.line(number(row, "count") + "\t" + string_or(row, "tried") + "\t" + string_or(row, "code") + "\t" + string_or(row, "example") + ": " + to.name(row));
  }
  if (rows.empty()) to.line(to.said("无", "none"));
}

}  // namespace

std::string text_of(const json::object& report, const std::string& language) {
  Writer to(language);
  const json::object& call = object_or_empty(report, "call");
  to.title("演练", "Rehearsal");
  to.line(to.said("申报期 ", "call ") + string_or(call, "opens") + " – " + string_or(call, "deadline") + to.said("，工作日 ", ", working days ") + number(call, "working_days"));
  to.line(to.said("演练至 ", "played until ") + string_or(report, "last_day") + to.said("，工作日 ", ", working days ") + number(report, "working_days"));
  to.title("各类别", "By programme");
  counts(to, array_or_empty(report, "programmes"), true);
  to.title("各市州", "By prefecture");
  counts(to, array_or_empty(report, "prefectures"), false);
  to.title("停留最久的环节（工作日：中位数、第90百分位）", "Where the time goes (working days: median, 90th percentile)");
  for (const json::value& value : array_or_empty(report, "bottlenecks")) {
    const json::object& row = value.as_object();
    to.line(number(row, "median") + "\t" + number(row, "p90") + "\t" + to.name(row) + " (" + number(row, "times") + ")");
  }
  to.title("错过的期限", "Missed deadlines");
  for (const auto& member : object_or_empty(report, "missed_deadlines")) to.line(std::to_string(member.value().to_number<std::int64_t>()) + "\t" + std::string{member.key()});
  const json::object& reviewers = object_or_empty(report, "reviewers");
  to.title("专家工作量", "Load of the experts");
  to.line(number(reviewers, "experts") + to.said(" 名专家，评分表 ", " experts, sheets ") + number(reviewers, "sheets") + to.said("；每人最少、中位、最多 ", "; least, median, most ") + number(reviewers, "min") + ", " +
          number(reviewers, "median") + ", " + number(reviewers, "max") + to.said("；回避 ", "; recused ") + number(reviewers, "recusals") + to.said("，利益冲突 ", ", conflicts of interest ") + number(reviewers, "conflicts"));
  to.title("名额冲突", "Quota clashes");
  refusals(to, array_or_empty(report, "quota_clashes"));
  to.title("其他被拒的办理", "Other refusals");
  refusals(to, array_or_empty(report, "refusals"));
  to.title("无法继续的申报", "Stuck applications");
  for (const json::value& value : array_or_empty(report, "stuck")) to.line(string_or(value.as_object(), "application") + "\t" + string_or(value.as_object(), "state"));
  if (array_or_empty(report, "stuck").empty()) to.line(to.said("无", "none"));
  for (const json::value& value : array_or_empty(report, "notes")) to.line(string_or(value.as_object(), "what") + " " + string_or(value.as_object(), "programme") + ": " + to.name(value.as_object()));
  to.title("核对", "Checks");
  for (const json::value& value : array_or_empty(report, "checks")) {
    const json::object& row = value.as_object();
    const bool good = int_or(row, "failed", 0) == 0;
    to.line((good ? to.said("通过", "holds") : to.said("不通过", "FAILS")) + "\t" + to.name(row) + " (" + number(row, "checked") + ")" + (good ? "" : ": " + json::serialize(array_or_empty(row, "failures"))));
  }
  return to.take();
}

}  // namespace chuyi::simulate
