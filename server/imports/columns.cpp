#include "server/imports/columns.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include <sys/mman.h>
#include <unistd.h>
#include <xlsxwriter.h>

#include "engine/base/split.h"

namespace chuyi {
namespace {

using Type = ImportColumn::Type;
using Words = std::vector<std::pair<std::string_view, std::string_view>>;

const Words kLevels = {{"province", "省"}, {"prefecture", "市州"}, {"county", "县市区"}, {"college", "院校单位"}};
const Words kKinds = {{"education", "教育行政部门"}, {"human-resources", "人社部门"}, {"department", "省直厅局"}, {"college", "高职高专"}, {"undergraduate", "职业本科"}, {"secondary", "中职"},
                      {"technician", "技工院校"}, {"institute", "科研院所"}, {"enterprise", "企业"}, {"association", "行业协会"}, {"society", "社会组织"}};
const Words kRoleWords = {{"applicant", "申报人"}, {"org-admin", "单位管理员"}, {"org-approver", "单位审定"}, {"recommending-officer", "推荐经办"},
                          {"provincial-officer", "省厅经办"}, {"reviewer", "专家"}, {"discipline", "纪检监督"}, {"administrator", "管理员"}};
const Words kExpertWords = {{"enterprise", "企业"}, {"college", "院校"}, {"research", "科研"}, {"government", "政府"}};

const std::vector<ImportColumn> kOrganisations = {
    {"id", "单位编号", "Id", true, Type::text, {}, "xx-001"},
    {"name", "单位名称", "Name", true, Type::text, {}, "示例职业技术学院"},
    {"name_en", "英文名称", "English name"},
    {"level", "层级", "Level", true, Type::word, kLevels, "院校单位"},
    {"kind", "单位类型", "Kind", false, Type::word, kKinds, "高职高专"},
    {"parent", "上级单位", "Parent", false, Type::organisation, {}, "430100"},
    {"competent", "主管部门", "Competent department", false, Type::organisation, {}, "dept-jtt"},
    {"code", "统一社会信用代码或学校代码", "Code"},
    {"region", "行政区划代码", "Region", false, Type::text, {}, "430100"},
    {"functional", "功能区", "Functional district", false, Type::yes_no},
};
const std::vector<ImportColumn> kUsers = {
    {"id", "账号", "Account", true, Type::text, {}, "zhangsan"},
    {"name", "姓名", "Name", true, Type::text, {}, "张三"},
    {"role", "角色", "Role", true, Type::word, kRoleWords, "申报人"},
    {"org", "单位", "Organisation", true, Type::organisation, {}, "xx-001"},
    {"disabled", "停用", "Disabled", false, Type::yes_no},
};
const std::vector<ImportColumn> kExperts = {
    {"id", "专家编号", "Id", true, Type::text, {}, "expert-001"},
    {"name", "姓名", "Name", true, Type::text, {}, "李四"},
    {"title", "职称", "Title", false, Type::text, {}, "教授"},
    {"fields", "专业领域", "Fields", false, Type::list, {}, "4603；4604"},
    {"region", "行政区划代码", "Region", false, Type::text, {}, "430100"},
    {"employer", "工作单位", "Employer", false, Type::organisation, {}, "xx-001"},
    {"enterprises", "任职企业信用代码", "Enterprises", false, Type::list},
    {"kind", "专家类型", "Kind", false, Type::word, kExpertWords, "院校"},
    {"out_of_province", "省外", "Out of province", false, Type::yes_no, {}, "否"},
    {"nominated_year", "提名年度", "Nominated in", false, Type::year, {}, "2026"},
};

Error bad_value(const char* code, std::string message, std::string message_zh) { return Error{.kind = ErrorKind::invalid, .code = code, .message = std::move(message), .message_zh = std::move(message_zh)}; }

Result<json::value> word_of(const ImportColumn& column, const std::string& cell) {
  if (cell.empty()) return json::value("");
  std::string zh, en;
  for (const auto& [stored, shown] : column.words) {
    if (cell == stored || cell == shown) return json::value(stored);
    zh += (zh.empty() ? "" : "、") + std::string{shown};
    en += (en.empty() ? "" : ", ") + std::string{stored};
  }
  return bad_value("import.word", "Expected one of " + en + ", but found '" + printable(cell) + "'", "应为：" + zh);
}

/// The notes under the headings: what the column takes.
std::string hint_of(const ImportColumn& column, bool zh) {
  std::string out = column.required ? (zh ? "必填" : "required") : (zh ? "选填" : "optional");
  if (column.type == Type::organisation) out += zh ? "；单位编号、代码或名称" : "; id, code or name of an organisation";
  if (column.type == Type::yes_no) out += zh ? "；是、否" : "; yes, no";
  if (column.type == Type::list) out += zh ? "；多项用“；”分隔" : "; several between ;";
  for (std::size_t i = 0; i < column.words.size(); ++i)
    out += (i == 0 ? (zh ? "；" : "; ") : (zh ? "、" : ", ")) + std::string{zh ? column.words[i].second : column.words[i].first};
  return out;
}

}  // namespace

const std::vector<ImportColumn>& import_columns(std::string_view kind) {
  static const std::vector<ImportColumn> kNone;
  return kind == "organisations" ? kOrganisations : kind == "users" ? kUsers : kind == "experts" ? kExperts : kNone;
}

Result<json::value> value_of(const ImportColumn& column, const std::string& cell) {
  if (column.type == Type::word) return word_of(column, cell);
  if (column.type == Type::yes_no) {
    for (const char* yes : {"是", "yes", "true", "1", "Y"})
      if (cell == yes) return json::value(true);
    for (const char* no : {"", "否", "no", "false", "0", "N"})
      if (cell == no) return json::value(false);
    return bad_value("import.yes_no", "Expected yes or no, but found '" + printable(cell) + "'", "应为“是”或“否”");
  }
  if (column.type == Type::year) {
    if (cell.empty()) return json::value(0);
    if (cell.size() == 4 && cell.find_first_not_of("0123456789") == std::string::npos) return json::value(std::atoll(cell.c_str()));
    return bad_value("import.year", "Expected a year of four digits, but found '" + printable(cell) + "'", "应为4位年份");
  }
  if (column.type != Type::list) return json::value(cell);
  std::string text = cell;
  for (const std::string_view wide : {"；", "、"})
    for (std::size_t at = 0; (at = text.find(wide, at)) != std::string::npos;) text.replace(at, wide.size(), ";");
  json::array items;
  for (const std::string& each : split(text, ";\n\r")) {
    const std::size_t first = each.find_first_not_of(' ');
    if (first != std::string::npos) items.emplace_back(each.substr(first, each.find_last_not_of(' ') - first + 1));
  }
  return items;
}

Result<std::string> import_template(std::string_view kind, std::string_view language) {
  const bool zh = language != "en";
  const Error failed{.kind = ErrorKind::unavailable, .code = "import.template", .message = "Expected a workbook to be written", .message_zh = "模板生成失败"};
  const int memory = ::memfd_create("template", MFD_CLOEXEC);  // the library writes files only
  if (memory < 0) return failed;
  const auto close = [](const int* file) { ::close(*file); };
  const std::unique_ptr<const int, decltype(close)> closing(&memory, close);
  lxw_workbook* book = workbook_new(("/proc/self/fd/" + std::to_string(memory)).c_str());
  if (book == nullptr) return failed;
  lxw_format* heading = workbook_add_format(book);
  format_set_bold(heading);
  // Codes keep their zeros and all their digits.
  lxw_format* text = workbook_add_format(book);
  format_set_num_format(text, "@");
  lxw_worksheet* sheet = workbook_add_worksheet(book, zh ? "导入" : "Import");
  lxw_worksheet* notes = workbook_add_worksheet(book, zh ? "填写说明" : "Notes");
  const std::vector<ImportColumn>& columns = import_columns(kind);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto at = static_cast<lxw_col_t>(i);
    const std::string title{zh ? columns[i].zh : columns[i].en};
    worksheet_set_column(sheet, at, at, 20, text);
    worksheet_write_string(sheet, 0, at, title.c_str(), heading);
    const auto row = static_cast<lxw_row_t>(i);
    worksheet_write_string(notes, row, 0, title.c_str(), heading);
    worksheet_write_string(notes, row, 1, hint_of(columns[i], zh).c_str(), nullptr);
    worksheet_write_string(notes, row, 2, std::string{columns[i].example}.c_str(), text);
  }
  worksheet_freeze_panes(sheet, 1, 0);
  worksheet_set_column(notes, 0, 2, 40, nullptr);
  if (workbook_close(book) != LXW_NO_ERROR) return failed;
  const off_t size = ::lseek(memory, 0, SEEK_END);
  std::string out(static_cast<std::size_t>(std::max<off_t>(size, 0)), '\0');
  if (out.empty() || ::pread(memory, out.data(), out.size(), 0) != size) return failed;
  return out;
}

}  // namespace chuyi
