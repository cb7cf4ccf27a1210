"""Goal: running applications go on in a changed workflow; what cannot is left alone and named; a migration can be undone.
Method: the real server with a package, a changed copy of that package, and `chuyi migrate` between two runs of the server."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from scenario import Way, set_up
from server import BINARY_DIR, CHUYI, POSTGRES, SOURCE_DIR, Server, run_cli, stored
from test_rules import package

LEGAL = """<state id="legal" chuyi:title="合法性审查" chuyi:title-en="Legal opinion">
        <invoke type="task" id="counsel">
          <param name="role" expr="'provincial-officer'"/>
          <param name="org" expr="application.orgs.province"/>
          <param name="outcomes" expr="{'pass'}"/>
          <param name="not_by" expr="{'apply', 'recommend', 'correct'}"/>
        </invoke>
        <transition event="done.invoke.counsel" target="review"/>
      </state>
      <state id="correction\""""


def selection():
    with open(os.path.join(SOURCE_DIR, "workflows", "selection.scxml"), encoding="utf-8") as source:
        return source.read()


def second_version():
    """formal_check is called eligibility, a legal opinion comes after it, and the notice is another invoke."""
    text = selection().replace('"formal_check"', '"eligibility"').replace('<state id="correction"', LEGAL)
    text = text.replace("cond=\"_event.data.outcome == 'pass'\" target=\"review\"", "cond=\"_event.data.outcome == 'pass'\" target=\"legal\"")
    return text.replace('id="notice"', 'id="announcement"').replace("done.invoke.notice", "done.invoke.announcement")


class Migrate(unittest.TestCase):
    def setUp(self):
        self.data, self.old, self.new = (tempfile.mkdtemp(prefix=f"chuyi-{name}-") for name in ("e2e", "old", "new"))
        for folder in (self.data, self.old, self.new):
            self.addCleanup(shutil.rmtree, folder)
        package(self.old, "workshop", workflow=selection())
        self.package("2.0.0", second_version())
        self.server = Server(self.data, "--plugins", self.old)
        self.tokens = set_up(self.server)
        self.ways = []

    def package(self, version, workflow, where="workshop"):
        folder = os.path.join(self.new, version)
        package(folder, where, workflow=workflow)
        manifest = os.path.join(folder, where, "plugin.xml")
        with open(manifest, encoding="utf-8") as source:
            text = source.read()
        with open(manifest, "w", encoding="utf-8") as out:
            out.write(text.replace('version="1.1.0"', f'version="{version}"'))
        return os.path.join(folder, where)

    def way(self):
        self.ways.append(Way(self.server, self.tokens, "workshop"))
        return self.ways[-1]

    def until_formal_check(self):
        way = self.way()
        way.create()
        way.fill()
        way.do("POST", f"/api/v1/applications/{way.id}/submit", {}, "applicant", 200)
        way.sign("bureau", "task", "recommend", {"opinion": "同意推荐"})
        return way

    def migrate(self, *arguments, code=0):
        done = run_cli("migrate", *arguments, data=self.data, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def plan(self, *arguments, what="plan"):
        new = os.path.join(self.new, "2.0.0", "workshop")
        plan = json.loads(self.migrate(what, "workshop@1.1.0", new, "--json", *arguments).stdout)
        return plan, {each["id"]: each for each in plan["applications"]}

    def rows(self):
        return {row[0]: row[1:] for row in stored(self.data, "SELECT id, definition, state, stage, document FROM sessions")}

    def check_log(self):
        run_cli("audit", "verify", data=self.data)
        for way in self.ways:
            self.assertIn("byte for byte", run_cli("replay", way.id, data=self.data).stdout)

    def test_a_renamed_state_and_an_added_stage(self):
        moving, drafting, published = self.until_formal_check(), self.way(), self.way()
        drafting.create()
        published.nominate()
        published.review()
        self.assertEqual(self.server.stop(), 0)
        before = self.rows()

        _, found = self.plan()
        self.assertEqual({id: each["result"] for id, each in found.items()},
                         {moving.id: "needs-mapping", drafting.id: "as-is", published.id: "cannot"})
        self.assertIn("--map formal_check=", found[moving.id]["reasons"][0]["message"])
        plan, found = self.plan("--map", "formal_check=eligibility", "--dry-run", what="apply")
        self.assertEqual(found[moving.id]["before"][-1:] + found[moving.id]["after"][-1:], ["formal_check", "eligibility"])
        self.assertIn({"from": None, "to": "legal", "applications": 0}, plan["states"])
        self.assertEqual(self.rows(), before, "a dry run moves nothing")
        shown = self.migrate("apply", "workshop@1.1.0", os.path.join(self.new, "2.0.0", "workshop"), "--map", "formal_check=eligibility", "--lang", "zh").stdout
        self.assertRegex(shown, moving.id + r".*\[moved\].*资格审查（formal_check） → 无撤回申请（nothing_asked） \+ 资格审查（eligibility）")
        self.assertRegex(shown, published.id + r".*\[cannot\](.|\n)*没有正在进行的环节“notice”")
        replayed = run_cli("replay", moving.id, data=self.data).stdout
        self.assertIn("\n    done.invoke.recommend {", replayed)
        self.assertIn("\n      recommendation ⇒ formal_check\n    in candidate withdrawal nothing_asked proceedings nomination formal_check\n", replayed)
        self.assertIn("\n    in candidate withdrawal nothing_asked proceedings nomination eligibility\n    /programme/version: \"1.1.0\" → \"2.0.0\"\n", replayed)
        after = self.rows()
        self.assertEqual(after[published.id], before[published.id], "left alone")
        self.assertEqual(after[moving.id][1], "eligibility")
        self.check_log()
        listed = json.loads(self.migrate("list", "--json").stdout)
        self.assertEqual([(each["id"], each["moved"], each["undone"]) for each in listed], [("m-1", 2, False)])

        self.server.start()
        self.assertEqual(moving.application("clerk")["state_titles"], {"zh": "资格审查", "en": "Formal check"})
        moving.sign("clerk", "task", "pass")
        self.assertEqual(moving.application("clerk")["state"], "legal")
        moving.sign("clerk", "task", "pass")
        moving.review()
        moving.publish()
        moving.check_years()
        self.assertEqual(moving.application("clerk")["state"], "completed")
        # Nobody of the first version lost anything either.
        self.assertEqual(published.application("clerk")["award"]["status"], "in-force")
        history = self.server.request("GET", f"/api/v1/applications/{moving.id}/history", token=self.tokens["applicant"]).json["items"]
        self.assertEqual(sum(each["kind"] == "session.migrate" for each in history), 1)
        self.assertEqual([each["summary"]["zh"] for each in history if each["kind"] == "session.migrate"], ["流程更新到新版本"])
        self.assertEqual(self.server.stop(), 0)
        self.check_log()
        refused = self.migrate("undo", "m-1", code=1)
        self.assertIn(moving.id, refused.stderr)
        self.assertIn("[migrate.acted]", refused.stderr)

    def test_undo_puts_everything_back(self):
        way = self.until_formal_check()
        self.assertEqual(self.server.stop(), 0)
        before = self.rows()
        self.plan("--map", "formal_check=eligibility", what="apply")
        self.assertNotEqual(self.rows(), before)
        undone = json.loads(self.migrate("undo", "m-1", "--json").stdout)
        self.assertEqual(undone, {"restored": [way.id], "left": []})
        self.assertEqual(self.rows(), before, "the same bytes")
        self.check_log()
        self.server.start()
        way.sign("clerk", "task", "pass")
        self.assertEqual(self.server.stop(), 0)
        self.check_log()
        replayed = json.loads(run_cli("replay", way.id, "--json", data=self.data).stdout)["commands"]
        versions = [each["definition"] for each in replayed]
        self.assertEqual(len(set(versions)), 2)
        self.assertEqual([each["kind"] for each in replayed if each["definition"] != versions[0]], ["session.migrate"])
        self.assertEqual(replayed[-1]["events"][0]["event"], "done.invoke.formal")
        self.assertEqual(replayed[-1]["configuration"][-1], "panel_review")

    def test_a_running_server_keeps_others_out_and_bad_calls_say_why(self):
        new = os.path.join(self.new, "2.0.0", "workshop")
        self.until_formal_check()
        self.plan()  # looking needs no stop
        if not POSTGRES:  # whose nodes share their store with such a call
            self.assertIn("[installation.locked]", self.migrate("apply", "workshop@1.1.0", new, code=1).stderr)
        self.assertEqual(self.server.stop(), 0)
        self.assertIn("[definition.unknown]", self.migrate("plan", "workshop@7.0.0", new, code=1).stderr)
        self.assertIn("[cli.map]", self.migrate("plan", "workshop@1.1.0", new, "--map", "formal_check", code=2).stderr)
        self.assertIn("[migrate.map]", self.migrate("plan", "workshop@1.1.0", new, "--map", "a=b", code=1).stderr)
        self.assertIn("[migration.unknown]", self.migrate("undo", "m-1", code=1).stderr)
        maps = os.path.join(self.new, "maps.json")
        with open(maps, "w", encoding="utf-8") as out:
            json.dump({"formal_check": "eligibility"}, out)
        _, found = self.plan("--map", maps)
        self.assertEqual([each["result"] for each in found.values()], ["mapped"])
        bad = self.package("3.0.0", re.sub(r"(== 'select'\" target=\")publicity", r"\1awarded", selection()))
        done = self.migrate("plan", "workshop@1.1.0", bad, code=1)
        self.assertIn("publicity-before-award", done.stdout)
        self.assertIn("publicity-before-award", self.migrate("apply", "workshop@1.1.0", bad, code=1).stderr)

    @unittest.skipIf(POSTGRES, "the syncs are another process's")
    @unittest.skipIf(os.environ.get("CHUYI_SANITIZED"), "a sanitizer's runtime has to be loaded first")
    def test_a_kill_at_any_sync_leaves_each_application_moved_or_not(self):
        count = 300  # more than one commit takes
        for _ in range(count):
            self.way().create()
        self.assertEqual(self.server.stop(), 0)
        before = self.rows()
        old = {row[0] for row in before.values()}
        new = os.path.join(self.new, "2.0.0", "workshop")
        shim = os.path.join(BINARY_DIR, "tests", "e2e", "libdisk_faults.so")

        def until_done(*arguments):
            partly = 0
            for sync in range(1, 100):
                env = os.environ | {"LD_PRELOAD": shim, "CHUYI_KILL_AT_SYNC": str(sync)}
                done = subprocess.run([CHUYI, "--data", self.data, "migrate", *arguments], env=env, capture_output=True, text=True, errors="replace", timeout=60)
                moved = [id for id, row in self.rows().items() if row[0] not in old]
                partly += 0 < len(moved) < len(before)
                if done.returncode == 0:
                    return partly
                self.assertEqual(done.returncode, -9, done.stderr)
                run_cli("audit", "verify", data=self.data)
            self.fail("it never ended")

        self.assertGreater(until_done("apply", "workshop@1.1.0", new), 0, "some kill came between")
        self.assertTrue(all(row[0] not in old for row in self.rows().values()))
        self.assertEqual([(each["id"], each["moved"]) for each in json.loads(self.migrate("list", "--json").stdout)], [("m-1", count)])
        self.assertGreater(until_done("undo", "m-1"), 0, "some kill came between")
        self.assertEqual(self.rows(), before)
        self.ways = self.ways[:3]
        self.check_log()

    def test_live_over_http(self):
        def ask(method, path, body=None, expect=200, who="admin"):
            answer = self.server.request(method, "/api/v1/admin/migrations" + path, body, self.tokens[who])
            self.assertEqual(answer.status, expect, answer.body)
            return answer.json

        moving, published = self.until_formal_check(), self.way()
        published.nominate()
        self.server.request("POST", "/api/v1/admin/plugins/reload", {}, self.tokens["admin"])
        published.sign("clerk", "panel-setup", "appoint", {"reviewers": ["expert1"]})
        rubric = self.server.request("GET", "/api/v1/programmes/workshop").json["rubric"]["criteria"]
        published.sign("expert1", "sheet", "sign", {"scores": {each["id"]: each["weight"] for each in rubric}, "comment": "评审意见"})
        published.sign("lead", "task", "select", {"opinion": "审议内情"})
        text = second_version().replace("announcement", "notice").replace('"deliberation"', '"deliberating"')
        shutil.rmtree(os.path.join(self.old, "workshop"))
        shutil.move(self.package("2.1.0", text), self.old)
        answer = self.server.request("POST", "/api/v1/admin/plugins/reload", {}, self.tokens["admin"])
        self.assertEqual(answer.json["problems"], [])

        request = {"from": "workshop@1.1.0", "to": "workshop@2.1.0", "map": {"formal_check": "eligibility"}}
        before = self.rows()
        plan = ask("POST", "", request | {"dry_run": True})
        self.assertEqual({each["id"]: each["result"] for each in plan["applications"]}, {moving.id: "mapped", published.id: "as-is"})
        self.assertNotIn("title", plan["applications"][0], "administrators see no application")
        self.assertEqual(self.rows(), before)
        plan = ask("POST", "", request)
        self.assertEqual((plan["migration"], [each["result"] for each in plan["applications"]]), ("m-1", ["moved", "moved"]))
        self.assertEqual(ask("POST", "", request)["applications"], [], "again: nothing is left to do")
        self.assertEqual([(each["moved"], each["by"]) for each in ask("GET", "")["items"]], [(2, "admin")])

        history = self.server.request("GET", f"/api/v1/applications/{published.id}/history", token=self.tokens["applicant"])
        self.assertNotIn("审议内情", history.body.decode(), "what was kept from the applicant still is")
        history = self.server.request("GET", f"/api/v1/applications/{published.id}/history", token=self.tokens["clerk"])
        self.assertIn("审议内情", history.body.decode())
        task = self.server.request("GET", f"/api/v1/tasks/{moving.task('clerk', 'task')}", token=self.tokens["clerk"]).json
        self.assertEqual(task["titles"], {"zh": "资格审查", "en": "Formal check"})

        moving.sign("clerk", "task", "pass", {"opinion": "资格符合"})
        history = self.server.request("GET", f"/api/v1/applications/{moving.id}/history", token=self.tokens["applicant"]).json["items"]
        self.assertEqual([each["opinion"] for each in history if "opinion" in each], ["同意推荐", "资格符合"])
        self.assertIn({"state": "formal_check", "titles": {"zh": "资格审查", "en": "Formal check"}}, [state for each in history for state in each["entered"]])
        refused = ask("POST", "/m-1/undo", {}, 409)
        self.assertEqual((refused["code"], [each["pointer"] for each in refused["errors"]]), ("migrate.acted", [moving.id]))
        self.assertEqual(ask("POST", "", {"from": "workshop@1.1.0", "to": "workshop@9.9.9"}, 404)["code"], "definition.unknown")
        self.assertEqual(self.server.stop(), 0)
        self.check_log()


if __name__ == "__main__":
    unittest.main()
