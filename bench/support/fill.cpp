/// bench_fill DATA COUNT: an installation with COUNT applications that wait for the bureau.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench/support/installation.h"

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    std::fprintf(stderr, "bench_fill DATA COUNT [FROM]: FROM applications are there already\n");
    return 2;
  }
  chuyi::bench::Installation installation({.data = argv[1]});
  const std::size_t from = argc == 4 ? std::strtoull(argv[3], nullptr, 10) : 0;
  if (from == 0) installation.begin();
  installation.fill(from, std::strtoull(argv[2], nullptr, 10));
}
