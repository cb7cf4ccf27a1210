// Goal: a notice's numbers stand in the same section however its headings are written. Method: one row for each way.
#include "engine/base/notice_text.h"

#include <gtest/gtest.h>

namespace chuyi {
namespace {

std::string found(const std::string& text) {
  std::string out;
  for (const NoticeNumber& each : numbers_of_notice(text)) out += each.section + "=" + std::to_string(each.value) + " ";
  return out;
}

struct Way {
  const char* name;
  const char* text;
};
void PrintTo(const Way& row, std::ostream* out) { *out << row.name; }
class Headings : public testing::TestWithParam<Way> {};

TEST_P(Headings, AreTheSameSection) { EXPECT_EQ(found(GetParam().text), "二(三)1=10 二(三)2=100 "); }

INSTANTIATE_TEST_SUITE_P(Ways, Headings, testing::Values(
  Way{"AsTheNoticeHasThem", "二、主要任务\n（三）建设专业群。\n1.遴选建设10个本科专业群。\n2.遴选建设100个高职专业群。\n"},
  Way{"NarrowBrackets",     "二、主要任务\n(三) 建设专业群。\n1. 遴选建设10个本科专业群。\n2. 遴选建设100 个高职专业群。\n"},
  Way{"WidePoints",         "二、主要任务\n（三）建设专业群。\n１．遴选建设１０个本科专业群。\n２．遴选建设100个高职专业群。\n"},
  Way{"CommasAndSpaces",    "  二、主要任务\r\n　（ 三 ）建设专业群。\r\n1、遴选建设10个本科专业群。\r\n2、遴选建设100个高职专业群。\r\n"},
  Way{"BrokenLines",        "二、主要任务\n(三) 建设专业群。\n\n1. 遴选建设10\n\n个本科专业群。\n\n2. 遴选建设100个高职\n专业群。\n"}),
  [](const auto& row) { return std::string(row.param.name); });

TEST(NoticeNumbers, BeginAgainWithEachChapterAndPart) {
  EXPECT_EQ(found("一、目标\n1.建成1所。\n二、任务\n（一）甲。\n1.建设3所。\n（二）乙。\n建设5所。\n1.建设7名。"), "一1=1 二(一)1=3 二(二)=5 二(二)1=7 ");
}

TEST(NoticeNumbers, AreOfThingsAlone) {
  EXPECT_EQ(found("二、任务\n1.到2025年，投入12.5亿元，2022年建设80个，培训30000人次。\n3.5米以上。"), "二1=80 ") << "3.5 is no heading";
  EXPECT_EQ(numbers_of_notice("二、任务\n1.先。支持建设3所学校。后。").at(0).text, "支持建设3所学校");
}

}  // namespace
}  // namespace chuyi
