#include "server/copy_store.h"

#include <iostream>

#include <boost/json/serialize.hpp>

#include "server/cli/commands.h"
#include "server/cli/progress.h"

namespace chuyi {

Result<> run_migrate_store(const Home& from, const Home& to, bool json_output) {
  if (from.store == to.store && (!from.store.empty() || from.data == to.data))
    return Error{.kind = ErrorKind::invalid, .code = "cli.migrate_store", .message = "Expected two different installations", .place = "TO", .message_zh = "来源与目标相同"};
  const Result<CopyReport> report = [&] {
    Progress bar("migrate-store");
    return copy_store(from, to, [&](const std::string& what, std::size_t done, std::size_t all) { bar.show(done, all, what); });
  }();
  if (!report) return report.error();
  if (json_output)
    std::cout << json::serialize(json::object{{"records", report->head.count},
                                              {"head", report->head.hash},
                                              {"tables", report->tables},
                                              {"rows", report->rows},
                                              {"changed", report->changed},
                                              {"documents", report->documents},
                                              {"brought", report->brought},
                                              {"bytes", report->bytes}})
              << "\n";
  else
    std::cout << "copied " << report->tables << " tables of " << report->rows << " rows (" << report->changed << " written) and " << report->documents << " documents of "
              << report->bytes << " bytes (" << report->brought << " written), all checked; up to audit record " << report->head.count << ", head " << report->head.hash << "\n";
  return {};
}

}  // namespace chuyi
