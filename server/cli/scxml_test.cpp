#include "server/cli/scxml_test.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>

#include <boost/json/serialize.hpp>

#include "engine/base/digest.h"
#include "engine/runtime/child_charts.h"
#include "engine/runtime/dispatcher.h"
#include "engine/runtime/pumps.h"
#include "engine/runtime/session_document.h"
#include "engine/stages/builtin.h"
#include "server/cli/commands.h"
#include "storage/documents/file_document_store.h"
#include "storage/sqlite/sqlite.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSession = "test";
constexpr const char* kHere = "http://scxml-test.invalid";  // RFC 6761: a name that leads nowhere
constexpr std::size_t kRoundsMax = 2'000;
constexpr std::chrono::minutes kTimeMax{60};

/// A folder that goes with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_((fs::temp_directory_path() / "chuyi-scxml-test-XXXXXX").string()) { made_ = ::mkdtemp(path_.data()) != nullptr; }
  ~TemporaryFolder() {
    std::error_code ec;
    if (made_) fs::remove_all(path_, ec);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool made_ = false;
};

class OneDefinition final : public Definitions {
 public:
  explicit OneDefinition(DefinitionPtr definition) : definition_(std::move(definition)) {}
  std::vector<DefinitionPtr> current() const override { return {definition_}; }
  DefinitionPtr current(std::string_view) const override { return definition_; }
  DefinitionPtr by_digest(std::string_view) const override { return definition_; }
  Result<DefinitionPtr> restore(std::string_view, const json::object&) override { return definition_; }
  std::vector<Detail> reload() override { return {}; }

 private:
  DefinitionPtr definition_;
};

class NoPlugins final : public PluginHost {
 public:
  Result<json::object> call(const Definition&, std::string_view, std::string_view, const json::object&) override { return json::object{}; }
};
class NobodyToTell final : public Notifier {
 public:
  Result<> notify(std::string_view, const json::object&) override { return {}; }
};

struct Outcome {
  std::string id;
  bool passed = false;
  std::vector<std::string> configuration;
  std::string error;
  std::vector<std::string> log;
};

class TestRun {
 public:
  TestRun(std::map<std::string, std::string> texts, bool restore) : restore_(restore) {
    for (auto& [name, text] : texts) files_[source_key(name)] = std::move(text);
  }

  Outcome run(const std::string& id, const std::string& name) {
    Outcome out{.id = id};
    const std::string text = string_or(files_, source_key(name));
    const auto read = [&](const std::string& src) { return read_source(files_, src); };
    const Result<scxml::ChartPtr> chart = scxml::parse_chart(text, name, {.lazy_expressions = true}, read);
    if (!chart) {
      out.error = "refused: " + line_of({.place = chart.error().place, .code = chart.error().code, .message = chart.error().message, .message_zh = {}});
      return out;
    }
    auto definition = std::make_shared<Definition>();
    definition->digest = sha256_hex(text);
    definition->programme = id;
    definition->chart = *chart;
    definition->files = files_;
    if (Result<> ran = play(std::move(definition), out); !ran) out.error = ran.error().code + ": " + ran.error().message;
    return out;
  }

 private:
  Result<> play(DefinitionPtr definition, Outcome& out) {
    const TemporaryFolder folder;
    Result<SqliteStorage> storage = open_sqlite(SqliteOptions{.path = folder.path() + "/chuyi.db"});
    if (!storage) return storage.error();
    Result<std::unique_ptr<DocumentStore>> documents = open_file_documents(folder.path() + "/documents");
    if (!documents) return documents.error();
    OneDefinition definitions(definition);
    const InvokeRegistry registry = make_registry();
    const Calendar calendar;
    ManualClock clock(from_ms(1'767'225'600'000));  // 2026-01-01
    NoPlugins plugins;
    NobodyToTell nobody;
    int ids = 0;
    Dispatcher dispatcher(Runtime{.store = *storage->store,
                                  .queries = *storage->queries,
                                  .definitions = definitions,
                                  .registry = registry,
                                  .calendar = calendar,
                                  .clock = clock,
                                  .documents = **documents,
                                  .plugins = plugins,
                                  .post = [](const std::function<void()>& job) { job(); },
                                  .random_id = [&] { return "id" + std::to_string(++ids); },
                                  .http_base = kHere,
                                  .one_macrostep = restore_});
    Pumps pumps(*storage->queries, dispatcher, clock, nobody, [](const Detail&) {}, {.base = kHere, .sender = nullptr});
    for (const Command& command : {system_command("http.secret", {{"secret", "test"}}),
                             system_command("session.start", {{"id", kSession}, {"definition", definition->digest}, {"data", json::object{}}})})
      if (const Result<Reply> done = execute_and_wait(dispatcher, command); !done) return done.error();
    if (Result<> ended = until_the_end(*storage->queries, pumps, clock); !ended) return ended;
    return report(*storage->queries, *definition, out);
  }

  static Result<> until_the_end(Queries& queries, Pumps& pumps, ManualClock& clock) {
    const Instant last = clock.now() + kTimeMax;
    for (std::size_t round = 0; round < kRoundsMax; ++round) {
      const PumpReport pumped = pumps.run_due();
      if (pumped.failed) return Error{.code = "scxml_test.store", .message = "Expected the store to answer"};
      const Result<std::optional<SessionRow>> row = queries.session(kSession);
      if (!row) return row.error();
      if (!*row || (*row)->status != "running") return {};
      const Result<std::optional<Instant>> next = queries.next_timer();
      if (!next) return next.error();
      if (!next->has_value() || **next > last) return {};
      clock.advance_to(std::max(**next, clock.now()));
    }
    return Error{.code = "scxml_test.endless", .message = "Expected the session to come to rest"};
  }

  static Result<> report(Queries& queries, const Definition& definition, Outcome& out) {
    const Result<std::optional<SessionRow>> row = queries.session(kSession);
    if (!row) return row.error();
    const Result<SessionDocument> document = decode_document(definition, (*row)->document);
    if (!document) return document.error();
    out.configuration = document->chart.configuration;
    out.passed = (*row)->status == "ended" && out.configuration == std::vector<std::string>{"pass"};
    const Result<std::vector<AuditRow>> records = queries.audit(kSession, 0, 1'000);
    if (!records) return records.error();
    for (const AuditRow& each : *records) {
      const Result<json::value> record = parse_json(each.record, kStoredJson, "audit");
      if (!record) return record.error();
      for (const json::value& line : array_or_empty(record->as_object(), "log")) out.log.emplace_back(line.as_string());
    }
    return {};
  }

  bool restore_;
  json::object files_;
};

/// The documents of a folder by name. Errors: `not_found` "file.missing".
Result<std::map<std::string, std::string>> read_folder(const std::string& folder) {
  std::map<std::string, std::string> out;
  std::error_code ec;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ec)) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".scxml" && extension != ".txt" && extension != ".lua") continue;
    Result<std::string> text = read_file(entry.path().string());
    if (!text) return text.error();
    out.emplace(entry.path().filename().string(), std::move(*text));
  }
  if (ec || out.empty()) return Error{.kind = ErrorKind::not_found, .code = "file.missing", .message = "Expected a folder with .scxml documents", .place = folder};
  return out;
}

std::string without_comments(const std::string& xml) {
  std::string out;
  for (std::size_t at = 0; at < xml.size();) {
    const std::size_t open = std::min(xml.find("<!--", at), xml.size());
    out.append(xml, at, open - at);
    const std::size_t close = xml.find("-->", open);
    at = close == std::string::npos ? xml.size() : close + 3;
  }
  return out;
}

/// The document that names this one, as "file:NAME" or as a whole attribute or text in quotes; empty: none does.
std::string named_by(const std::map<std::string, std::string>& texts, const std::string& name) {
  for (const auto& [other, text] : texts) {
    if (other == name || !other.ends_with(".scxml")) continue;
    const std::string content = without_comments(text);
    for (const std::string& form : {"file:" + name, "\"" + name + "\"", "'" + name + "'"})
      if (content.find(form) != std::string::npos) return other;
  }
  return {};
}

void print(const Outcome& outcome) {
  std::string line = outcome.id + " " + (outcome.passed ? "pass" : "fail") + " [";
  for (const std::string& state : outcome.configuration) line += (line.back() == '[' ? "" : " ") + state;
  std::cout << printable(line) << "]" << (outcome.error.empty() ? "" : " " + printable(outcome.error)) << "\n";
  if (outcome.passed) return;
  for (const std::string& each : outcome.log) std::cout << "    log " << printable(each) << "\n";
}

}  // namespace

Result<> run_scxml_test(const ScxmlTestOptions& options) {
  const Result<std::map<std::string, std::string>> texts = read_folder(options.folder);
  if (!texts) return texts.error();
  TestRun run(*texts, options.restore);
  json::array list;
  std::size_t passed = 0;
  std::size_t all = 0;
  for (const auto& [name, text] : *texts) {
    if (!name.ends_with(".scxml")) continue;
    if (const std::string by = named_by(*texts, name); !by.empty()) {
      std::cerr << "left out: " << printable(name) << ", which " << printable(by) << " names\n";
      continue;
    }
    const Outcome outcome = run.run(name.substr(0, name.size() - 6), name);
    ++all;
    passed += outcome.passed ? 1 : 0;
    if (!options.json) print(outcome);
    json::object each{{"id", outcome.id},
                      {"result", outcome.passed ? "pass" : "fail"},
                      {"configuration", json::array(outcome.configuration.begin(), outcome.configuration.end())}};
    if (!outcome.error.empty()) each["error"] = printable(outcome.error);
    list.push_back(std::move(each));
  }
  if (options.json)
    std::cout << json::serialize(list) << "\n";
  else
    std::cout << passed << " of " << all << " passed\n";
  if (passed == all) return {};
  return Error{.kind = ErrorKind::invalid, .code = "scxml_test.failed", .message = "Expected all to pass, but " + std::to_string(all - passed) + " did not"};
}

}  // namespace chuyi
