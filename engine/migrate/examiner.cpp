#include "engine/migrate/examiner.h"

#include <algorithm>

#include "engine/migrate/running.h"
#include "engine/runtime/migration.h"
#include "engine/runtime/replay.h"

namespace chuyi {
namespace {

using check::Fact;
using check::PatternKind;

bool ends_invoke(const scxml::Event& event) { return event.name == "done.invoke." + event.invokeid; }

/// What a command did, as policies see it.
void add_facts(const ReplayedCommand& command, std::vector<Fact>& out) {
  const std::string kind = string_or(command.record, "kind");
  const json::object& timer = object_or_empty(object_or_empty(command.record, "data"), "event");
  const bool timed = kind == "timer.fire" && string_or(timer, "kind") == "send";
  for (std::size_t i = 0; i < command.happened.size(); ++i) {
    const Happened& happened = command.happened[i];
    if (happened.session != command.row.id) continue;  // of an invoked chart: policies look at the workflow alone
    if (happened.event) {
      const scxml::Event& event = *happened.event;
      out.push_back({.kind = PatternKind::event, .name = event.name, .data = {}});
      if (timed && i == 0) out.push_back({.kind = PatternKind::timer, .name = event.name, .data = {}});
      if (!event.invokeid.empty() && ends_invoke(event))
        out.push_back({.kind = PatternKind::answer, .name = event.invokeid, .data = event.data.is_object() ? event.data.get_object() : json::object{}});
      if (!event.invokeid.empty() && event.name.starts_with("error."))
        out.push_back({.kind = PatternKind::failure, .name = event.invokeid, .data = {}});
    }
    for (std::size_t step = 0; step < happened.traces.size(); ++step) {
      const scxml::Trace& trace = happened.traces[step];
      if (!trace.event.empty() && (step > 0 || !happened.event)) out.push_back({.kind = PatternKind::event, .name = trace.event, .data = {}});
      for (const std::string& state : trace.entered) out.push_back({.kind = PatternKind::state, .name = state, .data = {}});
    }
    for (const std::string& invoke : happened.started) out.push_back({.kind = PatternKind::start, .name = invoke, .data = {}});
  }
}

/// @param before  the same application before its move.
std::vector<Detail> obstacles_of(const check::Standing& standing, const scxml::Snapshot& before, const check::Machine& from,
                                 const check::Machine& to, const MigrationRequest& request, const std::vector<check::Policy>& policies) {
  std::vector<Detail> out;
  const auto element = [](const check::Machine& machine, const scxml::Invocation& of, const json::object& manifest) {
    const check::Element& found = machine.elements()[static_cast<std::size_t>(machine.element_of(of))];
    return VersionedElement{.element = found, .stage = machine.chart().at(found.state).stage, .manifest = manifest};
  };
  for (const scxml::Invocation& now : standing.snapshot.invocations) {
    if (std::find(standing.finished.begin(), standing.finished.end(), now.invoke_id) != standing.finished.end()) continue;
    const auto old = std::find_if(before.invocations.begin(), before.invocations.end(), [&](const auto& each) { return each.invoke_id == now.invoke_id; });
    if (old == before.invocations.end()) continue;
    for (Detail& each : running_obstacles(element(from, *old, request.from->manifest), element(to, now, request.to->manifest), policies))
      out.push_back(std::move(each));
  }
  return out;
}

check::Standing standing_of(const scxml::Chart& chart, const std::string& application, const SessionDocument& document, const std::vector<TimerRow>& timers) {
  check::Standing out{.snapshot = document.chart, .finished = {}, .timers = {}};
  out.finished = finished_invokes(document, application);
  for (const TimerRow& each : own_sends(timers))
    if (const std::string event = string_or(each.event, "event"); scxml::hears(chart, event)) out.timers.emplace_back(event, string_or(each.event, "sendid"));
  return out;
}

}  // namespace

std::vector<Detail> Examiner::problems() const {
  const auto read = [&](const std::string& src) { return read_source(request_.to->files, src); };
  const check::Report report =
      check::check(*request_.to->chart, {.manifest = request_.to->manifest, .sources = read}, parts_.world, parts_.policies);
  std::vector<Detail> out;
  for (const check::Finding& each : report.findings)
    if (check::keeps_out(each)) out.push_back(check::flat(each));
  return out;
}

const Examiner::Known& Examiner::known(const DefinitionPtr& definition) {
  Known& out = known_[definition->digest];
  if (!out.definition) {
    out.definition = definition;
    out.machine = std::make_unique<check::Machine>(*definition->chart, parts_.world, check::programme_of(definition->manifest));
  }
  return out;
}

Result<std::vector<check::Past>> Examiner::past_of(const SessionRow& row) {
  std::vector<check::Past> out;
  std::string on;
  const Result<ReplayReport> report =
      replay(parts_.queries, parts_.definitions, parts_.registry, row.id, 0, [&](const ReplayedCommand& command) {
        if (out.empty() || command.definition->digest != on) {
          on = command.definition->digest;
          const Known& chart = known(command.definition);
          out.push_back({.machine = *chart.machine, .manifest = chart.definition->manifest, .facts = {}});
        }
        add_facts(command, out.back().facts);
      });
  if (!report) return report.error();
  if (!report->identical)
    return Error{.code = "migrate.replay",
                 .message = "Expected the journal to give the stored state, so that its past is known; see chuyi replay",
                 .message_zh = "按日志重演的结果与存储不一致，无法确认其经过"};
  return out;
}

Result<PlannedMove> Examiner::examine(const SessionRow& row) {
  PlannedMove out{.application = row.id, .title = row.title, .org_name = row.org_name, .revision = row.revision};
  const auto stays = [&](const Error& error) {
    out.reasons = {{.place = row.id, .code = error.code, .message = error.message, .message_zh = error.message_zh.empty() ? error.code : error.message_zh}};
    out.fate = Fate::cannot;
    return out;
  };
  const Result<SessionDocument> document = decode_document(*request_.from, row.document);
  if (!document) return stays(document.error());
  const Result<std::vector<TimerRow>> timers = parts_.queries.timers(row.id);
  if (!timers) return timers.error();
  out.before = document->chart.configuration;
  const bool needs_map = std::any_of(out.before.begin(), out.before.end(), [&](const std::string& id) { return request_.map.contains(id); });
  // The time counts for initial values of data only: what is written is decided anew by the command.
  MigratedSession moved = migrate_session(*request_.from, *request_.to, request_.map, row, *document, row.updated);
  out.warnings = std::move(moved.warnings);
  out.reasons = std::move(moved.obstacles);
  for (Detail& each : timer_obstacles(*request_.from, *request_.to, *timers)) out.reasons.push_back(std::move(each));
  out.fate = needs_map ? Fate::mapped : Fate::as_is;
  if (!out.reasons.empty()) {
    const bool mappable = std::all_of(out.reasons.begin(), out.reasons.end(), [](const Detail& each) { return each.code == "migrate.unmapped"; });
    out.fate = mappable ? Fate::needs_mapping : Fate::cannot;
    return out;
  }
  const Result<SessionDocument> next = decode_document(*request_.to, moved.row.document);
  if (!next) return next.error();
  const check::Standing standing = standing_of(*request_.to->chart, row.id, *next, *timers);
  out.reasons = obstacles_of(standing, document->chart, *known(request_.from).machine, future_.machine(), request_, parts_.policies);
  if (!out.reasons.empty()) {
    out.fate = Fate::cannot;
    return out;
  }
  const Result<std::vector<check::Past>> past = past_of(row);
  if (!past) {
    if (past.error().kind == ErrorKind::unavailable) return past.error();
    return stays(past.error());
  }
  out.reasons = future_.judge(standing, *past);
  if (out.reasons.empty()) {
    out.after = next->chart.configuration;
  } else {
    const bool policy = std::any_of(out.reasons.begin(), out.reasons.end(), [](const Detail& each) { return each.code == "check.policy"; });
    out.fate = policy ? Fate::breaks_policy : Fate::cannot;
  }
  return out;
}

}  // namespace chuyi
