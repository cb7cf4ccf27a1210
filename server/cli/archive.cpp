#include <iostream>

#include <boost/json/serialize.hpp>

#include "engine/invoke/rows_json.h"
#include "server/cli/commands.h"
#include "server/cli/progress.h"

namespace chuyi {

Result<> run_archive(const SharedFiles& files, const Home& home, const ArchiveRequest& request, bool json_output) {
  const Result<std::unique_ptr<Offline>> opened = Offline::open_known(files, home);
  if (!opened) return opened.error();
  Offline& installation = **opened;
  const Result<ArchiveReport> report = [&] {
    Progress bar("archive");
    return archive_records(installation.commands(), installation.queries(), installation.documents(), request,
                           [&](std::size_t applications) { bar.show(applications, applications); });
  }();
  if (!report) return report.error();
  if (json_output) {
    std::cout << json::serialize(json::object{{"applications", report->applications}, {"records", report->records}, {"bags", to_json(report->bags)}}) << "\n";
    return {};
  }
  std::cout << "archived " << report->records << " audit records of " << report->applications << " applications in " << report->bags.size()
            << (report->bags.size() == 1 ? " bag" : " bags") << "; copies in " << printable(request.folder) << "\n";
  return {};
}

}  // namespace chuyi
