#include "tests/fuzz/entries.h"

#include <cstdio>
#include <cstdlib>
#include <string>

#include "engine/scxml/describe.h"
#include "engine/scxml/interpreter.h"
#include "engine/scxml/lua_model.h"

namespace chuyi::fuzz {
namespace {

using namespace scxml;

const Env kEnv{.session_id = "s", .now = Instant{std::chrono::milliseconds{1'800'000'000'000}}};
/// Small, so that many inputs are tried.
constexpr StepLimits kLimits{.microsteps_max = 50,
                             .lua_instructions_max = 20'000,
                             .lua_step_instructions_max = 100'000,
                             .lua_bytes_max = 4U * 1024 * 1024,
                             .datamodel_bytes_max = 256U * 1024};

void require(bool kept, const char* promise) {
  if (kept) return;
  std::fprintf(stderr, "broken: %s\n", promise);
  std::abort();
}

/// The bytes of a session that the engine made can be read back, and are the same again.
Snapshot stored(const Chart& chart, const Snapshot& snapshot) {
  const std::string bytes = encode(snapshot);
  Result<Snapshot> back = decode(chart, bytes);
  require(back.has_value(), "what encode wrote is decoded");
  require(encode(*back) == bytes, "a snapshot round-trips byte for byte");
  return std::move(*back);
}

/// Takes the session through events that its chart waits for.
void go_on(const Chart& chart, Snapshot snapshot) {
  for (int i = 0; i < 4 && snapshot.running; ++i) {
    const std::vector<std::string> events = events_of(chart, snapshot.configuration);
    const std::string name = events.empty() ? "e" : events[static_cast<std::size_t>(i) % events.size()];
    const Result<Step> next = step(chart, snapshot, {.name = name, .data = json::object{{"n", i}}}, kEnv, kLimits);
    if (!next) return;
    snapshot = stored(chart, next->next);
  }
}

/// One of everything that a snapshot speaks of.
const Chart& small_chart() {
  static const ChartPtr chart = *parse_chart(R"x(
    <scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="lua" binding="late">
      <datamodel><data id="n" expr="1"/><data id="list" expr="{}"/></datamodel>
      <script>function twice(x) return 2 * x end</script>
      <parallel id="p">
        <history id="deep" type="deep"><transition target="a1"/></history>
        <state id="a"><datamodel><data id="m" expr="decimal('1.5')"/></datamodel>
          <state id="a1"><invoke type="task" id="t" autoforward="true"><finalize><assign location="n" expr="twice(n)"/></finalize></invoke>
            <transition event="go" target="a2"/></state>
          <final id="a2"/></state>
        <state id="b"><history id="shallow"><transition target="b1"/></history>
          <state id="b1"><transition event="go" cond="n ~= 0" target="b2"><assign location="list[1]" expr="_event.data"/></transition></state>
          <state id="b2"/></state>
        <transition event="out" target="c"/><transition event="done.state.*" target="c"/>
      </parallel>
      <state id="c"><transition event="go" target="deep"/><transition event="out" target="shallow"/><transition event="end" target="f"/></state>
      <final id="f"/>
    </scxml>)x",
                                             "small.scxml");
  return *chart;
}

}  // namespace

void chart(std::string_view bytes) {
  const Result<ChartPtr> parsed = parse_chart(bytes, "fuzz.scxml", {.bytes_max = 64U * 1024});
  if (!parsed) {
    require(!parsed.error().code.empty() && !parsed.error().message.empty(), "an error has a code and says what is expected");
    return;
  }
  const Result<Step> begun = start(**parsed, {}, kEnv, kLimits);
  if (begun) go_on(**parsed, stored(**parsed, begun->next));
}

void expression(std::string_view bytes) {
  Chart chart;
  chart.scripts.push_back({.source = "return " + std::string{bytes} + "\n", .place = "fuzz", .id = 0});
  LuaModel lua(chart, kEnv, kLimits, [](std::string_view id) { return id == "a"; });
  const json::object globals{{"n", 3}, {"text", "学校"}, {"list", json::array{1, 2.5, "x"}}, {"sum", json::object{{"$decimal", "87.5"}}}};
  lua.load(globals);
  const Result<json::value> value = lua.eval(chart.scripts.front());
  if (!value) require(!value.error().message.empty(), "an error says what is expected");
  if (const Result<json::object> saved = lua.save())
    require(parse_json(canonical_json(*saved), kStoredJson, "data").has_value(), "data that was saved is read back");
}

void snapshot(std::string_view bytes) {
  const Result<Snapshot> read = decode(small_chart(), bytes);
  if (read) go_on(small_chart(), stored(small_chart(), *read));
}

}  // namespace chuyi::fuzz
