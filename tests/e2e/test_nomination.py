"""Goal: the way from a draft to the ranked recommendation over HTTP, and no interleaving of officers passes a limit.
Method: the real binary; the races with real parallel clients on both stores."""
import concurrent.futures
import json
import os
import random
import shutil
import tempfile
import unittest

from scenario import COLLEGE, FORMS, PREFECTURE, PROVINCE, Way, set_up
from server import BINARY_DIR, CLUSTER, PASSWORD, Server, pdf, store_of

OFFICERS = ("bureau", "bureau2")


def rule(id, scope, max, **more):
    return {"id": id, "scope": scope, "max": max, "zh": f"名额{max}个", "en": f"At most {max}"} | more


class Nomination(unittest.TestCase):
    store = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="chuyi-nomination-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.server = Server(self.folder, store=store_of(self.folder) if self.store else None)
        self.tokens = set_up(self.server)
        self.addCleanup(self.server.stop)
        self.ask("POST", "/admin/users", {"id": "applicant", "name": "applicant", "password": PASSWORD,
                                          "memberships": [{"role": "applicant", "org": org} for org in (COLLEGE, PREFECTURE)]}, "admin", 201)
        self.tokens["applicant"] = self.server.login("applicant")
        for name, role, org in (("bureau2", "recommending-officer", PREFECTURE), ("head", "recommending-officer", PREFECTURE)):
            self.ask("POST", "/admin/users", {"id": name, "name": name, "password": PASSWORD, "memberships": [{"role": role, "org": org}]}, "admin", 201)
            self.tokens[name] = self.server.login(name)

    def ask(self, method, path, body, who, status, **more):
        answer = self.server.request(method, "/api/v1" + path, body, self.tokens[who], **more)
        self.assertEqual(answer.status, status, f"{method} {path} as {who}: {answer.body.decode()}")
        return answer

    def limits(self, *rules):
        read = self.ask("GET", "/limits/2026", None, "clerk", 200).header("ETag")
        self.ask("PUT", "/limits/2026", {"rules": list(rules)}, "clerk", 200, headers={"If-Match": read})

    def submitted(self, count=1):
        ways = []
        for _ in range(count):
            way = Way(self.server, self.tokens, "workshop")
            way.create()
            way.fill()
            self.ask("POST", f"/applications/{way.id}/submit", {}, "applicant", 200)
            ways.append(way)
        return ways

    def recommend(self, task, who="bureau", **more):
        return self.server.request("POST", f"/api/v1/tasks/{task}/complete", {"outcome": "recommend"} | more, self.tokens[who])

    def states(self, ways):
        return [way.application("clerk")["state"] for way in ways]


class Races(Nomination):
    def taken(self, rule):
        rules = self.ask("GET", "/quotas?programme=workshop&round=2026", None, "clerk", 200).json["rules"]
        return {each["org"]: each["taken"] for each in next(each for each in rules if each["id"] == rule)["organisations"]}

    def test_no_interleaving_of_recommendations_and_withdrawals_exceeds_a_limit(self):
        seed = int(os.environ.get("CHUYI_TEST_SEED", "20260302"))
        dice = random.Random(seed)
        self.limits(rule("each", "prefecture", 2, **{"except": {PREFECTURE: 4}}), rule("college", "college", 5), rule("whole", "province", 5, span="ever"))
        ways = self.submitted(10)
        tasks = [way.task("bureau", "task") for way in ways]

        def act(way, task, who, leaves):
            answer = self.recommend(task, who)
            if answer.status != 200:
                return answer
            if leaves:  # and gives the place back, while others try for it
                self.ask("POST", f"/applications/{way.id}/events", {"event": "applicant.ask_withdrawal"}, "applicant", 200)
                self.ask("POST", f"/applications/{way.id}/events", {"event": "recommender.grant_withdrawal"}, who, 200)
            return answer

        for _ in range(3):
            jobs = [(way, task, dice.choice(OFFICERS), dice.random() < 0.3) for way, task in zip(ways, tasks)]
            jobs += [(way, task, OFFICERS[1], False) for way, task in dice.sample(list(zip(ways, tasks)), 4)]  # both officers at once on one
            dice.shuffle(jobs)
            with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
                answers = [each.result() for each in [pool.submit(act, *job) for job in jobs]]
            codes = {answer.json["code"] for answer in answers if answer.status != 200}
            self.assertLessEqual(codes, {"quota.places", "task.closed", "stage.not_running", "task.unknown"}, (seed, codes))
            held = self.states(ways).count("formal_check")
            self.assertLessEqual(held, 4, seed)
            self.assertEqual((self.taken("each"), self.taken("college"), self.taken("whole")), ({PREFECTURE: held}, {COLLEGE: held}, {PROVINCE: held}), seed)
        # Who left last may have left a place that nobody tried for any more: it can be had.
        for task in tasks:
            self.recommend(task)
        self.assertEqual((self.states(ways).count("formal_check"), self.taken("each")), (4, {PREFECTURE: 4}), seed)

    def test_a_ranked_list_has_as_many_places_as_it_says(self):
        self.limits(rule("ranked", "prefecture", 2, programmes=["workshop"], ranked=True))
        ways = self.submitted(6)
        path = f"/ranks/workshop/2026/{PREFECTURE}"
        refused = self.recommend(ways[0].task("bureau", "task"))
        self.assertEqual((refused.status, refused.json["code"]), (409, "rank.missing"))
        order = [way.id for way in ways]
        self.ask("PUT", path, {"order": order}, "bureau", 200)
        tasks = [way.task("bureau", "task") for way in ways]
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            self.assertEqual([each.status for each in pool.map(self.recommend, tasks)], [200] * 6)
        self.assertEqual(self.states(ways), ["formal_check"] * 2 + ["reserve"] * 4)
        last = lambda who: self.ask("GET", f"/applications/{ways[3].id}/why", None, who, 200).json["reasons"][-1]
        self.assertEqual((last("bureau")["code"], last("bureau")["values"]), ("why.event.place.free.ranked", {"rank": "4"}))
        self.assertEqual((last("applicant")["code"], last("applicant")["values"]), ("why.event.place.free", {}), "the list is not the applicant's")
        revision = self.ask("GET", path, None, "bureau", 200).header("ETag")
        sealed = self.ask("PUT", path, {"order": order[::-1]}, "bureau", 409, headers={"If-Match": revision})
        self.assertEqual(sealed.json["code"], "rank.sealed")
        # Two leave at once, one of them who waits: the next two in rank move up.
        self.ask("POST", f"/applications/{ways[0].id}/events", {"event": "applicant.ask_withdrawal"}, "applicant", 200)
        self.ask("POST", f"/applications/{ways[1].id}/events", {"event": "applicant.ask_withdrawal"}, "applicant", 200)
        leave = [(ways[0], "recommender.grant_withdrawal", "bureau"), (ways[1], "recommender.grant_withdrawal", "bureau2"), (ways[2], "applicant.withdraw", "applicant")]
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            done = [pool.submit(self.server.request, "POST", f"/api/v1/applications/{way.id}/events", {"event": event}, self.tokens[who]) for way, event, who in leave]
            self.assertEqual([each.result().status for each in done[:2]], [200, 200])
            late = done[2].result().status  # it may have moved up already: then it asks
        if late == 409:
            self.ask("POST", f"/applications/{ways[2].id}/events", {"event": "applicant.ask_withdrawal"}, "applicant", 200)
            self.ask("POST", f"/applications/{ways[2].id}/events", {"event": "recommender.grant_withdrawal"}, "bureau", 200)
        self.ask("POST", "/admin/clock/advance", {"to": "2026-03-02T09:01:00+08:00"}, "admin", 200)  # answers when all is delivered
        self.assertEqual(self.states(ways), ["withdrawn"] * 3 + ["formal_check"] * 2 + ["reserve"])
        letter = self.ask("POST", path + "/letter", {"number": "长教函〔2026〕1号", "truthful": True}, "head", 201).json["letter"]
        self.assertEqual([(each["application"], each["reserve"]) for each in letter["list"]], [(order[3], False), (order[4], False), (order[5], True)])


    def test_a_list_grows_while_officers_recommend_from_it(self):
        self.limits(rule("ranked", "prefecture", 1, programmes=["workshop"], ranked=True))
        ways = self.submitted(6)
        self.ask("PUT", f"/ranks/workshop/2026/{PREFECTURE}", {"order": [way.id for way in ways]}, "bureau", 200)
        tasks = [way.task("bureau", "task") for way in ways]
        more = {key: value for key, value in rule("ranked", "prefecture", 4, programmes=["workshop"], ranked=True).items() if key != "id"}
        read = self.ask("GET", "/limits/2026", None, "clerk", 200).header("ETag")
        with concurrent.futures.ThreadPoolExecutor(7) as pool:
            recommending = [pool.submit(self.recommend, task, OFFICERS[number % 2]) for number, task in enumerate(tasks)]
            growing = pool.submit(self.server.request, "PUT", "/api/v1/limits/2026/ranked", more, self.tokens["clerk"], headers={"If-Match": read})
            self.assertEqual([each.result().status for each in recommending] + [growing.result().status], [200] * 7)
        self.ask("POST", "/admin/clock/advance", {"to": "2026-03-02T09:01:00+08:00"}, "admin", 200)
        self.assertEqual(self.states(ways), ["formal_check"] * 4 + ["reserve"] * 2, "whoever came first")

    def test_what_is_taken_back_under_a_shared_limit_is_free_for_others_once(self):
        self.limits(rule("each", "prefecture", 3))
        ways = self.submitted(6)
        tasks = [way.task("bureau", "task") for way in ways]
        batch = self.ask("POST", "/bulk", {"action": "recommend", "tasks": tasks[:3]}, "bureau", 200).json
        self.assertEqual(batch["done"], 3)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            others = [pool.submit(self.recommend, task, "bureau2") for task in tasks[3:]]
            undone = pool.submit(self.server.request, "POST", f"/api/v1/bulk/{batch['batch']}/undo", {}, self.tokens["bureau"])
            taken = [each.result().status for each in others].count(200)
            self.assertEqual((undone.result().status, undone.result().json["refused"]), (200, 0), undone.result().body)
        self.assertEqual(self.states(ways[:3]), ["recommendation"] * 3)
        self.assertEqual(self.taken("each"), {PREFECTURE: taken} if taken else {PREFECTURE: 0})
        for task in tasks:
            self.recommend(task, "bureau2")
        self.assertEqual((self.states(ways).count("formal_check"), self.taken("each")), (3, {PREFECTURE: 3}))


@unittest.skipUnless(CLUSTER, "no PostgreSQL here: tools/deps.sh --tests installs it")
class RacesOnPostgres(Races):
    store = "postgres"


class WayUp(Nomination):
    def test_an_exception_takes_two_people_and_a_reason(self):
        self.limits(rule("one", "prefecture", 1))
        ways = self.submitted(2)
        self.assertEqual(self.recommend(ways[0].task("bureau", "task")).status, 200)
        task = ways[1].task("bureau", "task")
        refused = self.recommend(task)
        self.assertEqual((refused.status, refused.json["code"], refused.json["errors"][0]["pointer"]), (409, "quota.places", "/limits/one"))
        self.assertIn("已用1个", refused.json["errors"][0]["detail_zh"])
        self.assertEqual(refused.json["allowed"], ["return", "decline"])
        path = f"/applications/{ways[1].id}/exception"
        self.ask("POST", path, {"rules": ["one"], "reason": "民族地区"}, "applicant", 403)
        self.ask("POST", path, {"rules": ["one"], "reason": ""}, "clerk", 400)
        self.ask("GET", path, None, "clerk", 404)
        asked = self.ask("POST", path, {"rules": ["one"], "reason": "民族地区"}, "clerk", 201).header("ETag")
        grant = {"outcome": "grant", "reason": "同意"}
        self.ask("POST", path + "/decide", grant, "clerk", 403, headers={"If-Match": asked})
        self.ask("POST", path + "/decide", grant, "lead", 428)
        # Asked for otherwise after the lead has read it.
        self.assertEqual(self.ask("GET", path, None, "lead", 200).header("ETag"), asked)
        self.ask("POST", path, {"rules": ["one"], "reason": "民族地区，省级重点"}, "clerk", 201)
        self.ask("POST", path + "/decide", grant, "lead", 412, headers={"If-Match": asked})
        self.ask("GET", path, None, "applicant", 404)
        self.ask("POST", path + "/decide", grant, "lead", 200, headers={"If-Match": self.ask("GET", path, None, "lead", 200).header("ETag")})
        self.assertEqual(self.recommend(task).status, 200)
        self.assertEqual(ways[1].application("clerk")["quota_exception"]["decided_by"]["id"], "lead")
        self.assertNotIn("quota_exception", ways[1].application("applicant"))

    def test_one_rule_is_changed_and_the_next_move_up(self):
        self.limits(rule("other", "college", 9), rule("ranked", "prefecture", 1, programmes=["workshop"], ranked=True))
        ways = self.submitted(3)
        self.ask("PUT", f"/ranks/workshop/2026/{PREFECTURE}", {"order": [way.id for way in ways]}, "bureau", 200)
        for way in ways:
            self.assertEqual(self.recommend(way.task("bureau", "task")).status, 200)
        self.assertEqual(self.states(ways), ["formal_check", "reserve", "reserve"])
        read = self.ask("GET", "/limits/2026", None, "clerk", 200).header("ETag")
        more = {key: value for key, value in rule("ranked", "prefecture", 2, programmes=["workshop"], ranked=True).items() if key != "id"}
        self.ask("PUT", "/limits/2026/ranked", more, "clerk", 428)
        self.ask("PUT", "/limits/2026/ranked", more, "bureau", 403, headers={"If-Match": read})
        self.assertEqual(self.ask("PUT", "/limits/2026/ranked", more | {"max": -1}, "clerk", 400, headers={"If-Match": read}).json["errors"][0]["pointer"], "/max")
        done = self.ask("PUT", "/limits/2026/ranked", more, "clerk", 200, headers={"If-Match": read})
        self.assertEqual((done.json["promoted"], [each["id"] for each in done.json["rules"]]), ([ways[1].id], ["other", "ranked"]))
        self.ask("PUT", "/limits/2026/ranked", more, "clerk", 412, headers={"If-Match": read})
        self.ask("POST", "/admin/clock/advance", {"to": "2026-03-02T09:01:00+08:00"}, "admin", 200)
        self.assertEqual(self.states(ways), ["formal_check", "formal_check", "reserve"])
        self.assertEqual(self.ask("DELETE", "/limits/2026/ranked", None, "clerk", 200, headers={"If-Match": done.header("ETag")}).json["promoted"], [ways[2].id])
        self.ask("POST", "/admin/clock/advance", {"to": "2026-03-02T09:02:00+08:00"}, "admin", 200)
        self.assertEqual(self.states(ways), ["formal_check"] * 3)

    def test_rules_that_cannot_be_kept_are_refused_when_they_are_set(self):
        answer = self.ask("PUT", "/limits/2026", {"rules": [rule("a", "prefecture", 1, min=2), rule("b", "village", 1), rule("c", "college", 1, programmes=["nothing"])]}, "clerk", 400)
        self.assertEqual([each["pointer"] for each in answer.json["errors"]], ["/rules/0/min", "/rules/1/scope"])
        self.ask("PUT", "/limits/2026", {"rules": []}, "bureau", 403)

    def test_a_soft_rule_wants_a_reason_which_officers_read(self):
        way = Way(self.server, self.tokens, "workshop")
        way.create()
        way.fill()
        draft = way.application()["draft"]
        form = FORMS["workshop"] | {"members": FORMS["workshop"]["members"][7:9]}  # of both sides, but few, and of one enterprise
        self.ask("PUT", f"/applications/{way.id}/draft", form, "applicant", 200, headers={"If-Match": f'"{draft["revision"]}"'})
        refused = self.ask("POST", f"/applications/{way.id}/submit", {}, "applicant", 422)
        self.assertEqual((refused.json["code"], {each["pointer"] for each in refused.json.get("errors", [])}), ("rule.reason", {"/reasons/size", "/reasons/enterprise_ratio"}))
        self.assertTrue(all(each["detail_zh"] and each["detail"] for each in refused.json["errors"]))
        self.ask("POST", f"/applications/{way.id}/submit", {"reasons": {"size": "新建工坊"}}, "applicant", 422)
        self.ask("POST", f"/applications/{way.id}/submit", {"reasons": {"size": "新建工坊", "enterprise_ratio": "企业人员待聘"}}, "applicant", 200)
        checks = way.application("bureau")["checks"]
        self.assertEqual({each["id"]: each["reason"] for each in checks["soft"]}, {"size": "新建工坊", "enterprise_ratio": "企业人员待聘"})
        self.assertEqual([each["id"] for each in checks["marks"]], ["heritage"])

    def test_a_correction_names_its_points_and_shows_what_changed(self):
        way = self.submitted()[0]
        way.sign("bureau", "task", "recommend")
        bare = self.server.request("POST", f"/api/v1/tasks/{way.task('clerk', 'task')}/complete", {"outcome": "correct"}, self.tokens["clerk"])
        self.assertIn("/data/points", [each["pointer"] for each in bare.json["errors"]])
        way.sign("clerk", "task", "correct", {"points": [{"place": "/craft", "text": "名称不规范"}], "days": 3})
        shown = way.application()
        self.assertEqual((shown["correction"]["points"][0]["text"], shown["tasks"][0]["due"]), ("名称不规范", "2026-03-06T00:00:00+08:00"))
        draft = shown["draft"]
        self.ask("PUT", f"/applications/{way.id}/draft", FORMS["workshop"] | {"craft": "湖南湘绣"}, "applicant", 200, headers={"If-Match": f'"{draft["revision"]}"'})
        self.ask("POST", f"/applications/{way.id}/documents?kind=evidence&name=more.pdf", pdf("more"), "applicant", 201, headers={"Content-Type": "application/pdf"})
        self.ask("POST", f"/applications/{way.id}/submit", {}, "applicant", 200)
        revisions = self.ask("GET", f"/applications/{way.id}/revisions", None, "clerk", 200).json["items"]
        self.assertEqual([each["number"] for each in revisions], [1, 2])
        changed = self.ask("GET", f"/applications/{way.id}/revisions/1..2", None, "bureau", 200).json
        self.assertEqual(changed["fields"], [{"place": "/craft", "before": "湘绣", "after": "湖南湘绣"}])
        self.assertEqual([(each["document"], each["change"]) for each in changed["documents"]], [("evidence/more.pdf", "added")])
        self.ask("GET", f"/applications/{way.id}/revisions/1..9", None, "clerk", 404)
        self.ask("GET", f"/applications/{way.id}/revisions/x", None, "clerk", 400)
        self.ask("GET", f"/applications/{way.id}/revisions", None, "expert1", 404)

    def test_one_of_each_prefecture_and_the_missing_ones_are_shown(self):
        folder = os.path.join(BINARY_DIR, "plugins", "chuyi-secondary")
        with open(os.path.join(folder, "tests", "nomination.json"), encoding="utf-8") as source:
            form = json.load(source)["data"]
        kinds = [each["kind"] for each in self.server.request("GET", "/api/v1/programmes/chuyi-secondary").json["documents"] if each["required"]]

        def submit():
            way = Way(self.server, self.tokens, "chuyi-secondary")
            body = {"programme": way.programme, "round": "2026", "title": "楚怡中职", "org": PREFECTURE}
            way.id = self.ask("POST", "/applications", body, "applicant", 201).json["id"]
            draft = way.application()["draft"]
            self.ask("PUT", f"/applications/{way.id}/draft", form, "applicant", 200, headers={"If-Match": f'"{draft["revision"]}"'})
            for kind in kinds:
                self.ask("POST", f"/applications/{way.id}/documents?kind={kind}&name={kind}.pdf", pdf(kind), "applicant", 201, headers={"Content-Type": "application/pdf"})
            return self.server.request("POST", f"/api/v1/applications/{way.id}/submit", {}, self.tokens["applicant"])

        first, second = submit(), submit()
        self.assertEqual(first.status, 200, first.body)
        self.assertEqual((second.status, second.json["code"], second.json["errors"][0]["pointer"]), (409, "quota.places", "/limits/chuyi-secondary.prefecture"))
        rules = self.ask("GET", "/quotas?programme=chuyi-secondary&round=2026", None, "clerk", 200).json["rules"]
        places = {each["org"]: each for each in rules[0]["organisations"]}
        self.assertEqual((places[PREFECTURE]["taken"], places[PREFECTURE]["left"]), (1, 0))
        self.assertEqual({org for org, each in places.items() if each.get("missing") == 1}, set(places) - {PREFECTURE})
        self.assertEqual(len(places), 14, "the prefectures, and not the departments of their level")
        mine = self.ask("GET", "/quotas?programme=chuyi-secondary&round=2026", None, "bureau", 200).json["rules"]
        self.assertEqual([each["org"] for each in mine[0]["organisations"]], [PREFECTURE])
        base = self.ask("GET", "/quotas?programme=culture-base&round=2026", None, "clerk", 200).json["rules"]
        self.assertIn(("culture-base-province", "select", 20), [(each["id"], each["at"], each.get("max")) for each in base])

    def test_versions_of_a_draft_can_be_restored(self):
        way = Way(self.server, self.tokens, "workshop")
        way.create()
        for craft in ("一", "二", "三"):
            draft = way.application()["draft"]
            self.ask("PUT", f"/applications/{way.id}/draft", {"craft": craft}, "applicant", 200, headers={"If-Match": f'"{draft["revision"]}"'})
        versions = self.ask("GET", f"/applications/{way.id}/draft/versions", None, "applicant", 200).json["items"]
        self.assertEqual([each["data"]["craft"] for each in versions], ["三", "二", "一"])
        current = way.application()["draft"]["revision"]
        path = f"/applications/{way.id}/draft/versions/{versions[2]['revision']}/restore"
        self.ask("POST", path, {}, "applicant", 428)
        self.ask("POST", path, {}, "applicant", 200, headers={"If-Match": f'"{current}"'})
        self.assertEqual(way.application()["draft"]["data"], {"craft": "一"})
        self.ask("POST", f"/applications/{way.id}/draft/versions/99/restore", {}, "applicant", 404, headers={"If-Match": f'"{current + 1}"'})

    def test_a_repetition_and_a_person_in_two_are_found(self):
        first, second = self.submitted(2)
        found = self.ask("GET", f"/applications/{second.id}/findings", None, "bureau", 200).json["items"]
        self.assertEqual({each["what"] for each in found}, {"title", "person", "document"})
        self.assertEqual({each["application"] for each in found}, {first.id})
        self.assertEqual(len(second.application("clerk")["checks"]["findings"]), len(found), "also as they were at submission")
        self.assertNotIn("findings", second.application("applicant")["checks"])
        self.ask("GET", f"/applications/{second.id}/findings", None, "applicant", 404)
        self.ask("POST", f"/applications/{first.id}/events", {"event": "applicant.withdraw"}, "applicant", 200)
        left = self.ask("GET", f"/applications/{second.id}/findings", None, "bureau", 200).json["items"]
        self.assertNotIn("person", {each["what"] for each in left}, "who withdrew is free")


del Nomination  # not a test itself

if __name__ == "__main__":
    unittest.main()
