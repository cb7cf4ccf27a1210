#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chuyi {

/// A number of things to build, choose or name in an official notice: 20个, 10所, 300名.
struct NoticeNumber {
  std::string section;  ///< where it stands, e.g. "二(三)1", however the notice writes it
  std::int64_t value = 0;
  std::string text;  ///< the sentence that holds it
};

/// The numbers of a notice in their order. Headings are numbered 一、 then （一） or (一), then 1. 1． or 1、, with spaces or
/// without, digits of full width too; sentences may be broken over lines. GB/T 9704-2012 has one of these ways, real notices
/// all of them.
std::vector<NoticeNumber> numbers_of_notice(std::string_view text);

}  // namespace chuyi
