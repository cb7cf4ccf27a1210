#pragma once

#include <cstddef>
#include <string>

namespace chuyi {

/// A bar on standard error while long work goes on; nothing where standard error is no terminal.
class Progress {
 public:
  explicit Progress(std::string label) : label_(std::move(label)) {}
  /// Ends the bar's line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// `done` of `all`; draws only when the bar changes.
  void show(std::size_t done, std::size_t all);
  /// The same with another text beside the bar.
  void show(std::size_t done, std::size_t all, std::string label);

 private:
  std::string label_;
  std::string drawn_;
};

}  // namespace chuyi
