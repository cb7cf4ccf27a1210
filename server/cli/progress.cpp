#include "server/cli/progress.h"

#include <algorithm>
#include <iostream>

#include <unistd.h>

namespace chuyi {

Progress::~Progress() {
  if (!drawn_.empty()) std::cerr << "\n";
}

void Progress::show(std::size_t done, std::size_t all) {
  if (::isatty(STDERR_FILENO) == 0) return;
  constexpr std::size_t kWidth = 27;
  const std::size_t filled = all == 0 ? kWidth : std::min(done, all) * kWidth / all;
  std::string line = "[" + std::string(filled, '#') + std::string(kWidth - filled, '.') + "] " + label_;
  if (line == drawn_) return;
  drawn_ = std::move(line);
  std::cerr << "\r\033[K" << drawn_ << std::flush;
}

void Progress::show(std::size_t done, std::size_t all, std::string label) {
  label_ = std::move(label);
  show(done, all);
}

}  // namespace chuyi
