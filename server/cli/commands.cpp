#include "server/cli/commands.h"

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>

#include <boost/asio/ip/address.hpp>
#include <boost/json/serialize.hpp>
#include <termios.h>
#include <unistd.h>

#include "engine/ports/audit.h"
#include "server/cli/progress.h"
#include "storage/documents/bag_validator.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

/// A line from the terminal without its echo.
std::string ask_silently(const char* prompt) {
  termios before{};
  ::tcgetattr(STDIN_FILENO, &before);
  termios silent = before;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  std::cerr << prompt;  // after what was typed ahead is gone: nothing that answers the prompt is
  std::string out;
  std::getline(std::cin, out);
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
  std::cerr << "\n";
  return out;
}

}  // namespace

Result<std::string> read_password(bool from_stdin, PasswordFor use) {
  const auto wrong = [](const char* message) { return Error{.kind = ErrorKind::invalid, .code = "cli.password", .message = message}; };
  if (from_stdin) {
    std::string out;
    if (!std::getline(std::cin, out)) return wrong("Expected a password on standard input, but it is empty");
    return out;
  }
  if (::isatty(STDIN_FILENO) == 0) return wrong("Expected a terminal to ask for the password, or --password-stdin");
  std::string out = ask_silently("Password: ");
  if (use == PasswordFor::choosing && ask_silently("Again: ") != out) return wrong("Expected the same password twice");
  return out;
}

Result<> read_listen(ListenOptions& options, const std::string& listen, const std::string& option) {
  const Error wrong{.kind = ErrorKind::invalid, .code = "cli.listen", .message = "Expected ADDRESS:PORT with an IP address (IPv6 in brackets) and a port of 0 to 65535, but found '" + listen + "'", .place = option};
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string::npos) return wrong;
  std::string address = listen.substr(0, colon);
  const bool bracketed = address.size() > 2 && address.front() == '[' && address.back() == ']';
  if (bracketed) address = address.substr(1, address.size() - 2);
  boost::system::error_code ec;
  const auto parsed = boost::asio::ip::make_address(address, ec);
  if (ec || parsed.is_v6() != bracketed) return wrong;
  const std::string_view port = std::string_view{listen}.substr(colon + 1);
  const auto [end, failed] = std::from_chars(port.data(), port.data() + port.size(), options.port);
  if (failed != std::errc{} || end != port.data() + port.size()) return wrong;
  options.address = address;
  options.loopback = parsed.is_loopback();
  return {};
}

namespace {

json::array json_of(const std::vector<Detail>& details) {
  json::array out;
  for (const Detail& each : details)
    out.push_back(json::object{{"place", printable(each.place)}, {"code", each.code}, {"message", printable(each.message)}});
  return out;
}

}  // namespace

std::string line_of(const Detail& detail) {
  return printable((detail.place.empty() ? "" : detail.place + ": ") + detail.message) + " [" + detail.code + "]";
}

Result<> run_serve(const SharedFiles& files, const ServeOptions& options) {
  return serve(files, options, [&](std::uint16_t port, const std::function<void()>&) {
    std::cout << "listening on " << options.listen.url(port) << std::endl;
  });
}

Result<> run_user_add(const SharedFiles& files, const Home& home, const UserOptions& options) {
  json::array memberships;
  for (const std::string& role : options.roles) memberships.push_back(json::object{{"role", role}, {"org", options.org}});
  const Result<std::string> password = read_password(options.password_stdin, PasswordFor::choosing);
  if (!password) return password.error();
  return put_user_offline(files, home,
                          {{"id", options.id}, {"name", options.name.empty() ? options.id : options.name}, {"memberships", std::move(memberships)}},
                          *password);
}

Result<> run_bag_validate(const std::string& file, bool json_output) {
  const Result<BagReport> report = validate_bag(file);
  if (!report) return report.error();
  const std::size_t errors = report->errors.size() + report->more_errors;
  if (json_output) {
    std::cout << json::serialize(json::object{{"valid", errors == 0},
                                              {"version", report->version},
                                              {"payload_files", report->payload_files},
                                              {"payload_bytes", report->payload_bytes},
                                              {"errors", json_of(report->errors)},
                                              {"more_errors", report->more_errors},
                                              {"warnings", json_of(report->warnings)},
                                              {"more_warnings", report->more_warnings}})
              << "\n";
  } else if (errors == 0) {
    std::cout << "valid: BagIt " << report->version << ", " << report->payload_files << " files, " << report->payload_bytes << " bytes\n";
  }
  for (const Detail& each : report->warnings) std::cerr << "warning: " << line_of(each) << "\n";
  if (report->more_warnings != 0) std::cerr << "warning: and " << report->more_warnings << " more\n";
  if (errors == 0) return {};
  const std::string more = report->more_errors == 0 ? "" : "; the first " + std::to_string(report->errors.size()) + " and " + std::to_string(report->more_errors) + " more";
  return Error{.kind = ErrorKind::invalid,
               .code = "bag.invalid",
               .message = "Expected a valid bag, but found " + std::to_string(errors) + (errors == 1 ? " error" : " errors") + more,
               .place = file,
               .message_zh = {},
               .details = report->errors};
}

Result<> run_calendar_add(const SharedFiles& files, const CalendarOptions& options, bool json_output) {
  const Result<Calendar> calendar = load_calendar(files);
  if (!calendar) return calendar.error();
  const Result<Day> start = parse_day(options.date);
  if (!start) return start.error();
  const json::object given{{"days", options.days}, {"unit", options.natural ? "natural" : "working"}, {"include_start", options.include_start}};
  const Result<Period> period = parse_period(json::value(given));
  if (!period) return period.error();
  const CalendarDate end = calendar->end_of(*start, *period);
  json::array skipped;
  for (const Day day : end.skipped) skipped.emplace_back(format_day(day));
  json::array make_up;
  for (const Day day : end.make_up) make_up.emplace_back(format_day(day));
  if (json_output) {
    std::cout << json::serialize(json::object{{"date", format_day(end.day)}, {"provisional", end.provisional}, {"skipped", skipped}, {"make_up", make_up}}) << "\n";
    return {};
  }
  std::cout << format_day(end.day) << (end.provisional ? " (provisional: a year without calendar data)" : "") << "\n";
  if (!skipped.empty()) std::cerr << "skipped: " << json::serialize(skipped) << "\n";
  if (!make_up.empty()) std::cerr << "make-up workdays: " << json::serialize(make_up) << "\n";
  return {};
}

Result<> run_audit_verify(const Home& home, bool json_output) {
  const Result<std::unique_ptr<Queries>> queries = open_readers(home);
  if (!queries) return queries.error();
  const Result<std::optional<std::string>> kept = (*queries)->setting(kAuditCountSetting);
  const std::size_t all = kept && *kept ? std::strtoull((*kept)->c_str(), nullptr, 10) : 0;
  const Result<std::unique_ptr<DocumentStore>> documents = open_documents(home);
  if (!documents) return documents.error();
  ArchivedBags bags(**documents);
  const Result<AuditHead> head = [&] {
    Progress bar("audit");
    return verify_audit(**queries, [&](std::int64_t done) { bar.show(static_cast<std::size_t>(done), all); },
                        [&](const AuditRow& row, const std::string& bag) { return bags.record(row, bag); });
  }();
  if (!head) return head.error();
  if (json_output)
    std::cout << json::serialize(json::object{{"valid", true}, {"records", head->count}, {"head", head->hash}}) << "\n";
  else
    std::cout << "audit log is intact: " << head->count << " records, head " << head->hash << "\n";
  return {};
}

}  // namespace chuyi
