// Goal: a package whose workflow breaks a policy is refused, and the answer says how the breach comes about; one that
// already runs is not. Method: the workshop's package with a workflow of its own, changed in one line.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/stages/profiles.h"
#include "plugins/loader/package_library.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

const std::string kSource = CHUYI_SOURCE_DIR;

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}
void replace(std::string& text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
}

class Packages : public testing::Test {
 protected:
  void SetUp() override {
    const auto policies = check::parse_policies(read(kSource + "/workflows/policies/awards.xml"), "awards.xml");
    ASSERT_TRUE(policies);
    options_ = {.packages = {folder_},
                .workflows = kSource + "/workflows",
                .forms = kSource + "/forms",
                .schema = kSource + "/plugins/sdk/plugin.xsd",
                .libraries = folder_ + "/libraries",
                .invoke_types = {"task", "countersign", "panel", "panel-reopening", "publicity", "award", "annual-check", "plugin"},
                .world = builtin_world(),
                .policies = *policies};
  }

  void TearDown() override { fs::remove_all(folder_); }

  /// Writes the package with `from` in its manifest or workflow replaced.
  void write(const std::string& file, const std::string& from, const std::string& to) {
    const fs::path package = fs::path{folder_} / "workshop";
    fs::create_directories(package / "forms");
    for (const char* form : {"nomination.json", "annual.json"})
      fs::copy_file(kSource + "/plugins/workshop/forms/" + form, package / "forms" / form, fs::copy_options::overwrite_existing);
    // Those of the shared workflow do not come along with its copy.
    for (const char* form : {"leader-change.json", "recovery.json"})
      fs::copy_file(kSource + "/forms/selection/" + form, package / "forms" / form, fs::copy_options::overwrite_existing);
    std::string manifest = read(kSource + "/plugins/workshop/plugin.xml");
    std::string workflow = read(kSource + "/workflows/selection.scxml");
    replace(manifest, "<workflow shared=\"selection\"/>", "<workflow src=\"workflow.scxml\"/>");
    replace(manifest, "<form id=\"nomination\"", R"(<form id="leader-change" src="forms/leader-change.json"/><form id="recovery" src="forms/recovery.json"/><form id="nomination")");
    replace(manifest, "<library src=\"libworkshop.so\"/>", "");
    replace(file == "plugin.xml" ? manifest : workflow, from, to);
    std::ofstream(package / "plugin.xml", std::ios::binary) << manifest;
    std::ofstream(package / "workflow.scxml", std::ios::binary) << workflow;
  }

  const std::string folder_ =
      testing::TempDir() + "/chuyi_check_" + testing::UnitTest::GetInstance()->current_test_info()->name() + std::to_string(::getpid());
  PackageLibraryOptions options_;
};

TEST_F(Packages, WhoseWorkflowKeepsThePoliciesAreTakenIn) {
  write("plugin.xml", "days=\"5\"", "days=\"7\"");
  PackageLibrary library(options_);
  const std::vector<Detail> problems = library.reload();
  EXPECT_TRUE(problems.empty()) << problems.front().message;
  EXPECT_NE(library.current("workshop"), nullptr);
}

TEST_F(Packages, WithoutPublicityAreRefusedWithTheWay) {
  write("workflow.scxml", "cond=\"_event.data.outcome == 'select'\" target=\"publicity\"", "cond=\"_event.data.outcome == 'select'\" target=\"awarded\"");
  PackageLibrary library(options_);
  const std::vector<Detail> problems = library.reload();
  EXPECT_EQ(library.current("workshop"), nullptr);
  ASSERT_FALSE(problems.empty());
  const Detail& first = problems.front();
  EXPECT_EQ(first.code, "check.policy");
  EXPECT_TRUE(first.place.starts_with("workshop/workflow.scxml:")) << first.place;
  EXPECT_NE(first.message.find("'publicity-before-award'"), std::string::npos) << first.message;
  EXPECT_NE(first.message.find("6. nothing_asked (Nothing asked) + deliberation (Deliberation): task deliberate → select ⇒ granting (Granting)"), std::string::npos) << first.message;
  EXPECT_NE(first.message_zh.find("审议（deliberation）：task deliberate → select ⇒ 授予（granting）"), std::string::npos) << first.message_zh;
}

TEST_F(Packages, WhoseManifestShortensThePublicityAreRefused) {
  write("plugin.xml", "days=\"5\" unit=\"working\"", "days=\"3\" unit=\"working\"");
  const std::vector<Detail> problems = PackageLibrary(options_).reload();
  ASSERT_FALSE(problems.empty());
  EXPECT_NE(problems.front().message.find("'publicity-before-award'"), std::string::npos) << problems.front().message;
}

TEST_F(Packages, WhoseInvokedChartHoldsAnAwardAreRefused) {
  const std::string review = "<state id=\"review\"";
  write("workflow.scxml", review, "<state id=\"aside\" chuyi:title=\"旁\" chuyi:title-en=\"Aside\"><invoke type=\"scxml\" id=\"sub\" src=\"sub.scxml\"/></state>\n" + review);
  std::ofstream(fs::path{folder_} / "workshop" / "sub.scxml")
      << R"(<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"><state id="x"><invoke type="award" id="hidden"/></state></scxml>)";
  const std::vector<Detail> problems = PackageLibrary(options_).reload();
  ASSERT_FALSE(problems.empty());
  EXPECT_EQ(problems.front().code, "check.child");
  EXPECT_EQ(problems.front().place.substr(0, 12), "sub.scxml:1:") << problems.front().place;
  EXPECT_NE(problems.front().message.find("'hidden'"), std::string::npos) << problems.front().message;
}

TEST_F(Packages, ThatRunAlreadyAreRestoredWhateverThePoliciesSay) {
  write("plugin.xml", "days=\"5\" unit=\"working\"", "days=\"3\" unit=\"working\"");
  PackageLibraryOptions before = options_;
  before.policies.clear();
  const Result<DefinitionPtr> running = PackageLibrary(before).load(folder_ + "/workshop");
  ASSERT_TRUE(running) << running.error().message;
  EXPECT_TRUE(PackageLibrary(options_).restore((*running)->digest, (*running)->files));
}

}  // namespace
}  // namespace chuyi
