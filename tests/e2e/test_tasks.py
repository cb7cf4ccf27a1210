"""Goal: tasks do over HTTP what people expect of an approval system, and two who act at once never both get what one may
have. Method: a real server; the concurrent ones on SQLite and, where there is one, on PostgreSQL."""
import concurrent.futures
import json
import shutil
import tempfile
import unittest

from scenario import PREFECTURE, PROVINCE, Way, set_up
from server import CLUSTER, PASSWORD, POSTGRES, Server, run_cli, store_of


class Installation(unittest.TestCase):
    store = None

    def setUp(self):
        folder = tempfile.mkdtemp(prefix="chuyi-tasks-")
        self.addCleanup(shutil.rmtree, folder)
        self.server = Server(folder, store=store_of(folder) if self.store else None)
        self.tokens = set_up(self.server)
        self.addCleanup(self.server.stop)
        for name, role, org in (("bureau2", "recommending-officer", PREFECTURE), ("deputy", "applicant", PREFECTURE), ("third", "provincial-officer", PROVINCE)):
            self.add_user(name, (role, org))

    def add_user(self, name, *held):
        made = self.call("POST", "/admin/users", {"id": name, "name": name, "password": PASSWORD, "memberships": [{"role": role, "org": org} for role, org in held]}, "admin", 201)
        self.tokens[name] = self.server.login(name)
        return made

    def call(self, method, path, body, who, expect=200, **more):
        answer = self.server.request(method, "/api/v1" + path, body, self.tokens[who], **more)
        self.assertEqual(answer.status, expect, f"{method} {path} as {who}: {answer.body.decode()}")
        return answer.json

    def code(self, path, body, who, status):
        return self.call("POST", path, body, who, status)["code"]

    def submitted(self):
        way = Way(self.server, self.tokens, "workshop")
        way.create()
        way.fill()
        way.do("POST", f"/api/v1/applications/{way.id}/submit", {}, "applicant", 200)
        return way

    def delegate(self, who="bureau", to="deputy"):
        return self.call("POST", "/delegations", {"to": to, "since": "2026-03-02", "until": "2026-03-06", "reason": "出差"}, who, 201)["id"]

    def check_replay(self, way):
        self.assertIn("byte for byte", run_cli("replay", way.id, data=self.server.data, store=self.server.store).stdout)

    def check_audit(self):
        run_cli("audit", "verify", "--json", data=self.server.data, store=self.server.store)


class Tasks(Installation):
    def test_a_deputy_signs_and_the_history_names_both(self):
        way = self.submitted()
        task = way.task("bureau", "task")
        self.assertEqual(self.code(f"/tasks/{task}/complete?on_behalf_of=bureau", {"outcome": "recommend"}, "deputy", 403), "delegation.none")
        delegation = self.delegate()
        inbox = self.call("GET", "/inbox", None, "deputy")
        self.assertEqual([each["from"] for each in inbox["delegated"]], ["bureau"])
        handed = self.call("GET", "/inbox?on_behalf_of=bureau", None, "deputy")
        self.assertEqual([each["id"] for each in handed["items"]], [task])
        done = self.call("POST", f"/tasks/{task}/complete?on_behalf_of=bureau", {"outcome": "recommend"}, "deputy")
        self.assertEqual((done["done_by"], done["done_for"]), ("deputy", "bureau"))
        entry = self.call("GET", f"/applications/{way.id}/history", None, "bureau")["items"][-1]
        self.assertEqual((entry["actor"]["id"], entry["on_behalf_of"]["id"]), ("deputy", "bureau"))
        self.call("POST", f"/delegations/{delegation}/end", {}, "bureau")
        self.assertEqual(self.code(f"/tasks/{task}/complete?on_behalf_of=bureau", {}, "deputy", 403), "delegation.none")
        self.assertFalse(self.call("GET", "/delegations", None, "deputy")["items"][0]["in_force"])
        self.check_replay(way)

    def test_what_a_leaving_person_holds_goes_over_and_each_is_reported(self):
        first, second = self.submitted(), self.submitted()
        self.call("POST", f"/tasks/{first.task('bureau', 'task')}/claim", {}, "bureau")
        self.call("POST", f"/tasks/{second.task('bureau', 'task')}/assign", {"to": "bureau"}, "bureau2")
        self.delegate()
        report = self.call("POST", "/admin/handover", {"from": "bureau", "to": "bureau2", "reason": "调离"}, "admin")
        self.assertEqual((report["moved"], report["stayed"]), (3, 0), report)
        mine = self.call("GET", "/inbox?claimed=me", None, "bureau2")
        self.assertEqual((len(mine["items"]), mine["counts"]["claimed_by_me"]), (2, 2))
        again = self.call("POST", "/admin/handover", {"from": "bureau2", "to": "clerk", "reason": "不同单位"}, "admin")
        self.assertEqual(again["moved"], 0)
        self.assertEqual({each["problem"]["code"] for each in again["items"]}, {"task.assignee", "delegation.nothing", "delegation.deputy"} & {each["problem"]["code"] for each in again["items"]})
        self.check_replay(first)

    def test_ones_own_last_action_is_taken_back(self):
        way = self.submitted()
        task = way.task("bureau", "task")
        self.call("POST", f"/tasks/{task}/complete", {"outcome": "recommend"}, "bureau")
        self.assertEqual(self.code(f"/tasks/{task}/recall", {}, "bureau2", 409), "recall.acted")
        back = self.call("POST", f"/tasks/{task}/recall", {"reason": "点错了"}, "bureau", key="recall-1")
        self.assertEqual(back["status"], "open")
        self.assertEqual(self.call("POST", f"/tasks/{task}/recall", {"reason": "点错了"}, "bureau", key="recall-1"), back, "a repeat has the same answer")
        self.assertEqual(way.application("bureau")["state"], "recommendation")
        self.call("POST", f"/tasks/{task}/complete", {"outcome": "recommend"}, "bureau")
        self.call("POST", f"/tasks/{way.task('clerk', 'task')}/claim", {}, "clerk")
        self.assertEqual(self.code(f"/tasks/{task}/recall", {}, "bureau", 409), "recall.acted")
        self.check_replay(way)
        self.check_audit()

    def test_signers_before_and_after_and_a_return(self):
        way = self.submitted()
        task = way.task("bureau", "task")
        self.call("POST", f"/tasks/{task}/signers", {"user": "bureau2", "when": "before", "reason": "请审"}, "bureau")
        self.call("POST", f"/tasks/{task}/signers", {"user": "deputy", "when": "after"}, "bureau")
        self.assertEqual(self.code(f"/tasks/{task}/complete", {"outcome": "recommend"}, "bureau", 409), "task.waiting")
        self.call("POST", f"/tasks/{way.task('bureau2', 'cosign')}/complete", {"outcome": "agree"}, "bureau2")
        self.call("POST", f"/tasks/{task}/complete", {"outcome": "recommend"}, "bureau")
        self.assertEqual(way.application("bureau")["state"], "recommendation")
        self.call("POST", f"/tasks/{way.task('deputy', 'cosign')}/complete", {"outcome": "agree"}, "deputy")
        formal = way.task("clerk", "task")
        self.assertEqual(self.call("GET", f"/tasks/{formal}", None, "clerk")["return_to"], ["drafting", "recommendation"])
        refused = self.call("POST", f"/tasks/{formal}/return", {"to": "term", "reason": "x"}, "clerk", 409)
        self.assertEqual((refused["code"], refused["allowed"]), ("task.return_to", ["drafting", "recommendation"]))
        self.call("POST", f"/tasks/{formal}/return", {"to": "recommendation", "reason": "请补充推荐意见"}, "clerk")
        self.assertEqual(way.application("bureau")["state"], "recommendation")
        self.check_replay(way)

    def test_people_talk_about_a_task_and_nobody_acts_by_it(self):
        way = self.submitted()
        task = way.task("bureau", "task")
        revision = way.application("bureau")["revision"]
        self.call("POST", f"/tasks/{task}/comments", {"text": "请看附件", "mentions": ["bureau2", "clerk"]}, "bureau", 201)
        self.assertEqual(self.code(f"/tasks/{task}/comments", {"text": "x", "mentions": ["expert1"]}, "bureau", 409), "note.user")
        self.assertEqual(self.code(f"/tasks/{task}/comments", {"text": ""}, "bureau", 409), "note.text")
        self.assertEqual(self.code(f"/tasks/{task}/comments", {"text": "x"}, "expert1", 404), "task.unknown")
        self.call("POST", f"/tasks/{task}/copies", {"users": ["bureau2"], "text": "供参考"}, "bureau", 201)
        self.assertEqual(self.call("GET", "/copies", None, "bureau2")["items"][0]["task"], task)
        self.call("POST", f"/tasks/{task}/read", {}, "bureau2", 201)
        notes = self.call("GET", f"/tasks/{task}/notes", None, "clerk")
        self.assertEqual(notes["comments"][0]["text"], "请看附件")
        self.assertEqual([(each["user"], "read" in each) for each in notes["receipts"]], [("bureau2", True)])
        self.call("PUT", "/admin/task-rules", {"urge_per_day": 2}, "admin")
        for count in (1, 2):
            self.assertEqual(self.call("POST", f"/tasks/{task}/urge", {"text": "请尽快"}, "clerk", 201)["today"], count)
        self.assertEqual(self.code(f"/tasks/{task}/urge", {}, "clerk", 409), "urge.limit")
        self.assertEqual(way.application("bureau")["revision"], revision)
        way.advance("2026-03-03T00:00:00+08:00")
        self.call("POST", f"/tasks/{task}/urge", {}, "clerk", 201)
        self.check_audit()

    def test_an_inbox_is_filtered_and_counted_in_one_call(self):
        ways = [self.submitted() for _ in range(3)]
        self.call("POST", f"/tasks/{ways[0].task('bureau', 'task')}/claim", {}, "bureau")
        inbox = self.call("GET", "/inbox?limit=2", None, "bureau")
        self.assertEqual(len(inbox["items"]), 2)
        counts = inbox["counts"]
        self.assertEqual((counts["total"], counts["claimed_by_me"], counts["overdue"]), (3, 1, 0))
        self.assertEqual(counts["programme"], {"workshop": 3})
        self.assertEqual(counts["stage"], {"nomination": 3})
        self.assertEqual(counts["status"], {"open": 2, "claimed": 1})
        rest = self.call("GET", f"/inbox?limit=2&after={inbox['after']}", None, "bureau")
        self.assertEqual(len(rest["items"]), 1)
        for query, expected in (("programme=workshop", 3), ("programme=x", 0), ("round=2026", 3), ("stage=review", 0), ("q=湘绣", 3), ("q=没有", 0),
                                ("claimed=me", 1), ("kind=cosign", 0), ("overdue=true", 0), ("due_before=2026-01-01", 0)):
            shown = self.call("GET", "/inbox?" + query.replace("湘绣", "%E6%B9%98%E7%BB%A3").replace("没有", "%E6%B2%A1%E6%9C%89"), None, "bureau")
            self.assertEqual((len(shown["items"]), shown["counts"]["total"]), (expected, expected), query)

    def test_a_deputy_cannot_tell_by_the_counts_who_is_an_expert(self):
        self.add_user("both", ("applicant", PREFECTURE), ("reviewer", PROVINCE))
        self.delegate("both")
        way = self.submitted()
        way.sign("bureau", "task", "recommend", {"opinion": "同意推荐"})
        way.sign("clerk", "task", "pass")
        way.sign("clerk", "panel-setup", "appoint", {"reviewers": ["both", "expert2", "expert3"]})
        self.assertEqual(self.call("GET", "/inbox", None, "both")["counts"]["kind"], {"sheet": 1})
        for query in ("", "&kind=sheet", "&stage=review", "&q=%E6%B9%98%E7%BB%A3", f"&application={way.id}", "&status=open,claimed,done,cancelled"):
            shown = self.call("GET", "/inbox?on_behalf_of=both" + query, None, "deputy")
            self.assertEqual((shown["items"], shown["counts"]["total"], shown["counts"]["kind"], shown.get("after")), ([], 0, {}, None), query)

    def test_a_bulk_action_is_shown_first_and_undone_as_a_whole(self):
        ways = [self.submitted() for _ in range(3)]
        tasks = [way.task("bureau", "task") for way in ways]
        ask = {"action": "recommend", "tasks": tasks + ["t-none"], "data": {"opinion": "同意"}}
        shown = self.call("POST", "/bulk", ask | {"dry_run": True}, "bureau")
        self.assertEqual((shown["done"], shown["refused"]), (3, 1))
        self.assertEqual(shown["items"][0]["changes"]["application"]["state"], {"from": "recommendation", "to": "formal_check"})
        self.assertEqual(shown["items"][3]["problem"]["code"], "task.unknown")
        self.assertEqual([way.application("bureau")["state"] for way in ways], ["recommendation"] * 3, "nothing has changed")
        done = self.call("POST", "/bulk", ask, "bureau", key="bulk-1")
        self.assertEqual((done["done"], done["refused"]), (3, 1), done)
        self.assertEqual(self.call("POST", "/bulk", ask, "bureau", key="bulk-1"), done, "a repeat does nothing twice")
        self.assertEqual([way.application("bureau")["state"] for way in ways], ["formal_check"] * 3)
        batch = done["batch"]
        self.assertEqual(self.code(f"/bulk/{batch}/undo", {}, "bureau2", 404), "batch.unknown")
        self.call("POST", f"/tasks/{ways[1].task('clerk', 'task')}/claim", {}, "clerk")
        stands = self.call("POST", f"/bulk/{batch}/undo", {}, "bureau", 409)
        self.assertEqual((stands["code"], [each["code"] for each in stands["errors"]] if "errors" in stands else ["recall.acted"]), ("batch.acted", ["recall.acted"]))
        self.assertEqual(ways[0].application("bureau")["state"], "formal_check", "as a whole or not at all")
        more = [self.submitted() for _ in range(2)]
        done = self.call("POST", "/bulk", {"action": "assign", "to": "bureau2", "tasks": [way.task("bureau", "task") for way in more]}, "bureau")
        self.assertEqual(done["done"], 2)
        undone = self.call("POST", f"/bulk/{done['batch']}/undo", {}, "bureau", key="undo-1")
        self.assertEqual((undone["done"], undone["refused"]), (2, 0), undone)
        self.assertEqual(self.call("POST", f"/bulk/{done['batch']}/undo", {}, "bureau", key="undo-1"), undone)
        self.assertEqual(self.code(f"/bulk/{done['batch']}/undo", {}, "bureau", 409), "batch.undone")
        self.assertEqual(self.call("GET", "/inbox?claimed=me", None, "bureau2")["counts"]["total"], 0)
        for way in ways + more:
            self.check_replay(way)

    def test_a_bulk_action_is_undone_within_its_time(self):
        self.call("PUT", "/admin/task-rules", {"undo_minutes": 10}, "admin")
        way = self.submitted()
        done = self.call("POST", "/bulk", {"action": "decide", "outcome": "recommend", "tasks": [way.task("bureau", "task")]}, "bureau")
        way.advance("2026-03-02T09:11:00+08:00")
        self.assertEqual(self.code(f"/bulk/{done['batch']}/undo", {}, "bureau", 409), "batch.late")


class AtOnce(Installation):
    """What two do at the same time."""

    def both(self, *calls):
        with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
            return [each.result() for each in [pool.submit(call) for call in calls]]

    def test_a_deputy_signs_while_the_delegation_ends(self):
        for _ in range(4):
            way = self.submitted()
            task = way.task("bureau", "task")
            delegation = self.delegate()
            signed, ended = self.both(
                lambda: self.server.request("POST", f"/api/v1/tasks/{task}/complete?on_behalf_of=bureau", {"outcome": "recommend"}, self.tokens["deputy"]),
                lambda: self.server.request("POST", f"/api/v1/delegations/{delegation}/end", {}, self.tokens["bureau"]))
            self.assertEqual(ended.status, 200, ended.body)
            self.assertIn(signed.status, (200, 403), signed.body)
            # Nothing is signed by a delegation that has ended: in the log the sign-off stands before the end.
            records = self.records()
            end = next(seq for seq, each in records if each["kind"] == "delegation.end" and each["data"]["id"] == delegation)
            signs = [seq for seq, each in records if each["kind"] == "task.complete" and each.get("task") == task]
            self.assertEqual(len(signs), 1 if signed.status == 200 else 0)
            self.assertTrue(all(seq < end for seq in signs), (signs, end))
            self.check_replay(way)
        self.check_audit()

    def records(self):
        from server import psql, stored
        sql = "SELECT seq, record FROM audit ORDER BY seq"
        rows = psql(self.server.store, sql) if self.server.store else stored(self.server.data, sql)
        return [(int(seq), json.loads(record)) for seq, record in rows]

    def test_two_recalls_at_once(self):
        for _ in range(4):
            way = self.submitted()
            task = way.task("bureau", "task")
            self.call("POST", f"/tasks/{task}/complete", {"outcome": "recommend"}, "bureau")
            recall = lambda: self.server.request("POST", f"/api/v1/tasks/{task}/recall", {}, self.tokens["bureau"])
            answers = self.both(recall, recall)
            self.assertEqual(sorted(each.status for each in answers), [200, 409], [each.body for each in answers])
            self.assertEqual(way.application("bureau")["state"], "recommendation")
            self.check_replay(way)
        self.check_audit()

    def test_a_recall_while_the_next_one_acts(self):
        for _ in range(4):
            way = self.submitted()
            task = way.task("bureau", "task")
            self.call("POST", f"/tasks/{task}/complete", {"outcome": "recommend"}, "bureau")
            following = way.task("clerk", "task")
            recalled, passed = self.both(lambda: self.server.request("POST", f"/api/v1/tasks/{task}/recall", {}, self.tokens["bureau"]),
                                         lambda: self.server.request("POST", f"/api/v1/tasks/{following}/complete", {"outcome": "pass"}, self.tokens["clerk"]))
            self.assertEqual(sorted((recalled.status, passed.status)), [200, 409], (recalled.body, passed.body))
            self.check_replay(way)


@unittest.skipUnless(CLUSTER and not POSTGRES, "no PostgreSQL here: tools/deps.sh --tests installs it")
class AtOnceOnPostgres(AtOnce):
    store = "postgres"


if __name__ == "__main__":
    unittest.main()
