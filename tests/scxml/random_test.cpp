#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <optional>
#include <set>

#include <gtest/gtest.h>

#include "engine/scxml/interpreter.h"
#include "tests/scxml/literal.h"
#include "tests/scxml/random_chart.h"

namespace chuyi::scxml {
namespace {

#ifdef CHUYI_SANITIZED
constexpr std::uint64_t kSequences = 4'000;
#else
constexpr std::uint64_t kSequences = 120'000;
#endif
constexpr std::uint64_t kSequencesPerChart = 8;
constexpr std::uint32_t kTurnsMax = 40;

std::uint64_t number_from(const char* variable, std::uint64_t fallback) {
  const char* text = std::getenv(variable);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

literal::Record record_of(const Result<Step>& step) {
  literal::Record out;
  if (!step) {
    out.endless = step.error().code == "scxml.microsteps";
    return out;
  }
  for (const Trace& trace : step->trace)
    out.microsteps.push_back({.event = trace.event, .exited = trace.exited, .entered = trace.entered});
  for (const Effect& effect : step->effects)
    if (const auto* log = std::get_if<Log>(&effect)) out.logs.push_back(log->label);
  out.configuration = step->next.configuration;
  out.running = step->next.running;
  return out;
}

std::string text_of(const literal::Record& record) {
  std::string out = record.endless ? " endless" : record.running ? "" : " ended";
  for (const literal::Microstep& each : record.microsteps) {
    out += "\n    [" + each.event + "] exit";
    for (const std::string& id : each.exited) out += " " + id;
    out += ", enter";
    for (const std::string& id : each.entered) out += " " + id;
  }
  out += "\n    run";
  for (const std::string& label : record.logs) out += " " + label;
  out += "\n    in";
  for (const std::string& id : record.configuration) out += " " + id;
  return out + "\n";
}

/// SCXML 3.11, for the ids of a configuration.
bool is_legal(const Chart& chart, const std::vector<std::string>& configuration) {
  std::set<Index> active{0};
  for (const std::string& id : configuration) active.insert(chart.find(id));
  return std::all_of(active.begin(), active.end(), [&](Index index) {
    const State& state = chart.at(index);
    const auto count = std::count_if(state.children.begin(), state.children.end(), [&](Index each) { return active.contains(each); });
    if (index != 0 && !active.contains(state.parent)) return false;
    if (state.kind == StateKind::parallel) return static_cast<std::size_t>(count) == state.children.size();
    return state.children.empty() || count == 1;
  });
}

/// How much a search has compared.
struct Tally {
  std::uint64_t sequences = 0;
  std::uint64_t microsteps = 0;
  std::uint64_t endless = 0, domain_moved = 0;  ///< sequences that ended early
  std::uint64_t at_once = 0;                    ///< sequences whose chart took no event at all
};

/// Runs the events through both. @return what differs first; nothing when all is the same.
std::optional<std::string> difference(const Chart& chart, const std::vector<std::string>& events, bool restored,
                                      literal::Fault fault, Tally& tally) {
  ++tally.sequences;
  const Env env{.session_id = "s", .now = {}};
  const StepLimits limits{.microsteps_max = kTurnsMax};
  literal::Interpreter slow(chart, kTurnsMax, fault);
  literal::Record expected = slow.interpret();
  Result<Step> step = start(chart, {}, env, limits);
  for (std::size_t i = 0;; ++i) {
    const literal::Record found = record_of(step);
    // A macrostep without end is refused as a whole: nothing else of it can be compared.
    const bool same = found.endless || expected.endless ? found.endless == expected.endless : found == expected;
    const bool legal = found.endless || is_legal(chart, found.configuration);
    if (!legal || (!same && !expected.domain_moved))
      return "after " + (i == 0 ? std::string{"the start"} : "event " + std::to_string(i) + ", " + events[i - 1]) +
             "\n  literal:" + text_of(expected) + "  engine:" + text_of(found);
    tally.microsteps += found.microsteps.size();
    tally.endless += found.endless;
    tally.domain_moved += expected.domain_moved;
    if (expected.domain_moved || found.endless || !found.running || i == events.size()) {
      tally.at_once += i == 0 && !events.empty();
      return std::nullopt;
    }
    Snapshot before = step->next;
    if (restored) {
      const Result<Snapshot> back = decode(chart, encode(before));
      if (!back) return "the snapshot after " + std::to_string(i) + " events does not decode: " + back.error().message;
      before = *back;
    }
    expected = slow.external_event(events[i]);
    step = scxml::step(chart, before, {.name = events[i]}, env, limits);
  }
}

struct Case {
  RandomChart chart;
  bool watched = false;
  bool restored = false;
  std::vector<std::string> events;
  std::string found;

  bool fails(literal::Fault fault) {
    const Result<ChartPtr> parsed = parse_chart(chart.xml(watched), "random.scxml");
    if (!parsed) return false;
    Tally unused;
    std::optional<std::string> now = difference(**parsed, events, restored, fault, unused);
    if (now) found = std::move(*now);
    return now.has_value();
  }
};

/// Leaves out what the difference does not need: events, states, transitions, content.
void shrink(Case& failing, literal::Fault fault) {
  const auto without = [&](const std::function<void(Case&)>& leave_out) {
    Case smaller = failing;
    leave_out(smaller);
    if (!smaller.fails(fault)) return false;
    failing = std::move(smaller);
    return true;
  };
  without([](Case& c) { c.watched = false; });
  for (bool again = true; again;) {
    again = false;
    for (std::size_t i = failing.events.size(); i-- > 0;)
      again |= without([&](Case& c) { c.events.erase(c.events.begin() + static_cast<std::ptrdiff_t>(i)); });
    for (std::size_t i = 1; i < failing.chart.nodes.size(); ++i) {
      if (!failing.chart.nodes[i].alive) continue;
      if (without([&](Case& c) { c.chart.nodes[i].alive = false; })) {
        again = true;
        continue;
      }
      for (std::size_t t = 0; t < failing.chart.nodes[i].transitions.size(); ++t)
        if (failing.chart.nodes[i].transitions[t].alive)
          again |= without([&](Case& c) { c.chart.nodes[i].transitions[t].alive = false; });
      if (!failing.chart.nodes[i].initial.empty()) again |= without([&](Case& c) { c.chart.nodes[i].initial.clear(); });
      for (std::string RandomChart::Node::*content : {&RandomChart::Node::entry, &RandomChart::Node::exit})
        if (!(failing.chart.nodes[i].*content).empty()) again |= without([&](Case& c) { (c.chart.nodes[i].*content).clear(); });
    }
  }
}

struct Search {
  Tally tally;
  std::optional<Case> failing;
};

Search search(std::uint64_t seed, std::uint64_t sequences, literal::Fault fault) {
  Search out;
  for (std::uint64_t number = 0; out.tally.sequences < sequences; ++number) {
    Dice dice(seed + number);
    Case each{.chart = random_chart(dice), .watched = dice.percent(50)};
    const Result<ChartPtr> parsed = parse_chart(each.chart.xml(each.watched), "random.scxml");
    if (!parsed) {
      each.found = "refused: " + parsed.error().place + " " + parsed.error().message;
      out.failing = std::move(each);
      return out;
    }
    const std::uint64_t at_once = out.tally.at_once;
    for (std::uint64_t i = 0; i < kSequencesPerChart; ++i) {
      each.events = random_events(dice);
      each.restored = i % 4 == 3;
      std::optional<std::string> found = difference(**parsed, each.events, each.restored, fault, out.tally);
      if (!found && out.tally.at_once > at_once) break;  // its other sequences would be the same
      if (!found) continue;
      each.found = std::move(*found);
      shrink(each, fault);
      out.failing = std::move(each);
      return out;
    }
  }
  return out;
}

std::string text_of(const Case& failing) {
  std::string out = failing.chart.xml(failing.watched) + "events:";
  for (const std::string& event : failing.events) out += " " + event;
  return out + (failing.restored ? " (restored between macrosteps)\n" : "\n") + failing.found;
}

// Goal: the engine does what appendix D of the recommendation says. Method: random charts and events; after each
// macrostep the configuration, the microsteps with their events, the states left and entered in order, and the
// content run are those of the literal transcription. CHUYI_SEED and CHUYI_SEQUENCES choose another search.
TEST(RandomCharts, GiveWhatTheLiteralAlgorithmGives) {
  const std::uint64_t seed = number_from("CHUYI_SEED", 20150901);
  const Search done = search(seed, number_from("CHUYI_SEQUENCES", kSequences), literal::Fault::none);
  std::cout << "seed " << seed << ", " << done.tally.sequences << " sequences, " << done.tally.microsteps << " microsteps; "
            << done.tally.endless << " sequences ended in a loop, " << done.tally.domain_moved << " with a domain that moved, "
            << done.tally.at_once << " at once\n";
  EXPECT_FALSE(done.failing) << text_of(*done.failing);
}

// Goal: the comparison would see a bug. Method: one in the literal copy, reversed exit order, is found soon.
TEST(RandomCharts, APlantedBugIsFound) {
  const Search done = search(1, 1'000, literal::Fault::exit_in_document_order);
  ASSERT_TRUE(done.failing);
  EXPECT_NE(done.failing->found.find("exit"), std::string::npos);
  std::cout << "found after " << done.tally.sequences << " sequences:\n" << text_of(*done.failing);
}

}  // namespace
}  // namespace chuyi::scxml
