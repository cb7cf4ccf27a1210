"""Goal: who gets which answer from every route, and which field of it, while a panel scores and after it has closed.
Method: one table of expected statuses, route by role, asked of the real server; then the bodies are searched."""
import json
import os
import re
import shutil
import tempfile
import unittest

from scenario import COLLEGE, PREFECTURE, PROVINCE, Way, set_up
from server import PASSWORD, SOURCE_DIR, Server

OTHER_PREFECTURE, OTHER_COLLEGE = "430200", "college-002"
MORE_PEOPLE = {
    "rival": ("applicant", OTHER_COLLEGE), "above": ("applicant", PREFECTURE), "other-bureau": ("recommending-officer", OTHER_PREFECTURE),
    "expert4": ("reviewer", PROVINCE), "outsider": ("reviewer", PROVINCE),
}
REVIEWERS = ("expert1", "expert2", "expert3", "expert4")
# Column → account. `expert3` recuses; `expert1` has an open sheet with a draft.
ROLES = {"applicant": "applicant", "rival": "rival", "bureau": "bureau", "other": "other-bureau", "province": "clerk", "reviewer": "expert1",
         "off": "outsider", "recused": "expert3", "admin": "admin", "nobody": None}

ALL = "200 200 200 200 200 200 200 200 200 200"
SEEN = "200 404 200 404 200 200 404 404 404 401"  # whoever may see the application
PARTY = "200 404 200 404 200 404 404 404 404 401"  # of them, not who only reviews
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# method, path, body, extra headers; then applicant rival bureau other province reviewer off recused admin nobody
WHILE_OPEN = [
    ("POST", "/api/v1/login", {}, {}, "422 422 422 422 422 422 422 422 422 422"),
    ("POST", "/api/v1/password", {}, {}, "422 422 422 422 422 422 422 422 422 422"),
    ("GET", "/api/v1/me", None, {}, "200 200 200 200 200 200 200 200 200 401"),
    ("GET", "/api/v1/programmes", None, {}, ALL),
    ("GET", "/api/v1/programmes/{id}=workshop", None, {}, ALL),
    ("GET", "/api/v1/programmes/{id}=workshop/forms/{form}=nomination", None, {}, ALL),
    ("POST", "/api/v1/applications", {}, {}, "422 422 403 403 403 403 403 403 403 401"),
    ("GET", "/api/v1/applications", None, {}, "200 200 200 200 200 200 200 200 200 401"),
    ("GET", "/api/v1/applications/{id}", None, {}, SEEN),
    ("PUT", "/api/v1/applications/{id}/draft", {}, {"If-Match": '"1"'}, "409 404 403 403 403 403 403 403 403 401"),
    ("POST", "/api/v1/applications/{id}/documents", b"x", {"Content-Type": "application/pdf"}, "409 404 403 403 403 403 403 403 403 401"),
    ("GET", "/api/v1/applications/{id}/documents", None, {}, SEEN),
    ("GET", "/api/v1/applications/{id}/documents/{document}", None, {}, SEEN),
    ("DELETE", "/api/v1/applications/{id}/documents/{document}", None, {}, "409 404 403 403 403 403 403 403 403 401"),
    ("POST", "/api/v1/applications/{id}/submit", {}, {}, "409 404 403 403 403 403 403 403 403 401"),
    ("POST", "/api/v1/applications/{id}/events", {"event": "applicant.fly"}, {}, "409 404 409 404 409 409 404 404 404 401"),
    ("GET", "/api/v1/applications/{id}/history", None, {}, SEEN),
    ("GET", "/api/v1/applications/{id}/reviews", None, {}, SEEN),
    ("GET", "/api/v1/applications/{id}/bundle", None, {}, SEEN),
    ("GET", "/api/v1/applications/{id}/diagram.svg", None, {}, SEEN),
    ("GET", "/api/v1/applications/{id}/why", None, {}, SEEN),
    ("GET", "/api/v1/tasks/{id}={sheet}/why", None, {}, "404 404 404 404 200 200 404 404 404 401"),
    ("GET", "/api/v1/applications/{id}/revisions", None, {}, PARTY),
    ("GET", "/api/v1/applications/{id}/revisions/{range}=1..1", None, {}, PARTY),
    ("GET", "/api/v1/applications/{id}/findings", None, {}, "404 404 200 404 200 404 404 404 404 401"),
    ("GET", "/api/v1/applications/{id}/clues", None, {}, "404 404 404 404 200 404 404 404 404 401"),
    ("GET", "/api/v1/applications/{id}/draft/versions", None, {}, "409 404 403 403 403 403 403 403 403 401"),
    ("POST", "/api/v1/applications/{id}/draft/versions/{revision}=1/restore", {}, {"If-Match": '"1"'}, "409 404 403 403 403 403 403 403 403 401"),
    ("GET", "/api/v1/applications/{id}/exception", None, {}, "404 404 404 404 404 404 404 404 404 401"),
    ("POST", "/api/v1/applications/{id}/exception", {"rules": ["x"], "reason": "r"}, {}, "403 404 400 404 400 404 404 404 404 401"),
    ("POST", "/api/v1/applications/{id}/exception/decide", {"outcome": "grant", "reason": "r"}, {}, "403 404 403 404 409 404 404 404 404 401"),
    ("GET", "/api/v1/quotas", None, {}, "404 404 404 404 404 404 404 404 404 401"),
    ("GET", "/api/v1/limits/{round}=2026", None, {}, "200 200 200 200 200 200 200 200 200 401"),
    ("PUT", "/api/v1/limits/{round}=2026", {}, {}, "403 403 403 403 422 403 403 403 403 401"),
    ("PUT", "/api/v1/limits/{round}=2026/{limit}=one", {"scope": "college"}, {}, "403 403 403 403 428 403 403 403 403 401"),
    ("DELETE", "/api/v1/limits/{round}=2026/{limit}=one", None, {}, "403 403 403 403 428 403 403 403 403 401"),
    ("GET", "/api/v1/ranks/{programme}=workshop/{round}=2026/{org}=430100", None, {}, "404 404 404 404 404 404 404 404 404 401"),
    ("PUT", "/api/v1/ranks/{programme}=workshop/{round}=2026/{org}=430100", {"order": []}, {}, "403 403 400 403 403 403 403 403 403 401"),
    ("POST", "/api/v1/ranks/{programme}=workshop/{round}=2026/{org}=430100/letter", {"number": "1", "truthful": True}, {}, "403 403 404 403 403 403 403 403 403 401"),
    ("POST", "/api/v1/rounds", {}, {}, "403 403 403 403 422 403 403 403 403 401"),
    ("GET", "/api/v1/rounds", None, {}, "200 200 200 200 200 200 200 200 200 401"),
    ("GET", "/api/v1/rounds/{id}=r-none", None, {}, "404 404 404 404 404 404 404 404 404 401"),
    ("POST", "/api/v1/rounds/{id}=r-none/extend", {"deadline": "2026-05-15", "reason": "x"}, {}, "403 403 403 403 404 403 403 403 403 401"),
    ("POST", "/api/v1/rounds/{id}=r-none/decide", {"selected": [], "not_selected": []}, {}, "403 403 403 403 404 403 403 403 403 401"),
    ("GET", "/api/v1/rounds/{id}=r-none/review", None, {}, "404 404 404 404 404 404 404 404 404 401"),
    ("PUT", "/api/v1/rounds/{id}=r-none/review", {}, {}, "403 403 403 403 404 403 403 403 403 401"),
    ("GET", "/api/v1/rounds/{id}=r-none/conflicts", None, {}, "404 404 404 404 404 404 404 404 404 401"),
    ("GET", "/api/v1/rounds/{id}=r-none/dashboard", None, {}, "404 404 404 404 404 404 404 404 404 401"),
    ("POST", "/api/v1/rounds/{id}=r-none/draws", {}, {}, "403 403 403 403 422 403 403 403 403 401"),
    ("GET", "/api/v1/rounds/{id}=r-none/draws", None, {}, "404 404 404 404 404 404 404 404 404 401"),
    ("GET", "/api/v1/rounds/{id}=r-none/draws/{draw}=none", None, {}, "404 404 404 404 404 404 404 404 404 401"),
    ("GET", "/api/v1/rounds/{id}=r-none/draws/{draw}=none/export", None, {}, "404 404 404 404 404 404 404 404 404 401"),
    ("POST", "/api/v1/rounds/{id}=r-none/draws/{draw}=none/reveal", {}, {}, "403 403 403 403 422 403 403 403 403 401"),
    ("POST", "/api/v1/rounds/{id}=r-none/draws/{draw}=none/absences", {}, {}, "403 403 403 403 422 403 403 403 403 401"),
    ("POST", "/api/v1/rounds/{id}=r-none/draws/{draw}=none/confirm", {}, {}, "403 403 403 403 403 403 403 403 403 401"),
    ("POST", "/api/v1/rounds/{id}=r-none/draws/{draw}=none/withdraw", {}, {}, "403 403 403 403 403 403 403 403 403 401"),
    ("POST", "/api/v1/rounds/{id}=r-none/assignments", {}, {}, "403 403 403 403 404 403 403 403 403 401"),
    ("GET", "/api/v1/rounds/{id}=r-none/assignments", None, {}, "404 404 404 404 404 404 404 404 404 401"),
    ("GET", "/api/v1/rounds/{id}=r-none/assignments/{assignment}=none", None, {}, "404 404 404 404 404 404 404 404 404 401"),
    ("GET", "/api/v1/rounds/{id}=r-none/assignments/{assignment}=none/export", None, {}, "404 404 404 404 404 404 404 404 404 401"),
    ("POST", "/api/v1/rounds/{id}=r-none/assignments/{assignment}=none/confirm", {}, {}, "403 403 403 403 404 403 403 403 403 401"),
    ("POST", "/api/v1/rounds/{id}=r-none/results", {}, {}, "403 403 403 403 404 403 403 403 403 401"),
    ("GET", "/api/v1/rounds/{id}=r-none/results", None, {}, "404 404 404 404 404 404 404 404 404 401"),
    ("GET", "/api/v1/rounds/{id}=r-none/results/{results}=none", None, {}, "404 404 404 404 404 404 404 404 404 401"),
    ("GET", "/api/v1/rounds/{id}=r-none/results/{results}=none/export", None, {}, "404 404 404 404 404 404 404 404 404 401"),
    ("GET", "/api/v1/rounds/{id}=r-none/results/{results}=none/workbook.xlsx", None, {}, "404 404 404 404 404 404 404 404 404 401"),
    ("POST", "/api/v1/rounds/{id}=r-none/results/{results}=none/deliberate", {}, {}, "403 403 403 403 422 403 403 403 403 401"),
    ("POST", "/api/v1/rounds/{id}=r-none/results/{results}=none/confirm", {}, {}, "404 404 404 404 404 404 404 404 404 401"),
    ("GET", "/api/v1/rounds/{id}=r-none/list", None, {}, "404 404 404 404 404 404 404 404 404 401"),
    ("GET", "/api/v1/experts", None, {}, "403 403 403 403 200 403 403 403 403 401"),
    ("GET", "/api/v1/experts/{id}=none", None, {}, "403 403 403 403 404 403 403 403 403 401"),
    ("PUT", "/api/v1/experts/{id}=none", {}, {}, "403 403 403 403 422 403 403 403 403 401"),
    ("POST", "/api/v1/experts/{id}=none/nominations", {}, {}, "403 403 403 403 422 403 403 403 403 401"),
    ("POST", "/api/v1/me/conflicts", {}, {}, "403 403 403 403 403 422 422 422 403 401"),
    ("GET", "/api/v1/me/conflicts", None, {}, "403 403 403 403 403 200 200 200 403 401"),
    ("GET", "/api/v1/awards/{number}=none/certificate", None, {}, "404 404 404 404 404 404 404 404 404 404"),
    ("GET", "/api/v1/inbox", None, {}, "200 200 200 200 200 200 200 200 200 401"),
    ("GET", "/api/v1/copies", None, {}, "200 200 200 200 200 200 200 200 200 401"),
    ("GET", "/api/v1/delegations", None, {}, "200 200 200 200 200 200 200 200 200 401"),
    ("POST", "/api/v1/delegations", {}, {}, "422 422 422 422 422 422 422 422 422 401"),
    ("POST", "/api/v1/delegations/{id}=d-none/end", {}, {}, "404 404 404 404 404 404 404 404 404 401"),
    ("POST", "/api/v1/bulk", {}, {}, "422 422 422 422 422 422 422 422 422 401"),
    ("GET", "/api/v1/bulk/{id}=b-none", None, {}, "404 404 404 404 404 404 404 404 404 401"),
    ("POST", "/api/v1/bulk/{id}=b-none/undo", {}, {}, "404 404 404 404 404 404 404 404 404 401"),
    ("GET", "/api/v1/tasks/{id}={sheet}/notes", None, {}, "404 404 404 404 200 200 404 404 404 401"),
    ("POST", "/api/v1/tasks/{id}={sheet}/assign", {"to": "expert2"}, {}, "404 404 404 404 403 409 404 404 404 401"),
    ("POST", "/api/v1/tasks/{id}={sheet}/signers", {"user": "expert2", "when": "before"}, {}, "404 404 404 404 403 409 404 404 404 401"),
    ("POST", "/api/v1/tasks/{id}={sheet}/return", {"to": "drafting", "reason": "r"}, {}, "404 404 404 404 403 409 404 404 404 401"),
    ("POST", "/api/v1/tasks/{id}={sheet}/recall", {}, {}, "404 404 404 404 409 409 404 404 404 401"),
    ("POST", "/api/v1/tasks/{id}={sheet}/comments", {"text": "x"}, {}, "404 404 404 404 201 201 404 404 404 401"),
    ("POST", "/api/v1/tasks/{id}={sheet}/copies", {"users": ["expert2"]}, {}, "404 404 404 404 409 409 404 404 404 401"),
    ("POST", "/api/v1/tasks/{id}={sheet}/urge", {}, {}, "404 404 404 404 201 403 404 404 404 401"),
    ("POST", "/api/v1/tasks/{id}={sheet}/read", {}, {}, "404 404 404 404 201 201 404 404 404 401"),
    ("POST", "/api/v1/admin/handover", {}, {}, "403 403 403 403 403 403 403 403 422 401"),
    ("PUT", "/api/v1/admin/task-rules", {"urge_per_day": -1}, {}, "403 403 403 403 403 403 403 403 400 401"),
    ("GET", "/api/v1/tasks", None, {}, "200 200 200 200 200 200 200 200 200 401"),
    ("GET", "/api/v1/tasks/{id}={setup}", None, {}, "404 404 404 404 200 404 404 404 404 401"),
    ("GET", "/api/v1/tasks/{id}={sheet}", None, {}, "404 404 404 404 200 200 404 404 404 401"),
    ("GET", "/api/v1/tasks/{id}={sheet}/why", None, {}, "404 404 404 404 200 200 404 404 404 401"),
    ("GET", "/api/v1/tasks/{id}={signed}", None, {}, "404 404 404 404 200 404 404 404 404 401"),
    ("GET", "/api/v1/tasks/{id}={recused}", None, {}, "404 404 404 404 200 404 404 404 404 401"),
    ("GET", "/api/v1/tasks/{id}={nomination}", None, {}, "200 404 200 404 200 404 404 404 404 401"),
    ("GET", "/api/v1/tasks/{id}={recommendation}", None, {}, "404 404 200 404 200 404 404 404 404 401"),
    ("POST", "/api/v1/tasks/{id}={signed}/claim", {}, {}, "404 404 404 404 403 404 404 404 404 401"),
    ("POST", "/api/v1/tasks/{id}={signed}/release", {}, {}, "404 404 404 404 403 404 404 404 404 401"),
    ("PUT", "/api/v1/tasks/{id}={sheet}/draft", {}, {"If-Match": '"99"'}, "404 404 404 404 412 412 404 404 404 401"),
    ("POST", "/api/v1/tasks/{id}={setup}/complete", {}, {}, "404 404 404 404 409 404 404 404 404 401"),
    ("POST", "/api/v1/tasks/{id}={sheet}/complete", {"outcome": "shout"}, {}, "404 404 404 404 403 409 404 404 404 401"),
    ("POST", "/api/v1/tasks/{id}={recused}/complete", {"outcome": "recuse"}, {}, "404 404 404 404 403 404 404 409 404 401"),
    ("POST", "/api/v1/tasks/{id}={signed}/correct", {"reason": "x"}, {}, "404 404 404 404 403 404 404 404 404 401"),
    ("GET", "/api/v1/notices", None, {}, ALL),
    ("GET", "/api/v1/notices/{id}=none", None, {}, ALL.replace("200", "404")),
    ("POST", "/api/v1/notices/{id}=none/objections", {}, {}, ALL.replace("200", "422")),
    ("GET", "/api/v1/awards", None, {}, ALL),
    ("GET", "/api/v1/awards/{number}=none/certificate", None, {}, ALL.replace("200", "404")),
    ("GET", "/api/v1/organisations", None, {}, ALL),
    ("GET", "/api/v1/clock", None, {}, ALL),
    ("POST", "/api/v1/admin/organisations", {}, {}, "403 403 403 403 403 403 403 403 422 401"),
    ("POST", "/api/v1/admin/users", {}, {}, "403 403 403 403 403 403 403 403 422 401"),
    ("GET", "/api/v1/admin/users", None, {}, "403 403 403 403 403 403 403 403 200 401"),
    ("POST", "/api/v1/admin/imports", {}, {}, "403 403 403 403 403 403 403 403 400 401"),
    ("GET", "/api/v1/admin/imports/{kind}=users/template.xlsx", None, {}, "403 403 403 403 403 403 403 403 200 401"),
    ("POST", "/api/v1/admin/plugins/reload", {}, {}, "403 403 403 403 403 403 403 403 200 401"),
    ("GET", "/api/v1/admin/plugins", None, {}, "403 403 403 403 403 403 403 403 200 401"),
    ("POST", "/api/v1/admin/plugins", {}, {}, "403 403 403 403 403 403 403 403 400 401"),
    ("POST", "/api/v1/admin/plugins/{id}=none/enable", {}, {}, "403 403 403 403 403 403 403 403 404 401"),
    ("POST", "/api/v1/admin/plugins/{id}=none/disable", {}, {}, "403 403 403 403 403 403 403 403 404 401"),
    ("DELETE", "/api/v1/admin/plugins/{id}=none", None, {}, "403 403 403 403 403 403 403 403 404 401"),
    ("GET", "/api/v1/admin/trust", None, {}, "403 403 403 403 403 403 403 403 200 401"),
    ("POST", "/api/v1/admin/trust", {}, {}, "403 403 403 403 403 403 403 403 422 401"),
    ("DELETE", "/api/v1/admin/trust/{id}=none", None, {}, "403 403 403 403 403 403 403 403 404 401"),
    ("GET", "/api/v1/admin/incidents", None, {}, "403 403 403 403 403 403 403 403 200 401"),
    ("POST", "/api/v1/admin/migrations", {}, {}, "403 403 403 403 403 403 403 403 422 401"),
    ("POST", "/api/v1/admin/migrations/{id}=m-9/undo", {}, {}, "403 403 403 403 403 403 403 403 404 401"),
    ("GET", "/api/v1/admin/migrations", None, {}, "403 403 403 403 403 403 403 403 200 401"),
    ("POST", "/api/v1/admin/clock/advance", {"to": "tomorrow"}, {}, "403 403 403 403 403 403 403 403 400 401"),
    ("POST", "/scxml/{session}=a-none", b"_scxmleventname=province.revoke", FORM, ALL.replace("200", "404")),
    ("GET", "/healthz", None, {}, ALL),
    ("GET", "/readyz", None, {}, ALL),
    ("GET", "/", None, {}, ALL),
    ("GET", "/programmes", None, {}, ALL),
    ("GET", "/programmes/{id}=workshop", None, {}, ALL),
    ("GET", "/programmes/{id}=workshop/diagram.svg", None, {}, ALL),
    ("GET", "/notices", None, {}, ALL),
    ("GET", "/notices/{id}=none", None, {}, ALL.replace("200", "404")),
    ("POST", "/notices/{id}=none/objections", b"reason=x", FORM, ALL.replace("200", "404")),
    ("GET", "/awards", None, {}, ALL),
    ("GET", "/static/{file}=site.css", None, {}, ALL),
    ("POST", "/api/v1/logout", {}, {}, "204 204 204 204 204 204 204 204 204 401"),
]
# What another state of the panel changes. The others stay as they are.
ONCE_CLOSED = [
    ("GET", "/api/v1/applications/{id}", None, {}, SEEN),
    ("GET", "/api/v1/applications/{id}/history", None, {}, SEEN),
    ("GET", "/api/v1/applications/{id}/reviews", None, {}, SEEN),
    ("GET", "/api/v1/tasks/{id}={setup}", None, {}, "404 404 404 404 200 404 404 404 404 401"),
    ("GET", "/api/v1/tasks/{id}={sheet}", None, {}, "404 404 404 404 200 200 404 404 404 401"),
    ("GET", "/api/v1/tasks/{id}={recused}", None, {}, "404 404 404 404 200 404 404 404 404 401"),
    ("GET", "/api/v1/tasks/{id}={deliberation}", None, {}, "404 404 200 404 200 404 404 404 404 401"),
    ("POST", "/api/v1/tasks/{id}={deliberation}/claim", {}, {}, "404 404 403 404 200 404 404 404 404 401"),
    ("POST", "/api/v1/tasks/{id}={sheet}/complete", {"outcome": "recuse"}, {}, "404 404 404 404 409 409 404 404 404 401"),
]
SCORE = "13.37"  # what the reviewers give for every criterion, and nothing else is


def documented():
    """docs/api.md: (method, path) of its table, with the prefix that it leaves out."""
    out = set()
    with open(os.path.join(SOURCE_DIR, "docs", "api.md"), encoding="utf-8") as source:
        for line in source:
            if not line.startswith("| `"):
                continue
            first = line.split("|")[1]
            prefix = "" if "no prefix" in first else "/api/v1"
            method = ""
            for name in re.findall(r"`([^`]+)`", first):
                if " " in name:
                    method, name = name.split(" ", 1)
                    base = name.rsplit("/", 1)[0]
                elif not prefix or name.startswith("/release"):
                    name = base + name
                if method:
                    out.add((method, prefix + name.split("?")[0]))
    return out


def shapes():
    """docs/api.md: shape → (members, members that may be missing): those with a remark behind them."""
    with open(os.path.join(SOURCE_DIR, "docs", "api.md"), encoding="utf-8") as source:
        text = source.read().split("## Shapes")[1].split("```")[1]
    out = {}
    for name, body in re.findall(r"^([A-Z]+)\s+(.*?)(?=^[A-Z]+ |\Z)", text, re.M | re.S):
        members, optional, depth = set(), set(), 0
        for token in re.finditer(r'[{\[]|[}\]]|"(\w+)"\s*(:(?:"[^"]*"|[{\[A-Z])?)?\s*(\()?|\([^)]*\)', body):
            word = token.group(0)
            if token.group(1):
                if depth <= 1:
                    members.add(token.group(1))
                    if token.group(3) or depth == 0:
                        optional.add(token.group(1))
                word = token.group(2) or ""
                depth += word.count("{") + word.count("[")
            elif word in "{[":
                depth += 1
            elif word in "}]":
                depth -= 1
        out[name] = (members, optional)
    return out


class Permissions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.mkdtemp(prefix="chuyi-e2e-")
        cls.server = Server(cls.data)
        cls.tokens = set_up(cls.server)
        admin = cls.tokens["admin"]
        cls.post("admin", "/api/v1/admin/organisations", {"id": OTHER_COLLEGE, "parent": OTHER_PREFECTURE, "level": "college", "kind": "college", "name": "另一学院"}, 201)
        for name, (role, org) in MORE_PEOPLE.items():
            cls.post("admin", "/api/v1/admin/users", {"id": name, "name": name, "password": PASSWORD, "memberships": [{"role": role, "org": org}]}, 201)
            cls.tokens[name] = cls.server.login(name)
        assert admin == cls.tokens["admin"]

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        shutil.rmtree(cls.data)

    @classmethod
    def post(cls, who, path, body, expect=200):
        answer = cls.server.request("POST", path, body, cls.tokens[who])
        assert answer.status == expect, (who, path, answer.status, answer.body)
        return answer

    def get(self, who, path):
        answer = self.server.request("GET", path, token=self.tokens[who])
        self.assertEqual(answer.status, 200, (who, path, answer.body))
        return answer

    def sheet_of(self, who, way):
        return self.get(who, f"/api/v1/tasks?application={way.id}&kind=sheet").json["items"][0]["id"]

    def sign_sheet(self, who, way):
        return self.post(who, f"/api/v1/tasks/{self.sheet_of(who, way)}/complete", {"outcome": "sign", "data": {"scores": self.scores(), "comment": "意见"}})

    def scores(self):
        rubric = self.get("clerk", "/api/v1/programmes/workshop").json["rubric"]["criteria"]
        return {each["id"]: SCORE if float(each["weight"]) > 14 else "1.37" for each in rubric}

    def with_a_panel(self):
        """An application whose panel scores: expert2 signed, expert3 recused, expert1 has a draft, expert4 nothing."""
        way = Way(self.server, self.tokens, "workshop")
        way.nominate()
        tasks = {"setup": way.task("clerk", "panel-setup")}
        self.post("clerk", f"/api/v1/tasks/{tasks['setup']}/complete", {"outcome": "appoint", "data": {"reviewers": list(REVIEWERS)}})
        tasks["sheet"], tasks["signed"], tasks["recused"] = (self.sheet_of(who, way) for who in REVIEWERS[:3])
        draft = self.server.request("PUT", f"/api/v1/tasks/{tasks['sheet']}/draft", {"scores": self.scores()}, self.tokens["expert1"], headers={"If-Match": '"1"'})
        self.assertEqual(draft.status, 200, draft.body)
        self.sign_sheet("expert2", way)
        self.post("expert3", f"/api/v1/tasks/{tasks['recused']}/complete", {"outcome": "recuse", "data": {"comment": "回避"}})
        for name, who in (("nomination", "applicant"), ("recommendation", "bureau")):
            tasks[name] = self.get(who, f"/api/v1/tasks?status=done&application={way.id}").json["items"][0]["id"]
        way.tasks = tasks
        return way

    def close(self, way):
        for who in ("expert1", "expert4"):
            self.sign_sheet(who, way)
        way.tasks["deliberation"] = way.task("lead", "task")

    def let_the_notice_end(self, way):
        for _ in range(50):
            if way.application()["award"]:
                return
            self.post("admin", "/api/v1/admin/clock/advance", {"to_next_timer": True})
        self.fail("no award")

    def ask(self, way, rows):
        document = self.get("applicant", f"/api/v1/applications/{way.id}/documents").json["items"][0]["id"]
        wrong = []
        for method, pattern, body, headers, expected in rows:
            path = re.sub(r"\{\w+\}=", "", pattern).replace("/applications/{id}", f"/applications/{way.id}").replace("{document}", document)
            path = path.format(**way.tasks)
            tokens = self.tokens
            if path.endswith("/logout"):
                tokens = {who: self.server.login(who) for who in ROLES.values() if who}
            for (role, who), status in zip(ROLES.items(), expected.split()):
                answer = self.server.request(method, path, body, tokens.get(who), headers=dict(headers))
                if answer.status != int(status):
                    wrong.append(f"{method} {pattern} as {role}: {answer.status}, not {status}: {answer.body[:160]}")
        self.assertEqual(wrong, [])

    def test_every_route_by_role(self):
        way = self.with_a_panel()
        self.ask(way, WHILE_OPEN)
        self.close(way)
        self.ask(way, ONCE_CLOSED)

    def test_the_table_and_the_document_hold_every_route(self):
        with open(os.path.join(SOURCE_DIR, "server", "routes.cpp"), encoding="utf-8") as source:
            routes = set(re.findall(r'\{"([A-Z]+)", "(/[^"]*)"', source.read()))
        asked = {(method, re.sub(r"=[^/]+", "", path)) for method, path, *_ in WHILE_OPEN}
        self.assertEqual(asked, routes)
        pages = {(method, path) for method, path in routes if not path.startswith("/api/") and path not in ("/healthz", "/readyz", "/scxml/{session}")}
        self.assertEqual(documented(), routes - pages)

    def test_answers_have_the_shapes_of_the_document(self):
        known = shapes()
        way = self.with_a_panel()
        path = f"/api/v1/applications/{way.id}"

        def hold(shape, value, missing=()):
            members, optional = known[shape]
            self.assertEqual(set(value) - members, set(), (shape, value))
            self.assertEqual(members - set(value) - optional - set(missing), set(), (shape, value))

        login = self.server.request("POST", "/api/v1/login", {"user": "outsider", "password": PASSWORD}).json
        self.assertEqual(set(login), {"token", "expires", "user"})
        hold("USER", login["user"])
        hold("USER", self.get("clerk", "/api/v1/me").json)
        hold("PROGRAMME", self.get("clerk", "/api/v1/programmes/workshop").json)
        hold("APPLICATION", self.get("applicant", path).json, {"draft"})
        hold("APPLICATION", self.get("applicant", "/api/v1/applications").json["items"][0], {"draft", "events", "tasks", "award", "bundle"})
        hold("DOCUMENT", self.get("applicant", path + "/documents").json["items"][0])
        hold("TASK", self.get("expert1", f"/api/v1/tasks/{way.tasks['sheet']}").json)
        hold("TASK", self.get("expert1", "/api/v1/tasks").json["items"][0])
        for entry in self.get("clerk", path + "/history").json["items"]:
            hold("HISTORY", entry)
        hold("SHEET", self.get("expert1", path + "/reviews").json["items"][0])
        self.close(way)
        claimed = self.post("lead", f"/api/v1/tasks/{way.tasks['deliberation']}/claim", {})
        hold("TASK", claimed.json)
        again = self.server.request("POST", f"/api/v1/tasks/{way.tasks['deliberation']}/complete", {"outcome": "select"}, self.tokens["lead"], key="select")
        hold("TASK", again.json)
        repeat = self.server.request("POST", f"/api/v1/tasks/{way.tasks['deliberation']}/complete", {"outcome": "select"}, self.tokens["lead"], key="select")
        self.assertEqual((repeat.body, repeat.header("Idempotency-Replayed")), (again.body, "true"))
        hold("NOTICE", self.get("clerk", "/api/v1/notices").json["items"][0])
        self.let_the_notice_end(way)
        hold("AWARD", self.get("clerk", "/api/v1/awards").json["items"][0])
        fresh = Way(self.server, self.tokens, "workshop")
        made = self.post("applicant", "/api/v1/applications", {"programme": "workshop", "round": "2026", "title": "新"}, 201)
        self.assertEqual(set(made.json), {"id", "application"})
        self.assertEqual(made.header("Location"), "/api/v1/applications/" + made.json["id"])
        hold("SUMMARY", made.json["application"])
        fresh.id = made.json["id"]
        hold("APPLICATION", self.get("applicant", f"/api/v1/applications/{fresh.id}").json)
        fresh.fill()
        sent = self.post("applicant", f"/api/v1/applications/{fresh.id}/submit", {})
        self.assertEqual(set(sent.json), {"application", "task"})
        hold("TASK", sent.json["task"])
        gone = self.post("applicant", f"/api/v1/applications/{fresh.id}/events", {"event": "applicant.withdraw"})
        self.assertEqual(set(gone.json), {"application"})
        hold("SUMMARY", gone.json["application"])

    def test_scores_are_sealed_until_the_panel_closes(self):
        way = self.with_a_panel()
        path = f"/api/v1/applications/{way.id}"
        reviews = self.get("clerk", path + "/reviews")
        self.assertNotIn("score", reviews.json)
        self.assertEqual({each["reviewer"]["id"]: each["status"] for each in reviews.json["items"]},
                         {"expert1": "open", "expert2": "done", "expert3": "done", "expert4": "open"})
        seen = [reviews] + [self.get("clerk", f"/api/v1/tasks/{each}") for each in way.tasks.values()]
        seen += [self.get("clerk", path + more) for more in ("", "/history")] + [self.get("clerk", "/api/v1/tasks?status=open,claimed,done")]
        for answer in seen:
            self.assertNotIn(SCORE, answer.body.decode())
            self.assertNotIn("意见\"", answer.body.decode())
        own = self.get("expert1", path + "/reviews").json
        self.assertEqual([(each["reviewer"], each["scores"]) for each in own["items"]], [({"id": "expert1", "name": "expert1"}, self.scores())])
        self.assertNotIn("score", own)
        self.close(way)
        closed = self.get("clerk", path + "/reviews").json
        self.assertTrue(closed["score"])
        self.assertEqual([each["scores"] for each in closed["items"] if each["outcome"] == "sign"], [self.scores()] * 3)
        self.assertIn("score", self.get("clerk", f"/api/v1/tasks/{way.tasks['deliberation']}").json["data"])
        self.assertIn(SCORE, self.get("clerk", f"/api/v1/tasks/{way.tasks['sheet']}").body.decode())

    def test_a_prefecture_sees_the_work_but_not_what_is_in_it(self):
        way = self.with_a_panel()
        self.close(way)
        self.assertNotIn("data", self.get("bureau", f"/api/v1/tasks/{way.tasks['deliberation']}").json)
        self.assertNotIn("data", self.get("bureau", f"/api/v1/tasks/{way.tasks['nomination']}").json)
        self.assertIn("data", self.get("bureau", f"/api/v1/tasks/{way.tasks['recommendation']}").json)
        self.assertIn("data", self.get("applicant", f"/api/v1/tasks/{way.tasks['nomination']}").json)
        for path in ("", "/history", "/reviews"):
            body = self.get("bureau", f"/api/v1/applications/{way.id}{path}").body.decode()
            for secret in REVIEWERS + (SCORE,):
                self.assertNotIn(secret, body)

    def test_no_answer_to_an_applicant_tells_who_reviewed_or_the_score(self):
        way = self.with_a_panel()

        def look():
            path = f"/api/v1/applications/{way.id}"
            answers = [self.get("applicant", path + more) for more in ("", "/history", "/reviews", "/diagram.svg", "/documents")]
            answers += [self.get("applicant", each) for each in ("/api/v1/applications", "/api/v1/tasks?status=open,claimed,done,cancelled", "/api/v1/notices", "/", "/notices")]
            answers.append(self.server.request("POST", path + "/events", {"event": "applicant.fly"}, self.tokens["applicant"]))
            answers += [self.get("applicant", f"/api/v1/tasks/{each['id']}") for each in answers[6].json["items"]]
            for answer in answers:
                for secret in REVIEWERS + tuple(secrets):
                    # A diagram is full of coordinates.
                    self.assertNotIn(secret, re.sub(r'(points|d|x|y|viewBox|width|height|transform)="[^"]*"', "", answer.body.decode()))
            for entry in answers[1].json["items"]:
                self.assertNotIn("hash", entry)
                if entry["task_kind"] in ("sheet", "panel-setup"):
                    self.assertFalse({"actor", "opinion"} & set(entry))

        secrets = [SCORE]
        look()
        self.close(way)
        secrets.append(self.get("clerk", f"/api/v1/applications/{way.id}/reviews").json["score"])
        look()
        way.sign("lead", "task", "select", {"opinion": "审议意见"})
        secrets.append("审议意见")
        look()
        self.assertIn("hash", self.get("clerk", f"/api/v1/applications/{way.id}/history").json["items"][0])
        self.assertNotIn("hash", self.get("bureau", f"/api/v1/applications/{way.id}/history").json["items"][0])

    def test_what_is_published_is_masked_in_every_form(self):
        way = Way(self.server, self.tokens, "workshop")
        title = "工坊 13812345678 与 430102199001011234"
        way.id = self.post("applicant", "/api/v1/applications", {"programme": "workshop", "round": "2026", "title": title}, 201).json["id"]
        way.create = lambda: None
        way.nominate()
        way.review()
        notice = next(each["id"] for each in self.get("admin", "/api/v1/notices?limit=200").json["items"] if each["fields"]["title"].startswith("工坊 138"))
        paths = [f"/api/v1/notices/{notice}", "/api/v1/notices?limit=200", f"/notices/{notice}", "/notices", "/"]
        self.let_the_notice_end(way)
        paths += ["/api/v1/awards?limit=200", "/awards", "/", f"/api/v1/applications/{way.id}"]
        for path in paths:
            body = self.get("admin" if "applications" not in path else "bureau", path).body.decode()
            if "applications" in path:  # who may see the application reads its title as it was given
                body = json.dumps(json.loads(body)["award"], ensure_ascii=False)
            self.assertIn("138****5678", body, path)
            self.assertNotIn("13812345678", body, path)
            self.assertNotIn("199001011234", body, path)

    def test_lists_hold_what_may_be_opened(self):
        way = self.with_a_panel()

        def listed(who):
            return [each["id"] for each in self.get(who, "/api/v1/applications?limit=200").json["items"] if each["id"] == way.id]

        for who, expected in (("applicant", [way.id]), ("rival", []), ("above", []), ("bureau", [way.id]), ("other-bureau", []), ("clerk", [way.id]),
                              ("expert1", [way.id]), ("outsider", []), ("expert3", []), ("admin", [])):
            self.assertEqual(listed(who), expected, who)
        self.assertEqual(self.get("expert3", "/api/v1/tasks?status=done&application=" + way.id).json["items"], [])
        self.post("applicant", f"/api/v1/applications/{way.id}/events", {"event": "applicant.ask_withdrawal"})
        self.post("bureau", f"/api/v1/applications/{way.id}/events", {"event": "recommender.grant_withdrawal"})
        self.assertEqual(listed("expert1"), [], "a cancelled sheet opens nothing")
        self.assertEqual(self.server.request("GET", f"/api/v1/applications/{way.id}", token=self.tokens["expert1"]).status, 404)

    def test_the_applicant_reads_why(self):
        way = Way(self.server, self.tokens, "workshop")
        way.create()
        way.fill()
        way.do("POST", f"/api/v1/applications/{way.id}/submit", {}, "applicant", 200)
        way.sign("bureau", "task", "return", {"opinion": "请补充协议期限"})
        history = self.get("applicant", f"/api/v1/applications/{way.id}/history").json["items"]
        self.assertEqual([each["opinion"] for each in history if "opinion" in each], ["请补充协议期限"])
        self.assertEqual(history[-1]["outcome"], "return")
        # Signed off from a saved draft: the opinion stands there only.
        way.do("POST", f"/api/v1/applications/{way.id}/submit", {}, "applicant", 200)
        task = way.task("bureau", "task")
        way.do("PUT", f"/api/v1/tasks/{task}/draft", {"opinion": "同意推荐"}, "bureau", 200, headers={"If-Match": '"1"'})
        self.post("bureau", f"/api/v1/tasks/{task}/complete", {"outcome": "recommend"})
        history = self.get("applicant", f"/api/v1/applications/{way.id}/history").json["items"]
        self.assertEqual([each["opinion"] for each in history if "opinion" in each], ["请补充协议期限", "同意推荐"])


if __name__ == "__main__":
    unittest.main()
