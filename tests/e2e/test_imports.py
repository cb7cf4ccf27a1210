"""Goal: organisations, users and experts come from the sheets that people have, all rows or none, and every problem is told by
its row and column. Method: workbooks made by hand and CSV in the encodings of spreadsheets, over HTTP and by the command line."""
import html
import io
import json
import os
import shutil
import tempfile
import unittest
import zipfile

from scenario import FORMS, PREFECTURE, PROVINCE, pdf, set_up
from server import PASSWORD, Server, quote, run_cli, stored, stored_bytes

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
ORGANISATIONS = ["单位编号", "单位名称", "层级", "单位类型", "上级单位", "主管部门"]
# A name with a middle dot and a character outside the basic plane, which GB 18030 has.
RARE = "阿依古丽·\U00020087学校"


def workbook(rows, more=()):
    """Numbers as numbers, everything else as shared strings."""
    strings, lines = [], []
    for at, row in enumerate(rows, 1):
        cells = []
        for column, value in enumerate(row):
            place = f"{chr(65 + column)}{at}"
            if isinstance(value, int):
                cells.append(f'<c r="{place}"><v>{value}</v></c>')
            elif value:
                cells.append(f'<c r="{place}" t="s"><v>{len(strings)}</v></c>')
                strings.append(f"<si><t>{html.escape(value)}</t></si>")
        lines.append(f'<row r="{at}">{"".join(cells)}</row>')
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", "<Types/>")
        book.writestr("xl/workbook.xml", f'<workbook xmlns="{MAIN}" xmlns:r="urn:r"><sheets><sheet name="1" sheetId="1" r:id="rId7"/></sheets></workbook>')
        book.writestr("xl/_rels/workbook.xml.rels", '<Relationships><Relationship Id="rId7" Target="worksheets/sheet1.xml"/></Relationships>')
        book.writestr("xl/sharedStrings.xml", f'<sst xmlns="{MAIN}">{"".join(strings)}</sst>')
        book.writestr("xl/worksheets/sheet1.xml", f'<worksheet xmlns="{MAIN}"><sheetData>{"".join(lines)}</sheetData></worksheet>')
        for name, text in more:
            book.writestr(name, text)
    return out.getvalue()


def csv(rows):
    return "\r\n".join(",".join(str(cell) for cell in row) for row in rows) + "\r\n"


class Imports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.mkdtemp(prefix="chuyi-e2e-")
        cls.server = Server(cls.data)
        cls.tokens = set_up(cls.server)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        shutil.rmtree(cls.data)

    def bring(self, kind, sheet, more="", expect=200, who="admin"):
        text = isinstance(sheet, str)
        answer = self.server.request("POST", f"/api/v1/admin/imports?kind={kind}{more}", sheet.encode() if text else sheet, self.tokens[who],
                                     headers={"Content-Type": "text/csv" if text or not sheet.startswith(b"PK") else XLSX})
        self.assertEqual(answer.status, expect, answer.body.decode())
        return answer.json

    def organisation(self, code):
        items = self.server.request("GET", f"/api/v1/organisations?code={quote(code)}").json["items"]
        self.assertEqual(len(items), 1, code)
        return items[0]

    def test_a_preview_writes_nothing_and_the_import_writes_once(self):
        sheet = workbook([ORGANISATIONS, ["once-1", RARE, "院校单位", "中职", 430221, ""], ["once-2", "示范学院", "院校单位", "高职高专", "长沙市教育局", "湖南省交通运输厅"]])
        before = self.server.request("GET", "/api/v1/organisations").json
        preview = self.bring("organisations", sheet, "&preview=true")
        self.assertEqual((preview["rows"], preview["problems"], preview["applied"]), (2, [], False))
        self.assertEqual([(each["row"], each["id"], each["action"]) for each in preview["changes"]], [(2, "once-1", "add"), (3, "once-2", "add")])
        self.assertEqual(self.server.request("GET", "/api/v1/organisations").json, before)
        self.assertTrue(self.bring("organisations", sheet)["applied"])
        # A county of before is the county of today.
        self.assertEqual({key: self.organisation("once-1")[key] for key in ("name", "parent", "kind")}, {"name": RARE, "parent": "430212", "kind": "secondary"})
        self.assertEqual(self.organisation("once-2")["competent"], "dept-jtt")
        audited = stored(self.data, "SELECT count(*) FROM audit")
        again = self.bring("organisations", sheet)
        self.assertEqual([each["action"] for each in again["changes"]], ["keep", "keep"])
        self.assertEqual(stored(self.data, "SELECT count(*) FROM audit"), audited)

    def test_csv_of_every_encoding_gives_the_same(self):
        for at, encode in enumerate((lambda text: text.encode(), lambda text: text.encode("utf-8-sig"), lambda text: text.encode("gb18030"), lambda text: text.encode("utf-16"))):
            self.bring("organisations", encode(csv([ORGANISATIONS, [f"coded-{at}", RARE + str(at), "院校单位", "中职", "430100", ""]])))
            self.assertEqual(self.organisation(f"coded-{at}")["name"], RARE + str(at))

    def test_all_rows_or_none_and_every_problem(self):
        sheet = workbook([ORGANISATIONS, ["none-1", "好学校", "院校单位", "中职", 430100, ""], ["none 2", "", "院校", "中职", "没有的局", ""], ["none-1", "又一个", "院校单位", "大学", 430100, "nobody"]])
        for more in ("&preview=true", ""):
            report = self.bring("organisations", sheet, more, 200 if more else 422)
            self.assertEqual([(each["row"], each["column"], each["code"]) for each in report["problems"]],
                             [(3, "单位名称", "import.required"), (3, "层级", "import.word"), (3, "上级单位", "import.organisation"), (3, "单位编号", "organisation.id"),
                              (4, "单位类型", "import.word"), (4, "主管部门", "import.organisation"), (4, "单位编号", "import.duplicate")])
            self.assertTrue(all(each["detail"] and each["detail_zh"] for each in report["problems"]))
            self.assertFalse(report["applied"])
        self.assertEqual(self.server.request("GET", "/api/v1/organisations?code=none-1").json["items"], [])

    def test_users_set_their_password_with_a_code(self):
        sheet = csv([["账号", "姓名", "角色", "单位"], ["two.roles", "迪丽热巴·买买提", "专家", PROVINCE], ["two.roles", "迪丽热巴·买买提", "推荐经办", "长沙市教育局"], ["one.role", "\U00020087明", "applicant", "college-001"]])
        preview = self.bring("users", sheet, "&preview=true")
        self.assertNotIn("codes", preview)
        report = self.bring("users", sheet)
        codes = {each["id"]: each["code"] for each in report["codes"]}
        self.assertEqual(set(codes), {"two.roles", "one.role"})
        self.assertFalse(any(code.encode() in stored_bytes(self.data) for code in codes.values()))
        set_one = lambda user, code, password=PASSWORD: self.server.request("POST", "/api/v1/password", {"user": user, "code": code, "password": password}).status
        login = lambda user, password=PASSWORD: self.server.request("POST", "/api/v1/login", {"user": user, "password": password}).status
        self.assertEqual(login("two.roles", codes["two.roles"]), 401)
        self.assertEqual(set_one("two.roles", codes["one.role"]), 401)
        self.assertEqual(set_one("two.roles", codes["two.roles"], "short"), 422)
        self.assertEqual(set_one("two.roles", codes["two.roles"]), 204)
        self.assertEqual(set_one("two.roles", codes["two.roles"]), 401, "a code counts once")
        self.assertEqual(login("two.roles"), 200)
        me = self.server.request("GET", "/api/v1/me", token=self.server.login("two.roles")).json
        self.assertEqual((me["name"], [(each["role"], each["org"]) for each in me["memberships"]]), ("迪丽热巴·买买提", [("reviewer", PROVINCE), ("recommending-officer", PREFECTURE)]))
        self.assertNotIn("codes", self.bring("users", sheet))
        renewed = self.bring("users", sheet, "&renew_codes=true")
        self.assertEqual([each["id"] for each in renewed["codes"]], ["one.role"], "not of those who have a password")
        self.assertEqual(set_one("one.role", codes["one.role"]), 401)
        self.assertEqual(set_one("one.role", renewed["codes"][0]["code"]), 204)
        self.assertEqual(set_one("admin", "x"), 401)

    def test_problems_of_users_are_told_by_their_own_rows(self):
        report = self.bring("users", csv([["账号", "姓名", "角色", "单位"], ["u1", "甲", "专家", PROVINCE], ["u1", "乙", "专家", PROVINCE], ["u2", "丙", "书记", "nowhere"]]), "&preview=true")
        self.assertEqual([(each["row"], each["column"], each["code"]) for each in report["problems"]], [(3, "姓名", "import.contradiction"), (4, "角色", "import.word"), (4, "单位", "import.organisation")])

    def test_experts_become_records(self):
        sheet = workbook([["专家编号", "姓名", "职称", "专业领域", "工作单位", "专家类型", "省外", "提名年度"], ["e-1", "李·文", "教授", "4603；4604", "湖南省交通运输厅", "政府", "否", 2026]])
        self.bring("experts", sheet)
        (kind, about, data), = stored(self.data, "SELECT kind, about, data FROM records WHERE id = 'e-1'")
        self.assertEqual((kind, about), ("expert", "pool"))
        self.assertEqual(json.loads(data), {
            "id": "e-1", "name": "李·文", "title": "教授", "fields": ["4603", "4604"], "employer": "dept-jtt",
            "employer_names": ["湖南省交通运输厅"], "kind": "government", "out_of_province": False, "nominated_year": 2026})
        self.assertEqual(self.bring("experts", sheet)["changes"][0]["action"], "keep")

    def test_what_is_no_sheet_is_refused(self):
        code = lambda *arguments, **more: self.bring(*arguments, **more)["code"]
        self.assertEqual(code("organisations", workbook([ORGANISATIONS], [("xl/vbaProject.bin", "x")]), expect=400), "sheet.macros")
        self.assertEqual(code("organisations", workbook([ORGANISATIONS], [("xl/externalLinks/externalLink1.xml", "<x/>")]), expect=400), "sheet.external")
        self.assertEqual(code("organisations", workbook([ORGANISATIONS, ["x" * 15_000_000]]), expect=413), "zip.bomb")
        self.assertEqual(code("organisations", csv([ORGANISATIONS]) + "x\r\n" * 5001, expect=413), "sheet.rows")
        self.assertEqual(code("organisations", b"PK\x03\x04 and nothing else", expect=400), "zip.end")
        self.assertEqual(code("organisations", b"\xff\xff", expect=400), "sheet.encoding")
        self.assertEqual(code("organisations", csv([["编号", "单位名称", "单位名称"]]), expect=400), "import.headings")
        self.assertEqual(code("organisations", "", expect=400), "import.headings")
        self.assertEqual(code("programmes", csv([["a"]]), expect=400), "import.kind")
        refused = self.server.request("POST", "/api/v1/admin/imports?kind=users", {}, self.tokens["admin"])
        self.assertEqual((refused.status, refused.json["code"]), (400, "http.content_type"))
        for who, status in (("applicant", 403), ("lead", 403)):
            self.bring("organisations", csv([ORGANISATIONS]), expect=status, who=who)

    def test_templates_are_what_imports_take(self):
        for kind in ("organisations", "users", "experts"):
            for language in ("zh", "en"):
                answer = self.server.request("GET", f"/api/v1/admin/imports/{kind}/template.xlsx?lang={language}", token=self.tokens["admin"])
                self.assertEqual((answer.status, answer.header("Content-Type")), (200, XLSX))
                self.assertIsNone(zipfile.ZipFile(io.BytesIO(answer.body)).testzip())
                self.assertEqual(self.bring(kind, answer.body, "&preview=true")["rows"], 0)
        self.assertEqual(self.server.request("GET", "/api/v1/admin/imports/programmes/template.xlsx", token=self.tokens["admin"]).status, 404)

    def test_the_application_goes_to_who_recommends(self):
        self.bring("organisations", csv([ORGANISATIONS, ["way-dept", "交通学院", "院校单位", "高职高专", PREFECTURE, "dept-jtt"], ["way-tech", "技师学院", "院校单位", "技工院校", PREFECTURE, ""],
                                         ["way-county", "职业中专", "院校单位", "中职", "430121", ""], ["way-none", "学校", "院校单位", "", PREFECTURE, ""]]))
        people = {"way-dept": ("way-d", "dept-jtt"), "way-tech": ("way-t", f"{PREFECTURE}-rsj"), "way-county": ("way-c", PREFECTURE)}
        users = [["账号", "姓名", "角色", "单位"]] + [["way-a", "申报", "applicant", org] for org in [*people, "way-none"]] + [[user, user, "recommending-officer", org] for user, org in people.values()]
        for each in self.bring("users", csv(users))["codes"]:
            self.server.request("POST", "/api/v1/password", {"user": each["id"], "code": each["code"], "password": PASSWORD})
        token = self.server.login("way-a")
        create = lambda org, programme: self.server.request("POST", "/api/v1/applications", {"programme": programme, "round": "2026", "title": org, "org": org}, token)
        for org, programme, code in (("way-tech", "excellent-secondary", "application.kind"), ("way-none", "workshop", "application.kind")):
            refused = create(org, programme)
            self.assertEqual((refused.status, refused.json["code"]), (409, code), refused.body)
            self.assertIn("secondary", refused.json["allowed"])
        for org, (officer, _) in people.items():
            made = create(org, "workshop")
            self.assertEqual(made.status, 201, made.body)
            id = made.json["id"]
            draft = self.server.request("GET", f"/api/v1/applications/{id}", token=token).json["draft"]
            self.server.request("PUT", f"/api/v1/applications/{id}/draft", FORMS["workshop"], token, headers={"If-Match": f'"{draft["revision"]}"'})
            for kind in ("agreement", "commitment", "ethics"):
                self.server.request("POST", f"/api/v1/applications/{id}/documents?kind={kind}&name={kind}.pdf", pdf(kind), token, headers={"Content-Type": "application/pdf"})
            self.assertEqual(self.server.request("POST", f"/api/v1/applications/{id}/submit", {}, token).status, 200)
            if org == "way-county":  # its bureau reviews first, and passes on
                county = self.server.request("POST", "/api/v1/admin/users", {"id": "way-k", "name": "县局", "password": PASSWORD, "memberships": [{"role": "recommending-officer", "org": "430121"}]}, self.tokens["admin"])
                self.assertEqual(county.status, 201, county.body)
                reviewer = self.server.login("way-k")
                (task,) = self.server.request("GET", f"/api/v1/tasks?application={id}", token=reviewer).json["items"]
                self.assertEqual((task["state"], task["outcomes"]), ("county_review", ["pass", "return", "decline"]))
                self.assertEqual(self.server.request("POST", f"/api/v1/tasks/{task['id']}/complete", {"outcome": "recommend"}, reviewer).json["code"], "task.outcome")
                self.assertEqual(self.server.request("POST", f"/api/v1/tasks/{task['id']}/complete", {"outcome": "pass"}, reviewer).status, 200)
            officer_token = self.server.login(officer)
            tasks = self.server.request("GET", f"/api/v1/tasks?application={id}", token=officer_token).json["items"]
            self.assertEqual([each["state"] for each in tasks], ["recommendation"], org)
            self.assertEqual(self.server.request("GET", f"/api/v1/applications/{id}", token=officer_token).status, 200)
            done = self.server.request("POST", f"/api/v1/tasks/{tasks[0]['id']}/complete", {"outcome": "recommend", "data": {"opinion": "同意推荐"}}, officer_token)
            self.assertEqual(done.status, 200, done.body)

    def test_two_units_lead_an_alliance(self):
        self.bring("organisations", csv([ORGANISATIONS, ["lead-1", "牵头学院", "院校单位", "高职高专", PREFECTURE, ""], ["lead-2", "牵头企业", "院校单位", "企业", "430200", ""], ["lead-3", "研究院", "院校单位", "科研院所", "430200", ""]]))
        made = self.server.request("POST", "/api/v1/admin/users", {"id": "leader", "name": "某", "password": PASSWORD, "memberships": [{"role": "applicant", "org": "lead-1"}]}, self.tokens["admin"])
        self.assertEqual(made.status, 201)
        token = self.server.login("leader")
        create = lambda programme, co_leads: self.server.request("POST", "/api/v1/applications", {"programme": programme, "round": "2026", "title": "题", "org": "lead-1", "co_leads": co_leads}, token)
        for programme, co_leads, code in (("workshop", ["lead-2"], "application.co_leads"), ("vocational-alliance", ["lead-2", "lead-3"], "application.co_leads"), ("vocational-alliance", ["lead-1"], "application.co_leads"),
                                          ("vocational-alliance", ["lead-3"], "application.kind"), ("vocational-alliance", ["nobody"], "organisation.unknown")):
            self.assertEqual(create(programme, co_leads).json["code"], code, co_leads)
        id = create("vocational-alliance", ["lead-2"]).json["id"]
        (record,), = stored(self.data, f"SELECT record FROM audit WHERE session_id = '{id}'")
        self.assertEqual(json.loads(record)["data"]["facts"]["co_leads"], [{"org": "lead-2", "name": "牵头企业"}])

    def test_history_keeps_the_name_of_then(self):
        self.bring("organisations", csv([ORGANISATIONS, ["renamed", "旧名学院", "院校单位", "高职高专", PREFECTURE, ""]]))
        self.bring("users", csv([["账号", "姓名", "角色", "单位"], ["renamer", "某", "applicant", "旧名学院"]]))
        user = self.server.request("POST", "/api/v1/admin/users", {"id": "renamer", "name": "某", "password": PASSWORD, "memberships": [{"role": "applicant", "org": "renamed"}]}, self.tokens["admin"])
        self.assertEqual(user.status, 201)
        token = self.server.login("renamer")
        id = self.server.request("POST", "/api/v1/applications", {"programme": "workshop", "round": "2026", "title": "题", "org": "renamed"}, token).json["id"]
        report = self.bring("organisations", csv([ORGANISATIONS[:5], ["renamed", "新名学院", "院校单位", "高职高专", PREFECTURE]]))
        self.assertEqual(report["changes"][0]["fields"]["name"], {"from": "旧名学院", "to": "新名学院"})
        self.assertEqual(self.organisation("旧名学院")["name"], "新名学院")
        shown = self.server.request("GET", f"/api/v1/applications/{id}", token=token).json
        self.assertEqual(shown["org_name"], "旧名学院")


class CommandLine(unittest.TestCase):
    def test_the_same_by_the_command_line(self):
        data = tempfile.mkdtemp(prefix="chuyi-e2e-")
        self.addCleanup(shutil.rmtree, data)
        run_cli("user", "add", "admin", "--role", "administrator", "--org", PROVINCE, "--password-stdin", data=data, stdin=PASSWORD + "\n")
        path = os.path.join(data, "sheet.csv")
        with open(path, "wb") as sheet:
            sheet.write(csv([ORGANISATIONS, ["cli-1", RARE, "院校单位", "中职", "430221", ""]]).encode("gb18030"))
        preview = json.loads(run_cli("import", "organisations", path, "--preview", "--json", data=data).stdout)
        self.assertEqual((preview["problems"], preview["applied"], preview["changes"][0]["name"]), ([], False, RARE))
        self.assertTrue(json.loads(run_cli("import", "organisations", path, "--json", data=data).stdout)["applied"])
        self.assertIn((RARE,), [tuple(row) for row in stored(data, "SELECT name FROM organisations WHERE id = 'cli-1'")])
        with open(path, "w", encoding="utf-8") as sheet:
            sheet.write(csv([ORGANISATIONS, ["cli 2", "学校", "院校单位", "中职", "430221", ""]]))
        refused = run_cli("import", "organisations", path, data=data, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn(f"{path}:2: 单位编号", refused.stderr)


if __name__ == "__main__":
    unittest.main()
