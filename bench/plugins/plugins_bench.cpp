#include <benchmark/benchmark.h>

#include <cstdlib>
#include <iostream>
#include <string>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugins/host/plugin_client.h"

/// What a call of a package's hook costs above the work of the hook, which is none here: the process is warm, the form is
/// serialised, sent, and the answer read and judged. The limit beside it is a bare exchange of as many bytes between two
/// processes over the same kind of socket.
namespace chuyi {
namespace {

constexpr std::size_t kLargeForm = 64U * 1024;

/// A form with about `bytes` of text in fields of 100 bytes, in the order in which the store keeps them.
json::object form_of(std::size_t bytes) {
  json::object data;
  for (std::size_t i = 0; i * 100 < bytes; ++i) data["field" + std::to_string(100 + i)] = std::string(88, 'x');
  return {{"form", "nomination"}, {"data", std::move(data)}, {"date", "2026-03-02"}};
}

PluginClient& client() {
  static PluginClient the_client({.host_program = CHUYI_BINARY_DIR "/bin/chuyi-plugin-host", .call_max = std::chrono::seconds{60}});
  return the_client;
}

Definition empty() {
  Definition out;
  out.manifest = {{"hooks", json::array{"validate"}}};
  out.programme = "empty";
  out.library = CHUYI_BINARY_DIR "/bench/libbench_empty.so";
  return out;
}

void call(const Definition& definition, const json::object& input) {
  const Result<json::object> answer = client().call(definition, hook::kValidate, "call", input);
  if (answer) return;
  std::cerr << answer.error().message << "\n";
  std::abort();
}

void run_calls(benchmark::State& state, std::size_t bytes) {
  const Definition definition = empty();
  const json::object input = form_of(bytes);
  call(definition, input);
  for (auto _ : state) call(definition, input);
  state.counters["calls/s"] = benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

void warm_call(benchmark::State& state) { run_calls(state, 0); }
void warm_call_64KiB(benchmark::State& state) { run_calls(state, kLargeForm); }

bool transfer(int fd, std::string& bytes, ssize_t (*one)(int, void*, size_t)) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t moved = one(fd, bytes.data() + done, bytes.size() - done);
    if (moved <= 0) return false;
    done += static_cast<std::size_t>(moved);
  }
  return true;
}
ssize_t put(int fd, void* bytes, size_t size) { return ::send(fd, bytes, size, MSG_NOSIGNAL); }
ssize_t get(int fd, void* bytes, size_t size) { return ::recv(fd, bytes, size, 0); }

/// A request of `bytes` to a child that reads it and answers with as much as an empty list of findings takes.
void run_exchange(benchmark::State& state, std::size_t bytes) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) std::abort();
  std::string request(bytes, 'x');
  std::string answer(24, 'x');
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(pair[0]);
    while (transfer(pair[1], request, get) && transfer(pair[1], answer, put)) {
    }
    ::_exit(0);
  }
  ::close(pair[1]);
  for (auto _ : state)
    if (!transfer(pair[0], request, put) || !transfer(pair[0], answer, get)) std::abort();
  ::close(pair[0]);
  ::waitpid(child, nullptr, 0);
}

void bare_exchange(benchmark::State& state) { run_exchange(state, 128); }
void bare_exchange_64KiB(benchmark::State& state) { run_exchange(state, kLargeForm); }

/// The part of a call that depends on the form alone.
void serialise_64KiB(benchmark::State& state) {
  const json::object input = form_of(kLargeForm);
  for (auto _ : state) benchmark::DoNotOptimize(canonical_json(input));
}

void start_and_first_call(benchmark::State& state) {
  const Definition definition = empty();
  for (auto _ : state) {
    PluginClient fresh({.host_program = CHUYI_BINARY_DIR "/bin/chuyi-plugin-host"});
    if (!fresh.call(definition, hook::kValidate, {}, form_of(0))) std::abort();
  }
}

BENCHMARK(bare_exchange)->UseRealTime();
BENCHMARK(warm_call)->UseRealTime()->Threads(1)->Threads(8);
BENCHMARK(bare_exchange_64KiB)->UseRealTime();
BENCHMARK(serialise_64KiB)->UseRealTime();
BENCHMARK(warm_call_64KiB)->UseRealTime()->Threads(1)->Threads(8);
BENCHMARK(start_and_first_call)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace chuyi

BENCHMARK_MAIN();
