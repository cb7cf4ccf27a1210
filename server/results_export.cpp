#include "server/results_export.h"

#include <charconv>
#include <map>

#include <xlsxwriter.h>

namespace chuyi {
namespace {

using namespace review;

TableCell words(std::string text) { return {.text = std::move(text)}; }
TableCell number(std::string text, std::string formula = {}) { return {.text = std::move(text), .number = true, .formula = std::move(formula)}; }
TableCell number(const std::optional<Decimal>& value, std::string formula) {
  return value ? number(value->to_string(), std::move(formula)) : TableCell{};
}

/// "A", "Z", "AA" of 0, 25, 26.
std::string column(std::size_t index) {
  std::string out;
  for (std::size_t rest = index + 1; rest > 0; rest = (rest - 1) / 26) out.insert(out.begin(), static_cast<char>('A' + (rest - 1) % 26));
  return out;
}
std::string cell(std::size_t col, std::size_t row) { return column(col) + std::to_string(row + 1); }
std::string range(std::size_t col, std::size_t first, std::size_t last) { return "$" + column(col) + "$" + std::to_string(first + 1) + ":$" + column(col) + "$" + std::to_string(last + 1); }
/// A spreadsheet's binary numbers may stand a hair below a half that is exact: the inner rounding puts them on it.
std::string rounded(const std::string& formula, int places) { return "ROUND(ROUND(" + formula + ",10)," + std::to_string(places) + ")"; }

struct Rows {
  std::size_t first = 0, last = 0;  ///< of a table, the heading is 0
};

class Tables {
 public:
  Tables(const Input& input, const Results& results, std::size_t programme, bool zh)
      : input_(input), results_(results), programme_(input.programmes[programme]), result_(results.programmes[programme]), rubric_(programme_.rubric), zh_(zh) {
    collect(rubric_.criteria);
  }

  std::vector<ResultsTable> run() {
    std::vector<ResultsTable> out;
    out.push_back(sheets());
    place_stages();
    out.push_back(stages());
    out.push_back(panels());
    out.push_back(values());
    for (std::size_t i = 0; i < programme_.lists.size(); ++i) out.push_back(list(i));
    return out;
  }

 private:
  std::string say(const char* zh, const char* en) const { return zh_ ? zh : en; }
  std::string in(const char* zh, const char* en, const std::string& cells) const { return "'" + say(zh, en) + "'!" + cells; }
  std::string in_sheets(const std::string& cells) const { return in("评分表", "Sheets", cells); }
  std::string in_stages(const std::string& cells) const { return in("阶段分", "Stages", cells); }
  std::string in_panels(const std::string& cells) const { return in("评审组", "Panels", cells); }
  std::string in_values(const std::string& cells) const { return in("合成", "Values", cells); }

  void collect(const std::vector<Criterion>& criteria) {
    for (const Criterion& each : criteria) {
      column_of_[each.id] = kMarks + column_of_.size();
      order_.push_back(&each);
      collect(each.criteria);
    }
  }

  std::size_t total_column() const { return kMarks + order_.size(); }

  /// What a criterion adds to the tier above, from the cells of its row.
  std::string share(const Criterion& criterion, Decimal weight, std::size_t row) const {
    const std::string mark = cell(column_of_.at(criterion.id), row);
    if (criterion.criteria.empty() && !rubric_.hundred) return mark;
    return rounded(mark + "*" + weight.to_string() + "/100", 6);
  }

  std::string total_formula(const InputApplication& application, std::size_t row) const {
    std::string sum;
    const auto add = [&](const Criterion& top, Decimal weight) { sum += (sum.empty() ? "" : "+") + share(top, weight, row); };
    if (rubric_.units.empty()) {
      for (const Criterion& top : rubric_.criteria) add(top, top.weight);
    } else {
      for (const Unit& unit : rubric_.units)
        if (unit.id == application.unit)
          for (const Criterion& top : rubric_.criteria)
            for (const auto& [id, weight] : unit.weights)
              if (id == top.id) add(top, weight);
    }
    const std::string total = rounded(sum, rubric_.sheet_places);
    return rubric_.veto_effect == VetoEffect::zero ? "IF(" + cell(total_column() + 1, row) + ">0,0," + total + ")" : total;
  }

  std::vector<TableCell> sheet_row(std::size_t application, std::size_t sheet, std::size_t row) const {
    const InputSheet& from = input_.sheets[sheet];
    std::vector<TableCell> out{words(input_.applications[application].id), words(input_.panels[from.panel].stage), words(input_.panels[from.panel].id), words(from.expert)};
    std::map<std::string, Decimal> marks;
    for (const Mark& mark : from.total.marks) marks[mark.criterion] = mark.mark;
    for (const Criterion* each : order_) {
      const auto mark = marks.find(each->id);
      std::string formula;
      for (const Criterion& part : each->criteria) formula += (formula.empty() ? "" : "+") + share(part, part.weight, row);
      out.push_back(mark == marks.end() ? TableCell{} : number(mark->second.to_string(), formula.empty() ? formula : rounded(formula, 6)));
    }
    out.push_back(number(from.total.total.to_string(), marks.empty() ? "" : total_formula(input_.applications[application], row)));
    out.push_back(number(std::to_string(from.total.vetoes.size())));
    return out;
  }

  ResultsTable sheets() {
    ResultsTable out{.id = "sheets", .title = say("评分表", "Sheets"), .rows = {{words(say("申报", "Application")), words(say("阶段", "Stage")), words(say("评审组", "Panel")), words(say("专家", "Expert"))}}};
    for (const Criterion* each : order_) out.rows[0].push_back(words(each->id));
    out.rows[0].push_back(words(say("总分", "Total")));
    out.rows[0].push_back(words(say("一票否决", "Vetoes")));
    for (const std::size_t application : programme_.applications) {
      const std::size_t first = out.rows.size();
      for (std::size_t i = 0; i < programme_.stages.size(); ++i) {
        const std::size_t from = out.rows.size();
        for (const std::size_t sheet : results_.applications[application].stages[i].sheets) out.rows.push_back(sheet_row(application, sheet, out.rows.size()));
        of_stage_[{application, i}] = {from, out.rows.size() - 1};
      }
      of_application_[application] = {first, out.rows.size() - 1};
    }
    return out;
  }

  bool counts(std::size_t application, std::size_t stage) const {
    return !results_.applications[application].vetoed && results_.applications[application].stages[stage].combined.value;
  }

  /// Rows of the stages: by panel, so that each panel's values are a range; those that do not count for its mean come last.
  void place_stages() {
    std::size_t row = 1;
    for (std::size_t stage = 0; stage < programme_.stages.size(); ++stage) {
      const std::size_t first = row;
      const auto add = [&](std::size_t application) {
        stage_row_[{application, stage}] = row++;
        stage_rows_.emplace_back(application, stage);
      };
      for (const PanelResult& panel : result_.stages[stage].panels) {
        const std::size_t from = row;
        for (const std::size_t each : programme_.applications)
          if (counts(each, stage) && panel_of(each, stage) == panel.panel) add(each);
        panel_rows_[{stage, panel.panel}] = {from, row - 1};
      }
      all_rows_.push_back({first, row - 1});
      for (const std::size_t each : programme_.applications)
        if (!counts(each, stage)) add(each);
    }
    std::size_t at = 1;
    for (std::size_t stage = 0; stage < programme_.stages.size(); ++stage) {
      panel_at_[{stage, kNoSheet}] = at++;
      for (const PanelResult& panel : result_.stages[stage].panels) panel_at_[{stage, panel.panel}] = at++;
    }
  }

  std::size_t panel_of(std::size_t application, std::size_t stage) const {
    const StageResult& result = results_.applications[application].stages[stage];
    return result.sheets.empty() ? kNoSheet : input_.sheets[result.sheets.front()].panel;
  }

  std::string combined_formula(const StageResult& result, const std::string& totals, std::size_t row) const {
    std::string formula = "AVERAGE(" + totals + ")";
    if (rubric_.combine == Combine::median) formula = "MEDIAN(" + totals + ")";
    if (result.combined.trimmed) formula = "(SUM(" + totals + ")-" + cell(4, row) + "-" + cell(5, row) + ")/(" + cell(3, row) + "-2)";
    return rounded(formula, rubric_.places);
  }

  std::string calibrated_formula(std::size_t stage, std::size_t panel, std::size_t row) const {
    const std::size_t all = panel_at_.at({stage, kNoSheet});
    const std::size_t own = panel_at_.at({stage, panel});
    const std::string offset = "(" + cell(9, row) + "-" + in_panels(cell(3, own)) + ")";
    const std::string mean = in_panels(cell(3, all));
    if (programme_.calibration == Calibration::panel_shift) return rounded(mean + "+" + offset, rubric_.places);
    const std::string deviation = in_panels(cell(4, own));
    return "IF(" + deviation + "=0," + rounded(mean, rubric_.places) + "," + rounded(mean + "+" + offset + "*" + in_panels(cell(4, all)) + "/" + deviation, rubric_.places) + ")";
  }

  ResultsTable stages() const {
    ResultsTable out{.id = "stages", .title = say("阶段分", "Stages"), .rows = {{}}};
    for (const auto& [zh, en] : {std::pair{"申报", "Application"}, {"阶段", "Stage"}, {"评审组", "Panel"}, {"份数", "Sheets"}, {"最高", "Highest"}, {"最低", "Lowest"}, {"极差", "Range"},
                                 {"标准差", "Deviation"}, {"规则", "Rule"}, {"原始分", "Raw"}, {"校准分", "Calibrated"}})
      out.rows[0].push_back(words(say(zh, en)));
    for (const auto& [application, stage] : stage_rows_) {
      const StageResult& result = results_.applications[application].stages[stage];
      const std::size_t row = out.rows.size();
      const std::size_t panel = panel_of(application, stage);
      std::vector<TableCell> cells{words(input_.applications[application].id), words(programme_.stages[stage].id), words(panel == kNoSheet ? "" : input_.panels[panel].id)};
      if (panel == kNoSheet) {
        out.rows.push_back(std::move(cells));
        continue;
      }
      const Rows at = of_stage_.at({application, stage});
      const std::string totals = in_sheets(range(total_column(), at.first, at.last));
      Decimal high = input_.sheets[result.sheets.front()].total.total;
      for (const std::size_t sheet : result.sheets) high = std::max(high, input_.sheets[sheet].total.total);
      cells.push_back(number(std::to_string(result.sheets.size()), "COUNT(" + totals + ")"));
      cells.push_back(number(high, "MAX(" + totals + ")"));
      cells.push_back(number(high - result.range, "MIN(" + totals + ")"));
      cells.push_back(number(result.range, rounded(cell(4, row) + "-" + cell(5, row), 6)));
      cells.push_back(number(result.deviation, rounded("STDEVP(" + totals + ")", 6)));
      cells.push_back(words(rubric_.combine == Combine::median ? say("中位数", "median") : result.combined.trimmed ? say("去掉最高最低后平均", "trimmed mean") : say("平均", "mean")));
      cells.push_back(number(result.combined.value, combined_formula(result, totals, row)));
      if (result.calibrated) cells.push_back(number(result.calibrated, calibrated_formula(stage, panel, row)));
      out.rows.push_back(std::move(cells));
    }
    return out;
  }

  ResultsTable panels() const {
    ResultsTable out{.id = "panels", .title = say("评审组", "Panels"), .rows = {{words(say("阶段", "Stage")), words(say("评审组", "Panel")), words(say("申报数", "Applications")), words(say("平均", "Mean")), words(say("标准差", "Deviation"))}}};
    const auto add = [&](const std::string& stage, const std::string& panel, const Moments& moments, Rows rows) {
      std::vector<TableCell> cells{words(stage), words(panel)};
      if (moments.count() > 0) {
        const std::string raw = in_stages(range(9, rows.first, rows.last));
        cells.push_back(number(std::to_string(moments.count()), "COUNT(" + raw + ")"));
        cells.push_back(number(moments.mean(6), rounded("AVERAGE(" + raw + ")", 6)));
        cells.push_back(number(moments.deviation(6), rounded("STDEVP(" + raw + ")", 6)));
      }
      out.rows.push_back(std::move(cells));
    };
    for (std::size_t stage = 0; stage < programme_.stages.size(); ++stage) {
      add(programme_.stages[stage].id, say("全部", "all"), result_.stages[stage].all, all_rows_[stage]);
      for (const PanelResult& panel : result_.stages[stage].panels) add(programme_.stages[stage].id, input_.panels[panel.panel].id, panel.moments, panel_rows_.at({stage, panel.panel}));
    }
    return out;
  }

  std::string weighted_formula(std::size_t application, std::size_t col) const {
    std::string sum;
    for (std::size_t i = 0; i < programme_.stages.size(); ++i)
      sum += (sum.empty() ? "" : "+") + in_stages(cell(col, stage_row_.at({application, i}))) + "*" + programme_.stages[i].weight.to_string() + "/100";
    return rounded(sum, rubric_.places);
  }

  TableCell breaker_cell(std::size_t application, std::size_t index) const {
    const TieBreaker& breaker = rubric_.tie_breakers[index];
    const Decimal value = results_.applications[application].key[index + 1];
    const Rows rows = of_application_.at(application);
    if (breaker.by == TieBreak::submitted) return number(std::to_string(value.units()));
    if (breaker.by == TieBreak::median) return number(value, rounded("MEDIAN(" + in_sheets(range(total_column(), rows.first, rows.last)) + ")", rubric_.places));
    return number(value, rounded("AVERAGE(" + in_sheets(range(column_of_.at(breaker.criterion), rows.first, rows.last)) + ")", rubric_.places));
  }

  std::string heading_of(const TieBreaker& breaker) const {
    if (breaker.by == TieBreak::criterion) return say("同分比较：", "Tie-breaker: ") + breaker.criterion;
    if (breaker.by == TieBreak::median) return say("同分比较：中位数", "Tie-breaker: median");
    return say("同分比较：提交时间（负毫秒）", "Tie-breaker: submission (negative ms)");
  }

  ResultsTable values() {
    ResultsTable out{.id = "values", .title = say("合成", "Values"), .rows = {{words(say("申报", "Application")), words(say("原始分", "Raw")), words(say("校准分", "Calibrated")), words(say("排序分", "Ranked by"))}}};
    for (const TieBreaker& each : rubric_.tie_breakers) out.rows[0].push_back(words(heading_of(each)));
    for (const std::size_t application : programme_.applications) {
      const ApplicationResult& result = results_.applications[application];
      const std::size_t row = out.rows.size();
      value_row_[application] = row;
      std::vector<TableCell> cells{words(input_.applications[application].id), number(result.raw, weighted_formula(application, 9)), number(result.calibrated, weighted_formula(application, 10))};
      if (result.ranked()) {
        cells.push_back(number(result.key.front(), cell(programme_.rank_by_calibrated ? 2 : 1, row)));
        for (std::size_t i = 0; i < rubric_.tie_breakers.size(); ++i) cells.push_back(breaker_cell(application, i));
      } else {
        cells.push_back(words(result.vetoed ? say("一票否决", "vetoed") : say("无结果", "no result")));
      }
      out.rows.push_back(std::move(cells));
    }
    return out;
  }

  /// 1 + those with a higher value + those with an equal one and a higher first tie-breaker + …
  std::string rank_formula(std::size_t row, std::size_t last) const {
    std::string out = "1";
    std::string equal;
    for (std::size_t i = 0; i <= rubric_.tie_breakers.size(); ++i) {
      const std::string cells = range(kListValue + i, 1, last);
      const std::string own = cell(kListValue + i, row);
      out += "+COUNTIFS(" + equal + cells + ",\">\"&" + own + ")";
      equal += cells + "," + own + ",";
    }
    return out;
  }

  std::string side(Side of) const {
    switch (of) {
      case Side::in: return say("线上", "in");
      case Side::tied: return say("线上同分待定", "tied at the line");
      case Side::out: return say("线下", "out");
      case Side::listed: break;
      case Side::unranked: return say("不参与排序", "unranked");
    }
    return {};
  }

  ResultsTable list(std::size_t index) const {
    const std::string name = std::to_string(index + 1);
    const ListRule& rule = programme_.lists[index];
    const ListResult& result = result_.lists[index];
    ResultsTable out{.id = "list-" + name, .title = say("名单", "List ") + name, .rows = {{words(say("名次", "Rank")), words(say("申报", "Application"))}}};
    out.rows[0].push_back(words(say("排序分（", "Value (") + rule.id + (rule.places ? say("，名额", ", places ") + std::to_string(*rule.places) : "") + say("）", ")")));
    for (const TieBreaker& each : rubric_.tie_breakers) out.rows[0].push_back(words(heading_of(each)));
    out.rows[0].push_back(words(say("入选线", "Line")));
    for (const Ranked& each : result.ranked) {
      const std::size_t row = out.rows.size();
      const ApplicationResult& application = results_.applications[each.application];
      // A decided tie has no formula: people decided it.
      std::vector<TableCell> cells{number(std::to_string(each.rank), each.decided ? "" : rank_formula(row, result.ranked.size())), words(input_.applications[each.application].id)};
      for (std::size_t i = 0; i < application.key.size(); ++i) {
        const bool time = i > 0 && rubric_.tie_breakers[i - 1].by == TieBreak::submitted;
        cells.push_back(number(time ? std::to_string(application.key[i].units()) : application.key[i].to_string(), in_values(cell(3 + i, value_row_.at(each.application)))));
      }
      cells.push_back(words(side(each.side) + (each.decided ? say("（同分经决定）", " (tie decided)") : "")));
      out.rows.push_back(std::move(cells));
    }
    for (const std::size_t each : result.unranked) out.rows.push_back({TableCell{}, words(input_.applications[each].id), words(side(Side::unranked))});
    return out;
  }

  static constexpr std::size_t kMarks = 4;      ///< first column of marks
  static constexpr std::size_t kListValue = 2;  ///< column of the value in a list

  const Input& input_;
  const Results& results_;
  const InputProgramme& programme_;
  const ProgrammeResult& result_;
  const Rubric& rubric_;
  bool zh_;
  std::vector<const Criterion*> order_;
  std::map<std::string, std::size_t> column_of_;
  std::map<std::pair<std::size_t, std::size_t>, Rows> of_stage_;  ///< of sheets: application, stage
  std::map<std::size_t, Rows> of_application_;
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> stage_row_;
  std::vector<std::pair<std::size_t, std::size_t>> stage_rows_;
  std::map<std::pair<std::size_t, std::size_t>, Rows> panel_rows_;  ///< of stages: stage, panel
  std::vector<Rows> all_rows_;                                      ///< of stages
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> panel_at_;  ///< row of panels; kNoSheet: of all
  std::map<std::size_t, std::size_t> value_row_;
};

double value_of(const std::string& text) {
  double out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

void write_cell(lxw_worksheet* sheet, lxw_row_t row, lxw_col_t col, const TableCell& cell) {
  if (!cell.number) {
    if (!cell.text.empty()) worksheet_write_string(sheet, row, col, cell.text.c_str(), nullptr);
  } else if (cell.formula.empty()) {
    worksheet_write_number(sheet, row, col, value_of(cell.text), nullptr);
  } else {
    worksheet_write_formula_num(sheet, row, col, ("=" + cell.formula).c_str(), nullptr, value_of(cell.text));
  }
}

}  // namespace

std::vector<ResultsTable> results_tables(const Input& input, const Results& results, std::size_t programme, const std::string& language) {
  return Tables(input, results, programme, language == "zh").run();
}

Result<> write_workbook(const std::vector<ResultsTable>& tables, const std::string& path) {
  const Error failed{.kind = ErrorKind::unavailable, .code = "file.write", .message = "Expected to write " + path, .place = path};
  lxw_workbook* workbook = workbook_new(path.c_str());
  if (workbook == nullptr) return failed;
  lxw_doc_properties properties{};
  properties.created = 946'684'800;  // the same results make the same file
  workbook_set_properties(workbook, &properties);
  for (const ResultsTable& table : tables) {
    lxw_worksheet* sheet = workbook_add_worksheet(workbook, table.title.c_str());
    if (sheet == nullptr) continue;  // reported by workbook_close
    worksheet_freeze_panes(sheet, 1, 0);
    for (std::size_t row = 0; row < table.rows.size(); ++row)
      for (std::size_t col = 0; col < table.rows[row].size(); ++col) write_cell(sheet, static_cast<lxw_row_t>(row), static_cast<lxw_col_t>(col), table.rows[row][col]);
  }
  if (workbook_close(workbook) != LXW_NO_ERROR) return failed;
  return {};
}

std::string csv_of(const ResultsTable& table) {
  std::string out = "\xEF\xBB\xBF";
  for (const std::vector<TableCell>& row : table.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      std::string text = row[i].text;
      if (!row[i].number && !text.empty() && std::string_view{"=+-@\t\r"}.find(text.front()) != std::string_view::npos) text.insert(text.begin(), '\'');
      if (text.find_first_of(",\"\r\n") != std::string::npos) {
        for (std::size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2) text.insert(at, 1, '"');
        text = "\"" + text + "\"";
      }
      out += (i == 0 ? "" : ",") + text;
    }
    out += "\r\n";
  }
  return out;
}

}  // namespace chuyi
