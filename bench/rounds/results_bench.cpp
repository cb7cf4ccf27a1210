// What a round's results take: reading the input, totals, aggregates, rankings, and what hangs on a single sheet.
#include <cstdio>
#include <iostream>

#include "bench/support/report.h"
#include "engine/review/results.h"
#include "tests/review/made_up.h"

namespace {

using namespace chuyi;
using namespace chuyi::review;

template <class Work>
double seconds(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return bench::Duration(std::chrono::steady_clock::now() - start).count();
}

void measure(std::size_t applications, const char* method) {
  MadeUp from{.applications = applications, .experts = 7, .places = static_cast<int>(applications / 10)};
  if (std::string{method} != "none") from.calibration = {{"method", method}, {"rank_by", "calibrated"}};
  const json::object made = normalised(input_of(from));
  Result<Input> input{Input{}};
  Result<Results> results{Results{}};
  std::string bytes;
  const double read = seconds([&] { input = read_input(made); });
  const double ranked = seconds([&] { results = compute(*input); });
  const double fragile = seconds([&] { find_fragile(*input, *results); });
  const double all = seconds([&] { bytes = export_bytes(*results_of(made)); });
  const double verified = seconds([&] {
    if (!verify_export(bytes)) std::cerr << "not verified\n";
  });
  std::size_t sheets = 0;
  for (const Fragile& each : results->programmes[0].fragile[0]) sheets += each.moved.empty() ? 0 : 1;
  std::printf("%6zu x 7  %-12s %9.3f %9.3f %9.3f %9.3f %9.3f   %zu sheets, %.1f MB\n", applications, method, read, ranked, fragile, all, verified, sheets, static_cast<double>(bytes.size()) / 1e6);
  std::fflush(stdout);
}

}  // namespace

int main() {
  bench::print_machine(".");
  std::printf("limit: 5000 x 7, rank <= 1 s. Seconds; export: all of it, as JSON; fragile sheets: one without which a place changes\n");
  std::printf("applications calibration       read      rank   fragile    export    verify\n");
  for (const std::size_t applications : {std::size_t{500}, std::size_t{5'000}})
    for (const char* method : {"none", "z-score"}) measure(applications, method);
}
