// Goal: what a message over HTTP becomes (SCXML C.2), and which are refused. Method: a table of bodies.
#include <gtest/gtest.h>

#include "engine/runtime/events_json.h"

namespace chuyi {
namespace {

struct Message {
  const char* name;
  const char* media_type;
  std::string body;
  const char* event;  ///< or the code of the error
  const char* data;   ///< canonical JSON
};
void PrintTo(const Message& row, std::ostream* out) { *out << row.name; }
class HttpEvent : public testing::TestWithParam<Message> {};

TEST_P(HttpEvent, IsWhatTheMessageSays) {
  const Result<scxml::Event> event = http_event(GetParam().media_type, GetParam().body);
  ASSERT_EQ(event ? event->name : event.error().code, GetParam().event);
  if (!event) return;
  EXPECT_EQ(canonical_json(event->data), GetParam().data);
  EXPECT_EQ(event->raw, "POST\r\nContent-Type: " + std::string{GetParam().media_type} + "\r\n\r\n" + GetParam().body);
  EXPECT_EQ(event->type, scxml::EventType::external);
}

#define FORM "application/x-www-form-urlencoded"
INSTANTIATE_TEST_SUITE_P(Bodies, HttpEvent, testing::Values(
  //      name             media type                 body                                  event                 data
  Message{"Named",         FORM,                      "_scxmleventname=paid&sum=12.5",      "paid",               R"({"sum":12.5})"},
  Message{"NoName",        FORM,                      "a=b+c%26",                           "HTTP.POST",          R"({"a":"b c&"})"},
  Message{"NoPairs",       FORM,                      "_scxmleventname=paid",               "paid",               "null"},
  Message{"Nothing",       FORM,                      "",                                   "HTTP.POST",          "null"},
  Message{"Values",        FORM,                      "t=true&n=07&l=%5B1%5D&e=",           "HTTP.POST",          R"({"e":"","l":[1],"n":"07","t":true})"},
  Message{"Twice",         FORM,                      "a=1&a=2",                            "HTTP.POST",          R"({"a":2})"},
  Message{"Charset",       FORM ";charset=UTF-8",     "a=1",                                "HTTP.POST",          R"({"a":1})"},
  Message{"UpperCase",     "Application/X-WWW-Form-UrlEncoded", "a=1",                      "HTTP.POST",          R"({"a":1})"},
  Message{"Json",          "application/json",        R"({"a":[1,null]})",                  "HTTP.POST",          R"({"a":[1,null]})"},
  Message{"JsonUpperCase", "APPLICATION/JSON",        "[1]",                                "HTTP.POST",          "[1]"},
  Message{"Text",          "text/plain",              "a=1",                                "HTTP.POST",          R"("a=1")"},
  Message{"NoType",        "",                        "words",                              "HTTP.POST",          R"("words")"},
  Message{"LikeAForm",     FORM "-not",               "a=1",                                "HTTP.POST",          R"("a=1")"},
  Message{"TwoNames",      FORM,                      "_scxmleventname=a&_scxmleventname=b", "http_event.name",   ""},
  Message{"EmptyName",     FORM,                      "_scxmleventname=",                   "http_event.name",    ""},
  Message{"LongName",      FORM,                      "_scxmleventname=" + std::string(201, 'a'), "http_event.name", ""},
  Message{"BadEscape",     FORM,                      "a=%zz",                              "http_event.form",    ""},
  Message{"NotUtf8",       "text/plain",              "\xff",                               "http_event.content", ""},
  Message{"TypeNotUtf8",   "text/\xff",               "x",                                  "http_event.content", ""},
  Message{"Zero",          "text/plain",              std::string("a\0b", 3),               "http_event.content", ""}),
  [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace chuyi
