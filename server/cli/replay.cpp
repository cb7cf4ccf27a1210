#include "engine/runtime/replay.h"

#include <algorithm>
#include <iostream>
#include <optional>

#include <boost/json/serialize.hpp>

#include "engine/invoke/rows_json.h"
#include "server/cli/commands.h"
#include "server/cli/progress.h"

namespace chuyi {
namespace {

constexpr std::size_t kShownMax = 72;  ///< bytes of a value in a line

/// A value in one line, long ones cut.
std::string brief(const json::value& value) {
  if (value.is_null()) return "none";
  std::string text = canonical_json(value);
  if (text.size() > kShownMax) {
    std::size_t end = kShownMax;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end) + "…";
  }
  return printable(text);
}

template <class List>
std::string joined(const List& list, const std::string& between) {
  std::string out;
  for (const auto& each : list) out += (out.empty() ? "" : between) + std::string{each};
  return out;
}

/// "task.complete recommend → recommend".
std::string what(const json::object& record) {
  const json::object& data = object_or_empty(record, "data");
  std::string out = string_or(record, "kind");
  for (const char* key : {"invoke", "timer", "event", "migration"})
    if (const std::string text = string_or(data, key); !text.empty()) out += " " + text;
  if (const std::string outcome = string_or(data, "outcome"); !outcome.empty()) out += " → " + outcome;
  return printable(out);
}

json::array events_of(const ReplayedCommand& command) {
  json::array out;
  for (const Happened& each : command.happened) {
    json::array steps;
    for (const scxml::Trace& trace : each.traces)
      steps.push_back(json::object{{"event", trace.event}, {"exited", to_json(trace.exited)}, {"entered", to_json(trace.entered)}, {"errors", to_json(trace.errors)}});
    json::object event{{"session", each.session}, {"event", each.event ? json::value(each.event->name) : json::value()}, {"steps", std::move(steps)}, {"started", to_json(each.started)}};
    if (each.event) {
      event["invokeid"] = each.event->invokeid;
      event["data"] = each.event->data;
    }
    out.push_back(std::move(event));
  }
  return out;
}

json::object json_of(const ReplayedCommand& command) {
  json::array changes;
  for (const DataChange& each : command.changes) changes.push_back(json::object{{"path", each.path}, {"old", each.before}, {"new", each.after}});
  return {{"seq", command.seq},
          {"at", format_instant(from_ms(int_or(command.record, "at", 0)))},
          {"kind", string_or(command.record, "kind")},
          {"actor", string_or(object_or_empty(command.record, "actor"), "id")},
          {"command", command.record.contains("data") ? command.record.at("data") : json::value()},
          {"definition", command.definition->digest},
          {"events", events_of(command)},
          {"configuration", to_json(command.document.chart.configuration)},
          {"changes", std::move(changes)},
          {"agrees", command.agrees}};
}

void print(const ReplayedCommand& command, const ReplayedCommand* before) {
  const json::object& record = command.record;
  const json::object& actor = object_or_empty(record, "actor");
  const std::string id = string_or(actor, "id");
  const std::string name = string_or(actor, "name");
  std::cout << command.seq << "  " << format_instant(from_ms(int_or(record, "at", 0))) << "  " << what(record) << "  by " << printable(id)
            << (name.empty() || name == id ? "" : " (" + printable(name) + ")") << (command.agrees ? "" : "  DIFFERS") << "\n";
  for (const Happened& each : command.happened) {
    std::cout << "    " << (each.session == command.row.id ? "" : printable(each.session) + ": ") << (each.event ? printable(each.event->name) : each.traces.empty() || !each.traces.front().entered.empty() ? "begin" : "end");
    if (each.event && !each.event->data.is_null()) std::cout << " " << brief(each.event->data);
    if (each.event && each.traces.empty()) std::cout << ": no transition";
    std::cout << "\n";
    for (const scxml::Trace& trace : each.traces) {
      std::cout << "      ";
      if (!trace.event.empty() && (!each.event || trace.event != each.event->name)) std::cout << printable(trace.event) << ": ";
      std::cout << joined(trace.exited, " ") << " ⇒ " << joined(trace.entered, " ") << "\n";
      for (const std::string& error : trace.errors) std::cout << "      error: " << printable(error) << "\n";
    }
  }
  if (before != nullptr && before->definition != command.definition)
    std::cout << "    version " << before->definition->version << " (" << before->definition->digest.substr(0, 12) << ") → " << command.definition->version
              << " (" << command.definition->digest.substr(0, 12) << ")\n";
  std::cout << "    in " << joined(command.document.chart.configuration, " ") << "\n";
  for (const DataChange& each : command.changes)
    std::cout << "    " << printable(each.path) << ": " << brief(each.before) << " → " << brief(each.after) << "\n";
}

}  // namespace

Result<> run_replay(const SharedFiles& files, const Home& home, const std::string& application, std::int64_t until, bool json_output) {
  const Result<std::unique_ptr<Queries>> queries = open_readers(home);
  if (!queries) return queries.error();
  const InvokeRegistry registry = make_registry();
  const std::unique_ptr<PackageLibrary> library = make_library(files, registry, home.data, {});
  restore_definitions(**queries, *library);
  json::array commands;
  // Without --json every command is a line of output: that is the progress.
  std::optional<Progress> bar;
  std::size_t all = 0;
  if (json_output) {
    const Result<std::vector<AuditRow>> rows = (*queries)->audit(application, 0, 1'000'000);
    if (!rows) return rows.error();
    all = rows->size();
    bar.emplace("replay");
  }
  std::optional<ReplayedCommand> before;
  const Result<ReplayReport> report = replay(**queries, *library, registry, application, until, [&](const ReplayedCommand& each) {
    if (bar) bar->show(commands.size() + 1, all);
    if (json_output)
      commands.push_back(json_of(each));
    else
      print(each, before ? &*before : nullptr);
    before = each;
  });
  bar.reset();
  if (!report) return report.error();
  if (json_output)
    std::cout << json::serialize(json::object{{"application", application}, {"commands", std::move(commands)}, {"identical", report->identical}, {"first_difference", report->first_difference}}) << "\n";
  else if (until == 0)
    std::cout << (report->identical ? "identical to the stored snapshot, byte for byte" : "NOT identical to the stored snapshot") << "\n";
  if (report->identical || (until != 0 && report->first_difference == 0)) return {};
  return Error{.kind = ErrorKind::invalid, .code = "replay.differs", .message = "Expected the replay to give the stored snapshot"};
}

}  // namespace chuyi
