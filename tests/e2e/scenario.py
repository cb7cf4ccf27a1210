"""The people and forms of the end-to-end tests, and the way of one application."""
from server import PASSWORD, quote, pdf, run_cli

COLLEGE, PREFECTURE, PROVINCE = "college-001", "430100", "430000"
PEOPLE = {
    "applicant": ("applicant", COLLEGE), "bureau": ("recommending-officer", PREFECTURE),
    "clerk": ("provincial-officer", PROVINCE), "lead": ("provincial-officer", PROVINCE),
    "expert1": ("reviewer", PROVINCE), "expert2": ("reviewer", PROVINCE), "expert3": ("reviewer", PROVINCE),
}
LEADER = {"name": "李老师", "title": "副高级", "phone": "13800000000"}
COMMON = {
    "leader": LEADER, "period": {"start": "2026-09", "end": "2029-08"},
    "budget": {"province": "20", "local": "10", "school": "15.5", "enterprise": "30", "total": "75.5",
               "y1": "30", "y2": "25.5", "y3": "20"},
    "targets": [{"indicator": "带徒", "unit": "人", "baseline": 4, "y1": 10, "y2": 20, "y3": 30}], "statement": "建设思路与预期成效",
}
SCHOOL = {"name": "湖南某职业技术学院", "uscc": "12430000444877049U"}
FIRM = {"name": "湖南某科技有限公司", "uscc": "91350100M000100Y43"}
# As many, and from as many enterprises, as is usual: what is not wants a written reason.
MEMBERS = ([{"name": name, "unit": "学院", "side": "学校"} for name in "甲丙丁戊己庚辛壬"] +
           [{"name": name, "unit": unit, "side": "企业"} for name, unit in zip("乙癸子丑", ("公司", "公司", "工艺厂", "工艺厂"))])
FORMS = {
    "workshop": dict(COMMON, craft="湘绣", craft_kind="传统技艺", school=SCHOOL, enterprises=[FIRM], agreement_end="2029-12-31", host_master="王大师",
                     master_level="非遗传承人", members=MEMBERS,
                     tech_projects=[{"title": "绣线染色工艺", "partner": "公司", "money": "12.5", "result": "企业标准1项"}],
                     awards=[{"name": "全省职业院校技能竞赛", "level": "省级", "rank": "一等奖", "year": 2024}], area="120.5", equip="80.00", ent_equip="30.00", apprentices3=12, exchange3=6, patents=2, courses=3, target_apprentice=30),
    "vocational-alliance": dict(COMMON, alliance_name="湖南智能制造职教联盟", lead=[SCHOOL], founded="2020-05-01", charter_date="2020-05-01", registered="未登记",
                                council=[{"name": "张理事", "unit": "学院", "post": "理事长"}],
                                members=[{"name": f"{kind}单位{number}", "kind": kind, "joined": "2021-01-01", "agreement": "2020-12-20"} for kind in ("政府", "行业", "企业", "职业院校", "科研院所", "社会组织") for number in (1, 2)],
                                projects=[{"kind": "产业学院", "name": "智能制造产业学院", "partners": "学院、公司"}], prefectures=3, leading_enterprises=2, meetings=4, order_students=120, employment="96.5", training=900,
                                research_money="120.00", platform_url="https://example.cn/alliance"),
}
DOCUMENTS = {"workshop": ["agreement", "commitment", "ethics"], "vocational-alliance": ["charter", "commitment", "agreements"]}
ANNUAL = {
    "workshop": {"apprentices": 12, "exchanges": 8, "patents": 1, "awards": 2, "courses": 1, "media": 3, "invested": "30.00", "execution": "95.5", "summary": "总结"},
    "vocational-alliance": {"members_net": 2, "meetings": 4, "shared": 3, "students": 150, "training": 1000, "updates": 52, "invested": "20.00", "execution": "88", "summary": "总结"},
}


def set_up(server):
    """An administrator from the command line, everybody else over HTTP. @return name → token."""
    run_cli("user", "add", "admin", "--role", "administrator", "--org", PROVINCE, "--password-stdin", data=server.data, store=server.store, stdin=PASSWORD + "\n")
    server.start()
    admin = server.login("admin")
    made = server.request("POST", "/api/v1/admin/organisations", {"id": COLLEGE, "parent": PREFECTURE, "level": "college", "kind": "college", "name": "湖南某职业技术学院", "name_en": "A college"}, admin)
    assert made.status == 201, made.body
    tokens = {"admin": admin}
    for name, (role, org) in PEOPLE.items():
        made = server.request("POST", "/api/v1/admin/users", {"id": name, "name": name, "password": PASSWORD, "memberships": [{"role": role, "org": org}]}, admin)
        assert made.status == 201, made.body
        tokens[name] = server.login(name)
    return tokens


class Way:
    """Drives one application. `acted` is called after every acknowledged request that changes something."""

    def __init__(self, server, tokens, programme, acted=lambda: None):
        self.server, self.tokens, self.programme, self.acted = server, tokens, programme, acted
        self.signed = 0

    def do(self, method, path, body, who, expect, **more):
        answer = self.server.request(method, path, body, self.tokens.get(who), **more)
        assert answer.status == expect, f"{method} {path} as {who}: {answer.status} {answer.body.decode()}"
        self.acted()
        return answer

    def application(self, who="applicant"):
        answer = self.server.request("GET", f"/api/v1/applications/{self.id}", token=self.tokens[who])
        assert answer.status == 200, answer.body
        return answer.json

    def task(self, who, kind):
        items = self.server.request("GET", f"/api/v1/tasks?application={self.id}&kind={kind}", token=self.tokens[who]).json["items"]
        assert len(items) == 1, (who, kind, items)
        return items[0]["id"]

    def sign(self, who, kind, outcome, data=None, **more):
        body = {"outcome": outcome} | ({"data": data} if data is not None else {})
        answer = self.do("POST", f"/api/v1/tasks/{self.task(who, kind)}/complete", body, who, 200, **more)
        self.signed += 1
        return answer

    def advance(self, to):
        self.do("POST", "/api/v1/admin/clock/advance", {"to": to}, "admin", 200)

    def create(self):
        self.id = self.do("POST", "/api/v1/applications", {"programme": self.programme, "round": "2026", "title": "湘绣技艺工坊"}, "applicant", 201).json["id"]

    def fill(self):
        draft = self.application()["draft"]
        self.do("PUT", f"/api/v1/applications/{self.id}/draft", FORMS[self.programme], "applicant", 200, headers={"If-Match": f'"{draft["revision"]}"'})
        for kind in DOCUMENTS[self.programme]:
            self.do("POST", f"/api/v1/applications/{self.id}/documents?kind={kind}&name={quote(kind + '-材料.pdf')}", pdf(kind), "applicant", 201,
                    headers={"Content-Type": "application/pdf"})

    def nominate(self):
        self.create()
        self.nominate_this()

    def nominate_this(self):
        self.fill()
        self.do("POST", f"/api/v1/applications/{self.id}/submit", {}, "applicant", 200)
        self.signed += 1
        self.sign("bureau", "task", "recommend", {"opinion": "同意推荐"})
        self.sign("clerk", "task", "pass")

    def review(self):
        self.sign("clerk", "panel-setup", "appoint", {"reviewers": ["expert1", "expert2", "expert3"]})
        rubric = self.server.request("GET", f"/api/v1/programmes/{self.programme}").json["rubric"]["criteria"]
        for points, who in ((2, "expert1"), (1, "expert2"), (0, "expert3")):
            scores = {c["id"]: f"{int(c['weight']) - points}.5" if points else c["weight"] for c in rubric}
            self.sign(who, "sheet", "sign", {"scores": scores, "comment": "评审意见"})
        self.sign("lead", "task", "select")

    def publish(self):
        assert self.application()["stage"] == "publicity"
        self.advance("2026-03-10T09:00:00+08:00")
        assert self.application()["award"]["status"] == "in-force"

    def check_years(self, verdicts=("qualified", "excellent", "qualified")):
        for year, verdict in enumerate(verdicts, 1):
            self.advance(f"{2026 + year}-03-20T09:00:00+08:00")
            self.sign("applicant", "annual-report", "report", ANNUAL[self.programme])
            self.sign("clerk", "annual-verdict", verdict, {"opinion": "年度考核意见"})

    def all_stages(self):
        self.nominate()
        self.review()
        self.publish()
        self.check_years()
