#include "server/cli/review.h"

#include <iostream>
#include <memory>
#include <string>

#include <boost/json/serialize.hpp>

#include "engine/review/assignment.h"
#include "engine/review/conflicts.h"
#include "engine/review/draw.h"
#include "engine/review/sealed_export.h"

namespace chuyi {
namespace {

struct Kind {
  const char *command, *says, *compute, *computes;
  const char* export_kind;
  Result<json::object> (*run)(const json::object&);
};

constexpr Kind kKinds[] = {
    {"conflicts", "conflicts of interest between experts and applications", "compute", "find every pair that a rule keeps apart",
     "chuyi-conflicts-1", review::run_conflicts},
    {"draw", "the random draw of a panel", "run", "draw a panel by strata with the seed that was committed to", "chuyi-draw-1",
     review::run_draw},
    {"assign", "applications to experts, as an optimum", "compute", "find the cheapest assignment that keeps every limit",
     "chuyi-assignment-1", review::run_assignment},
};

Result<json::object> read_object(const std::string& file) {
  const Result<std::string> text = read_file(file);
  if (!text) return text.error();
  Result<json::value> parsed = parse_json(*text, kStoredJson, file);
  if (!parsed) return parsed.error();
  if (!parsed->is_object())
    return Error{.kind = ErrorKind::invalid,
                 .code = "review.type",
                 .message = "Expected a JSON object",
                 .place = file,
                 .message_zh = "应为JSON对象"};
  return std::move(parsed->get_object());
}

Result<> run_compute(const SharedFiles& files, const Kind& kind, const std::string& file) {
  Result<json::object> input = read_object(file);
  if (!input) return input.error();
  if (!input->contains("policy")) {
    Result<json::object> policy = read_object(files.root + "/workflows/policies/conflicts.json");
    if (!policy) return policy.error();
    (*input)["policy"] = std::move(*policy);
  }
  const Result<std::string> made = review::make_export(kind.export_kind, *input, kind.run);
  if (!made) return made.error();
  std::cout << *made;
  return {};
}

Result<> run_verify(const Kind& kind, const std::string& file, bool json_output) {
  const Result<std::string> bytes = read_file(file);
  if (!bytes) return bytes.error();
  const Result<std::string> digest = review::verify_export(kind.export_kind, *bytes, kind.run);
  if (!digest) return digest.error();
  if (json_output)
    std::cout << json::serialize(json::object{{"valid", true}, {"sha256", *digest}}) << "\n";
  else
    std::cout << "valid: SHA-256 " << *digest << "\n";
  return {};
}

}  // namespace

void add_review_commands(CLI::App& app, const SharedFiles& files, bool& json_output, std::function<void(const Result<>&)> done) {
  const auto file = std::make_shared<std::string>();
  for (const Kind& kind : kKinds) {
    CLI::App* parent = app.add_subcommand(kind.command, kind.says)->require_subcommand(1);
    CLI::App* compute = parent->add_subcommand(kind.compute, kind.computes);
    compute->add_option("file", *file, "the input, JSON; docs/experts.md describes it")->required();
    compute->callback([=, &files, &kind] { done(run_compute(files, kind, *file)); });
    CLI::App* verify = parent->add_subcommand("verify", "compute an export again and compare every byte");
    verify->add_option("file", *file, "what " + std::string{kind.compute} + " wrote")->required();
    verify->add_flag("--json", json_output, "print the result as JSON");
    verify->callback([=, &kind, &json_output] { done(run_verify(kind, *file, json_output)); });
  }
}

}  // namespace chuyi
