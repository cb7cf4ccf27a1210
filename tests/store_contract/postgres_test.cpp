// Goal: what several nodes on one PostgreSQL promise each other. Method: two stores on one database, in one process;
// what must not happen is waited for with a limit, so that a fault ends in red and not in a standstill.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <future>
#include <semaphore>
#include <set>
#include <thread>
#include <utility>

#include "engine/ports/audit.h"
#include "storage/postgres/postgres.h"
#include "tests/store_contract/backends.h"
#include "tests/store_contract/cutting_proxy.h"

namespace chuyi::test {
namespace {

constexpr std::chrono::seconds kLimit{30};

class Nodes : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_postgres()) GTEST_SKIP() << kNoPostgres;
    database_ = std::make_unique<TemporaryDatabase>();
    a_ = open();
    b_ = open();
  }
  PostgresOptions options() const { return {.url = database_->url(), .patience = kLimit, .lock_wait_max = kLimit}; }
  PostgresStorage open() { return open(options()); }
  static PostgresStorage open(PostgresOptions options) {
    Result<PostgresStorage> opened = open_postgres(std::move(options));
    if (!opened) throw std::runtime_error(opened.error().message);
    return *std::move(opened);
  }
  Store& a() { return *a_.store; }
  Store& b() { return *b_.store; }
  Queries& queries() { return *a_.queries; }

  std::unique_ptr<TemporaryDatabase> database_;
  PostgresStorage a_, b_;
};

/// Adds one to the session's revision.
Result<Change> count_up(View& view, const std::string& session) {
  const std::optional<SessionRow> before = view.session(session);
  Change out = session_change(session);
  out.session->revision = before ? before->revision + 1 : 1;
  out.reply.revision = out.session->revision;
  return out;
}

std::future<Result<Reply>> submit(Store& store, Update update) {
  auto promise = std::make_shared<std::promise<Result<Reply>>>();
  std::future<Result<Reply>> out = promise->get_future();
  store.update(std::move(update), [promise](Result<Reply> reply) { promise->set_value(std::move(reply)); });
  return out;
}

// Goal: commands of one session are serialised, whichever node takes them; also the ones that make it.
TEST_F(Nodes, RunTheCommandsOfASessionOneAfterTheOther) {
  constexpr std::uint64_t kEach = 100;
  std::vector<std::future<Result<Reply>>> replies;
  for (std::uint64_t i = 0; i < kEach; ++i)
    for (Store* node : {&a(), &b()}) replies.push_back(submit(*node, {.key = {}, .decide = [](View& view) { return count_up(view, "s1"); }, .session = i % 3 == 0 ? "" : "s1"}));
  std::set<std::uint64_t> revisions;
  for (auto& each : replies) {
    const Result<Reply> reply = each.get();
    ASSERT_TRUE(reply) << reply.error().message;
    revisions.insert(reply->revision);
  }
  EXPECT_EQ(revisions.size(), 2 * kEach) << "two commands decided on the same state";
  EXPECT_EQ(queries().session("s1")->value().revision, 2 * kEach);
  EXPECT_EQ(verify_audit(queries())->count, static_cast<std::int64_t>(2 * kEach));
}

// Goal: the task that a command reads is that of the session as it is once the command has it. Method: a task that
// can be done once, and sixteen who do it.
TEST_F(Nodes, LetATaskBeDoneOnce) {
  Change change = session_change("s1");
  change.tasks = {task_row("t1", "s1")};
  ASSERT_TRUE(put(a(), change));
  std::vector<std::future<Result<Reply>>> replies;
  for (int i = 0; i < 16; ++i)
    replies.push_back(submit(i % 2 == 0 ? a() : b(), {.key = {}, .decide = [](View& view) -> Result<Change> {
                               std::optional<TaskRow> task = view.task("t1");
                               if (task->status != "open") return Error{.kind = ErrorKind::rejected, .code = "task.done"};
                               task->status = "done";
                               Change out = session_change("s1");
                               out.tasks = {*task};
                               return out;
                             }, .task = i % 3 == 0 ? "" : "t1"}));
  int done = 0;
  for (auto& each : replies) {
    const Result<Reply> reply = each.get();
    if (reply)
      ++done;
    else
      EXPECT_EQ(reply.error().code, "task.done");
  }
  EXPECT_EQ(done, 1);
}

// Goal: what was read for many commands at once is read anew after one of them changed it. Method: commands that wait
// together behind one that is held up, so that they share a transaction, each a step of the same task, some named by
// it, some by their session, some not at all.
TEST_F(Nodes, ReadAnewWhatACommandOfTheSameTransactionChanged) {
  constexpr int kSteps = 60;
  Change change = session_change("s1");
  change.tasks = {task_row("t1", "s1")};
  ASSERT_TRUE(put(a(), change));
  std::promise<void> go;
  std::shared_future<void> gone = go.get_future().share();
  std::vector<std::future<Result<Reply>>> held;
  for (int i = 0; i < 4; ++i)
    held.push_back(submit(a(), {.key = {}, .decide = [gone, i](View& view) {
                                  gone.wait_for(std::chrono::seconds{2});
                                  return count_up(view, "held" + std::to_string(i));
                                }}));
  std::vector<std::future<Result<Reply>>> replies;
  for (int i = 0; i < kSteps; ++i)
    replies.push_back(submit(a(), {.key = {}, .decide = [](View& view) -> Result<Change> {
                               TaskRow task = *view.task("t1");
                               Change out = *count_up(view, "s1");
                               ++task.revision;
                               EXPECT_EQ(task.revision, out.session->revision) << "one of the two is old";
                               out.tasks = {task};
                               return out;
                             }, .session = i % 3 == 1 ? "s1" : "", .task = i % 3 == 2 ? "t1" : ""}));
  go.set_value();
  for (auto& each : held) EXPECT_TRUE(each.get());
  std::set<std::uint64_t> revisions;
  for (auto& each : replies) {
    const Result<Reply> reply = each.get();
    ASSERT_TRUE(reply) << reply.error().message;
    revisions.insert(reply->revision);
  }
  EXPECT_EQ(revisions.size(), std::size_t{kSteps});
  EXPECT_EQ(*revisions.rbegin(), std::uint64_t{kSteps + 1});
}

// Goal: one that cannot be written takes nobody with it. Method: it shares a transaction with others.
TEST_F(Nodes, WriteTheOthersWhenOneOfThemIsRefused) {
  std::vector<std::future<Result<Reply>>> replies;
  for (int i = 0; i < 40; ++i)
    replies.push_back(submit(a(), {.key = IdempotencyKey{"u", std::to_string(i), "d"}, .decide = [i](View&) -> Result<Change> {
                               Change out = session_change("s" + std::to_string(i));
                               if (i % 10 == 5) out.tasks = {task_row("t" + std::to_string(i), "nobody")};
                               return out;
                             }}));
  for (int i = 0; i < 40; ++i) {
    const Result<Reply> reply = replies[static_cast<std::size_t>(i)].get();
    EXPECT_EQ(reply.has_value(), i % 10 != 5);
    EXPECT_EQ(queries().session("s" + std::to_string(i))->has_value(), i % 10 != 5);
  }
  EXPECT_EQ(verify_audit(queries())->count, 36);
}

// Goal: commands of different sessions run beside each other on one node. Method: one that decides only once another,
// which came later, is committed.
TEST_F(Nodes, RunTheCommandsOfDifferentSessionsBesideEachOther) {
  std::promise<void> begun;
  std::promise<void> other_is_done;
  std::future<void> other = other_is_done.get_future();
  std::atomic<bool> waited_in_vain{false};
  std::future<Result<Reply>> first = submit(a(), {.key = {}, .decide = [&](View& view) {
                                                    Result<Change> out = count_up(view, "s1");
                                                    begun.set_value();
                                                    waited_in_vain = other.wait_for(std::chrono::seconds{4}) == std::future_status::timeout;
                                                    return out;
                                                  }});
  begun.get_future().wait();
  std::future<Result<Reply>> second = submit(a(), {.key = {}, .decide = [&](View& view) { return count_up(view, "s2"); }});
  EXPECT_TRUE(second.get());
  other_is_done.set_value();
  EXPECT_TRUE(first.get());
  EXPECT_FALSE(waited_in_vain);
  EXPECT_EQ(verify_audit(queries())->count, 2);
}

// Goal: what many read and few change holds nobody up but who changes it. Method: two commands that share a session, a record
// and a series are inside at the same time; one that changes them comes after both.
TEST_F(Nodes, ShareWhatTheyOnlyRead) {
  Change round = session_change("round");
  round.records = {{.kind = "round", .id = "round", .about = "430000", .data = {{"open", true}}, .updated = from_ms(1), .revision = 1}};
  round.series = {{"limits", 0}};
  ASSERT_TRUE(put(a(), round));
  std::counting_semaphore<> inside{0};
  std::atomic<int> left = 0;
  std::promise<void> go;
  std::shared_future<void> gone = go.get_future().share();
  const auto share = [&](const char* session) {
    return [&inside, &left, gone, session](View& view) -> Result<Change> {
      EXPECT_TRUE(view.shared_session("round"));
      EXPECT_TRUE(view.shared_record("round", "round"));
      view.share_series("limits");
      inside.release();
      gone.wait_for(kLimit);
      ++left;
      return count_up(view, session);
    };
  };
  std::future<Result<Reply>> first = submit(a(), {.key = {}, .decide = share("s1")});
  std::future<Result<Reply>> second = submit(b(), {.key = {}, .decide = share("s2")});
  const bool one = inside.try_acquire_for(kLimit / 2);
  const bool both = inside.try_acquire_for(kLimit / 2);
  std::future<Result<Reply>> change = submit(a(), {.key = {}, .decide = [&left](View& view) -> Result<Change> {
                                                     EXPECT_EQ(view.series("limits"), 0);
                                                     EXPECT_EQ(left, 2) << "changed under who reads it";
                                                     return count_up(view, "round");
                                                   }});
  go.set_value();
  EXPECT_TRUE(one && both) << "who only reads waits for who only reads";
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
  EXPECT_TRUE(change.get());
}

// Goal: one effect of a key, on whichever nodes its request arrives, and the same answer everywhere.
TEST_F(Nodes, ActOnceForAKey) {
  for (int round = 0; round < 10; ++round) {
    const std::string id = "s" + std::to_string(round);
    ASSERT_TRUE(put(a(), session_change(id)));
    std::vector<std::future<Result<Reply>>> replies;
    for (int i = 0; i < 8; ++i)
      replies.push_back(submit(i % 2 == 0 ? a() : b(), {.key = IdempotencyKey{"u", id, "d"}, .decide = [&](View& view) -> Result<Change> {
                                 // Refused the second time, as a task that is done already.
                                 if (view.session(id)->revision != 1) return Error{.kind = ErrorKind::rejected, .code = "test.done"};
                                 return count_up(view, id);
                               }, .session = i % 3 == 0 ? "" : id}));
    int fresh = 0;
    for (auto& each : replies) {
      const Result<Reply> reply = each.get();
      ASSERT_TRUE(reply) << reply.error().code;
      fresh += reply->replayed ? 0 : 1;
      EXPECT_EQ(reply->revision, 2U);
    }
    EXPECT_EQ(fresh, 1);
  }
}

// Goal: what several sessions share is drawn once, without gaps.
TEST_F(Nodes, DrawFromASharedSeriesOnce) {
  constexpr int kEach = 60;
  std::vector<std::future<Result<Reply>>> replies;
  for (int i = 0; i < kEach; ++i)
    for (Store* node : {&a(), &b()})
      replies.push_back(submit(*node, {.key = {}, .decide = [node, i, first = &a()](View& view) -> Result<Change> {
                                 Change out = session_change((node == first ? "a" : "b") + std::to_string(i));
                                 const std::int64_t next = view.series("x") + 1;
                                 out.series = {{"x", next}};
                                 out.reply.body = next;
                                 return out;
                               }}));
  std::set<std::int64_t> drawn;
  for (auto& each : replies) {
    const Result<Reply> reply = each.get();
    ASSERT_TRUE(reply) << reply.error().code;
    drawn.insert(reply->body.as_int64());
  }
  EXPECT_EQ(drawn.size(), std::size_t{2 * kEach});
  EXPECT_EQ(*drawn.rbegin(), 2 * kEach);
  EXPECT_EQ(verify_audit(queries())->count, 2 * kEach);
}

// Goal: a setting that a command reads and then writes loses nothing that another wrote meanwhile.
TEST_F(Nodes, ChangeASettingOneAfterTheOther) {
  constexpr int kEach = 60;
  std::vector<std::future<Result<Reply>>> replies;
  for (int i = 0; i < kEach; ++i)
    for (Store* node : {&a(), &b()})
      replies.push_back(submit(*node, {.key = {}, .decide = [](View& view) -> Result<Change> {
                                 Change out;
                                 out.audit = {{"kind", "test"}};
                                 out.settings = {{"list", view.setting("list").value_or("") + "x"}};
                                 return out;
                               }}));
  for (auto& each : replies) {
    const Result<Reply> reply = each.get();
    ASSERT_TRUE(reply) << reply.error().code;
  }
  EXPECT_EQ(queries().setting("list")->value_or("").size(), std::size_t{2 * kEach});
}

// Goal: two commands that hold what the other needs both succeed in the end.
TEST_F(Nodes, ResolveADeadlock) {
  std::promise<void> has[2];
  std::shared_future<void> had[2] = {has[0].get_future().share(), has[1].get_future().share()};
  std::atomic<int> decided{0};
  const auto crosswise = [&](int self) {
    return [&, self, first_time = true](View& view) mutable -> Result<Change> {
      const char* names[] = {"x", "y"};
      const std::int64_t own = view.series(names[self]) + 1;
      if (std::exchange(first_time, false)) {
        has[self].set_value();
        had[1 - self].wait_for(kLimit);
      }
      ++decided;
      const std::int64_t other = view.series(names[1 - self]) + 1;
      Change out = session_change("s" + std::to_string(self));
      out.series = {{names[self], own}, {names[1 - self], other}};
      out.reply.body = own * 10 + other;
      return out;
    };
  };
  std::future<Result<Reply>> first = submit(a(), {.key = {}, .decide = crosswise(0)});
  std::future<Result<Reply>> second = submit(b(), {.key = {}, .decide = crosswise(1)});
  const Result<Reply> one = first.get();
  const Result<Reply> two = second.get();
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->body.as_int64() + two->body.as_int64(), 11 + 22);
  EXPECT_GE(decided, 3) << "one of them decides again";
}

// Goal: transactions of many commands never wait for each other in circles, which PostgreSQL would look for only after a
// second. Method: two nodes go through the same sessions in opposite orders; the database counts the circles it broke.
TEST_F(Nodes, DoNotWaitInCircles) {
  constexpr int kSessions = 8;
  for (int s = 0; s < kSessions; ++s) ASSERT_TRUE(put(a(), session_change("s" + std::to_string(s))));
  const auto deadlocks = [&] { return run_sql(database_->url(), "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"); };
  const std::string before = deadlocks();
  std::vector<std::future<Result<Reply>>> replies;
  for (int i = 0; i < 40 * kSessions; ++i)
    for (Store* node : {&a(), &b()}) {
      const int s = node == &a() ? i % kSessions : kSessions - 1 - i % kSessions;
      replies.push_back(submit(*node, {.key = {}, .decide = [s](View& view) { return count_up(view, "s" + std::to_string(s)); }}));
    }
  for (auto& each : replies) ASSERT_TRUE(each.get());
  EXPECT_EQ(verify_audit(queries())->count, kSessions + 2 * 40 * kSessions);
  a_ = {};  // a connection tells its counts when it closes
  b_ = {};
  EXPECT_EQ(deadlocks(), before);
}

// Goal: a closed account signs in nowhere, however the two commands fall together.
TEST_F(Nodes, LeaveNoLoginToAnAccountThatWasClosed) {
  for (int round = 0; round < 20; ++round) {
    const std::string id = "u" + std::to_string(round);
    Change change;
    change.audit = {{"kind", "test"}};
    change.users = {{.id = id, .name = "n", .password = "p", .memberships = {}}};
    ASSERT_TRUE(put(a(), change));
    std::future<Result<Reply>> login = submit(a(), {.key = {}, .decide = [&](View& view) -> Result<Change> {
                                                      if (view.user(id)->disabled) return Error{.kind = ErrorKind::unauthenticated, .code = "login.failed"};
                                                      Change out;
                                                      out.audit = {{"kind", "test"}};
                                                      out.logins = {{.token_digest = id, .user_id = id, .expires = {}}};
                                                      return out;
                                                    }});
    std::future<Result<Reply>> closing = submit(b(), {.key = {}, .decide = [&](View& view) -> Result<Change> {
                                                        Change out;
                                                        out.audit = {{"kind", "test"}};
                                                        out.users = {*view.user(id)};
                                                        out.users[0].disabled = true;
                                                        out.logins_removed_of = {id};
                                                        return out;
                                                      }});
    (void)login.get();
    ASSERT_TRUE(closing.get());
    EXPECT_FALSE(queries().login(id)->has_value());
  }
}

// Goal: a commit whose answer was lost is neither lost nor done twice, and the client hears the truth.
class LostCommit : public Nodes, public testing::WithParamInterface<CuttingProxy::Cut> {};

TEST_P(LostCommit, IsThereOnce) {
  CuttingProxy proxy(database_->url());
  PostgresOptions through = options();
  through.url = proxy.url();
  const PostgresStorage node = open(through);
  std::int64_t commands = 0;
  for (int round = 0; round < 8; ++round) {
    proxy.cut(GetParam());
    for (int i = 0; i < 3; ++i) {
      ++commands;
      const Result<Reply> reply = update_and_wait(*node.store, {.key = {}, .decide = [](View& view) { return count_up(view, "s1"); }});
      ASSERT_TRUE(reply) << reply.error().message;
      EXPECT_EQ(reply->revision, static_cast<std::uint64_t>(commands));
    }
  }
  EXPECT_EQ(proxy.cuts(), 8);
  EXPECT_EQ(verify_audit(queries())->count, commands);
}

INSTANTIATE_TEST_SUITE_P(Cuts, LostCommit, testing::Values(CuttingProxy::Cut::before_commit, CuttingProxy::Cut::after_commit));

// Goal: where nobody can say whether a command was committed, nobody says so; its key tells later.
TEST_F(Nodes, SayThatAnOutcomeIsUnknown) {
  CuttingProxy proxy(database_->url());
  PostgresOptions through = options();
  through.url = proxy.url();
  through.pause_max = through.lock_wait_max = std::chrono::milliseconds{300};
  const PostgresStorage node = open(through);
  proxy.cut(CuttingProxy::Cut::after_commit, true);
  const IdempotencyKey key{"u", "k", "d"};
  const Result<Reply> lost = put(*node.store, session_change("s1"), key);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, "store.unknown");
  EXPECT_EQ(lost.error().kind, ErrorKind::unavailable);
  proxy.restore();
  const Result<Reply> again = put(*node.store, session_change("s1"), key);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->replayed);
  EXPECT_EQ(verify_audit(queries())->count, 1);
}

// Goal: while the server is not there everybody hears of it, however many wait. Method: far more commands than could be
// tried one after the other, with the pauses between, before the limit.
TEST_F(Nodes, TellAllWhoWaitThatTheServerIsGone) {
  auto proxy = std::make_unique<CuttingProxy>(database_->url());
  PostgresOptions through = options();
  through.url = proxy->url();
  through.patience = std::chrono::milliseconds{100};
  const PostgresStorage node = open(through);
  proxy.reset();
  std::vector<std::future<Result<Reply>>> replies;
  for (int i = 0; i < 600; ++i) replies.push_back(submit(*node.store, {.key = {}, .decide = [](View& view) { return count_up(view, "s1"); }}));
  const auto limit = std::chrono::steady_clock::now() + kLimit;
  for (auto& each : replies) {
    ASSERT_EQ(each.wait_until(limit), std::future_status::ready);
    const Result<Reply> reply = each.get();
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, "store.io");
  }
}

// Goal: connections that end at any moment lose nothing acknowledged and double nothing. Method: every other
// connection to the database is ended again and again under load from two nodes.
TEST_F(Nodes, OutliveConnectionsThatAreCut) {
  constexpr int kClients = 4;
  constexpr int kEach = 60;
  std::atomic<int> refused{0};
  std::atomic<bool> over{false};
  int ended = 0;
  std::thread killer([&] {
    while (!over) {
      ended += std::stoi(run_sql(database_->url(), "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name = 'chuyi' AND random() < 0.3"));
      std::this_thread::yield();
    }
  });
  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c)
    clients.emplace_back([&, c] {
      for (int i = 0; i < kEach; ++i) {
        const std::string session = "s" + std::to_string(c);
        const Result<Reply> reply = update_and_wait(i % 2 == 0 ? a() : b(), {.key = {}, .decide = [&](View& view) { return count_up(view, session); }});
        if (!reply) ++refused;
        else EXPECT_EQ(reply->revision, static_cast<std::uint64_t>(i + 1)) << "an acknowledged one was lost, or one was done twice";
        if (!reply) break;
      }
    });
  for (std::thread& each : clients) each.join();
  over = true;
  killer.join();
  EXPECT_GT(ended, 0) << "no connection was found to end";
  EXPECT_EQ(refused, 0);
  EXPECT_EQ(verify_audit(queries())->count, kClients * kEach);
}

/// The process of the cluster's server, as it says itself.
pid_t server_process() {
  const std::string url = std::getenv("CHUYI_TEST_POSTGRES");
  std::ifstream in(url.substr(url.find("host=") + 5) + "/data/postmaster.pid");
  pid_t out = 0;
  in >> out;
  return out;
}

// Goal: a server that is killed and comes back loses nothing acknowledged and doubles nothing. Method: kill -9 under
// load from two nodes; each client counts its own session up and so knows what has to be there.
TEST_F(Nodes, OutliveAServerThatIsKilled) {
  constexpr int kClients = 4;
  constexpr int kKills = 3;
  constexpr int kBetween = 40;
  std::atomic<int> acknowledged{0};
  std::atomic<bool> over{false};
  std::vector<std::thread> clients;
  std::atomic<std::int64_t> all{0};
  const auto wait_for_some = [&] {
    acknowledged = 0;
    for (int seen = 0; seen < kBetween && !over; seen = acknowledged) acknowledged.wait(seen);
  };
  for (int c = 0; c < kClients; ++c)
    clients.emplace_back([&, c] {
      for (std::uint64_t i = 1; !over; ++i) {
        const Result<Reply> reply = update_and_wait(i % 2 == 0 ? a() : b(), {.key = {}, .decide = [&](View& view) { return count_up(view, "s" + std::to_string(c)); }});
        EXPECT_TRUE(reply) << reply.error().message;
        if (!reply) over = true;
        else EXPECT_EQ(reply->revision, i) << "an acknowledged one was lost, or one was done twice";
        all += reply ? 1 : 0;
        ++acknowledged;
        acknowledged.notify_all();
      }
    });
  for (int kill = 0; kill < kKills; ++kill) {
    wait_for_some();
    EXPECT_EQ(::kill(server_process(), SIGKILL), 0);
  }
  wait_for_some();
  over = true;
  for (std::thread& each : clients) each.join();
  EXPECT_EQ(verify_audit(queries())->count, all);
}

// Goal: a node that stands still in the midst of a command holds nobody up for long, and cannot write what it decided
// on then when it wakes. Method: a decision that waits until the other node has changed the same session.
TEST_F(Nodes, CannotWriteWhatTheyNoLongerOwn) {
  ASSERT_TRUE(put(a(), session_change("s1")));
  PostgresOptions short_pause = options();
  short_pause.pause_max = std::chrono::milliseconds{200};
  const PostgresStorage paused = open(short_pause);
  std::promise<void> stands;
  std::promise<void> other_is_done;
  std::shared_future<void> other = other_is_done.get_future().share();
  std::atomic<int> decided{0};
  std::future<Result<Reply>> first = submit(*paused.store, {.key = {}, .decide = [&](View& view) {
                                                              Result<Change> out = count_up(view, "s1");
                                                              if (++decided == 1) {
                                                                stands.set_value();
                                                                other.wait_for(kLimit);
                                                              }
                                                              return out;
                                                            }});
  stands.get_future().wait();
  std::future<Result<Reply>> second = submit(b(), {.key = {}, .decide = [](View& view) { return count_up(view, "s1"); }});
  ASSERT_EQ(second.wait_for(kLimit / 2), std::future_status::ready) << "the paused node holds its rows for ever";
  EXPECT_EQ(second.get()->revision, 2U);
  other_is_done.set_value();
  EXPECT_EQ(first.get()->revision, 3U);
  EXPECT_EQ(decided, 2);
  EXPECT_EQ(verify_audit(queries())->count, 3);
}

/// A session with a timer and an outbox entry of each of `ids`, all due.
Change work_change(const std::string& session, const std::vector<std::string>& ids) {
  Change out = session_change(session);
  for (const std::string& id : ids) {
    out.timers.push_back({.id = session + "/" + id, .session_id = session, .due = from_ms(1), .event = {}});
    out.outbox.push_back({.id = session + id, .session_id = session, .kind = "notify", .payload = {}, .created = {}, .attempts = 0, .next_at = from_ms(1)});
  }
  return out;
}

template <class Row>
std::set<std::string> ids_of(const Result<std::vector<Row>>& rows) {
  std::set<std::string> out;
  for (const Row& row : *rows) EXPECT_TRUE(out.insert(row.id).second);
  return out;
}

// Goal: of all that is due each node can claim some, every entry is claimed once, and a session's own stays in its order.
// Method: each node claims a few, one after the other; then both at once, until there are no more. What a node holds comes again.
TEST_F(Nodes, ClaimEachEntryOnce) {
  constexpr int kSessions = 30;
  std::multiset<std::string> due;  // the first of each session
  for (int s = 0; s < kSessions; ++s) {
    const std::string session = "s" + std::to_string(s);
    ASSERT_TRUE(put(a(), work_change(session, {"1", "2"})));
    due.insert({session + "/1", session + "1"});
  }
  const auto claim = [](Queries& node, std::size_t limit) {
    std::set<std::string> out = ids_of(node.claim_timers(from_ms(1), limit, std::chrono::hours{1}));
    out.merge(ids_of(node.claim_outbox(from_ms(1), limit, std::chrono::hours{1})));
    return out;
  };
  constexpr std::size_t kFew = 5;
  const std::set<std::string> few[] = {claim(*a_.queries, kFew), claim(*b_.queries, kFew)};
  for (const std::set<std::string>& each : few) EXPECT_EQ(each.size(), 2 * kFew);
  std::vector<std::future<std::set<std::string>>> nodes;
  for (Queries* node : {a_.queries.get(), b_.queries.get()})
    nodes.push_back(std::async(std::launch::async, [node, claim, own = few[nodes.size()]]() mutable {
      for (std::size_t before = 0; own.size() > before;) {
        before = own.size();
        own.merge(claim(*node, before + kFew));
      }
      return own;
    }));
  std::multiset<std::string> claimed;
  for (auto& node : nodes)
    for (const std::string& id : node.get()) claimed.insert(id);
  EXPECT_EQ(claimed, due);
}

// Goal: what a dead node held goes to another once its lease is over, and a node that comes back after that cannot
// write it. Method: a lease that is over at once.
TEST_F(Nodes, TakeWhatADeadNodeHeldAndKeepItFromThePausedOne) {
  ASSERT_TRUE(put(a(), work_change("s1", {"1"})));
  const auto both = [](PostgresStorage& node, std::chrono::milliseconds lease) {
    return node.queries->claim_timers(from_ms(1), 10, lease)->size() + node.queries->claim_outbox(from_ms(1), 10, lease)->size();
  };
  EXPECT_EQ(both(a_, std::chrono::hours{1}), 2U);
  EXPECT_EQ(both(b_, std::chrono::hours{1}), 0U) << "held by the first";
  EXPECT_EQ(both(a_, std::chrono::milliseconds{0}), 2U);
  EXPECT_EQ(both(b_, std::chrono::hours{1}), 2U) << "its lease is over";
  EXPECT_EQ(both(a_, std::chrono::hours{1}), 0U);
  const auto elsewhere = [](Store& node) {
    int out = 0;
    (void)update_and_wait(node, {.key = {}, .decide = [&](View& view) -> Result<Change> {
                                   out = int{view.timer("s1/1")->elsewhere} + int{view.outbox("s11")->elsewhere};
                                   return Error{.kind = ErrorKind::rejected, .code = "test.no"};
                                 }});
    return out;
  };
  EXPECT_EQ(elsewhere(a()), 2);
  EXPECT_EQ(elsewhere(b()), 0);
  // Written anew it is nobody's.
  Change later = work_change("s1", {"1"});
  ASSERT_TRUE(put(b(), later));
  EXPECT_EQ(elsewhere(a()), 0);
  EXPECT_EQ(both(a_, std::chrono::hours{1}), 2U);
}

// Goal: work that one node leaves wakes the others, and nothing else does; also once when they begin to listen, for what came before.
TEST_F(Nodes, WakeEachOtherForWork) {
  std::counting_semaphore<> woken{0};
  PostgresOptions waking = options();
  waking.on_work = [&] { woken.release(); };
  const PostgresStorage node = open(waking);
  ASSERT_TRUE(woken.try_acquire_for(kLimit));
  ASSERT_TRUE(put(b(), session_change("s1")));
  Change change = session_change("s1");
  change.outbox = {{.id = "o", .session_id = "s1", .kind = "notify", .payload = {}, .created = {}, .attempts = 0, .next_at = {}}};
  ASSERT_TRUE(put(b(), change));
  EXPECT_TRUE(woken.try_acquire_for(kLimit));
  EXPECT_FALSE(woken.try_acquire()) << "what leaves no work wakes nobody";
}

// Goal: nodes that start at once make one schema.
TEST_F(Nodes, StartTogether) {
  const TemporaryDatabase fresh;
  std::vector<std::future<bool>> opened;
  for (int i = 0; i < 6; ++i)
    opened.push_back(std::async(std::launch::async, [&] { return open_postgres({.url = fresh.url()}).has_value(); }));
  for (auto& each : opened) EXPECT_TRUE(each.get());
  EXPECT_EQ(run_sql(fresh.url(), "SELECT count(*) FROM schema_migrations"), run_sql(database_->url(), "SELECT count(*) FROM schema_migrations"));
}

TEST_F(Nodes, RefuseADatabaseOfANewerRelease) {
  run_sql(database_->url(), "INSERT INTO schema_migrations VALUES (9999)");
  EXPECT_EQ(open_postgres(options()).error().code, "store.version");
}

// A server that is not there is the caller's to try again: nothing hangs, nothing ends.
TEST_F(Nodes, SayWhenTheServerIsNotThere) {
  EXPECT_EQ(open_postgres({.url = "postgresql:///none?host=/nonexistent"}).error().code, "store.io");
  EXPECT_EQ(open_postgres_readers("postgresql:///none?host=/nonexistent").error().code, "store.missing");
}

// Goal: no part of a password gets into a message, which gets into a log, when the URL that holds it is wrong.
TEST(PostgresUrl, IsNotToldWhenItIsWrong) {
  for (const char* url : {"postgresql://u:se%cret@/x?host=/nonexistent", "postgresql://u:se/cret@localhost/x", "postgresql://u:secret@[::1/x", "postgresql://u:secret@[::1]secret/x",
                          "postgresql://u:se@cret@localhost.invalid/x", "postgresql://u:secret@localhost:secret/x", "postgresql://u@/x?secret=1"}) {
    const Result<PostgresStorage> opened = open_postgres({.url = url});
    ASSERT_FALSE(opened) << url;
    EXPECT_EQ(opened.error().code, "store.url") << url << ": " << opened.error().message;
    for (const char* part : {"secret", "cret", "'se", "\"se"}) EXPECT_EQ(opened.error().message.find(part), std::string::npos) << opened.error().message;
  }
}

}  // namespace
}  // namespace chuyi::test
