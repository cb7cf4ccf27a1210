#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

#include "server/cli/plugin.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

constexpr const char* kManifest = R"(<?xml version="1.0" encoding="UTF-8"?>
<!-- What each element means stands in @SDK@/plugin.xsd. -->
<plugin xmlns="urn:chuyi:plugin:1" id="@ID@" version="1.0.0" api="1" licence="Apache-2.0">
  <title zh="@ID@" en="@ID@"/>
  <description zh="请说明本项目类别。" en="Say what this programme is for."/>
  <round id="2026"/>
  <applicants levels="college" zh="职业院校" en="Vocational schools and colleges"/>
  <recommendation level="prefecture" zh="所在市州教育局推荐" en="Recommended by the education bureau of the prefecture"/>
  <quota province="10"/>
  <term years="3"/>
  <numbering scheme="@ID@〔{year}〕{seq:03}号"/>
  <panel reviewers-min="3"/>
  <publicity days="5" unit="working" include-start="true">
    <field name="org_name" zh="申报单位" en="Applicant"/>
    <field name="title" zh="项目名称" en="Project"/>
  </publicity>
  <annual-check due-days="20" unit="working"/>
  <workflow shared="selection"/>
  <form id="nomination" src="forms/nomination.json"/>
  <form id="annual" src="forms/annual.json"/>
  <rubric>
    <criterion id="foundation" weight="50" zh="工作基础" en="Foundation"/>
    <criterion id="plan" weight="50" zh="建设方案" en="Plan"/>
  </rubric>
  <documents max="10">
    <document kind="commitment" zh="承诺书" en="Commitment" required="true" media-types="application/pdf" bytes-max="10485760"/>
    <document kind="evidence" zh="佐证材料" en="Evidence" media-types="application/pdf" bytes-max="52428800"/>
  </documents>
  <certificate shared="award"/>
@LIBRARY@</plugin>
)";

constexpr const char* kNomination = R"({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "title": "推荐申报表",
  "x-title-en": "Nomination",
  "type": "object",
  "additionalProperties": false,
  "required": ["statement"],
  "properties": {
    "statement": {"type": "string", "title": "建设思路与预期成效", "x-title-en": "Statement", "minLength": 1, "maxLength": 2000}
  }
}
)";

constexpr const char* kAnnual = R"({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "title": "年度考核报告",
  "x-title-en": "Annual report",
  "type": "object",
  "additionalProperties": false,
  "required": ["summary"],
  "properties": {
    "summary": {"type": "string", "title": "年度工作总结", "x-title-en": "Summary", "minLength": 1, "maxLength": 2000}
  }
}
)";

constexpr const char* kTests = R"([
  {"form": "nomination", "data": {"statement": "建设思路"}, "expect": {"findings": []}},
  {"form": "nomination", "data": {}, "expect": {"findings": [{"place": "/statement", "code": "form.required"}]}},
  {"form": "annual", "data": {"summary": ""}, "expect": {"findings": [{"place": "/summary", "code": "form.required"}]}}
]
)";

constexpr const char* kNativeTests = R"([
  {"form": "nomination", "data": {"statement": "待定"}, "expect": {"findings": [{"place": "/statement", "code": "plugin.undecided"}]}}
]
)";

constexpr const char* kValidator = R"cpp(// Finds what the forms' schemas and rules cannot say.
#include @HEADER@

static void validate(const boost::json::value& call, chuyi::sdk::Findings& findings) {
  if (call.at("form").as_string() != "nomination") return;
  if (call.at("data").at("statement").as_string() == "待定")
    findings.add("/statement", "undecided", "Expected a statement that says something", "请填写具体内容");
}

CHUYI_PLUGIN("@ID@", .validate = chuyi::sdk::hook<validate>)
)cpp";

constexpr const char* kCmake = R"(cmake_minimum_required(VERSION 3.16)
project(@ID@ CXX)
set(CHUYI_SDK "@SDK@" CACHE PATH "the folder of chuyi_plugin.hpp")
find_package(Boost 1.81 REQUIRED COMPONENTS json)
add_library(@ID@ MODULE validator.cpp)
target_compile_features(@ID@ PRIVATE cxx_std_20)
target_include_directories(@ID@ PRIVATE "${CHUYI_SDK}")
target_link_libraries(@ID@ PRIVATE Boost::json)
# Beside plugin.xml, which names it.
set_target_properties(@ID@ PROPERTIES CXX_VISIBILITY_PRESET hidden LIBRARY_OUTPUT_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
)";

std::string filled(std::string text, const std::map<std::string, std::string>& values) {
  for (const auto& [name, value] : values)
    for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + value.size())) text.replace(at, name.size(), value);
  return text;
}

}  // namespace

Result<> write_new_plugin(const SharedFiles& files, const std::string& name, bool native) {
  const bool good = !name.empty() && name.size() <= 63 && name.front() >= 'a' && name.front() <= 'z' &&
                    std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
  if (!good) return Error{.kind = ErrorKind::invalid, .code = "cli.name", .message = "Expected an id of [a-z][a-z0-9-]*, at most 63 characters", .place = name};
  if (fs::exists(name)) return Error{.kind = ErrorKind::rejected, .code = "file.exists", .message = "Expected a name of no file or folder here", .place = name};
  std::map<std::string, std::string> contents{{"plugin.xml", kManifest}, {"forms/nomination.json", kNomination}, {"forms/annual.json", kAnnual}, {"tests/forms.json", kTests}};
  if (native) {
    contents["CMakeLists.txt"] = kCmake;
    contents["validator.cpp"] = kValidator;
    contents["tests/validator.json"] = kNativeTests;
  }
  const std::map<std::string, std::string> values{
      {"@ID@", name}, {"@SDK@", files.root + "/plugins/sdk"}, {"@HEADER@", "\"chuyi_plugin.hpp\""}, {"@LIBRARY@", native ? "  <library src=\"lib" + name + ".so\"/>\n" : ""}};
  for (const auto& [path, text] : contents) {
    const fs::path target = fs::path{name} / path;
    std::error_code ec;
    fs::create_directories(target.parent_path(), ec);
    if (!(std::ofstream(target, std::ios::binary) << filled(text, values)).flush()) return Error{.kind = ErrorKind::unavailable, .code = "file.write", .message = "Expected to write the file", .place = target.string()};
  }
  std::cout << name << "\n";
  if (native) std::cerr << "to build it: cmake -S " << name << " -B " << name << "/build && cmake --build " << name << "/build\n";
  std::cerr << "to test it: chuyi plugin test " << name << "\n";
  return {};
}

}  // namespace chuyi
