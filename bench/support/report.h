#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace chuyi::bench {

using Duration = std::chrono::duration<double>;

/// What a number of operations took. Times in milliseconds.
struct Figure {
  double rate = 0;  ///< operations per second
  double p50 = 0;
  double p99 = 0;
  double longest = 0;
  double cpu_us = 0;  ///< processor time of this process for each operation
};

/// Begins when it is made.
class Stopwatch {
 public:
  Stopwatch();
  /// @param spans  seconds of each operation, any order.
  Figure stop(std::vector<double> spans) const;

 private:
  std::chrono::steady_clock::time_point start_;
  double cpu_start_;
};

/// The one with the middle rate.
Figure median_of(std::vector<Figure> runs);

/// "operations/s   p50   p99   longest" below a header.
void print_header(const std::string& title);
void print_row(const std::string& name, const Figure& figure, const std::string& remark = {});
/// Processor, memory, kernel, file system of `folder`, SQLite's version, this program's version and build.
void print_machine(const std::string& folder);

/// Appending 4 KiB and fdatasync, one at a time, in a file of its own in `folder`.
Figure measure_fdatasync(const std::string& folder, std::size_t count);

}  // namespace chuyi::bench
