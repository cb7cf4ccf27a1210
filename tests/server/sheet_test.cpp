#include "server/imports/sheet.h"

#include <map>

#include <gmock/gmock.h>

#include "engine/runtime/people.h"
#include "server/imports/columns.h"
#include "tests/documents/files.h"

namespace chuyi {
namespace {

using Rows = std::vector<std::vector<std::string>>;

Rows cells_of(const Result<Sheet>& sheet) {
  Rows out;
  if (!sheet) return {{sheet.error().code}};
  for (const SheetRow& row : sheet->rows) out.push_back(row.cells);
  return out;
}

struct CsvCase {
  const char* name;
  std::string bytes;
  Rows rows;
};
class Csv : public testing::TestWithParam<CsvCase> {};

// Goal: what spreadsheets save is read, in every encoding of theirs; what is broken is refused. Method: a row for each.
TEST_P(Csv, Reads) { EXPECT_EQ(cells_of(read_csv(GetParam().bytes)), GetParam().rows); }
INSTANTIATE_TEST_SUITE_P(Sheets, Csv, testing::Values(
  CsvCase{"Plain", "a,b\nc,d\n", {{"a", "b"}, {"c", "d"}}},
  CsvCase{"NoLastLineBreak", "a,b\r\nc,d", {{"a", "b"}, {"c", "d"}}},
  CsvCase{"ByteOrderMark", "\xEF\xBB\xBF姓名\n张三\n", {{"姓名"}, {"张三"}}},
  CsvCase{"Gb18030", "\xD0\xD5\xC3\xFB\n\xC2\xF2\xC2\xF2\xCC\xE1\xA1\xA4\xB0\xA2\n", {{"姓名"}, {"买买提·阿"}}},
  // Level 3 of GB 18030: a character of four bytes there, U+20051 outside the basic plane.
  CsvCase{"Gb18030FourBytes", "\xD0\xD5\xC3\xFB\n\x95\x32\x8A\x37\n", {{"姓名"}, {"\xF0\xA0\x81\x91"}}},
  CsvCase{"RareInUtf8", "姓名\n\xF0\xA0\x82\x87·\xE4\xB6\xAE\n", {{"姓名"}, {"\xF0\xA0\x82\x87·\xE4\xB6\xAE"}}},
  CsvCase{"Utf16", std::string("\xFF\xFE" "a\0,\0b\0", 8), {{"a", "b"}}},
  CsvCase{"Quotes", "\"a,1\",\"say \"\"hi\"\"\",\"two\nlines\"\n", {{"a,1", "say \"hi\"", "two\nlines"}}},
  CsvCase{"Tabs", "a\tb\nc,1\td\n", {{"a", "b"}, {"c,1", "d"}}},
  CsvCase{"SpaceAround", " a ,\xE3\x80\x80 b\xE3\x80\x80\n", {{"a", "b"}}},
  CsvCase{"EmptyRowsAndCells", "a,,c,\n,,\n\n,b\n", {{"a", "", "c"}, {"", "b"}}},
  CsvCase{"Empty", "", {}},
  CsvCase{"NoEncoding", "a,\xFF\xFE\n", {{"sheet.encoding"}}},
  CsvCase{"Cut", "\xD0\xD5\xC3", {{"sheet.encoding"}}},
  CsvCase{"Nul", std::string("a\0b\n", 4), {{"sheet.encoding"}}},
  CsvCase{"OpenQuote", "a,\"b\n", {{"sheet.quotes"}}},
  CsvCase{"LongCell", std::string(kSheetCellBytesMax + 1, 'x'), {{"sheet.cell"}}},
  CsvCase{"ManyColumns", std::string(kSheetColumnsMax, ',') + "x\n", {{"sheet.columns"}}},
  CsvCase{"TooLarge", std::string(kSheetBytesMax + 1, 'x'), {{"sheet.size"}}}),
  [](const auto& row) { return std::string(row.param.name); });

TEST(CsvRows, AreCountedWithTheHeadings) {
  std::string text = "h\n";
  for (std::size_t i = 0; i < kSheetRowsMax; ++i) text += "x\n";
  EXPECT_EQ(cells_of(read_csv(text)).size(), kSheetRowsMax + 1);
  EXPECT_EQ(cells_of(read_csv(text + "x\n")), (Rows{{"sheet.rows"}}));
  EXPECT_EQ(read_csv("\n\na\n")->rows.at(0).number, 3U);
}

const std::string kMain = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";

/// A workbook with this sheet data; more entries, or others in their place, by `more`.
std::string workbook(const std::string& rows, std::map<std::string, std::string> more = {}) {
  std::map<std::string, std::string> parts{
      {"[Content_Types].xml", "<Types/>"},
      {"xl/workbook.xml", "<workbook xmlns='" + kMain + "' xmlns:r='urn:r'><sheets><sheet name='1' sheetId='1' r:id='rId1'/></sheets></workbook>"},
      {"xl/_rels/workbook.xml.rels", "<Relationships><Relationship Id='rId1' Target='worksheets/sheet1.xml'/></Relationships>"},
      {"xl/sharedStrings.xml", "<sst xmlns='" + kMain + "'><si><t>姓名</t></si><si><r><t>阿依</t></r><r><t>·古丽</t></r><rPh><t>no</t></rPh></si></sst>"},
      {"xl/worksheets/sheet1.xml", "<worksheet xmlns='" + kMain + "'><sheetData>" + rows + "</sheetData></worksheet>"}};
  for (auto& [name, text] : more) parts[name] = std::move(text);
  std::vector<RawEntry> entries;
  for (const auto& [name, text] : parts)
    if (text != "-") entries.push_back({.name = name, .data = text});
  return make_zip(entries);
}

struct XlsxCase {
  const char* name;
  std::string bytes;
  Rows rows;
  std::vector<std::string> problems = {};
};
class Xlsx : public testing::TestWithParam<XlsxCase> {};

TEST_P(Xlsx, Reads) {
  const Result<Sheet> sheet = read_sheet(GetParam().bytes);
  EXPECT_EQ(cells_of(sheet), GetParam().rows);
  std::vector<std::string> problems;
  if (sheet)
    for (const Detail& each : sheet->problems) problems.push_back(each.place + " " + each.code);
  EXPECT_EQ(problems, GetParam().problems);
}
INSTANTIATE_TEST_SUITE_P(Sheets, Xlsx, testing::Values(
  XlsxCase{"SharedStrings", workbook("<row r='1'><c r='A1' t='s'><v>0</v></c></row><row r='2'><c r='A2' t='s'><v>1</v></c></row>"), {{"姓名"}, {"阿依·古丽"}}},
  XlsxCase{"InlineStrings", workbook("<row><c t='inlineStr'><is><t>a</t></is></c><c t='inlineStr'><is><t> b </t></is></c></row>"), {{"a", "b"}}},
  XlsxCase{"NumbersAreDigits", workbook("<row r='1'><c r='A1'><v>430100</v></c><c r='C1'><v>12.50</v></c></row>"), {{"430100", "", "12.50"}}},
  XlsxCase{"FormulasHaveAValue", workbook("<row r='1'><c r='A1' t='str'><f>A2&amp;A3</f><v>ab</v></c></row>"), {{"ab"}}},
  XlsxCase{"FormulaWithoutOne", workbook("<row r='4'><c r='B4'><f>A2</f></c></row>"), {}, {"4:2 sheet.formula"}},
  XlsxCase{"ErrorValue", workbook("<row r='1'><c r='A1' t='e'><v>#REF!</v></c></row>"), {}, {"1:1 sheet.formula"}},
  XlsxCase{"LostDigits", workbook("<row r='1'><c r='A1'><v>1.2430000444877E+17</v></c><c r='B1'><v>124300004448770490</v></c></row>"), {}, {"1:1 sheet.number", "1:2 sheet.number"}},
  XlsxCase{"UnknownString", workbook("<row r='1'><c r='A1' t='s'><v>2</v></c></row>"), {}, {"1:1 sheet.workbook"}},
  XlsxCase{"Prefixed", workbook("", {{"xl/worksheets/sheet1.xml", "<x:worksheet xmlns:x='" + kMain + "'><x:sheetData><x:row r='1'><x:c r='A1'><x:v>7</x:v></x:c></x:row></x:sheetData></x:worksheet>"}}), {{"7"}}},
  XlsxCase{"RowsOutOfOrder", workbook("<row r='2'><c r='A2'><v>1</v></c></row><row r='1'><c r='A1'><v>1</v></c></row>"), {{"sheet.workbook"}}},
  XlsxCase{"FarColumn", workbook("<row r='1'><c r='XFD1'><v>1</v></c></row>"), {{"sheet.columns"}}},
  XlsxCase{"NoColumn", workbook("<row r='1'><c r='1'><v>1</v></c></row>"), {{"sheet.workbook"}}},
  XlsxCase{"Macros", workbook("", {{"xl/vbaProject.bin", "x"}}), {{"sheet.macros"}}},
  XlsxCase{"MacroType", workbook("", {{"[Content_Types].xml", "<Types><Override ContentType='application/vnd.ms-excel.sheet.macroEnabled.main+xml'/></Types>"}}), {{"sheet.macros"}}},
  XlsxCase{"ExternalLinks", workbook("", {{"xl/externalLinks/externalLink1.xml", "<x/>"}}), {{"sheet.external"}}},
  XlsxCase{"ExternalSheet", workbook("", {{"xl/_rels/workbook.xml.rels", "<Relationships><Relationship Id='rId1' Target='file:///etc/passwd' TargetMode='External'/></Relationships>"}}), {{"sheet.workbook"}}},
  XlsxCase{"ElsewhereSheet", workbook("", {{"xl/_rels/workbook.xml.rels", "<Relationships><Relationship Id='rId1' Target='../../etc/passwd'/></Relationships>"}}), {{"sheet.workbook"}}},
  XlsxCase{"NoWorkbook", workbook("", {{"xl/workbook.xml", "-"}}), {{"sheet.workbook"}}},
  XlsxCase{"Doctype", workbook("", {{"xl/worksheets/sheet1.xml", "<!DOCTYPE x [<!ENTITY a 'b'>]><worksheet/>"}}), {{"xml.doctype"}}},
  XlsxCase{"BrokenXml", workbook("<row>"), {{"xml.not_well_formed"}}},
  XlsxCase{"Cut", workbook("<row/>").substr(0, 300), {{"zip.end"}}},
  XlsxCase{"Bomb", make_zip({{.name = "xl/workbook.xml", .data = "x", .method = 8, .size = 10'000'000}}), {{"zip.bomb"}}}),
  [](const auto& row) { return std::string(row.param.name); });

// Goal: one long text that every cell names costs no more than as many different ones. Method: as many cells as just pass, and one row more.
TEST(XlsxText, IsBoundedInAllCellsTogether) {
  const std::string strings = "<sst xmlns='" + kMain + "'><si><t>" + std::string(kSheetCellBytesMax, 'x') + "</t></si></sst>";
  const auto rows = [&](std::size_t count) {
    std::string out;
    for (std::size_t i = 1; i <= count; ++i) {
      out += "<row>";
      for (std::size_t column = 0; column < kSheetColumnsMax; ++column) out += "<c t='s'><v>0</v></c>";
      out += "</row>";
    }
    return workbook(out, {{"xl/sharedStrings.xml", strings}});
  };
  const std::size_t most = kSheetTextBytesMax / (kSheetColumnsMax * kSheetCellBytesMax);
  EXPECT_EQ(cells_of(read_sheet(rows(most))).size(), most);
  const Result<Sheet> over = read_sheet(rows(most + 1));
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code + " " + over.error().place, "sheet.text " + std::to_string(most + 1));
}

// Goal: what is downloaded is what is brought back. Method: the headings of each template, read by the reader of imports.
TEST(Templates, AreReadByTheirOwnReader) {
  for (const char* kind : {"organisations", "users", "experts"})
    for (const char* language : {"zh", "en"}) {
      const Result<std::string> book = import_template(kind, language);
      ASSERT_TRUE(book);
      const Result<Sheet> sheet = read_sheet(*book);
      ASSERT_TRUE(sheet) << sheet.error().message;
      ASSERT_EQ(sheet->rows.size(), 1U);
      std::vector<std::string> headings;
      for (const ImportColumn& each : import_columns(kind)) headings.emplace_back(std::string_view{language} == "zh" ? each.zh : each.en);
      EXPECT_EQ(sheet->rows[0].cells, headings);
    }
}

// Goal: a sheet brings every role that an administrator gives. Method: the words of the column against the roles that are checked.
TEST(Templates, KnowEveryRole) {
  std::vector<std::string> known;
  for (const ImportColumn& column : import_columns("users"))
    if (std::string_view{column.key} == "role")
      for (const auto& [stored, shown] : column.words) known.emplace_back(stored);
  EXPECT_EQ(known, kRoles);
}

}  // namespace
}  // namespace chuyi
