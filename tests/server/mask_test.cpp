// Goal: no identity number and no mobile number leaves in what is published, however it was typed. Method: one row for each way.
#include <gtest/gtest.h>

#include "server/api/shapes.h"

namespace chuyi {
namespace {

struct Typed {
  const char* name;
  const char* text;
  const char* shown;
};
void PrintTo(const Typed& row, std::ostream* out) { *out << row.name; }
class Mask : public testing::TestWithParam<Typed> {};

TEST_P(Mask, HidesIt) { EXPECT_EQ(mask_personal(GetParam().text), GetParam().shown); }

INSTANTIATE_TEST_SUITE_P(Ways, Mask, testing::Values(
  Typed{"Plain",          "张三430102199001011234。", "张三4301**************。"},
  Typed{"WithX",          "43010219900101123X", "4301**************"},
  Typed{"WithSmallX",     "43010219900101123x，", "4301**************，"},
  Typed{"Wide",           "４３０１０２１９９００１０１１２３４", "4301**************"},
  Typed{"InGroups",       "430102 19900101 1234", "4301**************"},
  Typed{"WithHyphens",    "430102-1990-0101-1234号", "4301**************号"},
  Typed{"InALongerRun",   "9430102199001011234", "94301**************"},
  Typed{"AfterAMobile",   "13812345678 430102199001011234", "138****5678 4301**************"},
  Typed{"OfNobody",       "999999999999999999", "9999**************"},
  Typed{"Mobile",         "电话13812345678", "电话138****5678"},
  Typed{"WithAWideX",     "43010219900101123Ｘ，43010219900101123ｘ", "4301**************，4301**************"},
  Typed{"WithWideHyphens", "４３０１０２－１９９００１０１－１２３４", "4301**************"},
  Typed{"WithDashes",     "430102–19900101–1234", "4301**************"},
  Typed{"WithSpaces",     "430102\u00A019900101  1234", "4301**************"},
  Typed{"WithPoints",     "430102.19900101.1234 430102_19900101_1234", "4301************** 4301**************"},
  Typed{"WithNothingSeen", "430102\u200B19900101\u200B1234", "4301**************"},
  Typed{"MobileInGroups", "138 1234 5678、138-1234-5678", "138****5678、138****5678"},
  Typed{"MobileAbroad",   "+8613812345678，+86 138 1234 5678", "+86138****5678，+86 138****5678"},
  Typed{"MobileThenAYear", "138 1234 5678 2026", "138****5678 2026"},
  Typed{"TwoMobiles",     "13812345678 13912345678", "138****5678 139****5678"},
  Typed{"NoMobile",       "120 2026 1125", "120 2026 1125"},
  Typed{"WideMobile",     "１３８１２３４５６７８", "138****5678"},
  Typed{"AwardNumber",    "湘楚怡工坊〔2026〕001号", "湘楚怡工坊〔2026〕001号"},
  Typed{"Years",          "2026-2029 建设期 36", "2026-2029 建设期 36"},
  Typed{"Money",          "12345678.90", "12345678.90"}),
  [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace chuyi
