#include "server/cli/results.h"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include <boost/json/serialize.hpp>

#include "engine/review/results.h"
#include "server/installation.h"
#include "server/results_export.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string file;
  std::string output;
  std::string folder;
  std::string language = "zh";
};

Result<> write_file(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << bytes;
  out.close();
  if (out) return {};
  return Error{.kind = ErrorKind::unavailable, .code = "file.write", .message = "Expected to write " + path, .place = path};
}

Result<> run_compute(const Options& options) {
  const Result<std::string> text = read_file(options.file);
  if (!text) return text.error();
  const Result<json::value> input = parse_json(*text, kStoredJson, "input");
  if (!input) return input.error();
  const Result<json::object> results = review::results_of(input->is_object() ? input->get_object() : json::object{});
  if (!results) return results.error();
  const std::string bytes = review::export_bytes(*results);
  if (!options.output.empty()) return write_file(options.output, bytes);
  std::cout << bytes;
  return {};
}

json::object report_of(const Error& error) {
  json::array differences;
  for (const Detail& each : details_of(error))
    differences.push_back(json::object{{"place", printable(each.place)}, {"code", each.code}, {"message", printable(each.message)}, {"message_zh", printable(each.message_zh)}});
  return {{"verified", false}, {"code", error.code}, {"differences", std::move(differences)}};
}

Result<> run_verify(const Options& options, bool json_output) {
  const Result<std::string> text = read_file(options.file);
  if (!text) return text.error();
  const Result<> verified = review::verify_export(*text);
  if (json_output) {
    std::cout << json::serialize(verified ? json::object{{"verified", true}} : report_of(verified.error())) << "\n";
    // Reported already: the error only makes the exit code.
    return verified ? Result<>{} : Error{.kind = ErrorKind::invalid, .code = "results.unverified", .message = verified.error().message};
  }
  if (verified) std::cerr << "the export says what its sheets come to\n";
  return verified;
}

Result<> run_tables(const Options& options) {
  const Result<std::string> text = read_file(options.file);
  if (!text) return text.error();
  if (Result<> verified = review::verify_export(*text); !verified) return verified;
  const Result<json::value> parsed = parse_json(*text, kStoredJson, "export");
  const Result<review::Input> input = review::read_input(object_or_empty(parsed->get_object(), "input"));
  if (!input) return input.error();
  const Result<review::Results> results = review::compute(*input);
  if (!results) return results.error();
  std::error_code failed;
  fs::create_directories(options.folder, failed);
  for (std::size_t i = 0; i < input->programmes.size(); ++i) {
    const std::string& id = input->programmes[i].id;
    if (id.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != std::string::npos)
      return Error{.kind = ErrorKind::invalid, .code = "results.id", .message = "Expected programme ids of letters, digits, '-' and '_' only, which name files, but found '" + id + "'"};
    const std::vector<ResultsTable> tables = results_tables(*input, *results, i, options.language);
    const std::string base = (fs::path(options.folder) / id).string();
    if (Result<> written = write_workbook(tables, base + ".xlsx"); !written) return written;
    for (const ResultsTable& table : tables)
      if (Result<> written = write_file(base + "-" + table.id + ".csv", csv_of(table)); !written) return written;
  }
  return {};
}

}  // namespace

void add_results_commands(CLI::App& app, bool& json_output, std::function<void(const Result<>&)> done) {
  auto options = std::make_shared<Options>();
  CLI::App* results = app.add_subcommand("results", "rankings from their score sheets")->require_subcommand(1);
  CLI::App* compute = results->add_subcommand("compute", "totals, aggregates, calibration, rankings and what they hang on, as one verifiable export");
  compute->add_option("input", options->file, "a JSON file of rubrics, applications, panels and sheets (docs/review.md)")->required();
  compute->add_option("--output", options->output, "the file to write; none: standard output");
  CLI::App* verify = results->add_subcommand("verify", "compute an export again from the sheets in it, and compare it byte for byte");
  verify->add_option("export", options->file, "as compute writes it")->required();
  verify->add_flag("--json", json_output, "print the report as JSON");
  CLI::App* tables = results->add_subcommand("tables", "an export as spreadsheets with formulas, and as CSV");
  tables->add_option("export", options->file, "as compute writes it; it is verified first")->required();
  tables->add_option("folder", options->folder, "where PROGRAMME.xlsx and PROGRAMME-TABLE.csv go")->required();
  tables->add_option("--lang", options->language, "zh or en")->check(CLI::IsMember({"zh", "en"}))->capture_default_str();
  compute->callback([options, done] { done(run_compute(*options)); });
  verify->callback([options, done, &json_output] { done(run_verify(*options, json_output)); });
  tables->callback([options, done] { done(run_tables(*options)); });
}

}  // namespace chuyi
