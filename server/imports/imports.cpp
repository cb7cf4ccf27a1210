#include "server/imports/imports.h"

#include <algorithm>
#include <map>
#include <set>

#include "engine/base/digest.h"
#include "engine/runtime/imports.h"
#include "server/identity.h"
#include "server/imports/columns.h"
#include "server/imports/sheet.h"

namespace chuyi {
namespace {

constexpr std::chrono::hours kCodeLife{14 * 24};

struct Problem {
  std::size_t row = 0;
  std::string column;  ///< as its heading says
  Detail detail;
};

/// The rows of a sheet as commands know them, and the way back from them to the sheet.
class Reader {
 public:
  Reader(std::string_view kind, const Sheet& sheet, const std::vector<OrganisationRow>& organisations)
      : kind_(kind), sheet_(sheet), columns_(import_columns(kind)), organisations_(organisations) {}

  Result<> read() {
    if (Result<> headings = read_headings(); !headings) return headings;
    for (const Detail& each : sheet_.problems) {
      const std::vector<std::string>& headings = sheet_.rows.front().cells;
      const std::string column = each.place.substr(each.place.find(':') + 1);
      const auto at = static_cast<std::size_t>(std::atoll(column.c_str())) - 1;
      problems.push_back({.row = static_cast<std::size_t>(std::atoll(each.place.c_str())),
                          .column = at < headings.size() ? headings[at] : column,
                          .detail = each});
    }
    collect_own();
    for (std::size_t i = 1; i < sheet_.rows.size(); ++i) read_row(sheet_.rows[i]);
    return {};
  }

  /// A place in the rows of a command, as a place in the sheet.
  Problem back(Detail detail) const {
    // "/3/name", "/3/memberships/1/org"
    const std::size_t slash = detail.place.find('/', 1);
    const auto row = static_cast<std::size_t>(std::atoll(detail.place.c_str() + 1));
    std::string rest = slash == std::string::npos ? "" : detail.place.substr(slash + 1);
    std::size_t line = 0;
    if (constexpr std::string_view kMember = "memberships/"; rest.starts_with(kMember)) {
      line = static_cast<std::size_t>(std::atoll(rest.c_str() + kMember.size()));
      rest = rest.substr(rest.rfind('/') + 1);
    }
    return {.row = lines_[row][std::min(line, lines_[row].size() - 1)], .column = heading_of(rest), .detail = std::move(detail)};
  }
  std::size_t line_of(std::size_t row) const { return lines_[row].front(); }

  json::array rows;
  std::vector<Problem> problems;

 private:
  std::string heading_of(std::string_view key) const {
    for (std::size_t i = 0; i < at_.size(); ++i)
      if (at_[i] != nullptr && at_[i]->key == key) return sheet_.rows.front().cells[i];
    for (const ImportColumn& each : columns_)
      if (each.key == key) return std::string{each.zh};
    return std::string{key};
  }

  Result<> read_headings() {
    Error error{.kind = ErrorKind::invalid, .code = "import.headings", .message = "Expected the headings of the template in the first row", .message_zh = "首行应为模板中的列标题"};
    const auto add = [&](const char* code, const std::string& place, std::string message, std::string message_zh) {
      error.details.push_back({.place = place, .code = code, .message = std::move(message), .message_zh = std::move(message_zh)});
    };
    if (sheet_.rows.empty()) return error;
    std::set<std::string_view> seen;
    for (const std::string& heading : sheet_.rows.front().cells) {
      const auto found = std::find_if(columns_.begin(), columns_.end(), [&](const ImportColumn& each) { return heading == each.zh || heading == each.en || heading == each.key; });
      at_.push_back(found == columns_.end() ? nullptr : &*found);
      if (found == columns_.end() && !heading.empty()) add("import.unknown_column", printable(heading), "Expected a column of the template, but found '" + printable(heading) + "'", "模板中没有“" + printable(heading) + "”列");
      if (found != columns_.end() && !seen.insert(found->key).second) add("import.duplicate_column", printable(heading), "Expected each column once", "列标题重复");
    }
    for (const ImportColumn& each : columns_)
      if (each.required && !seen.contains(each.key)) add("import.missing_column", std::string{each.zh}, "Expected a column '" + std::string{each.en} + "'", "缺少“" + std::string{each.zh} + "”列");
    return error.details.empty() ? Result<>{} : Result<>{error};
  }

  /// Organisations of the sheet itself may be named by its rows.
  void collect_own() {
    if (kind_ != "organisations") return;
    for (std::size_t i = 1; i < sheet_.rows.size(); ++i) {
      OrganisationRow row;
      for (std::size_t column = 0; column < std::min(at_.size(), sheet_.rows[i].cells.size()); ++column) {
        if (at_[column] == nullptr) continue;
        if (at_[column]->key == "id") row.id = sheet_.rows[i].cells[column];
        if (at_[column]->key == "name") row.name = sheet_.rows[i].cells[column];
      }
      if (std::none_of(organisations_.begin(), organisations_.end(), [&](const OrganisationRow& each) { return each.id == row.id; })) organisations_.push_back(std::move(row));
    }
  }

  void read_row(const SheetRow& line) {
    json::object row;
    for (std::size_t i = 0; i < at_.size(); ++i) {
      if (at_[i] == nullptr) continue;
      const std::string cell = i < line.cells.size() ? line.cells[i] : std::string{};
      Result<json::value> value = read_cell(*at_[i], cell);
      if (value) row[at_[i]->key] = std::move(*value);
      else problems.push_back({.row = line.number, .column = sheet_.rows.front().cells[i], .detail = details_of(value.error()).front()});
    }
    if (kind_ == "users") return add_membership(line, std::move(row));
    rows.emplace_back(std::move(row));
    lines_.push_back({line.number});
  }

  Result<json::value> read_cell(const ImportColumn& column, const std::string& cell) const {
    if (column.required && cell.empty()) return Error{.kind = ErrorKind::invalid, .code = "import.required", .message = "Expected a value", .message_zh = "必填"};
    if (column.type != ImportColumn::Type::organisation || cell.empty()) return value_of(column, cell);
    if (const std::optional<std::string> id = resolve_organisation(organisations_, cell)) return json::value(*id);
    return Error{.kind = ErrorKind::invalid,
                 .code = "import.organisation",
                 .message = "Expected the id, code or name of one organisation, but found '" + printable(cell) + "'",
                 .message_zh = "找不到该单位，或有多个同名单位，请填写单位编号"};
  }

  /// One line for each role that a user holds.
  void add_membership(const SheetRow& line, json::object row) {
    json::object held{{"role", string_or(row, "role")}, {"org", string_or(row, "org")}};
    row.erase("role");
    row.erase("org");
    const auto [found, fresh] = users_.emplace(string_or(row, "id"), rows.size());
    if (fresh) {
      row["memberships"] = json::array{std::move(held)};
      rows.emplace_back(std::move(row));
      lines_.push_back({line.number});
      return;
    }
    json::object& user = rows[found->second].as_object();
    for (const char* key : {"name", "disabled"})
      if (user.contains(key) && row.contains(key) && user[key] != row[key])
        problems.push_back({.row = line.number,
                            .column = heading_of(key),
                            .detail = {.place = {},
                                       .code = "import.contradiction",
                                       .message = "Expected the same as in the other rows of this account",
                                       .message_zh = "与同一账号的其他行不一致"}});
    user["memberships"].as_array().push_back(std::move(held));
    lines_[found->second].push_back(line.number);
  }

  std::string_view kind_;
  const Sheet& sheet_;
  const std::vector<ImportColumn>& columns_;
  std::vector<OrganisationRow> organisations_;
  std::vector<const ImportColumn*> at_;           ///< of each column of the sheet
  std::vector<std::vector<std::size_t>> lines_;  ///< of each of `rows`: where it stands in the sheet
  std::map<std::string, std::size_t> users_;
};

json::array to_json(std::vector<Problem> problems) {
  std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) { return a.row < b.row; });
  json::array out;
  for (const Problem& each : problems)
    out.push_back(json::object{{"row", static_cast<std::int64_t>(each.row)},
                               {"column", printable(each.column)},
                               {"code", each.detail.code},
                               {"detail", printable(each.detail.message)},
                               {"detail_zh", printable(each.detail.message_zh)}});
  return out;
}

/// What is there, outside any transaction: the command looks again.
struct Known {
  Queries& queries;
  std::map<std::string, OrganisationRow, std::less<>> organisations;
  std::optional<Error> failed;

  template <class Row>
  std::optional<Row> take(Result<std::optional<Row>> found) {
    if (found) return std::move(*found);
    failed = found.error();
    return std::nullopt;
  }
  ImportLookup lookup() {
    return {.organisation = [this](std::string_view id) -> std::optional<OrganisationRow> {
              const auto found = organisations.find(id);
              return found == organisations.end() ? std::nullopt : std::optional{found->second};
            },
            .user = [this](std::string_view id) { return take(queries.user(id)); },
            .expert = [this](std::string_view id) { return take(queries.record(kExpert, id)); }};
  }
};

}  // namespace

Result<json::object> import_sheet(std::string_view bytes, const ImportOptions& options, Queries& queries, const std::function<Result<Reply>(Command)>& execute) {
  if (import_columns(options.kind).empty())
    return Error{.kind = ErrorKind::invalid,
                 .code = "import.kind",
                 .message = "Expected organisations, users or experts, but found '" + printable(options.kind) + "'",
                 .place = "kind",
                 .message_zh = "导入类型应为organisations、users或experts",
                 .details = {},
                 .allowed = {"organisations", "users", "experts"}};
  const Result<Sheet> sheet = read_sheet(bytes);
  if (!sheet) return sheet.error();
  const Result<std::vector<OrganisationRow>> organisations = queries.organisations();
  if (!organisations) return organisations.error();
  Reader reader(options.kind, *sheet, *organisations);
  if (Result<> read = reader.read(); !read) return read.error();
  Known known{.queries = queries, .organisations = {}, .failed = {}};
  for (const OrganisationRow& row : *organisations) known.organisations.emplace(row.id, row);
  Command command{.kind = "import.rows", .data = {{"kind", options.kind}, {"rows", reader.rows}, {"renew", options.renew_codes}, {"file", sha256_hex(bytes)}}};
  ImportPlan plan = plan_import(command.data, known.lookup(), options.now);
  if (known.failed) return *known.failed;
  // What a cell says nothing readable of is told once, by its cell.
  std::set<std::pair<std::size_t, std::string>> told;
  for (const Problem& each : reader.problems) told.insert({each.row, each.column});
  for (Detail& each : plan.problems)
    if (Problem problem = reader.back(std::move(each)); told.insert({problem.row, problem.column}).second) reader.problems.push_back(std::move(problem));
  json::object codes, hashes;
  bool writes = false;
  for (json::value& value : plan.changes) {
    json::object& change = value.as_object();
    const std::string id = string_or(change, "id");
    writes = writes || string_or(change, "action") != "keep" || change.contains("code");
    if (change.contains("code")) {
      const std::string code = Identity::new_token();
      hashes[id] = pending_password(sha256_hex(code), options.now + kCodeLife);
      codes[id] = code;
    }
    change["row"] = static_cast<std::int64_t>(reader.line_of(static_cast<std::size_t>(int_or(change, "row", 0))));
  }
  json::object report{{"kind", options.kind},
                      {"rows", static_cast<std::int64_t>(sheet->rows.size() - 1)},
                      {"problems", to_json(reader.problems)},
                      {"changes", std::move(plan.changes)},
                      {"applied", false}};
  if (options.preview || !reader.problems.empty()) return report;
  if (writes) {
    command.data["password_hash"] = std::move(hashes);
    if (const Result<Reply> reply = execute(std::move(command)); !reply) return reply.error();
  }
  report["applied"] = true;
  json::array given;
  for (const auto& each : codes) given.push_back(json::object{{"id", each.key()}, {"code", each.value()}, {"expires", format_instant(options.now + kCodeLife)}});
  if (!given.empty()) report["codes"] = std::move(given);
  return report;
}

}  // namespace chuyi
