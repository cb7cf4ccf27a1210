// Goal: what identifies is left out at any depth, and what still names the applicant is found where it stands.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "engine/review/blind.h"

namespace chuyi::review {
namespace {

const json::object kSchema = json::parse(R"({"properties":{
  "school":{"properties":{"name":{"x-identifies":true},"kind":{}}},
  "members":{"items":{"properties":{"name":{"x-identifies":true},"side":{}}}},
  "leader":{"x-identifies":true,"properties":{"name":{}}},
  "statement":{},"steps":{"items":{}}}})").as_object();
const json::object kForm = json::parse(R"({"school":{"name":"湖南星城职业技术学院","kind":"公办"},"members":[{"name":"欧阳·静","side":"学校"},{"name":"王五","side":"企业"}],
  "leader":{"name":"李老师"},"statement":"星城的传统","steps":["第一步","李老师带队"],"unknown":7})").as_object();

std::vector<std::string> places(const std::vector<std::string>& words, const std::vector<DocumentName>& documents = {}) {
  std::vector<std::string> out;
  for (const Detail& each : names_left(kSchema, kForm, "湖南星城职业技术学院", words, documents)) out.push_back(each.place);
  return out;
}

TEST(Blind, LeavesOutWhatIdentifies) {
  EXPECT_EQ(without_identity(kSchema, kForm),
            json::parse(R"({"school":{"kind":"公办"},"members":[{"side":"学校"},{"side":"企业"}],"statement":"星城的传统","steps":["第一步","李老师带队"],"unknown":7})").as_object());
}

TEST(Blind, FindsNamesInTexts) {
  EXPECT_EQ(places({}), std::vector<std::string>{"/steps/1"}) << "the whole name of the unit stands nowhere else";
  EXPECT_EQ(places({"湖南", "职业技术学院"}), (std::vector<std::string>{"/statement", "/steps/1"}));
}

TEST(Blind, FindsNamesOfDocuments) {
  EXPECT_EQ(places({}, {{"d1", "agreement.pdf"}, {"d2", "欧阳·静-职称.pdf"}}), (std::vector<std::string>{"/steps/1", "/documents/d2"}));
}

TEST(Blind, ANameOfOnlyCommonWordsIsNotLookedForInParts) { EXPECT_EQ(places({"湖南星城职业技术学院"}), std::vector<std::string>{"/steps/1"}); }

TEST(Blind, APseudonymIsStable) {
  EXPECT_EQ(pseudonym_of("a-1"), pseudonym_of("a-1"));
  EXPECT_NE(pseudonym_of("a-1"), pseudonym_of("a-2"));
  EXPECT_EQ(pseudonym_of("a-1").size(), std::string{"申报A-1734"}.size());
}

}  // namespace
}  // namespace chuyi::review
