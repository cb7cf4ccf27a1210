#include <benchmark/benchmark.h>

#include <cstdlib>
#include <iostream>
#include <string>

#include "engine/scxml/chart.h"
#include "engine/scxml/interpreter.h"

/// What one thread does in memory. "events/s" counts external events, each a whole macrostep; nothing is stored.
namespace chuyi::scxml {
namespace {

const Env kEnv{.session_id = "application-2027-0001", .now = Instant{std::chrono::milliseconds{1'800'000'000'000}}};

std::string document(const std::string& body, const std::string& attributes) {
  return "<scxml xmlns=\"http://www.w3.org/2005/07/scxml\" version=\"1.0\" " + attributes + ">" + body + "</scxml>";
}

ChartPtr chart_of(const std::string& xml) {
  Result<ChartPtr> chart = parse_chart(xml, "bench.scxml");
  if (chart) return std::move(*chart);
  std::cerr << chart.error().place << ": " << chart.error().message << "\n";
  std::abort();
}

Step value_of(Result<Step> step) {
  if (step) return std::move(*step);
  std::cerr << step.error().message << "\n";
  std::abort();
}

/// Two states that an event swaps.
std::string flat(const std::string& datamodel) {
  return document(R"(<state id="a"><transition event="e" target="b"/></state>
                     <state id="b"><transition event="e" target="a"/></state>)",
                  "datamodel=\"" + datamodel + "\"");
}

std::string guarded() {
  return document(R"(<datamodel><data id="n" expr="0"/></datamodel>
    <state id="a"><transition event="e" cond="n >= 0" target="b"><assign location="n" expr="n + 1"/></transition></state>
    <state id="b"><transition event="e" cond="n >= 0" target="a"><assign location="n" expr="n + 1"/></transition></state>)",
                  "datamodel=\"lua\"");
}

/// Five regions, each of which swaps its two states at each event.
std::string parallel() {
  std::string body = "<parallel id=\"p\">";
  for (int i = 0; i < 5; ++i) {
    const std::string n = std::to_string(i);
    body += "<state id=\"r" + n + "\"><state id=\"a" + n + "\"><transition event=\"e\" target=\"b" + n +
            "\"/></state><state id=\"b" + n + "\"><transition event=\"e\" target=\"a" + n + "\"/></state></state>";
  }
  return document(body + "</parallel>", "datamodel=\"null\"");
}

/// A ring of 1,000 atomic states in 100 compound ones.
std::string thousand(const std::string& datamodel) {
  std::string body;
  for (int group = 0; group < 100; ++group) {
    body += "<state id=\"g" + std::to_string(group) + "\">";
    for (int i = group * 10; i < group * 10 + 10; ++i)
      body += "<state id=\"s" + std::to_string(i) + "\"><transition event=\"e\" target=\"s" + std::to_string((i + 1) % 1000) + "\"/></state>";
    body += "</state>";
  }
  return document(body, "datamodel=\"" + datamodel + "\"");
}

/// About 2 kB of data as an application carries it, and a step that reads and changes some of it.
std::string application() {
  std::string body = "<datamodel><data id=\"scores\" expr=\"{}\"/><data id=\"round\" expr=\"1\"/>";
  for (int i = 0; i < 12; ++i)
    body += "<data id=\"field" + std::to_string(i) +
            "\" expr=\"{name = '教师工作坊 " + std::to_string(i) + "', amount = decimal('" + std::to_string(10 + i) +
            ".50'), members = {'430102" + std::to_string(i) + "', '430103'}, accepted = true, note = 'as nominated by the prefecture'}\"/>";
  body += R"(</datamodel><state id="review">
    <transition event="score" cond="field1.accepted and round &lt; 1000000000" target="review">
      <assign location="round" expr="round + 1"/><assign location="scores[1]" expr="_event.data.score"/></transition></state>)";
  return document(body, "datamodel=\"lua\"");
}

void run_events(benchmark::State& state, const std::string& xml) {
  const ChartPtr chart = chart_of(xml);
  Snapshot snapshot = value_of(start(*chart, {}, kEnv)).next;
  const Event event{.name = "e"};
  for (auto _ : state) snapshot = value_of(step(*chart, std::move(snapshot), event, kEnv)).next;
  state.counters["events/s"] = benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

void flat_without_data_model(benchmark::State& state) { run_events(state, flat("null")); }
void flat_with_lua_unused(benchmark::State& state) { run_events(state, flat("lua")); }
void flat_with_lua_guard_and_assign(benchmark::State& state) { run_events(state, guarded()); }
void parallel_of_5_regions(benchmark::State& state) { run_events(state, parallel()); }
void nested_of_1000_states(benchmark::State& state) { run_events(state, thousand("null")); }

void session_start(benchmark::State& state) {
  const ChartPtr chart = chart_of(guarded());
  for (auto _ : state) benchmark::DoNotOptimize(value_of(start(*chart, {}, kEnv)));
}

Event score() { return {.name = "score", .data = json::object{{"score", 92}}}; }

Snapshot application_snapshot(const Chart& chart) {
  return value_of(step(chart, value_of(start(chart, {}, kEnv)).next, score(), kEnv)).next;
}

void load_step_save_2kB(benchmark::State& state) {
  const ChartPtr chart = chart_of(application());
  std::string bytes = encode(application_snapshot(*chart));
  state.counters["bytes"] = static_cast<double>(bytes.size());
  const Event event = score();
  for (auto _ : state) {
    Result<Snapshot> snapshot = decode(*chart, bytes);
    bytes = encode(value_of(step(*chart, std::move(*snapshot), event, kEnv)).next);
  }
}

void snapshot_encode_2kB(benchmark::State& state) {
  const ChartPtr chart = chart_of(application());
  const Snapshot snapshot = application_snapshot(*chart);
  for (auto _ : state) benchmark::DoNotOptimize(encode(snapshot));
}

void snapshot_decode_2kB(benchmark::State& state) {
  const ChartPtr chart = chart_of(application());
  const std::string bytes = encode(application_snapshot(*chart));
  for (auto _ : state) benchmark::DoNotOptimize(decode(*chart, bytes));
}

void compile_1000_states(benchmark::State& state) {
  const std::string xml = thousand("lua");
  for (auto _ : state) benchmark::DoNotOptimize(chart_of(xml));
}

void compile_application(benchmark::State& state) {
  const std::string xml = application();
  for (auto _ : state) benchmark::DoNotOptimize(chart_of(xml));
}

BENCHMARK(flat_without_data_model);
BENCHMARK(flat_with_lua_unused);
BENCHMARK(flat_with_lua_guard_and_assign);
BENCHMARK(parallel_of_5_regions);
BENCHMARK(nested_of_1000_states);
BENCHMARK(session_start);
BENCHMARK(load_step_save_2kB);
BENCHMARK(snapshot_encode_2kB);
BENCHMARK(snapshot_decode_2kB);
BENCHMARK(compile_application);
BENCHMARK(compile_1000_states);

}  // namespace
}  // namespace chuyi::scxml

BENCHMARK_MAIN();
