#include <filesystem>
#include <iostream>

#include <boost/json/serialize.hpp>

#include "server/backup.h"
#include "server/cli/commands.h"
#include "server/cli/progress.h"

namespace chuyi {
namespace {

void print(const char* what, const BackupReport& report, const std::string& folder, bool json_output) {
  if (json_output)
    std::cout << json::serialize(json::object{{"folder", folder}, {"records", report.head.count}, {"head", report.head.hash}, {"files", report.files}, {"bytes", report.bytes}}) << "\n";
  else
    std::cout << what << " " << printable(folder) << ": " << report.files << " files, " << report.bytes << " bytes; audit log of " << report.head.count << " records, head " << report.head.hash << "\n";
}

}  // namespace

Result<> run_backup(const Home& home, const std::string& folder, bool json_output) {
  const Result<BackupReport> report = [&] {
    Progress bar("backup");
    return back_up(home, folder, [&](std::size_t done, std::size_t all) { bar.show(done, all); });
  }();
  if (!report) return report.error();
  print("backed up to", *report, folder, json_output);
  return {};
}

Result<> run_restore(const Home& home, const std::string& folder, std::optional<std::int64_t> until, bool json_output) {
  if (!home.store.empty())
    return Error{.kind = ErrorKind::invalid,
                 .code = "backup.store",
                 .message = "Expected no store: a backup is restored into a data folder",
                 .place = "--store",
                 .message_zh = "备份只能恢复到数据文件夹"};
  const Result<BackupReport> report = [&] {
    Progress bar("restore");
    return restore_backup(folder, home.data, until, [&](std::size_t done, std::size_t all) { bar.show(done, all); });
  }();
  if (!report) return report.error();
  print("restored into", *report, home.data, json_output);
  return {};
}

}  // namespace chuyi
