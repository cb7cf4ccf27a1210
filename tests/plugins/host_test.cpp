#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include "plugins/host/frames.h"
#include "plugins/host/plugin_client.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

const std::string kBinary = CHUYI_BINARY_DIR;
const std::string kHost = kBinary + "/bin/chuyi-plugin-host";

/// A folder of this run alone: others may run the same tests on this machine.
const std::string& scratch() {
  struct Folder {
    std::string path = testing::TempDir() + "/chuyi-host-XXXXXX";
    Folder() {
      if (::mkdtemp(path.data()) == nullptr) std::abort();
    }
    ~Folder() { fs::remove_all(path); }
  };
  static const Folder folder;
  return folder.path;
}

Definition hostile(const std::string& library) {
  Definition out;
  out.manifest = {{"hooks", json::array{"validate"}}};
  out.programme = "hostile";
  out.version = library;
  out.library = kBinary + "/tests/hostile/libhostile_" + library + ".so";
  return out;
}

json::object call_with(json::object data) { return {{"form", "x"}, {"data", std::move(data)}}; }
json::object mood(const char* name) { return call_with({{"mood", name}}); }

Result<std::vector<Detail>> validate(PluginClient& client, const Definition& definition, const json::object& input, std::string_view id = {}) {
  const Result<json::object> answer = client.call(definition, hook::kValidate, id, input);
  if (!answer) return answer.error();
  return findings_of(*answer);
}

std::string text_of(const std::vector<Detail>& details) {
  std::string out;
  for (const Detail& each : details) out += each.place + " " + each.code + " " + each.message + "\n";
  return out;
}

/// "good" or the error's code.
template <class T>
std::string code_of(const Result<T>& result) {
  return result ? "good" : result.error().code;
}

struct Hostile {
  const char* library;
  const char* code;
};
void PrintTo(const Hostile& row, std::ostream* out) { *out << row.library; }

const std::vector<Hostile> kHostile = {
    {"crash", "plugin.crashed"},      // writes to null
    {"loop", "plugin.timeout"},       // never ends
    {"late", "plugin.timeout"},       // answers after its time
    {"fork", "plugin.answer"},        // these three are denied, and give up
    {"open", "plugin.answer"},
    {"connect", "plugin.answer"},
    {"grab", "plugin.crashed"},       // 10 GB at once
    {"allocate", "plugin.crashed"},   // all memory, bit by bit
    {"exit", "plugin.crashed"},       // exit(0)
    {"hangup", "plugin.crashed"},     // closes the socket
    {"garbage", "plugin.answer"},     // on the socket
    {"twice", "plugin.answer"},       // two answers
    {"never", "plugin.answer"},       // none
    {"huge", "plugin.answer"},        // one of 5 MiB
    {"constructor", "plugin.load"},   // crashes while it is loaded
};

bool applies(const Hostile& row) {
#ifdef CHUYI_SANITIZED  // the memory limit is off under sanitizers
  return std::string{row.library} != "allocate" && std::string{row.library} != "grab";
#else
  return row.library != nullptr;
#endif
}

class HostileLibrary : public testing::TestWithParam<Hostile> {};

TEST_P(HostileLibrary, IsAnErrorOfItsCallAndTheNextPackageGoesOn) {
  if (!applies(GetParam())) GTEST_SKIP() << "the memory limit is off under sanitizers";
  // Only those that hang need a short limit; a loaded machine gives the others their time.
  const bool hangs = std::string{GetParam().code} == "plugin.timeout";
  PluginClient client({.host_program = kHost, .call_max = std::chrono::seconds{hangs ? 1 : 60}});
  const Result<std::vector<Detail>> answer = validate(client, hostile(GetParam().library), call_with({}));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, GetParam().code) << answer.error().message;
  EXPECT_EQ(answer.error().kind, ErrorKind::unavailable);
  ASSERT_EQ(client.incidents().size(), 1u);
  EXPECT_EQ(client.incidents()[0].hook, "validate");
  EXPECT_EQ(client.incidents()[0].code, GetParam().code);
  EXPECT_TRUE(validate(client, hostile("moody"), mood("good")));
}

INSTANTIATE_TEST_SUITE_P(Kinds, HostileLibrary, testing::ValuesIn(kHostile), [](const auto& row) { return std::string(row.param.library); });

// Goal: what hostile packages do is theirs alone, under load. Method: each is called twice at the same time as all others,
// while a good package is called by four threads until the last of them is done, at least 200 times; no call of it may fail.
TEST(Load, AGoodPackageGoesOnWhileAllOthersMisbehave) {
  PluginClient client({.host_program = kHost, .call_max = std::chrono::seconds{4}, .start_max = std::chrono::seconds{60}});
  std::atomic<int> running = 0;
  std::vector<std::thread> threads;
  std::size_t calls = 0;
  for (const Hostile& row : kHostile) {
    if (!applies(row)) continue;
    calls += 2;
    ++running;
    threads.emplace_back([&client, &running, row] {
      for (int i = 0; i < 2; ++i) EXPECT_EQ(code_of(validate(client, hostile(row.library), call_with({}))), row.code) << row.library;
      --running;
    });
  }
  std::atomic<int> good = 0;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&, thread] {
      for (int i = 0; running > 0 || i < 50; ++i) {
        const std::string id = "call-" + std::to_string(thread) + "-" + std::to_string(i);
        const Result<std::vector<Detail>> answer = validate(client, hostile("moody"), mood("good"), id);
        ASSERT_TRUE(answer) << answer.error().message;
        ASSERT_EQ(answer->at(0).message, id) << "the answer to another call";
        ++good;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(good, 200);
  RecordProperty("good_calls", good);
  EXPECT_EQ(client.incidents().size(), calls);
  for (const PluginIncident& each : client.incidents()) EXPECT_NE(each.version, "moody") << each.reason;
}

TEST(Hooks, ALibraryOfTheFirstHeaderIsServedWithoutTheHooksThatCameLater) {
  std::vector<std::string> lines;
  PluginClient client({.host_program = kHost, .log = [&](const std::string&, const std::string& line) { lines.push_back(line); }});
  Definition older = hostile("older");
  older.manifest = {{"hooks", json::array{"validate", "score"}}};
  const Result<json::object> findings = client.call(older, hook::kValidate, {}, {});
  ASSERT_TRUE(findings) << findings.error().message;
  EXPECT_EQ(json::value(*findings), json::parse(R"({"findings":[]})"));
  const Result<json::object> score = client.call(older, hook::kScore, {}, {});
  ASSERT_TRUE(score) << score.error().message;
  EXPECT_TRUE(score->empty());
  EXPECT_EQ(lines.empty() ? "" : lines.back(), "its plugin.xml names the hook 'score', which its library does not have");
}

Definition echo() {
  Definition out = hostile("echo");
  out.programme = "echo";
  out.manifest = {{"hooks", json::array{"validate", "eligible", "score", "number", "check_indicators", "render", "handle", "migrate"}}};
  return out;
}

TEST(Hooks, AHookThatThePackageDoesNotNameIsNotAsked) {
  PluginClient client({.host_program = kHost});
  Definition silent = echo();
  silent.manifest = {{"hooks", json::array{"validate"}}};
  const Result<json::object> answer = client.call(silent, hook::kScore, {}, {{"answer", json::object{{"score", "1"}}}});
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->empty());
}

TEST(Hooks, AFieldThatTheCertificateNamesAndTheLibraryDoesNotGiveIsAnIncident) {
  PluginClient client({.host_program = kHost});
  Definition named = echo();
  Certificate certificate;
  certificate.fields = {"years"};
  named.certificate = std::make_shared<const Certificate>(certificate);
  EXPECT_EQ(code_of(client.call(named, hook::kRender, {}, {{"answer", json::parse(R"({"fields":{"years":"9"}})")}})), "good");
  EXPECT_EQ(code_of(client.call(named, hook::kRender, {}, {{"answer", json::parse(R"({"fields":{"other":"9"}})")}})), "plugin.answer");
  ASSERT_EQ(client.incidents().size(), 1u);
  EXPECT_EQ(client.incidents()[0].reason.find("years") != std::string::npos, true) << client.incidents()[0].reason;
}

struct Shape {
  const char* name;
  std::string_view hook;
  const char* answer;
  bool good;
};
void PrintTo(const Shape& row, std::ostream* out) { *out << row.name; }
class AnswerShape : public testing::TestWithParam<Shape> {};

TEST_P(AnswerShape, IsAsTheHeaderSays) {
  PluginClient client({.host_program = kHost});
  const Result<json::object> answer = client.call(echo(), GetParam().hook, "call-1", {{"answer", json::parse(GetParam().answer)}});
  EXPECT_EQ(code_of(answer), GetParam().good ? "good" : "plugin.answer");
  if (answer) {
    EXPECT_EQ(json::value(*answer), json::parse(GetParam().answer));
  }
  EXPECT_EQ(client.incidents().size(), GetParam().good ? 0u : 1u);
}

INSTANTIATE_TEST_SUITE_P(Hooks, AnswerShape, testing::Values(
  //    name                    hook                    answer
  Shape{"NoFindings",           hook::kValidate,        R"({"findings":[]})", true},
  Shape{"AFinding",             hook::kValidate,        R"({"findings":[{"place":"","code":"a","message":"b","message_zh":"c"}],"more":1})", true},
  Shape{"FindingsMissing",      hook::kValidate,        R"({})", false},
  Shape{"FindingWithoutChinese", hook::kEligible,       R"({"findings":[{"place":"","code":"a","message":"b"}]})", false},
  Shape{"FindingOfText",        hook::kEligible,        R"({"findings":["a"]})", false},
  Shape{"Eligible",             hook::kEligible,        R"({"findings":[]})", true},
  Shape{"Score",                hook::kScore,           R"({"score":"87.50","spread":"2"})", true},
  Shape{"FieldOfTwoLines",      hook::kRender,          R"({"fields":{"years":"9\n10"}})", false},
  Shape{"FieldThatTurns",       hook::kRender,          R"({"fields":{"years":"\u202e9"}})", false},
  Shape{"ScoreOfANumber",       hook::kScore,           R"({"score":87.5})", false},
  Shape{"ScoreOfNoDecimal",     hook::kScore,           R"({"score":"8e1"})", false},
  Shape{"Number",               hook::kNumber,          R"({"number":"湘〔2026〕007号"})", true},
  Shape{"NumberEmpty",          hook::kNumber,          R"({"number":""})", false},
  Shape{"IndicatorsOnly",       hook::kCheckIndicators, R"({"findings":[]})", true},
  Shape{"Indicators",           hook::kCheckIndicators, R"({"findings":[],"suggested":"rectify","notes":[{"zh":"a","en":"b"}]})", true},
  Shape{"SuggestedUnknown",     hook::kCheckIndicators, R"({"findings":[],"suggested":"good"})", false},
  Shape{"NoteInOneLanguage",    hook::kCheckIndicators, R"({"findings":[],"notes":[{"zh":"a"}]})", false},
  Shape{"Fields",               hook::kRender,          R"({"fields":{"seal":"x"}})", true},
  Shape{"FieldOfANumber",       hook::kRender,          R"({"fields":{"seal":1}})", false},
  Shape{"FieldsMissing",        hook::kRender,          R"({})", false},
  Shape{"Events",               hook::kHandle,          R"({"state":{"n":1},"events":[{"name":"done","data":{"a":1}}]})", true},
  Shape{"StateMissing",         hook::kHandle,          R"({"events":[]})", false},
  Shape{"EventWithoutName",     hook::kHandle,          R"({"state":{},"events":[{}]})", false},
  Shape{"Migrated",             hook::kMigrate,         R"({"data":{"a":1}})", true},
  Shape{"MigratedToAList",      hook::kMigrate,         R"({"data":[]})", false}),
  [](const auto& row) { return std::string(row.param.name); });

struct End {
  const char* end;
  const char* message;  ///< in the reason
  const char* line;     ///< in the log; empty: any
};
void PrintTo(const End& row, std::ostream* out) { *out << row.end; }
class Exception : public testing::TestWithParam<End> {};

TEST_P(Exception, EndsAtTheBoundary) {
  std::string last;
  PluginClient client({.host_program = kHost, .log = [&](const std::string&, const std::string& line) { last = line; }});
  const Result<json::object> answer = client.call(echo(), hook::kScore, {}, {{"end", GetParam().end}});
  ASSERT_EQ(code_of(answer), "plugin.answer");
  EXPECT_NE(answer.error().message.find(GetParam().message), std::string::npos) << answer.error().message;
  EXPECT_NE(last, "");
  EXPECT_NE(last.find(GetParam().line), std::string::npos) << last;
}

INSTANTIATE_TEST_SUITE_P(Ends, Exception,
                         testing::Values(End{"missing", "found status 1 and 0 answers", ""}, End{"kind", "found status 1 and 0 answers", ""},
                                         End{"failed", "found status 2 and 0 answers", "out of order"},
                                         End{"other", "found status 2 and 0 answers", "no std::exception"}),
                         [](const auto& row) { return std::string(row.param.end); });

TEST(Late, AnAnswerToACallThatHasEndedIsAnErrorOfTheCallThatRuns) {
  PluginClient client({.host_program = kHost});
  EXPECT_EQ(code_of(validate(client, hostile("stale"), call_with({}))), "good");
  const Result<std::vector<Detail>> second = validate(client, hostile("stale"), call_with({}));
  ASSERT_EQ(code_of(second), "plugin.answer");
  EXPECT_NE(second.error().message.find("a call that had ended"), std::string::npos) << second.error().message;
  EXPECT_EQ(code_of(validate(client, hostile("stale"), call_with({}))), "good");
}

TEST(Leak, EndsAtTheMemoryLimitAndTheNextProcessServes) {
#ifdef CHUYI_SANITIZED
  GTEST_SKIP() << "the memory limit is off under sanitizers";
#endif
  PluginClient client({.host_program = kHost, .call_max = std::chrono::seconds{60}});
  std::string codes;
  for (int i = 0; i < 20; ++i) codes += code_of(validate(client, hostile("leak"), call_with({}))) == "good" ? "." : "X";
  EXPECT_EQ(codes[0], '.');
  EXPECT_NE(codes.find("X."), std::string::npos) << codes;
  EXPECT_EQ(codes.find("XX"), std::string::npos) << codes;
  for (const PluginIncident& each : client.incidents()) EXPECT_EQ(each.code, "plugin.crashed");
}

// A process that was asked for more than its processor time between two calls would be killed in the midst of one.
TEST(ProcessorTime, AProcessIsReplacedBeforeItsTimeIsOver) {
  PluginClient client({.host_program = kHost, .call_max = std::chrono::seconds{60}, .cpu_max = std::chrono::seconds{1}});
  std::string places;
  for (int i = 0; i < 7; ++i) {
    const Result<std::vector<Detail>> answer = validate(client, hostile("moody"), mood("burn"));  // 0.4 s
    ASSERT_TRUE(answer) << answer.error().message;
    places += answer->at(0).place;
  }
  EXPECT_EQ(places, "/1/2/3/1/2/3/1");
  EXPECT_TRUE(client.incidents().empty());
}

/// The host as the client starts it, but for its arguments; what is written to `socket` is its input.
pid_t start_host(const char* library, const char* server, const char* cpu_seconds, int& socket) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) std::abort();
  const std::string path = hostile(library).library;
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(pair[1], 3);
    ::execl(kHost.c_str(), kHost.c_str(), path.c_str(), "hostile", server, cpu_seconds, nullptr);
    ::_exit(99);
  }
  ::close(pair[1]);
  socket = pair[0];
  return pid;
}

TEST(ProcessorTime, IsLimitedByTheKernel) {
  int socket = -1;
  const pid_t pid = start_host("loop", std::to_string(::getpid()).c_str(), "1", socket);
  ASSERT_TRUE(plugin::write_all(socket, plugin::frame_of("1 validate\n{}")));
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFSIGNALED(status)) << status;
  ::close(socket);
}

// Goal: no way out of the sandbox. Method: a library tries each and names those that were open; the server's
// side holds a file, a listening socket and a variable that must not be seen.
TEST(Sandbox, EveryWayOutIsClosed) {
  const std::string secret = scratch() + "/secret";
  std::ofstream(secret) << "kept";
  const int inherited = ::open(secret.c_str(), O_RDWR);
  const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_EQ(::listen(listening, 1), 0);
  ASSERT_EQ(::fcntl(listening, F_DUPFD, 700), 700);
  ::setenv("CHUYI_SECRET", "x", 1);
  bool landlock = true;
  PluginClient client({.host_program = kHost, .log = [&](const std::string&, const std::string& line) {
                         landlock = landlock && line.find("no Landlock") == std::string::npos;
                       }});
  Result<std::vector<Detail>> answer = validate(client, hostile("escape"), call_with({{"secret", secret}}));
  ::close(inherited);
  ::close(listening);
  ::close(700);
  ASSERT_TRUE(answer) << answer.error().message;
  // Without Landlock what may not be read is told in the log instead.
  if (!landlock) std::erase_if(*answer, [](const Detail& each) { return each.place.starts_with("read "); });
  EXPECT_EQ(text_of(*answer), "");
  std::stringstream kept;
  kept << std::ifstream(secret).rdbuf();
  EXPECT_EQ(kept.str(), "kept");
}

TEST(Sandbox, AHostWhoseServerIsGoneEnds) {
  int socket = -1;
  const pid_t pid = start_host("never", "1", "60", socket);  // as if process 1 had started it
  ::shutdown(socket, SHUT_WR);                               // one that serves all the same ends with 0
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(WEXITSTATUS(status), 1);
  ::close(socket);
}

TEST(Sandbox, ALogIsBoundedAndReadable) {
  std::vector<std::string> lines;
  PluginClient client({.host_program = kHost, .log = [&](const std::string& package, const std::string& line) {
                         lines.push_back(package + ": " + line);
                       }});
  const Result<std::vector<Detail>> answer = validate(client, hostile("flood"), call_with({}));
  ASSERT_TRUE(answer) << answer.error().message;
  if (!lines.empty() && lines[0].find("no Landlock") != std::string::npos) lines.erase(lines.begin());
  ASSERT_EQ(lines.size(), 101u);
  EXPECT_EQ(lines[0].substr(0, 29), "hostile: first second\\xff\\xff");
  EXPECT_LT(lines[0].size(), 10'000u);
  EXPECT_EQ(lines[1], "hostile: again");
  EXPECT_EQ(lines[100], "hostile: (99901 more lines)");
}

TEST(Restart, ACallDoesNotPayForTheCrashesOfOthers) {
  PluginClient client({.host_program = kHost});
  EXPECT_EQ(validate(client, hostile("moody"), mood("crash")).error().code, "plugin.crashed");
  EXPECT_EQ(validate(client, hostile("moody"), mood("crash")).error().code, "plugin.crashed");
  const Result<std::vector<Detail>> answer = validate(client, hostile("moody"), mood("good"));
  EXPECT_TRUE(answer) << answer.error().message;
}

TEST(Restart, CallsThatQueueBehindAHangAreServed) {
  PluginClient client({.host_program = kHost, .call_max = std::chrono::milliseconds{1'000}});
  std::vector<std::string> codes(6);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < codes.size(); ++i)
    threads.emplace_back([&, i] {
      const Result<std::vector<Detail>> answer = validate(client, hostile("moody"), mood(i == 0 ? "hang" : "good"));
      codes[i] = answer ? "good" : answer.error().code;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(codes, (std::vector<std::string>{"plugin.timeout", "good", "good", "good", "good", "good"}));
}

TEST(Restart, RepeatedCrashesInARowFailAtOnce) {
  PluginClient client({.host_program = kHost, .backoff_step = std::chrono::hours{1}});
  EXPECT_EQ(validate(client, hostile("moody"), mood("crash")).error().code, "plugin.crashed");
  EXPECT_EQ(validate(client, hostile("moody"), mood("crash")).error().code, "plugin.crashed");
  const Result<std::vector<Detail>> answer = validate(client, hostile("moody"), mood("good"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "plugin.restarting");
  EXPECT_EQ(client.incidents().size(), 2u) << "of what the library did, not of who asked meanwhile";
}

TEST(Restart, AHostThatDiedBetweenCallsIsStartedAgain) {
  PluginClient client({.host_program = kHost});
  ASSERT_TRUE(validate(client, hostile("moody"), mood("good")));
  pid_t host = -1;
  for (const fs::directory_entry& thread : fs::directory_iterator("/proc/self/task")) std::ifstream(thread.path() / "children") >> host;
  if (host <= 0) GTEST_SKIP() << "a kernel that lists no children";
  ::kill(host, SIGKILL);
  siginfo_t info;
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(host), &info, WEXITED | WNOWAIT), 0);
  const Result<std::vector<Detail>> answer = validate(client, hostile("moody"), mood("good"));
  EXPECT_TRUE(answer) << answer.error().message;
  EXPECT_TRUE(client.incidents().empty());
}
// A call that runs and a second that is on the socket behind it. The first waits in the library until the second has come.
struct Pair {
  Result<std::vector<Detail>> first = Error{};
  Result<std::vector<Detail>> second = Error{};
  std::string lines;
  std::size_t incidents = 0;
};

Pair call_two(const char* first_mood) {
  Pair out;
  std::promise<void> runs;
  PluginClient client({.host_program = kHost, .call_max = std::chrono::seconds{60}, .log = [&](const std::string&, const std::string& line) {
                         if (line == "running")
                           runs.set_value();
                         else
                           out.lines += line + "\n";
                       }});
  std::thread other([&] {
    runs.get_future().wait();
    out.second = validate(client, hostile("moody"), mood("good"), "call-2");
  });
  out.first = validate(client, hostile("moody"), mood(first_mood), "call-1");
  other.join();
  out.incidents = client.incidents().size();
  return out;
}

TEST(Pipeline, TheNextCallIsOnTheSocketWhileOneRuns) {
  const Pair two = call_two("followed");
  ASSERT_EQ(code_of(two.first) + " " + code_of(two.second), "good good");
  EXPECT_EQ(text_of(*two.first) + text_of(*two.second), "/1 plugin.id call-1\n/2 plugin.id call-2\n");
}

TEST(Pipeline, ACrashFailsTheCallThatRanAndTheNextIsSentAgain) {
  const Pair two = call_two("followed crash");
  ASSERT_EQ(code_of(two.first) + " " + code_of(two.second), "plugin.crashed good");
  EXPECT_EQ(text_of(*two.second), "/1 plugin.id call-2\n") << "a new process, and the same id";
  EXPECT_EQ(two.incidents, 1u);
}

TEST(Pipeline, AForgedAnswerIsNoErrorOfTheNextCall) {
  const Pair two = call_two("followed forge");
  ASSERT_EQ(code_of(two.first) + " " + code_of(two.second), "good good");
  EXPECT_EQ(text_of(*two.first), "");
  EXPECT_EQ(text_of(*two.second), "/1 plugin.id call-2\n");
  EXPECT_NE(two.lines.find("answered a call twice"), std::string::npos) << two.lines;
  EXPECT_EQ(two.incidents, 0u);
}

// Goal: no deadlock between a client and a host that both write, and no answer to another call. Method: requests and answers
// that are larger than a socket holds, from eight threads.
TEST(Pipeline, LargeCallsOfManyThreadsAllEnd) {
  PluginClient client({.host_program = kHost, .call_max = std::chrono::seconds{60}, .start_max = std::chrono::seconds{60}});
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread)
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 10; ++i) {
        json::object data{{"who", std::to_string(thread) + "-" + std::to_string(i)}};
        for (int part = 0; part < 5; ++part) data["text" + std::to_string(part)] = std::string(200'000, 'x');
        const Result<json::object> answer = client.call(echo(), hook::kMigrate, {}, {{"answer", json::object{{"data", data}}}});
        ASSERT_TRUE(answer) << answer.error().message;
        ASSERT_EQ(answer->at("data").at("who"), data.at("who"));
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(client.incidents().empty());
}

}  // namespace
}  // namespace chuyi
