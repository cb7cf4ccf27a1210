#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include <gtest/gtest.h>

#include "plugins/host/plugin_client.h"
#include "plugins/loader/package_library.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

const std::string kSource = CHUYI_SOURCE_DIR;
const std::string kBinary = CHUYI_BINARY_DIR;

/// A folder of this run alone: others may run the same tests on this machine.
const std::string& scratch() {
  struct Folder {
    std::string path = testing::TempDir() + "/chuyi-packages-XXXXXX";
    Folder() {
      if (::mkdtemp(path.data()) == nullptr) std::abort();
    }
    ~Folder() { fs::remove_all(path); }
  };
  static const Folder folder;
  return folder.path;
}

PackageLibraryOptions options_for(const std::string& packages) {
  return {.packages = {packages},
          .workflows = kSource + "/workflows",
          .forms = kSource + "/forms",
          .schema = kSource + "/plugins/sdk/plugin.xsd",
          .libraries = scratch() + "/libraries",
          .invoke_types = {"task", "countersign", "panel", "panel-reopening", "publicity", "award", "annual-check", "plugin"}};
}

/// Where an element of the workshop's manifest stands, behind its "<".
std::string place_in(const std::string& manifest, const char* element) {
  const std::size_t at = manifest.find(element);
  const std::size_t line = manifest.rfind('\n', at);
  return "workshop/plugin.xml:" + std::to_string(std::count(manifest.begin(), manifest.begin() + static_cast<std::ptrdiff_t>(at), '\n') + 1) + ":" + std::to_string(at - line + 1);
}

std::string text_of(const std::vector<Detail>& details) {
  std::string out;
  for (const Detail& each : details) out += each.place + " " + each.code + " " + each.message + "\n";
  return out;
}

json::object uscc_org(const char* name, const char* code) { return {{"name", name}, {"uscc", code}}; }

json::object workshop_form() {
  return {{"craft", "湘绣"},
          {"craft_kind", "传统技艺"},
          {"school", uscc_org("湖南工艺美术职业学院", "12430000444877049U")},
          {"enterprises", json::array{uscc_org("湖南某湘绣有限公司", "91350100M000100Y43")}},
          {"agreement_end", "2029-12-31"},
          {"host_master", "王大师"},
          {"master_level", "非遗传承人"},
          {"members", json::array{json::object{{"name", "甲"}, {"unit", "学院"}, {"side", "学校"}},
                                  json::object{{"name", "乙"}, {"unit", "公司"}, {"side", "企业"}}}},
          {"area", "120.5"},
          {"equip", "80.00"},
          {"ent_equip", "30.00"},
          {"apprentices3", 12},
          {"exchange3", 6},
          {"patents", 2},
          {"courses", 3},
          {"target_apprentice", 30},
          {"leader", json::object{{"name", "李老师"}, {"title", "副高级"}, {"phone", "13800000000"}}},
          {"period", json::object{{"start", "2026-09"}, {"end", "2029-08"}}},
          {"budget", json::object{{"province", "20"}, {"local", "10"}, {"school", "15.5"}, {"enterprise", "30"}, {"total", "75.5"}, {"y1", "30"}, {"y2", "25.5"}, {"y3", "20"}}},
          {"targets", json::array{json::object{{"indicator", "带徒"}, {"unit", "人"}, {"baseline", 4}, {"y1", 10}, {"y2", 20}, {"y3", 30}}}},
          {"statement", "建设思路"}};
}

Result<std::vector<Detail>> validate(PluginClient& client, const Definition& definition, const json::object& input) {
  const Result<json::object> answer = client.call(definition, hook::kValidate, {}, input);
  if (!answer) return answer.error();
  return findings_of(*answer);
}

class Shipped : public testing::Test {
 protected:
  Shipped() : library_(options_for(kBinary + "/plugins")), problems_(library_.reload()) {}
  std::vector<Detail> findings(const char* programme, json::object form) {
    const DefinitionPtr definition = library_.current(programme);
    std::vector<Detail> out = validate_form(*definition->compiled_forms.at("nomination"), json::value(form), {{"deadline", "2026-05-31"}});
    if (!out.empty()) return out;
    const Result<std::vector<Detail>> answer =
        validate(client_, *definition, {{"form", "nomination"}, {"data", form}, {"date", "2026-03-02"}, {"application", json::object{}}});
    EXPECT_TRUE(answer) << (answer ? "" : answer.error().message);
    return answer ? *answer : std::vector<Detail>{};
  }
  PackageLibrary library_;
  std::vector<Detail> problems_;
  PluginClient client_{PluginClientOptions{.host_program = kBinary + "/bin/chuyi-plugin-host"}};
};

TEST_F(Shipped, ProgrammesLoadWithTheirQuotas) {
  EXPECT_EQ(text_of(problems_), "");
  EXPECT_EQ(library_.current("workshop")->manifest.at("quota").at("province").as_int64(), 100);
  EXPECT_EQ(library_.current("vocational-alliance")->manifest.at("quota").at("province").as_int64(), 30);
}

TEST_F(Shipped, AStoredDefinitionIsRebuiltFromItsFiles) {
  const DefinitionPtr definition = library_.current("workshop");
  PackageLibrary empty(options_for(scratch()));
  const Result<DefinitionPtr> restored = empty.restore(definition->digest, definition->files);
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ((*restored)->digest, definition->digest);
  EXPECT_EQ(canonical_json(json::value((*restored)->manifest)), canonical_json(json::value(definition->manifest)));
}

TEST_F(Shipped, AWorkshopIsRunBySchoolAndEnterprise) {
  EXPECT_EQ(text_of(findings("workshop", workshop_form())), "");
  json::object alone = workshop_form();
  alone["enterprises"] = json::array{};
  const std::vector<Detail> refused = findings("workshop", alone);
  ASSERT_EQ(refused.size(), 1u) << text_of(refused);
  EXPECT_EQ(refused[0].place, "/enterprises");
  EXPECT_EQ(refused[0].code, "plugin.joint");
  json::object expired = workshop_form();
  expired["agreement_end"] = "2028-01-01";
  EXPECT_EQ(findings("workshop", expired).at(0).code, "plugin.agreement_period");
}

json::object alliance_form() {
  json::object out = workshop_form();
  for (const char* key : {"craft", "craft_kind", "school", "enterprises", "agreement_end", "host_master", "master_level", "area", "equip", "ent_equip",
                          "apprentices3", "exchange3", "patents", "courses", "target_apprentice"})
    out.erase(key);
  json::array members;
  for (const char* kind : {"政府", "行业", "企业", "职业院校", "科研院所", "社会组织"})
    members.push_back(json::object{{"name", std::string{kind} + "单位"}, {"kind", kind}, {"joined", "2021-01-01"}, {"agreement", "2020-12-20"}});
  out["members"] = std::move(members);
  for (const auto& member : json::object{{"alliance_name", "联盟"}, {"founded", "2020-05-01"}, {"charter_date", "2020-05-01"}, {"registered", "未登记"},
                                         {"prefectures", 3}, {"leading_enterprises", 2}, {"meetings", 4}, {"order_students", 1}, {"employment", "96.5"},
                                         {"training", 9}, {"research_money", "1.5"}})
    out[member.key()] = member.value();
  out["lead"] = json::array{uscc_org("学院", "12430000444877049U")};
  out["council"] = json::array{json::object{{"name", "张"}, {"unit", "学院"}, {"post", "理事长"}}};
  return out;
}

struct Rule {
  const char* name;
  const char* programme;
  const char* pointer;  ///< where …
  json::value value;    ///< … this stands instead
  const char* code;     ///< of the one finding; empty: none
};
void PrintTo(const Rule& row, std::ostream* out) { *out << row.name; }
class ShippedRule : public Shipped, public testing::WithParamInterface<Rule> {};

TEST_P(ShippedRule, HoldsAtItsEdges) {
  json::value form = std::string{GetParam().programme} == "workshop" ? workshop_form() : alliance_form();
  const std::string pointer = GetParam().pointer;
  const std::size_t last = pointer.rfind('/');
  form.at_pointer(pointer.substr(0, last)).as_object()[pointer.substr(last + 1)] = GetParam().value;
  const std::vector<Detail> found = findings(GetParam().programme, form.as_object());
  EXPECT_EQ(found.size(), std::string{GetParam().code}.empty() ? 0U : 1U) << text_of(found);
  EXPECT_EQ(found.empty() ? "" : found[0].code, GetParam().code) << text_of(found);
}

INSTANTIATE_TEST_SUITE_P(Edges, ShippedRule, testing::Values(
  //   name                     programme              pointer                  value         code
  Rule{"AgreementToTheLastDay", "workshop",            "/agreement_end",        "2029-08-31", ""},
  Rule{"AgreementADayShort",    "workshop",            "/agreement_end",        "2029-08-30", "plugin.agreement_period"},
  Rule{"AgreementMonthStart",   "workshop",            "/agreement_end",        "2029-08-01", "plugin.agreement_period"},
  Rule{"PeriodAMonthShort",     "workshop",            "/period/end",           "2029-07",    "rule.period_years"},
  Rule{"PeriodAMonthLong",      "workshop",            "/period/end",           "2029-09",    "rule.period_years"},
  Rule{"YearsDoNotSum",         "workshop",            "/budget/y3",            "20.01",      "rule.budget_years"},
  Rule{"AwardFiveYearsOld",     "workshop",            "/awards",               json::array{json::object{{"name", "赛"}, {"level", "省级"}, {"rank", "一等奖"}, {"year", 2021}}}, ""},
  Rule{"AwardSixYearsOld",      "workshop",            "/awards",               json::array{json::object{{"name", "赛"}, {"level", "省级"}, {"rank", "一等奖"}, {"year", 2020}}}, "plugin.award_year"},
  Rule{"ProjectWithoutMoney",   "workshop",            "/tech_projects",        json::array{json::object{{"title", "攻关"}, {"partner", "公司"}}}, "form.required"},
  Rule{"Alliance",              "vocational-alliance", "/charter_date",         "2026-03-02", ""},
  Rule{"CharterTomorrow",       "vocational-alliance", "/charter_date",         "2026-03-03", "plugin.charter_date"},
  Rule{"AgreementTomorrow",     "vocational-alliance", "/members/3/agreement",  "2026-03-03", "plugin.member_agreement"},
  Rule{"MemberWithoutKind",     "vocational-alliance", "/members/5/kind",       "企业",       "plugin.kinds"},
  Rule{"AllianceTooShort",      "vocational-alliance", "/period/end",           "2028-08",    "rule.period_years"},
  Rule{"NoLeadingEnterprise",   "vocational-alliance", "/leading_enterprises",  0,            "form.minimum"}),
  [](const auto& row) { return std::string(row.param.name); });

TEST_F(Shipped, EveryFailureOfAFormIsNamed) {
  json::object form = workshop_form();
  form.erase("craft");
  form["area"] = "many";
  form["leader"].as_object()["phone"] = "123";
  form["budget"].as_object()["extra"] = 1;
  form["school"].as_object()["uscc"] = "12430000444877049A";
  std::string places;
  for (const Detail& each : findings("workshop", form)) {
    places += each.place + "=" + each.code + " ";
    EXPECT_FALSE(each.message.empty());
    EXPECT_FALSE(each.message_zh.empty());
  }
  EXPECT_NE(places.find("/craft=form.required"), std::string::npos) << places;
  EXPECT_NE(places.find("/area=form.format"), std::string::npos) << places;
  EXPECT_NE(places.find("/leader/phone=form.format"), std::string::npos) << places;
  EXPECT_NE(places.find("/budget/extra=form.additional"), std::string::npos) << places;
  EXPECT_NE(places.find("/school/uscc=form.format"), std::string::npos) << places;
  json::object wrong_sum = workshop_form();
  wrong_sum["budget"].as_object()["total"] = "75.51";
  EXPECT_EQ(findings("workshop", wrong_sum).at(0).code, "rule.budget_sum");
}

const std::string kHost = kBinary + "/bin/chuyi-plugin-host";

void copy_over(const fs::path& from, const fs::path& to) {
  fs::remove_all(to);
  fs::create_directories(to.parent_path());
  fs::copy(from, to, fs::copy_options::recursive);
}

std::string read(const fs::path& path) {
  std::stringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

void write(const fs::path& path, const std::string& content) { std::ofstream(path, std::ios::binary) << content; }

/// An archive with these entries, deflated.
void write_zip(const fs::path& path, const std::map<std::string, std::string>& entries) {
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  ASSERT_NE(archive, nullptr);
  for (const auto& [name, content] : entries)
    ASSERT_GE(zip_file_add(archive, name.c_str(), zip_source_buffer(archive, content.data(), content.size(), 0), 0), 0);
  ASSERT_EQ(zip_close(archive), 0);
}

std::map<std::string, std::string> entries_of(const fs::path& folder) {
  std::map<std::string, std::string> out;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && entry.path().string().find("CMake") == std::string::npos && entry.path().extension() != ".cmake")
      out[entry.path().lexically_relative(folder).string()] = read(entry.path());
  return out;
}

/// The built workshop package in a folder of its own, and what is in force of it.
class Identity : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path{scratch()} / "identity" / testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(root_);
    copy_over(kBinary + "/plugins/workshop", root_ / "packages/workshop");
    options_ = options_for((root_ / "packages").string());
    options_.libraries = (root_ / "libraries").string();
  }
  void replace_library() { write(root_ / "packages/workshop/libworkshop.so", read(kBinary + "/tests/hostile/libhostile_never.so")); }
  Result<std::vector<Detail>> call(const DefinitionPtr& definition) {
    return validate(client_, *definition, {{"form", "nomination"}, {"data", workshop_form()}});
  }
  fs::path root_;
  PackageLibraryOptions options_;
  PluginClient client_{PluginClientOptions{.host_program = kHost}};
};

TEST_F(Identity, RunningApplicationsKeepTheCodeTheyStartedWith) {
  PackageLibrary library(options_);
  ASSERT_EQ(text_of(library.reload()), "");
  const DefinitionPtr before = library.current("workshop");
  ASSERT_TRUE(call(before));
  replace_library();  // the same version, other code
  ASSERT_EQ(text_of(library.reload()), "");
  const DefinitionPtr after = library.current("workshop");
  EXPECT_NE(after->digest, before->digest);
  EXPECT_EQ(call(after).error().code, "plugin.load") << "the code in force is the replaced one";
  EXPECT_TRUE(call(before));
  PluginClient restarted({.host_program = kHost});
  EXPECT_TRUE(validate(restarted, *before, {{"form", "nomination"}, {"data", workshop_form()}}));
}

TEST_F(Identity, AStoredDefinitionRunsAfterItsPackageMovedOrWentAway) {
  PackageLibrary library(options_);
  ASSERT_EQ(text_of(library.reload()), "");
  const DefinitionPtr stored = library.current("workshop");
  fs::rename(root_ / "packages/workshop", root_ / "packages/moved");
  PackageLibrary restarted(options_);
  const Result<DefinitionPtr> restored = restarted.restore(stored->digest, stored->files);
  ASSERT_TRUE(restored) << restored.error().message;
  ASSERT_EQ(text_of(restarted.reload()), "");
  EXPECT_EQ(restarted.current("workshop")->digest, stored->digest);
  EXPECT_TRUE(call(restarted.current("workshop")));
  fs::remove_all(root_ / "packages/moved");
  EXPECT_TRUE(call(*restored));
}

TEST_F(Identity, AnInstallationThatMovedFindsItsLibraries) {
  DefinitionPtr stored;
  {
    PackageLibrary library(options_);
    ASSERT_EQ(text_of(library.reload()), "");
    stored = library.current("workshop");
  }
  fs::rename(root_ / "libraries", root_ / "elsewhere");
  fs::remove_all(root_ / "packages/workshop");
  options_.libraries = (root_ / "elsewhere").string();
  PackageLibrary restarted(options_);
  const Result<DefinitionPtr> restored = restarted.restore(stored->digest, stored->files);
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_TRUE(call(*restored));
}

TEST_F(Identity, AKeptLibraryIsDurableReadOnlyAndVerified) {
  PackageLibrary library(options_);
  ASSERT_EQ(text_of(library.reload()), "");
  const DefinitionPtr definition = library.current("workshop");
  EXPECT_EQ(fs::path{definition->library}.filename().string(), definition->library_digest + ".so");
  struct stat kept;
  ASSERT_EQ(::stat(definition->library.c_str(), &kept), 0);
  EXPECT_EQ(kept.st_mode & 07777, 0500u);
  const std::string good = read(definition->library);
  fs::permissions(definition->library, fs::perms::owner_all);
  write(definition->library, good.substr(0, good.size() / 2));
  EXPECT_EQ(call(definition).error().code, "plugin.load");
  ASSERT_EQ(text_of(library.reload()), "");
  EXPECT_EQ(read(definition->library), good);
  EXPECT_TRUE(call(definition));
  EXPECT_EQ(std::distance(fs::directory_iterator(root_ / "libraries"), {}), 1) << "no temporary file is left";
}

TEST_F(Identity, ALibraryThatCannotBeKeptIsAProblemOfItsPackage) {
  write(root_ / "libraries", "a file where the folder should be");
  PackageLibrary library(options_);
  const std::vector<Detail> problems = library.reload();
  ASSERT_EQ(problems.size(), 1u) << text_of(problems);
  EXPECT_EQ(problems[0].code, "plugin.library_kept");
  EXPECT_TRUE(std::regex_match(problems[0].place, std::regex{R"(workshop/plugin\.xml:\d+:\d+)"})) << problems[0].place;
  EXPECT_FALSE(library.current("workshop"));
}

TEST_F(Identity, AnArchiveIsTheSameDefinitionAsItsFolder) {
  PackageLibrary library(options_);
  ASSERT_EQ(text_of(library.reload()), "");
  std::map<std::string, std::string> in_folder;
  for (auto& [name, content] : entries_of(root_ / "packages/workshop")) in_folder["any/" + name] = content;
  write_zip(root_ / "workshop.zip", in_folder);
  const Result<DefinitionPtr> loaded = library.load((root_ / "workshop.zip").string());
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ((*loaded)->digest, library.current("workshop")->digest);
  EXPECT_TRUE(call(*loaded));
}

TEST_F(Identity, HostileArchivesAreRefusedAndLeaveNothing) {
  std::map<std::string, std::string> entries = entries_of(root_ / "packages/workshop");
  const auto code_with = [&](const std::string& name, const std::string& content) {
    std::map<std::string, std::string> more = entries;
    more[name] = content;
    write_zip(root_ / "hostile.zip", more);
    PackageLibrary library(options_);
    const Result<DefinitionPtr> loaded = library.load((root_ / "hostile.zip").string());
    return loaded ? std::string{"accepted"} : loaded.error().code;
  };
  EXPECT_EQ(code_with("../outside.so", "x"), "zip.name");
  EXPECT_EQ(code_with("/etc/outside", "x"), "zip.name");
  EXPECT_EQ(code_with("FORMS/nomination.json", "x"), "zip.duplicate");
  EXPECT_EQ(code_with("bomb", std::string(std::size_t{8} * 1024 * 1024, 'x')), "zip.bomb");
  EXPECT_EQ(code_with("forms/nomination.json", std::string(std::size_t{3} * 1024 * 1024, ' ') + "{}"), "zip.bomb");
  for (int i = 0; i < 500; ++i) entries["more/" + std::to_string(i)] = "x";
  EXPECT_EQ(code_with("x", "x"), "zip.entries");
  EXPECT_FALSE(fs::exists(root_ / "libraries"));
}

// Goal: no hostile archive of the corpus is a package, whatever is in it.
TEST_F(Identity, NoArchiveOfTheCorpusIsAPackage) {
  const char* chosen = std::getenv("CHUYI_CORPUS");
  const fs::path corpus = fs::path{chosen != nullptr ? chosen : kSource + "/../shared/corpus"} / "zip";
  if (!fs::exists(corpus)) GTEST_SKIP() << "no corpus at " << corpus;
  PackageLibrary library(options_);
  int seen = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(corpus))
    if (entry.path().extension() == ".zip") {
      ++seen;
      EXPECT_FALSE(library.load(entry.path().string())) << entry.path();
    }
  EXPECT_GT(seen, 0);
  EXPECT_FALSE(fs::exists(root_ / "libraries"));
}

TEST_F(Identity, LaterFoldersWin) {
  copy_over(root_ / "packages", root_ / "own");
  const std::string manifest = read(root_ / "own/workshop/plugin.xml");
  write(root_ / "own/workshop/plugin.xml", std::regex_replace(manifest, std::regex{"version=\"1.1.0\" api"}, "version=\"0.9.0\" api"));
  options_.packages.push_back((root_ / "own").string());
  PackageLibrary library(options_);
  ASSERT_EQ(text_of(library.reload()), "");
  EXPECT_EQ(library.current("workshop")->version, "0.9.0");
  write(root_ / "own/workshop/plugin.xml", "<plugin");
  EXPECT_FALSE(library.reload().empty());
  EXPECT_EQ(library.current("workshop")->version, "0.9.0") << "a package with problems keeps its former version";
  fs::remove_all(root_ / "own/workshop");
  EXPECT_TRUE(library.reload().empty());
  EXPECT_EQ(library.current("workshop")->version, "1.1.0");
}

TEST_F(Identity, ABrokenPackageLeavesTheOthersAsTheyWere) {
  copy_over(kBinary + "/plugins/vocational-alliance", root_ / "packages/vocational-alliance");
  PackageLibrary library(options_);
  ASSERT_EQ(text_of(library.reload()), "");
  const std::string alliance = library.current("vocational-alliance")->digest;
  const std::string workshop = library.current("workshop")->digest;
  const std::string manifest = read(root_ / "packages/workshop/plugin.xml");
  write(root_ / "packages/workshop/plugin.xml", std::regex_replace(manifest, std::regex{"<term years=\"3\""}, "<term years=\"300\""));
  const std::vector<Detail> problems = library.reload();
  ASSERT_FALSE(problems.empty());
  for (const Detail& each : problems) EXPECT_EQ(each.place, place_in(manifest, "<term ")) << each.message;
  EXPECT_EQ(library.current("vocational-alliance")->digest, alliance);
  EXPECT_EQ(library.current("workshop")->digest, workshop);
  EXPECT_TRUE(call(library.current("workshop")));
}

TEST_F(Identity, AFolderWithoutItsLibrarySaysHowToMendIt) {
  fs::remove(root_ / "packages/workshop/libworkshop.so");
  options_.libraries.clear();  // as `chuyi check` loads
  const Result<DefinitionPtr> loaded = PackageLibrary(options_).load((root_ / "packages/workshop/").string());
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, "plugin.library");
  EXPECT_TRUE(std::regex_match(loaded.error().place, std::regex{R"(workshop/plugin\.xml:\d+:\d+)"})) << loaded.error().place;
  EXPECT_NE(loaded.error().message.find("build/PRESET/plugins/workshop"), std::string::npos) << loaded.error().message;
  EXPECT_FALSE(loaded.error().details.at(0).message_zh.empty());
}

/// A copy of the workshop package, data only, with one text replaced in one file.
class Broken : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path{scratch()} / "packages" / testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    fs::copy(kSource + "/plugins/workshop", folder_ / "workshop", fs::copy_options::recursive);
    replace("plugin.xml", "  <library src=\"libworkshop.so\"/>\n", "");
  }
  void replace(const std::string& file, const std::string& from, const std::string& to) {
    std::stringstream text;
    text << std::ifstream(folder_ / "workshop" / file).rdbuf();
    std::string content = text.str();
    const std::size_t at = content.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    content.replace(at, from.size(), to);
    std::ofstream(folder_ / "workshop" / file) << content;
  }
  std::vector<Detail> reload() { return library().reload(); }
  PackageLibrary& library() {
    if (!library_) library_ = std::make_unique<PackageLibrary>(options_for(folder_.string()));
    return *library_;
  }
  fs::path folder_;
  std::unique_ptr<PackageLibrary> library_;
};

TEST_F(Broken, GoodDataOnlyPackageLoads) {
  EXPECT_EQ(text_of(reload()), "");
  EXPECT_TRUE(library().current("workshop"));
}

TEST_F(Broken, ABadVersionLeavesTheFormerInPlace) {
  ASSERT_EQ(text_of(reload()), "");
  const std::string digest = library().current("workshop")->digest;
  replace("plugin.xml", "weight=\"15\"", "weight=\"16\"");
  const std::vector<Detail> problems = reload();
  ASSERT_EQ(problems.size(), 1u) << text_of(problems);
  EXPECT_EQ(problems[0].code, "plugin.rubric");
  EXPECT_EQ(library().current("workshop")->digest, digest);
}

// Goal: an impossible rubric is refused with the line of what is wrong, all of it at once, and a wide one is taken.
TEST_F(Broken, ImpossibleRubricsNameTheirLines) {
  const std::string plugin = read(folder_ / "workshop/plugin.xml");
  const std::string rubric = plugin.substr(plugin.find("<rubric"), plugin.find("</rubric>") - plugin.find("<rubric"));
  replace("plugin.xml", rubric, R"(<rubric scale="hundred" combine="trimmed-mean" trim-min="5" too-few="add-reviewer" places="2">
    <criterion id="school" zh="学校" en="School">
      <criterion id="s1" weight="40" zh="一" en="One"/>
      <criterion id="s2" weight="60" zh="2" en="Two"><level id="A" points="95"/><level id="B" points="80"/></criterion>
    </criterion>
    <criterion id="group" zh="专业群" en="Group"/>
    <unit id="group" zh="专业群" en="Group"><part criterion="school" weight="30"/><part criterion="group" weight="70"/></unit>
    <veto effect="vetoed" sheets-min="2"><item id="safety" zh="重大安全事故" en="Serious accident"/></veto>
    <divergence range="15" deviation="8" then="third-reviewer"/>
    <tie-breaker by="criterion" criterion="group"/><tie-breaker by="median"/>
    <stage id="written" weight="50" zh="网评" en="Written"/><stage id="meeting" weight="50" zh="会评" en="Meeting"/>
  )");
  EXPECT_EQ(text_of(reload()), "");
  replace("plugin.xml", "<criterion id=\"s1\" weight=\"40\"", "<criterion id=\"s1\" weight=\"41\"");
  replace("plugin.xml", "points=\"80\"", "points=\"96\"");
  replace("plugin.xml", "criterion=\"group\" weight=\"70\"", "criterion=\"groups\" weight=\"70\"");
  replace("plugin.xml", "by=\"criterion\" criterion=\"group\"", "by=\"criterion\" criterion=\"x\"");
  const std::string now = read(folder_ / "workshop/plugin.xml");
  std::string places;
  for (const Detail& each : reload()) {
    EXPECT_EQ(each.code, "plugin.rubric") << each.message;
    places += each.place + " ";
  }
  std::string expected;
  for (const char* element : {"<level id=\"B\"", "<criterion id=\"school\"", "<unit ", "<tie-breaker "}) expected += place_in(now, element) + " ";
  EXPECT_EQ(places, expected);
}

TEST_F(Broken, SchemaDefectsNameTheirLine) {
  const std::string manifest = read(folder_ / "workshop/plugin.xml");
  replace("plugin.xml", "<quota province=\"100\">", "<quota province=\"-3\">");
  const std::vector<Detail> problems = reload();
  ASSERT_FALSE(problems.empty());
  EXPECT_EQ(problems[0].code, "plugin.schema");
  EXPECT_EQ(problems[0].place, place_in(manifest, "<quota ")) << problems[0].message;
}

constexpr const char* kTemplate = R"(<?xml version="1.0" encoding="UTF-8"?>
<certificate xmlns="urn:chuyi:certificate:1" page="A4" orientation="landscape">
  <text key="body" zh="{org}“{title}”" en="{org}: {title}" x="20" y="20" width="200" height="40" size="20"/>
  <text key="leader" zh="{form.leader.name}" en="{form.leader.name}" x="20" y="70" width="200" height="20" size="20"/>
  <code x="20" y="150" width="30"/>
</certificate>
)";

TEST_F(Broken, ACertificateOfThePackageTakesItsWordingAlong) {
  replace("plugin.xml", "<certificate shared=\"award\"/>",
          "<certificate src=\"own.xml\"/><texts><text key=\"certificate.body\" zh=\"授予{org}\" en=\"To {org}\"/><text key=\"notice.lead\" zh=\"{round}年\" en=\"{round}\"/></texts>");
  write(folder_ / "workshop/own.xml", kTemplate);
  ASSERT_EQ(text_of(reload()), "");
  const DefinitionPtr definition = library().current("workshop");
  ASSERT_TRUE(definition->certificate);
  EXPECT_EQ(definition->certificate->texts.at(0).zh, "授予{org}");
  EXPECT_EQ(definition->certificate->texts.at(1).en, "{form.leader.name}");
  PackageLibrary empty(options_for(scratch()));
  const Result<DefinitionPtr> restored = empty.restore(definition->digest, definition->files);
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ((*restored)->certificate->texts.at(0).en, "To {org}");
}

struct BadCertificate {
  const char* name;
  const char* from;  ///< in the template, or, when it is not there, in plugin.xml
  const char* to;
  const char* code;
  const char* place;
};
void PrintTo(const BadCertificate& row, std::ostream* out) { *out << row.name; }
class BrokenCertificate : public Broken, public testing::WithParamInterface<BadCertificate> {
 protected:
  void SetUp() override {
    Broken::SetUp();
    replace("plugin.xml", "<certificate shared=\"award\"/>", "<certificate src=\"own.xml\"/>\n  <texts>\n    <text key=\"certificate.body\" zh=\"{org}\" en=\"{org}\"/>\n  </texts>");
    write(folder_ / "workshop/own.xml", kTemplate);
  }
};

TEST_P(BrokenCertificate, IsRefusedAtItsPlace) {
  const std::string place = GetParam().place;
  replace(place.starts_with("own") ? "own.xml" : "plugin.xml", GetParam().from, GetParam().to);
  const std::vector<Detail> problems = reload();
  ASSERT_FALSE(problems.empty());
  EXPECT_EQ(problems[0].code, GetParam().code) << text_of(problems);
  EXPECT_TRUE(std::regex_match(problems[0].place, std::regex{"workshop/" + place})) << problems[0].place;
  EXPECT_FALSE(problems[0].message.empty());
}

INSTANTIATE_TEST_SUITE_P(Templates, BrokenCertificate, testing::Values(
  //             name                 from                                  to                             code                       place
  BadCertificate{"UnknownName",       "{org}: ",                            "{organ}: ",                   "certificate.placeholder", "own.xml:3:4"},
  BadCertificate{"NotPublished",      "en=\"{form.leader.name}\"",          "en=\"{form.leader.phone}\"",  "certificate.placeholder", "own.xml:4:4"},
  BadCertificate{"FieldWithoutHook",  "{org}: ",                            "{field.years}",               "certificate.placeholder", "own.xml:3:4"},
  BadCertificate{"OpenBrace",         "{title}\" x",                        "{title\" x",                  "text.braces",             "own.xml:3:4"},
  BadCertificate{"MissingLanguage",   " en=\"{org}: {title}\"",             "",                            "certificate.schema",      "own.xml:3:4"},
  BadCertificate{"UnknownPage",       "\"A4\"",                             "\"A9\"",                      "certificate.schema",      "own.xml:2:2"},
  BadCertificate{"LettersTooLarge",   "size=\"20\"",                        "size=\"900\"",                "certificate.schema",      R"(own.xml:3:\d+)"},
  BadCertificate{"SizeMinAbove",      "size=\"20\"",                        "size=\"20\" size-min=\"30\"", "certificate.size",        "own.xml:3:4"},
  BadCertificate{"PastTheEdge",       "width=\"200\"",                      "width=\"290\"",               "certificate.place",       "own.xml:3:4"},
  BadCertificate{"CodePastTheEdge",   "y=\"150\"",                          "y=\"190\"",                   "certificate.place",       "own.xml:5:4"},
  BadCertificate{"KeyTwice",          "key=\"leader\"",                     "key=\"body\"",                "certificate.duplicate",   "own.xml:4:4"},
  BadCertificate{"Doctype",           "<certificate ",                      "<!DOCTYPE a><certificate ",   "xml.doctype",             "own.xml:2:1"},
  BadCertificate{"NoSuchTemplate",    "src=\"own.xml\"",                    "src=\"other.xml\"",           "plugin.certificate",      R"(plugin.xml:\d+:4)"},
  BadCertificate{"NoSharedOne",       "<certificate src=\"own.xml\"/>",     "<certificate shared=\"no\"/>", "plugin.certificate",     R"(plugin.xml:\d+:4)"},
  BadCertificate{"NeitherNor",        "<certificate src=\"own.xml\"/>",     "<certificate/>",              "plugin.certificate",      R"(plugin.xml:\d+:4)"},
  BadCertificate{"TextNobodyReads",   "key=\"certificate.body\"",           "key=\"certificate.foot\"",    "plugin.text_key",         R"(plugin.xml:\d+:6)"},
  BadCertificate{"TextWithoutEnglish", " en=\"{org}\"",                     "",                            "plugin.schema",           R"(plugin.xml:\d+:6)"},
  BadCertificate{"TextWithUnknown",   "zh=\"{org}\"",                       "zh=\"{phone}\"",              "certificate.placeholder", R"(plugin.xml:\d+:6)"}),
  [](const auto& row) { return std::string{row.param.name}; });

TEST_F(Broken, MissingFormsUnknownStagesAndBadSchemasAreRefused) {
  fs::remove(folder_ / "workshop/forms/annual.json");
  EXPECT_EQ(reload().at(0).code, "plugin.file");
  fs::copy(kSource + "/plugins/workshop/forms/annual.json", folder_ / "workshop/forms/annual.json");
  replace("forms/annual.json", "\"type\": \"integer\"", "\"pattern\": \"(\"");
  EXPECT_EQ(reload().at(0).code, "form.schema");
  fs::copy(kSource + "/plugins/workshop/forms/annual.json", folder_ / "workshop/forms/annual.json", fs::copy_options::overwrite_existing);
  replace("plugin.xml", "<workflow shared=\"selection\"/>", "<workflow src=\"own.scxml\"/>");
  std::ofstream(folder_ / "workshop/own.scxml")
      << R"(<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"><state id="a"><invoke type="magic" id="m"/></state></scxml>)";
  EXPECT_EQ(reload().at(0).code, "plugin.invoke_type");
  std::ofstream(folder_ / "workshop/own.scxml")
      << R"(<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="lua"><script src="own.lua"/><state id="a"/></scxml>)";
  std::ofstream(folder_ / "workshop/own.lua") << "a = 1" << '\0';
  const Detail nul = reload().at(0);
  EXPECT_EQ(nul.code + " " + nul.place, "plugin.file own.lua");
}

}  // namespace
}  // namespace chuyi
