// Goal: an archive from outside is either one that every reader reads alike, or it is refused, within its bounds.
// Method: archives made by hand, each wrong in one place; the public corpus where it is present.
#include <gtest/gtest.h>

#include "storage/documents/zip_archive.h"
#include "tests/documents/files.h"

namespace chuyi {
namespace {

/// "ok", or the code of the refusal, of opening or of reading every entry.
std::string verdict(const std::string& bytes, const ZipLimits& limits = {}) {
  const Folder folder;
  const std::string path = folder / "a.zip";
  write_whole(path, bytes);
  const Result<std::unique_ptr<ZipArchive>> zip = open_zip(path, limits);
  if (!zip) return zip.error().code;
  for (const ZipEntry& entry : (*zip)->entries()) {
    const Result<> read = (*zip)->read(entry, [](std::string_view) -> Result<> { return {}; });
    if (!read) return read.error().code;
  }
  return "ok";
}

struct GateCase {
  const char* name;
  std::string bytes;
  const char* code;
  ZipLimits limits = {};
};

class ZipGate : public testing::TestWithParam<GateCase> {};

TEST_P(ZipGate, Says) { EXPECT_EQ(verdict(GetParam().bytes, GetParam().limits), GetParam().code); }

const RawEntry kGood{.name = "a.txt", .data = "hello"};

INSTANTIATE_TEST_SUITE_P(
    Archives, ZipGate,
    testing::Values(
        GateCase{"Good", make_zip({kGood, {.name = "资料/b.txt", .data = "x"}, {.name = "c/", .data = "", .mode = 0040755}}), "ok"},
        GateCase{"Comment", make_zip({kGood}, {}, "a comment"), "ok"},
        GateCase{"NoEntries", make_zip({}), "ok"},
        GateCase{"Empty", "", "zip.end"},
        GateCase{"NotAZip", std::string(1000, 'x'), "zip.end"},
        GateCase{"SecondEndInComment", make_zip({kGood}, {}, make_zip({})), "zip.end"},
        GateCase{"BytesBehind", make_zip({kGood}) + "x", "zip.end"},
        GateCase{"BytesBefore", "x" + make_zip({kGood}), "zip.layout"},
        GateCase{"BytesBetween", make_zip({kGood}, "x"), "zip.gap"},
        GateCase{"Parent", make_zip({{.name = "../a", .data = "x"}}), "zip.name"},
        GateCase{"Absolute", make_zip({{.name = "/a", .data = "x"}}), "zip.name"},
        GateCase{"Backslash", make_zip({{.name = "a\\b", .data = "x"}}), "zip.name"},
        GateCase{"Drive", make_zip({{.name = "C:a", .data = "x"}}), "zip.name"},
        GateCase{"Device", make_zip({{.name = "a/NUL.txt", .data = "x"}}), "zip.name"},
        GateCase{"Nul", make_zip({{.name = std::string("a\0b", 3), .data = "x"}}), "zip.name"},
        GateCase{"NotUtf8", make_zip({{.name = "\xFF", .data = "x"}}), "zip.name"},
        GateCase{"NotMarkedUtf8", make_zip({{.name = "é", .data = "x", .flags = 0}}), "zip.name"},
        GateCase{"LongName", make_zip({{.name = std::string(256, 'a'), .data = "x"}}), "zip.name"},
        GateCase{"SameName", make_zip({kGood, kGood}), "zip.duplicate"},
        GateCase{"SameNameInOtherCase", make_zip({kGood, {.name = "A.TXT", .data = "x"}}), "zip.duplicate"},
        GateCase{"SameNameInOtherForm", make_zip({{.name = "\xC3\xA9", .data = "x"}, {.name = "e\xCC\x81", .data = "y"}}), "zip.duplicate"},
        GateCase{"OtherLocalName", make_zip({{.name = "a", .data = "x", .local_name = "b"}}), "zip.local"},
        GateCase{"OtherLocalSizes", make_zip({{.name = "a", .data = "xy", .size = 1, .packed = 1, .local_differs = true}}), "zip.local"},
        GateCase{"Encrypted", make_zip({{.name = "a", .data = "x", .flags = 0x0801}}), "zip.encrypted"},
        GateCase{"Bzip2", make_zip({{.name = "a", .data = "x", .method = 12}}), "zip.method"},
        GateCase{"Symlink", make_zip({{.name = "a", .data = "x", .mode = 0120777}}), "zip.link"},
        GateCase{"Fifo", make_zip({{.name = "a", .data = "", .mode = 0010644}}), "zip.link"},
        GateCase{"FolderWithContent", make_zip({{.name = "a/", .data = "x"}}), "zip.folder"},
        GateCase{"TwoEntriesOneHeader", make_zip({{.name = "a", .data = "x"}, {.name = "b", .data = "y", .offset = 0}}), "zip.overlap"},
        GateCase{"WrongChecksum", make_zip({{.name = "a", .data = "xyz", .crc = 1}}), "zip.data"},
        GateCase{"NotDeflated", make_zip({{.name = "a", .data = "\xFF\xFF\xFF", .method = 8, .size = 9}}), "zip.data"},
        GateCase{"DataPastTheDirectory", make_zip({{.name = "a", .data = "x", .size = 4000, .packed = 4000}}), "zip.layout"},
        GateCase{"Zip64", make_zip({{.name = "a", .data = "x", .size = 0xFFFFFFFF, .packed = 0xFFFFFFFF}}), "zip.zip64"},
        GateCase{"Bomb", make_zip({{.name = "a", .data = "x", .method = 8, .size = 3'000'000}}), "zip.bomb"},
        GateCase{"LargeArchive", make_zip({kGood}), "zip.size", {.bytes_max = 100}},
        GateCase{"LargeDirectory", make_zip({{.name = "a", .data = "x", .extra = std::string(60'000, 'e')}}), "zip.size", {.directory_bytes_max = 50'000}},
        GateCase{"ManyEntries", make_zip({kGood, {.name = "b", .data = ""}}), "zip.entries", {.entries_max = 1}},
        GateCase{"LargeEntry", make_zip({kGood}), "zip.bomb", {.entry_bytes_max = 4}},
        GateCase{"LargeInAll", make_zip({kGood, {.name = "b", .data = "hello"}}), "zip.bomb", {.total_bytes_max = 9}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ZipGateFile, ThatIsNotThereOrNoFileIsMissing) {
  const Folder folder;
  for (const std::string& path : {folder / "none.zip", folder.path()}) {
    const auto zip = open_zip(path);
    ASSERT_FALSE(zip);
    EXPECT_EQ(zip.error().code, "file.missing");
  }
}

TEST(ZipGateBytes, CutAnywhereAreRefused) {
  const std::string whole = make_zip({kGood, {.name = "b", .data = "content"}});
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_NE(verdict(whole.substr(0, size)), "ok") << size;
}

TEST(ZipGateEntry, IsReadWholeOnlyWithinABound) {
  const Folder folder;
  write_whole(folder / "a.zip", make_zip({kGood}));
  const auto zip = open_zip(folder / "a.zip");
  ASSERT_TRUE(zip);
  EXPECT_EQ(*(*zip)->read_all((*zip)->entries()[0], 5), "hello");
  EXPECT_EQ((*zip)->read_all((*zip)->entries()[0], 4).error().code, "zip.size");
}

}  // namespace
}  // namespace chuyi
