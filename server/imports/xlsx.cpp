#include <cerrno>
#include <charconv>
#include <optional>

#include <sys/mman.h>
#include <unistd.h>

#include "engine/base/json.h"
#include "engine/scxml/xml_gate.h"
#include "server/imports/sheet.h"
#include "storage/documents/zip_archive.h"

namespace chuyi {
namespace {

constexpr std::uint64_t kPartBytesMax = std::uint64_t{16} * 1024 * 1024;
constexpr ZipLimits kWorkbookZip{.bytes_max = kSheetBytesMax, .entries_max = 200, .entry_bytes_max = kPartBytesMax, .total_bytes_max = 4 * kPartBytesMax, .directory_bytes_max = 256 * 1024};
/// A row and a cell, with its value, for each that a sheet may have.
constexpr scxml::ChartLimits kWorkbookXml{.bytes_max = kPartBytesMax, .depth_max = 32, .elements_max = 3 * (kSheetRowsMax + 1) * kSheetColumnsMax, .attributes_max = 64, .text_bytes_max = 64U * 1024};

Error bad(const char* code, std::string message, std::string message_zh, std::string place = {}) {
  return Error{.kind = ErrorKind::invalid, .code = code, .message = std::move(message), .place = std::move(place), .message_zh = std::move(message_zh)};
}

Error no_workbook(const std::string& part) { return bad("sheet.workbook", "Expected a workbook (.xlsx) with " + part, "不是有效的XLSX工作簿", part); }

/// The name without its prefix: writers choose one as they like.
std::string_view local(const auto& node) {
  const std::string_view name = node.name();
  return name.substr(name.find(':') + 1);  // npos + 1 is 0
}

pugi::xml_node child(const pugi::xml_node& node, std::string_view name) {
  for (const pugi::xml_node& each : node.children())
    if (local(each) == name) return each;
  return {};
}

std::string_view attribute(const pugi::xml_node& node, std::string_view name) {
  for (const pugi::xml_attribute& each : node.attributes())
    if (local(each) == name) return each.value();
  return {};
}

/// Texts of a string item: of itself or of its runs; how it is pronounced (rPh) is none.
std::string text_of(const pugi::xml_node& item) {
  std::string out;
  for (const pugi::xml_node& each : item.children()) {
    if (local(each) == "t") out += each.text().get();
    if (local(each) == "r") out += child(each, "t").text().get();
  }
  return out;
}

/// "BC12" → 54; nothing when there are no letters first.
std::optional<std::size_t> column_of(std::string_view reference) {
  std::size_t out = 0;
  std::size_t letters = 0;
  for (; letters < reference.size() && reference[letters] >= 'A' && reference[letters] <= 'Z'; ++letters) {
    if (letters == 3) return std::nullopt;
    out = out * 26 + static_cast<std::size_t>(reference[letters] - 'A') + 1;
  }
  if (letters == 0) return std::nullopt;
  return out - 1;
}

class Workbook {
 public:
  explicit Workbook(const ZipArchive& zip) : zip_(zip) {}

  Result<Sheet> read() {
    if (Result<> plain = refuse_what_runs(); !plain) return plain.error();
    if (Result<> strings = read_strings(); !strings) return strings.error();
    const Result<std::string> path = first_sheet();
    if (!path) return path.error();
    const Result<std::unique_ptr<XmlDocument>> xml = part(*path);
    if (!xml) return xml.error();
    Sheet out;
    std::size_t number = 0;
    for (const pugi::xml_node& node : child((*xml)->dom.document_element(), "sheetData").children()) {
      if (local(node) != "row") continue;
      const Result<SheetRow> row = read_row(node, ++number, out.problems);
      if (!row) return row.error();
      number = row->number;
      if (Result<> put = put_row(out, *row); !put) return put.error();
    }
    return out;
  }

 private:
  Result<std::unique_ptr<XmlDocument>> part(const std::string& name) const {
    const ZipEntry* entry = zip_.find(name);
    if (entry == nullptr) return no_workbook(name);
    const Result<std::string> text = zip_.read_all(*entry, kPartBytesMax);
    if (!text) return text.error();
    return parse_xml(*text, name, kWorkbookXml);
  }

  /// Nothing of it would run here. But a file that says it is plain data and is not is no file to take data from.
  Result<> refuse_what_runs() const {
    const ZipEntry* types = zip_.find("[Content_Types].xml");
    const Result<std::string> text = types == nullptr ? Result<std::string>{no_workbook("[Content_Types].xml")} : zip_.read_all(*types, 1024 * 1024);
    if (!text) return text.error();
    const auto macros = [](const std::string& place) { return bad("sheet.macros", "Expected a workbook without macros; save it as .xlsx", "工作簿含有宏，请另存为不含宏的.xlsx", place); };
    if (text->find("macroEnabled") != std::string::npos) return macros("[Content_Types].xml");
    for (const ZipEntry& entry : zip_.entries()) {
      if (entry.name.ends_with("vbaProject.bin") || entry.name.starts_with("xl/macrosheets/")) return macros(entry.name);
      if (entry.name.starts_with("xl/externalLinks/") || entry.name == "xl/connections.xml")
        return bad("sheet.external", "Expected a workbook that links to no other file or database; paste values instead", "工作簿引用了外部数据，请粘贴为数值后再导入", entry.name);
    }
    return {};
  }

  Result<> read_strings() {
    if (zip_.find("xl/sharedStrings.xml") == nullptr) return {};
    const Result<std::unique_ptr<XmlDocument>> xml = part("xl/sharedStrings.xml");
    if (!xml) return xml.error();
    for (const pugi::xml_node& node : (*xml)->dom.document_element().children())
      if (local(node) == "si") strings_.push_back(text_of(node));
    return {};
  }

  Result<std::string> first_sheet() const {
    const Result<std::unique_ptr<XmlDocument>> workbook = part("xl/workbook.xml");
    if (!workbook) return workbook.error();
    std::string_view id;
    for (const pugi::xml_attribute& each : child(child((*workbook)->dom.document_element(), "sheets"), "sheet").attributes())
      if (std::string_view{each.name()}.ends_with(":id")) id = each.value();
    const Result<std::unique_ptr<XmlDocument>> relations = part("xl/_rels/workbook.xml.rels");
    if (!relations) return relations.error();
    for (const pugi::xml_node& each : (*relations)->dom.document_element().children()) {
      if (id.empty() || attribute(each, "Id") != id || attribute(each, "TargetMode") == "External") continue;
      std::string target{attribute(each, "Target")};
      return target.starts_with('/') ? target.substr(1) : "xl/" + target;
    }
    return no_workbook("a sheet");
  }

  Result<SheetRow> read_row(const pugi::xml_node& node, std::size_t number, std::vector<Detail>& problems) const {
    SheetRow out{.number = number, .cells = {}};
    if (const std::string_view given = attribute(node, "r"); !given.empty()) {
      const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), out.number);
      if (error != std::errc{} || end != given.data() + given.size() || out.number < number) return no_workbook("rows in their order");
    }
    std::size_t next = 0;
    for (const pugi::xml_node& cell : node.children()) {
      if (local(cell) != "c") continue;
      const std::string_view reference = attribute(cell, "r");
      const std::optional<std::size_t> column = reference.empty() ? next : column_of(reference);
      if (!column) return no_workbook("cells with their place");
      next = *column + 1;
      const Result<std::string> text = read_cell(cell);
      if (!text) {
        problems.push_back({.place = std::to_string(out.number) + ":" + std::to_string(next), .code = text.error().code, .message = text.error().message, .message_zh = text.error().message_zh});
        continue;
      }
      if (Result<> put = put_cell(out, *column, *text); !put) return put.error();
    }
    return out;
  }

  Result<std::string> read_cell(const pugi::xml_node& cell) const {
    const std::string_view type = attribute(cell, "t");
    if (type == "inlineStr") return text_of(child(cell, "is"));
    const pugi::xml_node stored = child(cell, "v");
    const std::string_view value = stored.text().get();
    if (child(cell, "f") && !stored) return bad("sheet.formula", "Expected a formula with its last value; open the file once and save it", "公式没有保存计算结果，请打开文件重新保存，或粘贴为数值");
    if (type == "e") return bad("sheet.formula", "Expected a value, but the cell shows an error", "单元格显示为错误值");
    if (type == "s") {
      std::size_t index = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), index);
      if (error != std::errc{} || end != value.data() + value.size() || index >= strings_.size()) return bad("sheet.workbook", "Expected a known string of the workbook", "工作簿内容损坏");
      return strings_[index];
    }
    if (type == "str" || type == "b") return std::string{value};
    // A spreadsheet keeps 15 digits: a longer code has been damaged when it was typed.
    std::size_t digits = 0;
    for (const char c : value) digits += c >= '0' && c <= '9' ? 1 : 0;
    if (digits > 15 || value.find_first_of("eE") != std::string_view::npos)
      return bad("sheet.number", "Expected a text, but a number of more than 15 digits has lost its last ones; format the column as text and type it again", "数字超过15位，末位已失真，请将该列设为文本格式后重新填写");
    return std::string{value};
  }

  const ZipArchive& zip_;
  std::vector<std::string> strings_;
};

}  // namespace

Result<Sheet> read_xlsx(std::string_view bytes) {
  if (bytes.size() > kSheetBytesMax) return Error{.kind = ErrorKind::too_large, .code = "sheet.size", .message = "Expected at most 8 MiB", .message_zh = "文件过大"};
  const int memory = ::memfd_create("sheet", MFD_CLOEXEC);  // kSheetBytesMax bounds it
  if (memory < 0) return Error{.kind = ErrorKind::unavailable, .code = "sheet.memory", .message = "Expected memory for a workbook"};
  bool written = true;
  for (std::string_view left = bytes; written && !left.empty();) {
    const ssize_t count = ::write(memory, left.data(), left.size());
    written = count > 0;
    if (written) left.remove_prefix(static_cast<std::size_t>(count));
  }
  const Result<std::unique_ptr<ZipArchive>> zip = open_zip("/proc/self/fd/" + std::to_string(memory), kWorkbookZip);
  ::close(memory);
  if (!written) return Error{.kind = ErrorKind::unavailable, .code = "sheet.memory", .message = "Expected memory for a workbook"};
  if (!zip) return zip.error();
  return Workbook(**zip).read();
}

}  // namespace chuyi
