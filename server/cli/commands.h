#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/archive.h"
#include "server/serve.h"

/// The subcommands of `chuyi`. Data goes to standard output, talk to standard error.
namespace chuyi {

struct UserOptions {
  std::string id, name, org;
  std::vector<std::string> roles;
  bool password_stdin = false;
};
struct ImportCliOptions {
  std::string kind, file;
  bool preview = false;
  bool renew_codes = false;
  bool json = false;
};
struct CheckOptions {
  std::vector<std::string> paths;
  bool json = false;
  std::string language = "en";
  std::size_t nodes_max = 1'000'000;  ///< situations of one workflow
};
struct CalendarOptions {
  std::string date;
  int days = 0;
  bool natural = false;
  bool include_start = false;
};
struct DemoOptions {
  std::string server = {};  ///< ADDRESS:PORT of one that runs; none: of its own
  bool password_stdin = false;  ///< of that server's user "admin"; else from the terminal
  bool exit = false;
  bool json = false;
  std::uint64_t seed = 1;
  std::string language = "zh";
};

struct MigrateOptions {
  std::string from, to;            ///< a digest's beginning, PROGRAMME@VERSION, or for `to` a package
  std::vector<std::string> maps;  ///< "old=new", or JSON files of {"old": "new"}
  bool dry_run = false;
  bool json = false;
  std::string language = "en";
};

/// "place: message [code]", for a terminal.
std::string line_of(const Detail& detail);

/// "ADDRESS:PORT", an IPv6 address in brackets, of the option of that name. Errors: `invalid` "cli.listen".
Result<> read_listen(ListenOptions& options, const std::string& listen, const std::string& option);

enum class PasswordFor { signing_in, choosing };
/// From the terminal, silently, and twice when it is chosen; or one line of standard input. Errors: `invalid` "cli.password".
Result<std::string> read_password(bool from_stdin, PasswordFor use);

Result<> run_serve(const SharedFiles& files, const ServeOptions& options);
Result<> run_demo(const SharedFiles& files, ServeOptions serve, const DemoOptions& options);
Result<> run_user_add(const SharedFiles& files, const Home& home, const UserOptions& options);
/// Errors: `invalid` "import.rows" with every problem; those of import_sheet().
Result<> run_import(const SharedFiles& files, const Home& home, const ImportCliOptions& options);
Result<> run_check(const SharedFiles& files, const CheckOptions& options);
Result<> run_bag_validate(const std::string& file, bool json_output);
Result<> run_calendar_add(const SharedFiles& files, const CalendarOptions& options, bool json_output);
Result<> run_replay(const SharedFiles& files, const Home& home, const std::string& application, std::int64_t until, bool json_output);
Result<> run_migrate_plan(const SharedFiles& files, const Home& home, const MigrateOptions& options);
Result<> run_migrate_apply(const SharedFiles& files, const Home& home, const MigrateOptions& options);
Result<> run_migrate_undo(const SharedFiles& files, const Home& home, const std::string& migration, bool json_output);
Result<> run_migrate_list(const SharedFiles& files, const Home& home, bool json_output);
Result<> run_audit_verify(const Home& home, bool json_output);
Result<> run_archive(const SharedFiles& files, const Home& home, const ArchiveRequest& request, bool json_output);
Result<> run_backup(const Home& home, const std::string& folder, bool json_output);
/// Errors: `invalid` "cli.migrate_store"; those of copy_store().
Result<> run_migrate_store(const Home& from, const Home& to, bool json_output);
Result<> run_restore(const Home& home, const std::string& folder, std::optional<std::int64_t> until, bool json_output);

}  // namespace chuyi
