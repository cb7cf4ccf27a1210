// Goal: what every store promises, whichever database is below. Method: each test runs on a fresh home of each
// backend through the ports alone.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <set>
#include <thread>

#include "engine/invoke/rows_json.h"
#include "engine/ports/audit.h"
#include "tests/store_contract/backends.h"

namespace chuyi::test {
namespace {

class StoreContract : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    if (!GetParam().present) GTEST_SKIP() << kNoPostgres;
    open_ = GetParam().fresh();
    home_ = open_();
  }
  void reopen() {
    home_ = {};
    home_ = open_();
  }
  Store& store() { return *home_.store; }
  Queries& queries() { return *home_.queries; }
  template <class Row>
  std::vector<std::string> ids(const std::vector<Row>& rows) {
    std::vector<std::string> out;
    for (const Row& row : rows) out.push_back(row.id);
    return out;
  }

  std::function<Opened()> open_;
  Opened home_;
};

using Ids = std::vector<std::string>;

TEST_P(StoreContract, KeepsEveryKindOfRowThroughAReopen) {
  Change change = session_change("s1");
  TaskRow task = task_row("t1", "s1");
  task.due = from_ms(99);
  task.due_provisional = true;
  task.data = {{"名称", "值 \"quoted\" \n"}, {"n", 3}};
  change.tasks = {task};
  change.notices = {{.id = "n1", .session_id = "s1", .programme = "workshop", .round = "2026", .fields = {{"title", "工坊"}}, .opens = from_ms(5), .last_day = Day{}, .provisional = true, .rule = "{}", .status = "open"}};
  change.objections = {{.id = "o1", .notice_id = "n1", .session_id = "s1", .objector = "张三", .contact = "1", .reason = "r", .status = "filed", .opinion = "", .filed = from_ms(6), .settled = {}}};
  change.awards = {{.number = "HN-1", .session_id = "s1", .programme = "workshop", .round = "2026", .title = "T", .org = "c1", .org_name = "学院", .granted = Day{}, .term_years = 3, .ends = Day{}, .status = "in-force", .checks = {}}};
  change.documents = {{.id = "d1", .session_id = "s1", .kind = "agreement", .name = "协议.pdf", .media_type = "application/pdf", .digest = std::string(64, 'b'), .size = 7, .added_by = "u1", .added = from_ms(2), .removed = false}};
  change.bundles = {{.session_id = "s1", .digest = std::string(64, 'c'), .size = 9, .sealed = from_ms(3)},
                    {.session_id = "s1", .digest = std::string(64, 'd'), .size = 8, .sealed = from_ms(4), .withdrawn = true}};
  change.timers = {{.id = "s1/x", .session_id = "s1", .due = from_ms(50), .event = {{"name", "e"}}}};
  change.outbox = {{.id = "x1", .session_id = "s1", .kind = "notify", .payload = {{"k", 1}}, .created = from_ms(1), .attempts = 0, .next_at = from_ms(1)}};
  change.series = {{"HN", 41}};
  change.records = {{.kind = "expert", .id = "e1", .about = "430100", .data = {{"name", "欧阳·㐬"}}, .updated = from_ms(8), .revision = 1}};
  change.organisations = {{.id = "430000", .parent = "", .level = "province", .name = "湖南省", .name_en = "Hunan"}, {.id = "430100", .parent = "430000", .level = "prefecture", .name = "长沙市", .name_en = "Changsha", .data = {{"kind", "education"}, {"former", json::array{json::object{{"name", "潭州"}}}}}}};
  change.users = {{.id = "u1", .name = "李四", .password = "$argon2id$x", .memberships = {{"applicant", "c1"}}, .disabled = true}};
  change.logins = {{.token_digest = "tok", .user_id = "u1", .expires = from_ms(77)}};
  change.definitions = {{.digest = std::string(64, 'a'), .programme = "workshop", .version = "1.0", .files = {{"workflow.scxml", "<scxml/>"}}}};
  change.settings = {{"k", "v"}};
  ASSERT_TRUE(put(store(), change));
  reopen();

  const SessionRow session = queries().session("s1")->value();
  EXPECT_EQ(session.orgs, (Ids{"c1", "430100", "430000"}));
  EXPECT_EQ(*queries().running(), (std::map<std::string, std::int64_t>{{session.definition, 1}}));
  EXPECT_EQ(session.document, R"({"a":1})");
  EXPECT_EQ(session.title, "工坊 s1");
  const TaskRow kept = queries().task("t1")->value();
  EXPECT_EQ(canonical_json(kept.data), canonical_json(task.data));
  EXPECT_EQ(kept.due, task.due);
  EXPECT_TRUE(kept.due_provisional);
  EXPECT_EQ(kept.outcomes, (Ids{"submit"}));
  EXPECT_TRUE(queries().notice("n1")->value().provisional);
  EXPECT_EQ(queries().objections("s1")->at(0).objector, "张三");
  EXPECT_EQ(queries().award_of("s1")->value().number, "HN-1");
  EXPECT_EQ(queries().award("HN-1")->value().session_id, "s1");
  EXPECT_FALSE(queries().award("HN-")->has_value());
  EXPECT_EQ(queries().documents("s1")->at(0).name, "协议.pdf");
  EXPECT_EQ(queries().latest_bundle("s1")->value().size, 9U);
  EXPECT_EQ(queries().next_timer()->value(), from_ms(50));
  EXPECT_EQ(queries().due_outbox(from_ms(1), 10)->size(), 1U);
  EXPECT_EQ(queries().organisation("430100")->value().parent, "430000");
  EXPECT_EQ(canonical_json(queries().organisation("430100")->value().data), R"({"former":[{"name":"潭州"}],"kind":"education"})");
  const UserRow user = queries().user("u1")->value();
  EXPECT_TRUE(user.disabled);
  EXPECT_EQ(user.memberships, (std::vector<Membership>{{"applicant", "c1"}}));
  EXPECT_EQ(queries().login("tok")->value().expires, from_ms(77));
  EXPECT_EQ(queries().definitions()->at(0).version, "1.0");
  EXPECT_EQ(queries().setting("k")->value(), "v");
  EXPECT_EQ(to_json(queries().record("expert", "e1")->value()), to_json(change.records[0]));
  EXPECT_FALSE(queries().task("t2")->has_value());
  const Result<Reply> series = update_and_wait(store(), {.key = {}, .decide = [](View& view) -> Result<Change> {
    Change out = session_change("s2");
    out.reply.body = view.series("HN");
    return out;
  }});
  EXPECT_EQ(series->body.as_int64(), 41);
}

TEST_P(StoreContract, FiltersAndCountsAnInbox) {
  Change first = session_change("s1");
  const auto task = [&](const char* id, const char* programme, const char* stage, const char* claimed_by, std::int64_t due) {
    TaskRow row = task_row(id, "s1");
    row.programme = programme;
    row.round = "2026";
    row.stage = stage;
    row.status = *claimed_by == 0 ? "open" : "claimed";
    row.claimed_by = claimed_by;
    if (due != 0) row.due = from_ms(due);
    first.tasks.push_back(row);
  };
  task("t1", "workshop", "nomination", "", 10);
  task("t2", "workshop", "review", "u1", 20);
  task("t3", "other", "review", "u2", 0);
  task("t4", "other", "review", "u1", 5);
  first.tasks.back().status = "done";
  ASSERT_TRUE(put(store(), first));
  const TaskFilter mine{.memberships = {{"applicant", "c1"}}, .user = "u1", .statuses = {"open", "claimed"}};
  const auto with = [&](const std::function<void(TaskFilter&)>& narrow) {
    TaskFilter filter = mine;
    narrow(filter);
    const Ids found = ids(queries().tasks(filter, {})->rows);
    std::int64_t counted = 0;
    const std::vector<TaskCount> counts = *queries().task_counts(filter, from_ms(15));
    for (const TaskCount& each : counts) counted += each.count;
    EXPECT_EQ(static_cast<std::size_t>(counted), found.size());
    return found;
  };
  EXPECT_EQ(with([](TaskFilter&) {}), (Ids{"t1", "t2", "t3"}));
  EXPECT_EQ(with([](TaskFilter& each) { each.programme = "workshop"; }), (Ids{"t1", "t2"}));
  EXPECT_EQ(with([](TaskFilter& each) { each.round = "2025"; }), Ids{});
  EXPECT_EQ(with([](TaskFilter& each) { each.stage = "review"; }), (Ids{"t2", "t3"}));
  EXPECT_EQ(with([](TaskFilter& each) { each.claimed_by = "u1"; }), (Ids{"t2"})) << "what is done nobody holds";
  EXPECT_EQ(with([](TaskFilter& each) { each.due_before = from_ms(20); }), (Ids{"t1"}));
  EXPECT_EQ(with([](TaskFilter& each) { each.text = "工坊"; }), (Ids{"t1", "t2", "t3"}));
  EXPECT_EQ(with([](TaskFilter& each) { each.text = "%"; }), Ids{});
  std::map<std::string, TaskCount> counts;
  const std::vector<TaskCount> counted = *queries().task_counts(mine, from_ms(15));
  for (const TaskCount& each : counted) counts[each.programme + "/" + each.round + "/" + each.stage + "/" + each.kind + "/" + each.status] = each;
  ASSERT_EQ(counts.size(), 3U);
  const std::string kind = first.tasks[0].kind;
  EXPECT_EQ(counts["workshop/2026/nomination/" + kind + "/open"].overdue, 1);
  EXPECT_EQ(counts["workshop/2026/review/" + kind + "/claimed"].mine, 1);
  EXPECT_EQ(counts["other/2026/review/" + kind + "/claimed"].mine, 0);
  const TaskFilter held{.memberships = {}, .user = {}, .statuses = {}, .session_id = {}, .kind = {}, .claimed_by = "u1"};
  EXPECT_EQ(ids(queries().tasks(held, {})->rows), (Ids{"t2"}));
}

TEST_P(StoreContract, KeepsRecordsByKindAndWhatTheyAreAbout) {
  const auto row = [](const char* kind, const char* id, const char* about) { return RecordRow{.kind = kind, .id = id, .about = about, .data = {}, .updated = from_ms(1)}; };
  Change first = session_change("s1");
  first.records = {row("comment", "c2", "s1"), row("comment", "c1", "s1"), row("comment", "c3", "s2"), row("expert", "c1", "s1")};
  ASSERT_TRUE(put(store(), first));
  const Result<Page<RecordRow>> page = queries().records({.kind = "comment", .about = "s1"}, {.limit = 1, .after = {}});
  EXPECT_EQ(ids(page->rows), (Ids{"c1"}));
  EXPECT_EQ(ids(queries().records({.kind = "comment", .about = "s1"}, {.limit = 9, .after = page->next})->rows), (Ids{"c2"}));
  EXPECT_EQ(ids(queries().records({.kind = "comment", .about = ""}, {})->rows), (Ids{"c1", "c2", "c3"}));

  Change second = session_change("s2");
  RecordRow moved = row("comment", "c2", "s2");
  moved.revision = 2;
  second.records = {moved};
  second.records_removed = {{"comment", "c1"}, {"comment", "none"}};
  ASSERT_TRUE(put(store(), second));
  EXPECT_TRUE(queries().records({.kind = "comment", .about = "s1"}, {})->rows.empty());
  const Result<Reply> seen = update_and_wait(store(), {.key = {}, .decide = [](View& view) -> Result<Change> {
    Change out = session_change("s3");
    json::array found;
    for (const RecordRow& each : view.records("comment", "s2")) found.push_back(json::value(each.id));
    found.push_back(view.record("comment", "c2")->revision);
    found.push_back(view.record("comment", "c1").has_value());
    out.reply.body = std::move(found);
    return out;
  }});
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->body, (json::array{"c2", "c3", std::uint64_t{2}, false}));
}

TEST_P(StoreContract, FindsTheApplicationsOfARound) {
  const auto session = [&](const char* id, const char* kind, const char* round, const char* status) {
    Change change = session_change(id);
    change.session->kind = kind;
    change.session->round = round;
    change.session->status = status;
    ASSERT_TRUE(put(store(), change));
  };
  session("r-1", "round", "r-1", "running");
  session("a-3", "application", "r-1", "running");
  session("a-1", "application", "r-1", "running");
  session("a-2", "application", "r-1", "ended");
  session("a-4", "application", "2026", "running");
  EXPECT_EQ(ids(*queries().applications("r-1", "", 9)), (Ids{"a-1", "a-2", "a-3"}));
  EXPECT_EQ(ids(*queries().applications("r-1", "a-1", 1)), (Ids{"a-2"}));
  SessionFilter rounds;
  rounds.kind = "round";
  EXPECT_EQ(ids(queries().sessions(rounds, {})->rows), (Ids{"r-1"}));
  const Result<Reply> seen = update_and_wait(store(), {.key = {}, .decide = [](View& view) -> Result<Change> {
    Change out = session_change("s1");
    json::array found;
    for (const SessionRow& each : view.applications("r-1")) found.push_back(json::value(each.id));
    out.reply.body = std::move(found);
    return out;
  }});
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->body, (json::array{"a-1", "a-3"}));
}

// Method: clients beside each other each take one from a record until it is used up.
TEST_P(StoreContract, HoldsARecordUntilTheCommandEnds) {
  constexpr int kPlaces = 20;
  const auto take = [&](int client) {
    return update_and_wait(store(), {.key = {}, .decide = [client](View& view) -> Result<Change> {
      std::optional<RecordRow> row = view.record("places", "p");
      const std::int64_t taken = row ? row->data["taken"].as_int64() : 0;
      if (taken == kPlaces) return Error{.kind = ErrorKind::rejected, .code = "test.full", .message = "full"};
      Change out;
      out.audit = {{"kind", "take"}, {"client", client}};
      out.records = {{.kind = "places", .id = "p", .about = "", .data = {{"taken", taken + 1}}, .updated = from_ms(1), .revision = row ? row->revision + 1 : 1}};
      return out;
    }});
  };
  std::vector<std::thread> clients;
  std::atomic<int> taken = 0;
  for (int client = 0; client < 4; ++client)
    clients.emplace_back([&, client] {
      for (int i = 0; i < kPlaces; ++i) taken += take(client) ? 1 : 0;
    });
  for (std::thread& each : clients) each.join();
  EXPECT_EQ(taken, kPlaces);
  EXPECT_EQ(queries().record("places", "p")->value().revision, std::uint64_t{kPlaces});
}

TEST_P(StoreContract, WritesNothingWhenDecideFails) {
  const Result<Reply> reply = update_and_wait(store(), {.key = IdempotencyKey{"u", "k", "d"}, .decide = [](View&) -> Result<Change> {
    return Error{.kind = ErrorKind::rejected, .code = "test.no", .message = "no"};
  }});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, "test.no");
  EXPECT_TRUE(queries().audit({}, 0, 10)->empty());
  // A refused command does not use its key up.
  EXPECT_TRUE(put(store(), session_change("s1"), IdempotencyKey{"u", "k", "d"}));
}

TEST_P(StoreContract, RefusesACommandWhoseDecisionThrowsAndGoesOn) {
  const Result<Reply> refused =
      update_and_wait(store(), {.key = {}, .decide = [](View&) -> Result<Change> { throw std::runtime_error("a fault"); }});
  EXPECT_EQ(refused.error().code, "store.decide");
  EXPECT_TRUE(put(store(), session_change("s1")));
  EXPECT_EQ(verify_audit(queries())->count, 1);
}

TEST_P(StoreContract, RefusesRowsOfNoSessionAndGoesOn) {
  Change bad = session_change("s1");
  bad.tasks = {task_row("t1", "nobody")};
  const Result<Reply> refused = put(store(), bad);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "store.constraint");
  EXPECT_FALSE(queries().session("s1")->has_value()) << "all of it or none of it";
  ASSERT_TRUE(put(store(), session_change("s2")));
  EXPECT_TRUE(verify_audit(queries()));
}

TEST_P(StoreContract, GivesASessionOneAwardOnly) {
  const auto award = [](const char* number) {
    AwardRow out;
    out.number = number;
    out.session_id = "s1";
    out.status = "in-force";
    return out;
  };
  Change first = session_change("s1");
  first.awards = {award("A-1")};
  ASSERT_TRUE(put(store(), first));
  Change second = session_change("s1");
  second.awards = {award("A-2")};
  EXPECT_EQ(put(store(), second).error().code, "store.constraint");
  EXPECT_EQ(queries().award_of("s1")->value().number, "A-1");
}

TEST_P(StoreContract, KeepsAnAwardNumberForTheSessionThatGotIt) {
  const auto with_award = [](const char* session, const char* status) {
    AwardRow award;
    award.number = "A-1";
    award.session_id = session;
    award.status = status;
    Change out = session_change(session);
    out.awards = {award};
    return out;
  };
  ASSERT_TRUE(put(store(), with_award("s1", "in-force")));
  const Result<Reply> refused = put(store(), with_award("s2", "in-force"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "store.constraint");
  EXPECT_FALSE(queries().session("s2")->has_value());
  ASSERT_TRUE(put(store(), with_award("s1", "revoked"))) << "its own entry may change";
  EXPECT_EQ(queries().award_of("s1")->value().status, "revoked");
  EXPECT_FALSE(queries().award_of("s2")->has_value());
}

TEST_P(StoreContract, AnswersARepeatedKeyWithTheFirstReply) {
  const IdempotencyKey key{"u1", "key-1", "digest"};
  const Reply first = *put(store(), session_change("s1"), key);
  EXPECT_FALSE(first.replayed);
  reopen();
  int ran = 0;
  const Reply again = *update_and_wait(store(), {.key = key, .decide = [&](View&) -> Result<Change> {
    ++ran;
    return session_change("s2");
  }});
  EXPECT_EQ(ran, 0);
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.revision, 1U);
  EXPECT_EQ(canonical_json(again.body), canonical_json(first.body));
  EXPECT_EQ(put(store(), session_change("s2"), IdempotencyKey{"u1", "key-1", "other"}).error().code, "idempotency.mismatch");
  EXPECT_TRUE(put(store(), session_change("s3"), IdempotencyKey{"u2", "key-1", "other"})) << "a key belongs to its actor";
  EXPECT_EQ(queries().audit({}, 0, 10)->size(), 2U);
}

// Goal: one effect, however many arrive at once. Method: eight threads, the same key.
TEST_P(StoreContract, ActsOnceForAKeyThatArrivesManyTimes) {
  constexpr int kThreads = 8;
  std::atomic<int> fresh{0};
  std::atomic<int> replayed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([&] {
      const Result<Reply> reply = put(store(), session_change("s1"), IdempotencyKey{"u", "same", "d"});
      if (reply) ++(reply->replayed ? replayed : fresh);
    });
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(fresh, 1);
  EXPECT_EQ(replayed, kThreads - 1);
  EXPECT_EQ(queries().audit({}, 0, 100)->size(), 1U);
}

// Goal: a number series has neither gap nor double under load. Method: 4 threads × 50 draws, every third refused.
TEST_P(StoreContract, DrawsEachNumberOnce) {
  constexpr int kEach = 50;
  std::mutex mutex;
  std::multiset<std::int64_t> drawn;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const std::string id = "s" + std::to_string(t) + "-" + std::to_string(i);
        const Result<Reply> reply = update_and_wait(store(), {.key = {}, .decide = [&](View& view) -> Result<Change> {
          const std::int64_t next = view.series("award") + 1;
          if (i % 3 == 2) return Error{.kind = ErrorKind::rejected, .code = "test.no", .message = "no"};
          Change out = session_change(id);
          out.series = {{"award", next}};
          out.reply.body = next;
          return out;
        }});
        if (!reply) continue;
        const std::lock_guard lock(mutex);
        drawn.insert(reply->body.as_int64());
      }
    });
  for (std::thread& each : threads) each.join();
  std::int64_t expected = 0;
  for (const std::int64_t number : drawn) EXPECT_EQ(number, ++expected);
  EXPECT_EQ(expected, 4 * 34);
  EXPECT_TRUE(verify_audit(queries()));
}

// Goal: commands of one session run one after the other, each on what the last one left. Which of those that wait
// together goes first is not promised.
TEST_P(StoreContract, ShowsACommandWhatEarlierOnesWrote) {
  std::vector<std::future<Result<Reply>>> replies;
  for (int i = 0; i < 20; ++i) {
    auto promise = std::make_shared<std::promise<Result<Reply>>>();
    replies.push_back(promise->get_future());
    store().update({.key = {}, .decide = [](View& view) -> Result<Change> {
                      const auto before = view.session("s1");
                      Change out = session_change("s1");
                      out.session->revision = before ? before->revision + 1 : 1;
                      out.reply.revision = out.session->revision;
                      return out;
                    }},
                   [promise](Result<Reply> reply) { promise->set_value(std::move(reply)); });
  }
  std::set<std::uint64_t> revisions;
  for (std::future<Result<Reply>>& each : replies) revisions.insert(each.get()->revision);
  EXPECT_EQ(revisions.size(), 20U);
  EXPECT_EQ(*revisions.rbegin(), 20U);
  EXPECT_EQ(queries().session("s1")->value().revision, 20U);
}

TEST_P(StoreContract, PagesSessionsByCreationWithoutGapOrDouble) {
  for (int i = 0; i < 23; ++i) {
    Change change = session_change("s" + std::to_string(i));
    change.session->created = from_ms(1'000 + i / 5);  // several of one instant
    ASSERT_TRUE(put(store(), change));
  }
  std::set<std::string> seen;
  PageRequest page{.limit = 4, .after = {}};
  std::int64_t before = 0;
  while (true) {
    const Page<SessionRow> got = *queries().sessions({}, page);
    for (const SessionRow& row : got.rows) {
      EXPECT_TRUE(seen.insert(row.id).second) << row.id;
      EXPECT_LE(before, to_ms(row.created));
      before = to_ms(row.created);
    }
    if (got.next.empty()) break;
    EXPECT_EQ(got.rows.size(), 4U);
    page.after = got.next;
  }
  EXPECT_EQ(seen.size(), 23U);
  for (const char* bad : {"x", "12", ".s1", "99999999999999999999.s1"})
    EXPECT_EQ(queries().sessions({}, {.limit = 4, .after = bad}).error().code, "page.cursor") << bad;
}

TEST_P(StoreContract, FiltersSessions) {
  struct Row {
    const char *id, *programme, *title, *org;
  };
  for (const Row& row : {Row{"s1", "workshop", "Alpha 100%", "c1"}, Row{"s2", "alliance", "Beta_x", "c2"}, Row{"s3", "workshop", "工坊乙", "c2"}}) {
    Change change = session_change(row.id);
    change.session->programme = row.programme;
    change.session->title = row.title;
    change.session->org = row.org;
    change.session->orgs = {row.org, "430000"};
    TaskRow sheet = task_row(std::string{row.id} + "/sheet", row.id);
    sheet.kind = "sheet";
    sheet.user = row.id == std::string{"s2"} ? "r1" : "r2";
    sheet.data = {{"opinion", std::string{"a\0b", 3}}};
    TaskRow recused = task_row(std::string{row.id} + "/recused", row.id);
    recused.kind = "sheet";
    recused.user = "r3";
    recused.status = "done";
    recused.outcome = "recuse";
    TaskRow cancelled = task_row(std::string{row.id} + "/cancelled", row.id);
    cancelled.kind = "sheet";
    cancelled.user = "r4";
    cancelled.status = "cancelled";
    change.tasks = {sheet, recused, cancelled};
    ASSERT_TRUE(put(store(), change));
  }
  struct Case {
    SessionFilter filter;
    Ids expected;
  };
  const Case cases[] = {
      {{}, {"s1", "s2", "s3"}},
      {{.programme = "workshop"}, {"s1", "s3"}},
      {{.text = "alpha"}, {"s1"}},
      {{.text = "0%"}, {"s1"}},
      {{.text = "a_x"}, {"s2"}},
      {{.text = "%"}, {"s1"}},
      {{.text = "坊乙"}, {"s3"}},
      {{.orgs = {"c2"}}, {"s2", "s3"}},
      {{.orgs = {"430000"}}, {"s1", "s2", "s3"}},
      {{.orgs = {"c9"}}, {}},
      {{.own = {"c2"}}, {"s2", "s3"}},
      {{.own = {"430000"}}, {}},
      {{.own = {"c1"}, .reviewer = "r1"}, {"s1", "s2"}},
      {{.reviewer = "r1"}, {"s2"}},
      {{.reviewer = "r3"}, {}},
      {{.reviewer = "r4"}, {}},
      {{.orgs = {"c1"}, .reviewer = "r1"}, {"s1", "s2"}},
      {{.programme = "workshop", .reviewer = "r1"}, {}},
      {{.round = "2025"}, {}},
      {{.status = "ended"}, {}},
  };
  for (std::size_t i = 0; i < std::size(cases); ++i) EXPECT_EQ(ids(queries().sessions(cases[i].filter, {})->rows), cases[i].expected) << "case " << i;
}

TEST_P(StoreContract, ListsTasksByDueDateForThoseTheyAreFor) {
  Change change = session_change("s1");
  TaskRow late = task_row("late", "s1");
  late.due = from_ms(200);
  TaskRow soon = task_row("soon", "s1");
  soon.due = from_ms(100);
  const TaskRow never = task_row("never", "s1");
  TaskRow named = task_row("named", "s1");
  named.user = "u7";
  TaskRow other = task_row("other", "s1");
  other.org = "c2";
  TaskRow done = task_row("done", "s1");
  done.status = "done";
  change.tasks = {late, soon, never, named, other, done};
  ASSERT_TRUE(put(store(), change));
  const TaskFilter mine{.memberships = {{"applicant", "c1"}}, .user = "u1", .statuses = {"open", "claimed"}};
  EXPECT_EQ(ids(queries().tasks(mine, {})->rows), (Ids{"soon", "late", "never"}));
  EXPECT_EQ(ids(queries().tasks({.user = "u7"}, {})->rows), (Ids{"named"}));
  EXPECT_EQ(ids(queries().tasks({.memberships = {{"reviewer", "c1"}}}, {})->rows), Ids{});
  const Page<TaskRow> first = *queries().tasks(mine, {.limit = 2, .after = {}});
  EXPECT_EQ(ids(first.rows), (Ids{"soon", "late"}));
  EXPECT_EQ(ids(queries().tasks(mine, {.limit = 2, .after = first.next})->rows), (Ids{"never"}));

  Change moved = session_change("s1");
  named.user = "u8";
  named.role = "reviewer";
  moved.tasks = {named};
  ASSERT_TRUE(put(store(), moved));
  EXPECT_EQ(ids(queries().tasks({.user = "u7"}, {})->rows), Ids{}) << "a task given to another leaves the first one's inbox";
  EXPECT_EQ(ids(queries().tasks({.user = "u8"}, {})->rows), (Ids{"named"}));
}

TEST_P(StoreContract, ListsNoticesNewestFirstAndAwardsByNumber) {
  for (int i = 0; i < 5; ++i) {
    const std::string n = std::to_string(i);
    Change change = session_change("s" + n);
    NoticeRow notice;
    notice.id = "n" + n;
    notice.session_id = "s" + n;
    notice.programme = i % 2 == 0 ? "workshop" : "alliance";
    notice.opens = from_ms(i);
    notice.status = "open";
    change.notices = {notice};
    AwardRow award;
    award.number = "HN-" + std::to_string(9 - i);
    award.session_id = "s" + n;
    award.programme = notice.programme;
    award.title = "Title " + n;
    award.status = "in-force";
    change.awards = {award};
    ASSERT_TRUE(put(store(), change));
  }
  const Page<NoticeRow> notices = *queries().notices({}, {.limit = 3, .after = {}});
  EXPECT_EQ(ids(notices.rows), (Ids{"n4", "n3", "n2"}));
  EXPECT_EQ(ids(queries().notices({}, {.limit = 3, .after = notices.next})->rows), (Ids{"n1", "n0"}));
  EXPECT_EQ(ids(queries().notices({.programme = "alliance"}, {})->rows), (Ids{"n3", "n1"}));
  const Page<AwardRow> awards = *queries().awards({}, {.limit = 2, .after = {}});
  EXPECT_EQ(awards.rows.at(0).number, "HN-5");
  EXPECT_EQ(queries().awards({}, {.limit = 2, .after = awards.next})->rows.at(0).number, "HN-7");
  EXPECT_EQ(queries().awards({.text = "title 3"}, {})->rows.size(), 1U);
  EXPECT_EQ(queries().awards({.text = "hn-"}, {})->rows.size(), 5U);
}

// Goal: an entry that was done in part goes on where it was. Method: written again with another payload.
TEST_P(StoreContract, KeepsHowFarAnOutboxEntryHasCome) {
  Change change = session_change("s1");
  change.outbox = {{.id = "o", .session_id = "s1", .kind = "appoint", .payload = {{"after", ""}}, .created = from_ms(1), .attempts = 0, .next_at = from_ms(1)}};
  ASSERT_TRUE(put(store(), change));
  change = session_change("s1");
  change.outbox = {{.id = "o", .session_id = "s1", .kind = "appoint", .payload = {{"after", "a-50"}}, .created = from_ms(1), .attempts = 0, .next_at = from_ms(1)}};
  ASSERT_TRUE(put(store(), change));
  EXPECT_EQ(queries().due_outbox(from_ms(1), 10)->at(0).payload, (json::object{{"after", "a-50"}}));
}

TEST_P(StoreContract, TakesTimersAndOutboxAway) {
  Change change = session_change("s1");
  for (int i = 0; i < 5; ++i) {
    const std::string n = std::to_string(i);
    change.timers.push_back({.id = "s1/" + n, .session_id = "s1", .due = from_ms(100 - i), .event = {{"name", n}}});
    change.outbox.push_back({.id = "o" + n, .session_id = "s1", .kind = "send", .payload = {}, .created = from_ms(0), .attempts = 0, .next_at = from_ms(100 - i)});
  }
  ASSERT_TRUE(put(store(), change));
  EXPECT_EQ(ids(*queries().due_timers(from_ms(98), 10)), (Ids{"s1/4", "s1/3", "s1/2"}));
  EXPECT_EQ(ids(*queries().due_timers(from_ms(98), 2)), (Ids{"s1/4", "s1/3"}));
  EXPECT_EQ(ids(*queries().timers("s1")), (Ids{"s1/4", "s1/3", "s1/2", "s1/1", "s1/0"}));
  EXPECT_EQ(ids(*queries().timers("s2")), Ids{});
  EXPECT_EQ(ids(*queries().due_outbox(from_ms(97), 10)), (Ids{"o4", "o3"}));
  // The first of a session at least; after what comes before it is gone, the next.
  for (int claimed = 0; claimed < 2; ++claimed) {  // its own again
    EXPECT_EQ(queries().claim_timers(from_ms(98), 10, std::chrono::hours{1})->at(0).id, "s1/4");
    EXPECT_EQ(queries().claim_outbox(from_ms(97), 10, std::chrono::hours{1})->at(0).id, "o4");
  }
  EXPECT_TRUE(queries().claim_timers(from_ms(95), 10, std::chrono::hours{1})->empty());
  Change removal = session_change("s1");
  removal.timers_removed = {"s1/4", "unknown"};
  removal.outbox_removed = {"o4"};
  removal.timers = {{.id = "s1/3", .session_id = "s1", .due = from_ms(500), .event = {{"name", "later"}}}};
  ASSERT_TRUE(put(store(), removal));
  EXPECT_EQ(queries().next_timer()->value(), from_ms(98));
  EXPECT_EQ(ids(*queries().due_outbox(from_ms(97), 10)), (Ids{"o3"}));
  EXPECT_EQ(queries().claim_timers(from_ms(98), 10, std::chrono::hours{1})->at(0).id, "s1/2");
  EXPECT_EQ(ids(*queries().claim_outbox(from_ms(97), 10, std::chrono::hours{1})), (Ids{"o3"}));
  Change further = session_change("s1");
  further.outbox = {{.id = "o3", .session_id = "s1", .kind = "send", .payload = {{"after", "a-50"}}, .created = from_ms(0), .attempts = 0, .next_at = from_ms(97)}};
  ASSERT_TRUE(put(store(), further));
  EXPECT_EQ(queries().due_outbox(from_ms(97), 10)->at(0).payload, (json::object{{"after", "a-50"}})) << "a long entry is done in pieces";
  const Result<Reply> looked = update_and_wait(store(), {.key = {}, .decide = [](View& view) {
    EXPECT_FALSE(view.timer("s1/2")->elsewhere);
    EXPECT_FALSE(view.outbox("o3")->elsewhere);
    return Result<Change>{session_change("s1")};
  }});
  EXPECT_TRUE(looked);
}

TEST_P(StoreContract, EndsTheLoginsOfAUser) {
  Change change = session_change("s1");
  change.users = {{.id = "u1", .name = "a", .password = "p", .memberships = {}}, {.id = "u2", .name = "b", .password = "p", .memberships = {}}};
  change.logins = {{.token_digest = "a1", .user_id = "u1", .expires = {}}, {.token_digest = "a2", .user_id = "u1", .expires = {}}, {.token_digest = "b1", .user_id = "u2", .expires = {}}};
  ASSERT_TRUE(put(store(), change));
  Change out = session_change("s1");
  out.logins_removed = {"b1"};
  out.logins_removed_of = {"u1"};
  out.logins = {{.token_digest = "a3", .user_id = "u1", .expires = {}}};
  ASSERT_TRUE(put(store(), out));
  for (const char* gone : {"a1", "a2", "b1"}) EXPECT_FALSE(queries().login(gone)->has_value()) << gone;
  EXPECT_TRUE(queries().login("a3")->has_value());
}

TEST_P(StoreContract, KeepsLargeAndOddTexts) {
  Change change = session_change("s1");
  change.session->document = R"({"x":")" + std::string(3'000'000, 'y') + "\"}";
  change.session->title = "a'b\"c;--\\ \xF0\xA0\xAE\xB7 é";
  ASSERT_TRUE(put(store(), change));
  reopen();
  EXPECT_EQ(queries().session("s1")->value().document, change.session->document);
  EXPECT_EQ(queries().session("s1")->value().title, change.session->title);
}

// A NUL is a character like any other, or the command is refused: never a text that ends before it.
TEST_P(StoreContract, NeverCutsATextShort) {
  Change change = session_change("s1");
  change.session->title = std::string("a\0b", 3);
  const Result<Reply> reply = put(store(), change);
  if (reply) {
    EXPECT_EQ(queries().session("s1")->value().title, change.session->title);
  } else {
    EXPECT_EQ(reply.error().code, "store.constraint");
  }
  EXPECT_TRUE(put(store(), session_change("s2"))) << "and the store goes on";
}

TEST_P(StoreContract, GoesOnWithTheChainOverArchivedRecords) {
  for (const char* id : {"s1", "s2", "s1", "s2", "s1"}) ASSERT_TRUE(put(store(), session_change(id)));
  const std::vector<AuditRow> before = *queries().audit({}, 0, 10);
  const auto archive = [&](std::int64_t through, const std::string& bag) {
    Change change;
    change.audit = {{"kind", "audit.archive"}};
    change.archived.push_back({.session_id = "s1", .through = through, .bag = bag});
    return put(store(), change);
  };
  ASSERT_TRUE(archive(3, "bag1"));
  ASSERT_TRUE(archive(5, "bag2"));
  const std::vector<AuditRow> after = *queries().audit({}, 0, 10);
  ASSERT_EQ(after.size(), 7U);
  std::vector<std::string> bags;
  for (std::size_t i = 0; i < before.size(); ++i) {
    bags.push_back(bag_of_archived(after[i].record));
    EXPECT_EQ(after[i].hash, before[i].hash);
    EXPECT_EQ(bags.back().empty(), after[i].record == before[i].record);
  }
  EXPECT_EQ(bags, (std::vector<std::string>{"bag1", "", "bag1", "", "bag2"})) << "what was archived before stays in its bag";
  const auto fetch = [&](const AuditRow& row, const std::string&) -> Result<std::string> { return before[static_cast<std::size_t>(row.seq) - 1].record; };
  EXPECT_EQ(verify_audit(queries(), {}, fetch)->count, 7);
  EXPECT_EQ(verify_audit(queries()).error().code, "audit.broken");
  const auto fetch_another = [&](const AuditRow&, const std::string&) -> Result<std::string> { return before[1].record; };
  EXPECT_EQ(verify_audit(queries(), {}, fetch_another).error().code, "audit.broken");
}

TEST_P(StoreContract, VerifiesTheAuditBesideAWriter) {
  std::atomic<bool> over{false};
  std::thread writer([&] {
    for (int i = 0; i < 300; ++i) EXPECT_TRUE(put(store(), session_change("s" + std::to_string(i))));
    over = true;
  });
  while (!over) EXPECT_TRUE(verify_audit(queries()));
  writer.join();
  EXPECT_EQ(verify_audit(queries())->count, 300);
}

TEST_P(StoreContract, ChainsTheAuditOfAllCommands) {
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(put(store(), session_change("s" + std::to_string(i % 3))));
  reopen();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(put(store(), session_change("s0")));
  const Result<AuditHead> head = verify_audit(queries());
  ASSERT_TRUE(head);
  EXPECT_EQ(head->count, 15);
  EXPECT_EQ(queries().audit("s0", 0, 100)->size(), 7U);
  EXPECT_EQ(queries().audit({}, 13, 100)->at(0).seq, 14);
  EXPECT_EQ(queries().audit({}, 0, 4)->size(), 4U);
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreContract, testing::Values(memory_backend(), sqlite_backend(), postgres_backend()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace chuyi::test
