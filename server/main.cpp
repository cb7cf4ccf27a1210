// The one composition root: reads the command line and puts the parts together.
#include <malloc.h>

#include <algorithm>
#include <iostream>
#include <optional>

#include <CLI/CLI.hpp>
#include <boost/json/serialize.hpp>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "server/cli/commands.h"
#include "server/cli/notice.h"
#include "server/cli/plugin.h"
#include "server/cli/results.h"
#include "server/cli/review.h"
#include "server/cli/scxml_test.h"
#include "server/cli/simulate.h"
#include "server/cli/why.h"
#include "server/cli/workflow_commands.h"
#include "server/messages.h"
#include "server/page_counter.h"

namespace {

using namespace chuyi;

json::object json_of(const Error& error) {
  json::array details;
  for (const Detail& each : error.details)
    details.push_back(json::object{{"place", printable(each.place)}, {"code", each.code}, {"message", printable(each.message)}});
  return {{"code", error.code}, {"message", printable(error.message)}, {"place", printable(error.place)}, {"details", std::move(details)}};
}

/// What the command line says that cannot be meant: exit code 2, as for an unknown option.
bool is_misuse(const Error& error) {
  return error.code.starts_with("cli.") || error.code.starts_with("time.") || error.code.starts_with("period.");
}

/// The command has printed its findings as data already; the error only makes the exit code.
bool is_reported(const Error& error) {
  return error.code == "check.problems" || error.code == "bag.invalid" || error.code == "migrate.problems" || error.code == "scxml_test.failed" || error.code == "migrate.none" ||
         error.code == "replay.differs" || error.code == "results.unverified" || error.code == "import.rows" || error.code == "simulate.checks" || (error.code == "plugin.test" && error.details.empty());
}

/// 0 done, 1 the thing asked about is wrong, 2 the call is.
int exit_code(const Result<>& result, bool json_output = false) {
  if (result) return 0;
  const Error& error = result.error();
  if (json_output && !is_reported(error)) std::cout << json::serialize(json::object{{"error", json_of(error)}}) << "\n";
  const std::string line = line_of({.place = error.place, .code = error.code, .message = error.message, .message_zh = {}});
  std::cerr << "chuyi: " << line << "\n";
  for (const Detail& each : error.details)
    if (const std::string detail = line_of(each); detail != line) std::cerr << "  " << detail << "\n";
  return is_misuse(error) ? 2 : 1;
}

void add_listen_options(CLI::App& app, ServeOptions& options, std::string& listen, std::string& manual, std::string& cookies) {
  app.add_option("--listen", listen, "address and port; port 0 takes a free one")->capture_default_str();
  app.add_option("--secure-cookies", cookies, "session cookies for HTTPS only; auto: unless it listens on a loopback address")
      ->check(CLI::IsMember({"on", "off", "auto"}))
      ->capture_default_str();
  app.add_option("--trusted-proxy", options.trusted_proxies, "an address or network whose X-Forwarded-For is believed, e.g. 10.0.0.0/8; none: nobody's");
  app.add_option("--plugins", options.packages, "more folders of packages; later ones win");
  app.add_option("--public-url", options.public_url, "http(s)://host[:port] at which this server is reached: for messages to charts and the codes on certificates; none: neither");
  app.add_option("--allow-message", options.allowed_messages, "a URL that charts may post messages to, and everything below it");
  app.add_option("--manual-clock", manual, "a clock that stands at this time until an administrator moves it (tests, demo)");
  app.add_option("--threads", options.listen.threads, "threads of network input and output")->capture_default_str();
  constexpr std::size_t kMemoryMax = 1024 * 1024;
  app.add_option("--db-cache", options.cache_mb, "MiB of pages of the embedded database kept in memory")->check(CLI::Range(std::size_t{4}, kMemoryMax))->capture_default_str();
  app.add_option("--db-mmap", options.mmap_mb, "MiB of the embedded database that are mapped; a disk that fails to read then ends the server")
      ->check(CLI::Range(std::size_t{0}, kMemoryMax))
      ->capture_default_str();
  app.add_option("--workers", options.workers, "threads for work that blocks")->capture_default_str();
  app.add_option("--max-body", options.limits.body_bytes_max, "bytes of a request body that is no document")->capture_default_str();
  app.add_option("--max-document", options.limits.document_bytes_max, "bytes of a document")->capture_default_str();
  app.add_option("--max-json-depth", options.limits.json_depth_max, "levels of a JSON body")->capture_default_str();
  app.add_option("--max-head", options.limits.head_bytes_max, "bytes of a request head")->capture_default_str();
  app.add_option("--head-seconds", options.limits.head_seconds_max, "seconds for a whole request head")->capture_default_str();
  app.add_option("--body-seconds", options.limits.body_seconds_max, "seconds for each 64 KiB of a body, in or out")->capture_default_str();
  app.add_option("--max-connections", options.limits.connections_max, "open connections")->capture_default_str();
  app.add_option("--plugin-call-ms", options.plugin_call_ms, "milliseconds that a package's code may take for a call")->capture_default_str();
}

void add_workflow_options(CLI::App& app, std::string& file, std::string& language) {
  app.add_option("file", file, "a .scxml file, or a package (folder or zip)")->required();
  app.add_option("--lang", language, "zh or en")->check(CLI::IsMember({"zh", "en"}))->capture_default_str();
}

void add_format_flags(CLI::App& app, DiagramFormat& format) {
  const std::pair<const char*, DiagramFormat> formats[] = {
      {"--svg", DiagramFormat::svg}, {"--png", DiagramFormat::png}, {"--dot", DiagramFormat::dot}, {"--mermaid", DiagramFormat::mermaid}};
  CLI::Option_group* group = app.add_option_group("format");
  group->require_option(0, 1);
  for (const auto& [name, value] : formats) group->add_flag_callback(name, [&format, value = value] { format = value; });
}

Result<> read_serve_options(ServeOptions& options, const std::string& listen, const std::string& manual, const std::string& cookies) {
  if (Result<> read = read_listen(options.listen, listen, "--listen"); !read) return read;
  if (!options.public_url.empty()) {
    Result<std::string> url = read_public_url(options.public_url);
    if (!url) return url.error();
    options.public_url = std::move(*url);
  }
  options.secure_cookies = cookies == "on" || (cookies == "auto" && !options.listen.loopback);
  if (manual.empty()) return {};
  const Result<Instant> start = parse_instant(manual);
  if (!start) return start.error();
  options.manual_clock = *start;
  return {};
}

/// Errors: `invalid` "cli.archive" when nothing says which applications; those of parse_day.
Result<> read_archive_request(ArchiveRequest& request, const std::string& before) {
  if (before.empty() && request.round.empty())
    return Error{.kind = ErrorKind::invalid, .code = "cli.archive", .message = "Expected --before DATE, --round ROUND or both", .message_zh = "请给出--before或--round"};
  if (before.empty()) return {};
  const Result<Day> day = parse_day(before);
  if (!day) return day.error();
  request.before = start_of_day(*day);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view{argv[1]} == kCountPages) return count_stdin();
  // What the review of a round took is free again afterwards, but each arena keeps its own: the default has eight for a core.
  mallopt(M_ARENA_MAX, 4);
  spdlog::set_default_logger(spdlog::stderr_color_mt("chuyi"));
  spdlog::set_level(spdlog::level::warn);
  const SharedFiles files = SharedFiles::find(argv[0]);

  CLI::App app{"Chuyi: award programmes from nomination to the last annual check"};
  app.set_version_flag("--version", CHUYI_VERSION);
  app.require_subcommand(1);
  std::string data = "data";
  bool json_output = false;
  bool verbose = false;
  const CLI::Option* chosen_data =
      app.add_option("--data", data, "the installation: database and documents (demo: data-demo)")->capture_default_str()->envname("CHUYI_DATA");
  std::string store;
  const CLI::Option* chosen_store =
      app.add_option("--store", store, "postgresql://… of a database that several nodes share; none: SQLite in the data folder")->envname("CHUYI_STORE");
  DocumentPlace documents;
  app.add_option("--documents", documents.url, "s3://bucket/prefix for documents; none: in the database of --store, or in the data folder")->envname("CHUYI_DOCUMENTS");
  app.add_option("--s3-endpoint", documents.endpoint, "https://host[:port] of an S3-compatible store; none: Amazon's")->envname("AWS_ENDPOINT_URL");
  app.add_option("--s3-region", documents.region, "the region that requests are signed for")->capture_default_str()->envname("AWS_REGION");
  app.add_flag("--verbose", verbose, "log requests to stderr");
  app.fallthrough();
  int code = 0;

  ServeOptions serve_options;
  std::string listen = "127.0.0.1:8080";
  std::string manual;
  std::string cookies = "auto";
  CLI::App* serve_command = app.add_subcommand("serve", "serve the installation over HTTP");
  add_listen_options(*serve_command, serve_options, listen, manual, cookies);

  DemoOptions demo_options;
  CLI::App* demo_command = app.add_subcommand("demo", "play a whole season on a manual clock, then go on serving");
  demo_command->add_option("--listen", listen, "address and port")->capture_default_str();
  demo_command->add_option("--server", demo_options.server, "ADDRESS:PORT of a server with --manual-clock to play on; none: one of its own");
  demo_command->add_flag("--password-stdin", demo_options.password_stdin, "with --server: read the password of its user admin from standard input, else from the terminal");
  demo_command->add_flag("--exit", demo_options.exit, "end after the season");
  demo_command->add_flag("--json", json_output, "print the result as JSON");
  demo_command->add_option("--seed", demo_options.seed, "another season")->capture_default_str();
  demo_command->add_option("--lang", demo_options.language, "zh or en")->check(CLI::IsMember({"zh", "en"}))->capture_default_str();

  UserOptions user;
  CLI::App* user_command = app.add_subcommand("user", "accounts")->require_subcommand(1);
  CLI::App* user_add = user_command->add_subcommand("add", "add or change a user; without --store the server must not run");
  user_add->add_option("name", user.id, "sign-in name")->required();
  user_add->add_option("--full-name", user.name, "the person's name");
  user_add->add_option("--role", user.roles, "applicant, org-admin, org-approver, recommending-officer, provincial-officer, reviewer, discipline, administrator")->required();
  user_add->add_option("--org", user.org, "organisation id")->required();
  user_add->add_flag("--password-stdin", user.password_stdin, "read the password from standard input, else from the terminal");

  ImportCliOptions import;
  CLI::App* import_command = app.add_subcommand("import", "bring organisations, users or experts from a sheet, all rows or none; without --store the server must not run");
  import_command->add_option("kind", import.kind, "organisations, users, experts")->required()->check(CLI::IsMember({"organisations", "users", "experts"}));
  import_command->add_option("file", import.file, "CSV or XLSX")->required();
  import_command->add_flag("--preview", import.preview, "say what would change and write nothing");
  import_command->add_flag("--renew-codes", import.renew_codes, "also give new codes to users who have not set their password yet");
  import_command->add_flag("--json", json_output, "print the report as JSON");

  CheckOptions check;
  CLI::App* check_command = app.add_subcommand("check", "prove workflows (.scxml), load forms (.json), policies (.xml) and packages; print every problem");
  check_command->add_option("file", check.paths, "files and package folders")->required();
  check_command->add_option("--lang", check.language, "zh or en")->check(CLI::IsMember({"zh", "en"}))->capture_default_str();
  check_command->add_option("--max-states", check.nodes_max, "situations of one workflow to go through")->capture_default_str();
  check_command->add_flag("--json", json_output, "print problems as JSON");

  DiagramOptions diagram;
  CLI::App* diagram_command = app.add_subcommand("diagram", "draw a workflow (as SVG when nothing else is asked for)");
  add_workflow_options(*diagram_command, diagram.file, diagram.language);
  add_format_flags(*diagram_command, diagram.format);
  CLI::App* explain_command = app.add_subcommand("explain", "say a workflow in numbered plain sentences");
  add_workflow_options(*explain_command, diagram.file, diagram.language);

  std::string diff_after;
  CLI::App* diff_command = app.add_subcommand("diff", "say in plain sentences what a new version of a workflow changes for whom");
  add_workflow_options(*diff_command, diagram.file, diagram.language);
  diff_command->add_option("new", diff_after, "the new one")->required();
  diff_command->add_flag("--json", json_output, "print the changes as JSON");

  ScxmlTestOptions scxml_test;
  CLI::App* scxml_test_command = app.add_subcommand("scxml-test", "run a folder of charts that are to end in the final state 'pass'");
  scxml_test_command->add_option("folder", scxml_test.folder, "its .scxml documents")->required();
  scxml_test_command->add_flag("--restore-between-macrosteps", scxml_test.restore, "save, drop and restore each session between every two macrosteps");
  scxml_test_command->add_flag("--json", json_output, "print the results as JSON");

  std::string bag_file;
  CLI::App* bag_command = app.add_subcommand("bag", "document bundles")->require_subcommand(1);
  CLI::App* bag_validate = bag_command->add_subcommand("validate", "check a bag (BagIt 1.0, zip)");
  bag_validate->add_option("file", bag_file, "a zip file")->required();
  bag_validate->add_flag("--json", json_output, "print the report as JSON");

  CalendarOptions calendar;
  CLI::App* calendar_command = app.add_subcommand("calendar", "working days")->require_subcommand(1);
  CLI::App* calendar_add = calendar_command->add_subcommand("add", "the date N days on");
  calendar_add->add_option("date", calendar.date, "YYYY-MM-DD")->required();
  calendar_add->add_option("days", calendar.days, "how many")->required();
  calendar_add->add_flag("--natural", calendar.natural, "natural days instead of working days");
  calendar_add->add_flag("--include-start", calendar.include_start, "the start day counts");
  calendar_add->add_flag("--json", json_output, "print as JSON");

  std::string notice;
  CLI::App* notice_command = app.add_subcommand("notice", "compare the numbers of a notice's text with the packages' quotas; changes nothing");
  notice_command->add_option("file", notice, "a text in UTF-8")->required();
  notice_command->add_flag("--json", json_output, "print as JSON");

  std::string application;
  std::int64_t until = 0;
  WhyOptions why;
  CLI::App* why_command = app.add_subcommand("why", "say why an application or a task stands where it stands, and what stands in the way");
  why_command->add_option("id", why.id, "of an application or a task")->required();
  CLI::Option* why_server = why_command->add_option("--server", why.server, "ADDRESS:PORT of a running server, which also says what --user may do; none: the data folder");
  CLI::Option* why_user = why_command->add_option("--user", why.user, "whom to ask as, with --server");
  why_server->needs(why_user);
  why_command->add_flag("--password-stdin", why.password_stdin, "with --server: read the password from standard input, else from the terminal");
  why_command->add_option("--lang", why.language, "zh or en")->check(CLI::IsMember({"zh", "en"}))->capture_default_str();
  why_command->add_flag("--json", json_output, "print as JSON");
  CLI::App* replay_command = app.add_subcommand("replay", "run an application's journal again and compare with what is stored");
  replay_command->add_option("application", application, "application id")->required();
  replay_command->add_option("--until", until, "stop after this entry of the audit log");
  replay_command->add_flag("--json", json_output, "print as JSON");

  MigrateOptions migrate;
  std::string migration;
  CLI::App* migrate_command = app.add_subcommand("migrate", "move running applications to another version of their programme")->require_subcommand(1);
  CLI::App* migrate_plan = migrate_command->add_subcommand("plan", "which running applications can move, which need a mapping, which cannot");
  CLI::App* migrate_apply = migrate_command->add_subcommand("apply", "move those that can; without --store the server must not run");
  for (CLI::App* each : {migrate_plan, migrate_apply}) {
    each->add_option("old", migrate.from, "PROGRAMME@VERSION or 8 or more digits of a digest")->required();
    each->add_option("new", migrate.to, "the same, or a package folder or zip")->required();
    each->add_option("--map", migrate.maps, "OLD=NEW for a renamed state, or a JSON file of such; repeatable");
    each->add_option("--lang", migrate.language, "zh or en")->check(CLI::IsMember({"zh", "en"}))->capture_default_str();
    each->add_flag("--json", json_output, "print as JSON");
  }
  migrate_apply->add_flag("--dry-run", migrate.dry_run, "list every running application with its state before and after, and move none");
  CLI::App* migrate_undo = migrate_command->add_subcommand("undo", "put every application of a migration back, while nobody has acted since; without --store the server must not run");
  migrate_undo->add_option("migration", migration, "as apply and list name it")->required();
  migrate_undo->add_flag("--json", json_output, "print as JSON");
  CLI::App* migrate_list = migrate_command->add_subcommand("list", "migrations so far");
  migrate_list->add_flag("--json", json_output, "print as JSON");

  CLI::App* audit_command = app.add_subcommand("audit", "the audit log")->require_subcommand(1);
  CLI::App* audit_verify = audit_command->add_subcommand("verify", "check the hash chain over every record");
  audit_verify->add_flag("--json", json_output, "print as JSON");

  ArchiveRequest archive;
  std::string archive_before;
  CLI::App* archive_command = app.add_subcommand("archive", "move the audit records of ended applications into sealed bags; without --store the server must not run");
  archive_command->add_option("folder", archive.folder, "where a copy of each bag goes")->required();
  archive_command->add_option("--before", archive_before, "those that nothing has happened to since this day, YYYY-MM-DD");
  archive_command->add_option("--round", archive.round, "those of this round");
  archive_command->add_flag("--json", json_output, "print as JSON");

  std::string backup_folder;
  std::optional<std::int64_t> restore_until;
  CLI::App* backup_command = app.add_subcommand("backup", "back the installation up into a new folder, beside a running server too");
  backup_command->add_option("folder", backup_folder, "a new or empty folder; a BagIt bag is made there")->required();
  backup_command->add_flag("--json", json_output, "print as JSON");
  CLI::App* restore_command = app.add_subcommand("restore", "make an installation of a backup in a new or empty data folder (--data)");
  restore_command->add_option("folder", backup_folder, "a backup")->required();
  restore_command->add_option("--until", restore_until, "as it was after this entry of the audit log");
  restore_command->add_flag("--json", json_output, "print as JSON");

  std::string copy_from;
  std::string copy_to;
  CLI::App* copy_command = app.add_subcommand("migrate-store", "copy an installation into another store, beside its running server too; once more to catch up");
  copy_command->add_option("from", copy_from, "a data folder (SQLite) or postgresql://…")->required();
  copy_command->add_option("to", copy_to, "the same: empty, or an earlier copy, and used by nobody")->required();
  copy_command->add_flag("--json", json_output, "print as JSON");

  add_plugin_commands(app, files, [&] { return Home{data, store, documents}; }, json_output, [&](const Result<>& result) { code = exit_code(result, json_output); });
  add_review_commands(app, files, json_output, [&](const Result<>& result) { code = exit_code(result, json_output); });

  add_results_commands(app, json_output, [&](const Result<>& result) { code = exit_code(result, json_output); });
  add_simulate_command(app, files, json_output, [&](const Result<>& result) { code = exit_code(result, json_output); });

  serve_command->callback([&] {
    spdlog::set_level(verbose ? spdlog::level::info : spdlog::level::warn);
    serve_options.data = data;
    serve_options.store = store;
    serve_options.documents = documents;
    const Result<> read = read_serve_options(serve_options, listen, manual, cookies);
    code = exit_code(read ? run_serve(files, serve_options) : read);
  });
  demo_command->callback([&] {
    ServeOptions demo_serve;
    demo_serve.data = chosen_data->count() > 0 ? data : "data-demo";
    const bool elsewhere = chosen_store->count() > 0;
    const Result<> read = elsewhere || !documents.url.empty()
                              ? Error{.kind = ErrorKind::invalid, .code = "cli.store", .message = "Expected no store: a demo makes its own in its data folder", .place = elsewhere ? "--store" : "--documents"}
                              : read_serve_options(demo_serve, demo_options.server.empty() ? listen : demo_options.server, "2026-03-02T09:00:00+08:00", "auto");
    demo_options.json = json_output;
    code = exit_code(read ? run_demo(files, demo_serve, demo_options) : read, json_output);
  });
  user_add->callback([&] { code = exit_code(run_user_add(files, {data, store, documents}, user)); });
  import_command->callback([&] {
    import.json = json_output;
    code = exit_code(run_import(files, {data, store, documents}, import), json_output);
  });
  check_command->callback([&] {
    check.json = json_output;
    code = exit_code(run_check(files, check), json_output);
  });
  diagram_command->callback([&] { code = exit_code(run_diagram(files, diagram)); });
  explain_command->callback([&] { code = exit_code(run_explain(files, diagram.file, diagram.language)); });
  diff_command->callback([&] { code = exit_code(run_diff(files, diagram.file, diff_after, diagram.language, json_output), json_output); });
  scxml_test_command->callback([&] {
    scxml_test.json = json_output;
    code = exit_code(run_scxml_test(scxml_test), json_output);
  });
  bag_validate->callback([&] { code = exit_code(run_bag_validate(bag_file, json_output), json_output); });
  calendar_add->callback([&] { code = exit_code(run_calendar_add(files, calendar, json_output), json_output); });
  notice_command->callback([&] { code = exit_code(run_notice(files, notice, json_output), json_output); });
  why_command->callback([&] {
    why.json = json_output;
    code = exit_code(run_why(files, {data, store, documents}, why), json_output);
  });
  replay_command->callback([&] { code = exit_code(run_replay(files, {data, store, documents}, application, until, json_output), json_output); });
  migrate_plan->callback([&] {
    migrate.json = json_output;
    code = exit_code(run_migrate_plan(files, {data, store, documents}, migrate), json_output);
  });
  migrate_apply->callback([&] {
    migrate.json = json_output;
    code = exit_code(run_migrate_apply(files, {data, store, documents}, migrate), json_output);
  });
  migrate_undo->callback([&] { code = exit_code(run_migrate_undo(files, {data, store, documents}, migration, json_output), json_output); });
  migrate_list->callback([&] { code = exit_code(run_migrate_list(files, {data, store, documents}, json_output), json_output); });
  audit_verify->callback([&] { code = exit_code(run_audit_verify({data, store, documents}, json_output), json_output); });

  archive_command->callback([&] {
    const Result<> read = read_archive_request(archive, archive_before);
    code = exit_code(read ? run_archive(files, {data, store, documents}, archive, json_output) : read, json_output);
  });
  backup_command->callback([&] { code = exit_code(run_backup({data, store}, backup_folder, json_output), json_output); });
  restore_command->callback([&] { code = exit_code(run_restore({data, store}, backup_folder, restore_until, json_output), json_output); });
  copy_command->callback([&] {
    // Documents are beside the rows of a folder; --documents is for a database.
    const auto home = [&](const std::string& place) { return place.find("://") == std::string::npos ? Home{.data = place} : Home{.data = data, .store = place, .documents = documents}; };
    code = exit_code(run_migrate_store(home(copy_from), home(copy_to), json_output), json_output);
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (app.exit(error) == 0) return 0;
    // The flags are not read where the line as a whole is wrong.
    if (std::find(argv + 1, argv + argc, std::string_view{"--json"}) != argv + argc) std::cout << json::serialize(json::object{{"error", json_of({.code = "cli.usage", .message = error.what()})}}) << "\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "chuyi: " << error.what() << "\n";
    return 1;
  }
  return code;
}
