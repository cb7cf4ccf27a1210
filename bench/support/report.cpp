#include "bench/support/report.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <thread>

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace chuyi::bench {
namespace {

std::string processor() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown processor";
}

std::string load() {
  std::string out;
  std::getline(std::ifstream("/proc/loadavg"), out);
  return out.substr(0, out.find(' '));
}

double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

}  // namespace

Stopwatch::Stopwatch() : start_(std::chrono::steady_clock::now()), cpu_start_(cpu_seconds()) {}

Figure Stopwatch::stop(std::vector<double> spans) const {
  const Duration whole = std::chrono::steady_clock::now() - start_;
  const double cpu = cpu_seconds() - cpu_start_;
  std::sort(spans.begin(), spans.end());
  if (spans.empty()) return {};
  const auto at = [&](double part) { return 1'000 * spans[std::min(spans.size() - 1, static_cast<std::size_t>(part * static_cast<double>(spans.size())))]; };
  return {.rate = static_cast<double>(spans.size()) / whole.count(), .p50 = at(0.5), .p99 = at(0.99), .longest = 1'000 * spans.back(), .cpu_us = 1e6 * cpu / static_cast<double>(spans.size())};
}

Figure median_of(std::vector<Figure> runs) {
  std::sort(runs.begin(), runs.end(), [](const Figure& a, const Figure& b) { return a.rate < b.rate; });
  return runs.empty() ? Figure{} : runs[runs.size() / 2];
}

void print_header(const std::string& title) { std::printf("\n%-48s %10s %9s %9s %9s %9s\n", title.c_str(), "per s", "p50 ms", "p99 ms", "max ms", "cpu us"); }

void print_row(const std::string& name, const Figure& figure, const std::string& remark) {
  std::printf("%-48s %10.0f %9.3f %9.3f %9.1f %9.1f  %s\n", name.c_str(), figure.rate, figure.p50, figure.p99, figure.longest, figure.cpu_us, remark.c_str());
  std::fflush(stdout);
}

void print_machine(const std::string& folder) {
  utsname kernel{};
  ::uname(&kernel);
  struct sysinfo memory {};
  ::sysinfo(&memory);
  struct statfs files {};
  ::statfs(folder.c_str(), &files);
  std::printf("machine   %u x %s, %.0f GB, %s %s, load %s\n", std::thread::hardware_concurrency(), processor().c_str(),
              static_cast<double>(memory.totalram) * memory.mem_unit / 1e9, kernel.sysname, kernel.release, load().c_str());
  std::printf("disk      %s, file system type 0x%lx\n", folder.c_str(), static_cast<unsigned long>(files.f_type));
  std::printf("versions  SQLite %s, g++ %s, -O2, hardened\n", sqlite3_libversion(), __VERSION__);
}

Figure measure_fdatasync(const std::string& folder, std::size_t count) {
  const std::string path = folder + "/fdatasync";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  std::array<char, 4096> block{};
  std::vector<double> spans;
  const Stopwatch watch;
  for (std::size_t i = 0; file >= 0 && i < count; ++i) {
    const auto before = std::chrono::steady_clock::now();
    if (::write(file, block.data(), block.size()) < 0 || ::fdatasync(file) != 0) break;
    spans.push_back(Duration(std::chrono::steady_clock::now() - before).count());
  }
  const Figure out = watch.stop(std::move(spans));
  ::close(file);
  ::unlink(path.c_str());
  return out;
}

}  // namespace chuyi::bench
