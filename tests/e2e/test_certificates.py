"""Goal: an award gets the certificate of its package, with nothing on it that the public may not see; a revoked one gets none.
Method: a real server takes applications to their awards; the PDF is read with pdftotext and pdffonts (poppler)."""
import os
import shutil
import subprocess
import tempfile
import unittest

from scenario import LEADER, Way, set_up
from server import BINARY_DIR, SOURCE_DIR, Server, pdf, quote

HOME = "https://awards.example.cn"
STUDIO = {"studio_name": "春雨班主任工作室（13900000000）", "leader": LEADER, "statement": "以班级文化建设为主线",
          "classes": [{"name": "机电2015级1班", "from": "2015-09", "to": "2018-08"}, {"name": "机电2018级2班", "from": "2018-09", "to": "2024-08"}]}


def package(folder, source, name, library, *changes):
    """A copy of a package with another name."""
    target = os.path.join(folder, name)
    shutil.copytree(os.path.join(SOURCE_DIR, "plugins", source), target)
    path = os.path.join(target, "plugin.xml")
    with open(path, encoding="utf-8") as manifest:
        text = manifest.read()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    with open(path, "w", encoding="utf-8") as manifest:
        manifest.write(text)
    if library:
        shutil.copy(library, target)


class StudioWay(Way):
    def fill(self):
        draft = self.application()["draft"]
        self.do("PUT", f"/api/v1/applications/{self.id}/draft", STUDIO, "applicant", 200, headers={"If-Match": f'"{draft["revision"]}"'})
        self.do("POST", f"/api/v1/applications/{self.id}/documents?kind=ethics&name=ethics.pdf", pdf("ethics"), "applicant", 201, headers={"Content-Type": "application/pdf"})


class Certificates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.mkdtemp(prefix="chuyi-e2e-")
        cls.addClassCleanup(shutil.rmtree, cls.data)
        packages = os.path.join(cls.data, "more")
        built = os.path.join(BINARY_DIR, "plugins-examples", "head-teacher-studio")
        package(packages, "examples/head-teacher-studio", "head-teacher-studio", os.path.join(built, "libhead-teacher-studio.so"))
        # Its library gives no field, or dies.
        package(packages, "workshop", "e2e-render", os.path.join(BINARY_DIR, "tests", "e2e", "libe2e_render.so"), ('id="workshop"', 'id="e2e-render"'),
                ("湘楚怡工坊〔", "湘坏〔"), ('<certificate shared="award"/>', '<certificate shared="award"/>\n  <texts><text key="certificate.closing" zh="{field.seal}" en="{field.seal}"/></texts>'),
                ('<library src="libworkshop.so"/>', '<library src="libe2e_render.so" hooks="render"/>'))
        cls.server = Server(cls.data, "--plugins", packages, "--public-url", HOME)
        cls.tokens = set_up(cls.server)
        cls.addClassCleanup(cls.server.stop)
        cls.ways = {}
        for name, programme, title, kind in (("plain", "workshop", "湘绣技艺工坊", Way), ("personal", "workshop", "热线13800000000与430102199001011234", Way),
                                             ("rare", "workshop", "\U000F0000工坊", Way), ("long", "workshop", "湘" * 60, Way), ("revoked", "workshop", "将被撤销", Way),
                                             ("studio", "head-teacher-studio", "春雨", StudioWay), ("empty", "e2e-render", "无印", Way), ("crash", "e2e-render", "crash", Way)):
            way = kind(cls.server, cls.tokens, programme)
            way.id = way.do("POST", "/api/v1/applications", {"programme": programme, "round": "2026", "title": title}, "applicant", 201).json["id"]
            cls.ways[name] = way
        for way in cls.ways.values():
            way.programme = "workshop" if way.programme == "e2e-render" else way.programme
            way.nominate_this()
            way.review()
        for notice in cls.server.request("GET", "/api/v1/notices?programme=head-teacher-studio").json["items"]:
            cls.notice = notice
        cls.ways["plain"].advance("2026-03-10T09:00:00+08:00")
        cls.numbers = {name: way.application()["award"]["number"] for name, way in cls.ways.items()}

    def get(self, name, query="", **headers):
        return self.server.request("GET", f"/api/v1/awards/{quote(self.numbers[name])}/certificate{query}", headers=headers)

    def read(self, name, query=""):
        """The text of a certificate, without the breaks of its lines."""
        answer = self.get(name, query)
        self.assertEqual((answer.status, answer.header("Content-Type")), (200, "application/pdf"), answer.body[:500])
        self.assertTrue(answer.body.startswith(b"%PDF-"))
        found = subprocess.run(["pdftotext", "-raw", "-", "-"], input=answer.body, capture_output=True, check=True, timeout=60)
        return found.stdout.decode().replace("\n", "" if "en" not in query else " ").replace("\f", "")

    def test_it_says_who_got_what_for_how_long(self):
        text = self.read("plain")
        for words in ("荣誉证书", "编号：" + self.numbers["plain"], "湖南某职业技术学院：", "“湘绣技艺工坊”被认定为湖南省“楚怡”工坊", "建设期三年，自二〇二六年三月七日至二〇二九年三月七日。", "湖南省教育厅"):
            self.assertIn(words, text)
        english = self.read("plain", "?lang=en")
        for words in ("Certificate of Award", "for a term of 3 years from 7 March 2026 to 7 March 2029.", "A college", "Hunan Provincial Department of Education"):
            self.assertIn(words, english)

    def test_its_fonts_are_inside(self):
        fonts = subprocess.run(["pdffonts", "-"], input=self.get("plain").body, capture_output=True, check=True, timeout=60).stdout.decode().splitlines()[2:]
        self.assertTrue(any("NotoSerifCJK" in line for line in fonts), fonts)
        self.assertTrue(all(line.split()[-5] == "yes" for line in fonts), fonts)  # emb

    def test_the_package_words_it_and_its_code_adds_fields(self):
        text = self.read("studio")
        self.assertIn("李老师老师：", text)
        self.assertIn("您担任班主任9年。", text)
        self.assertIn("“春雨班主任工作室（139****0000）”（湖南某职业技术学院）被认定为湖南省“楚怡”名班主任工作室", text)
        self.assertEqual(self.notice["lead"]["zh"], f"现将2026年拟认定的“楚怡”名班主任工作室予以公示，公示至{self.notice['last_day']}。")
        page = self.server.request("GET", f"/notices/{self.notice['id']}", headers={"Accept": "text/html"}).body.decode()
        self.assertIn(self.notice["lead"]["zh"], page)

    def test_no_identity_or_mobile_number_is_on_it(self):
        text = self.read("personal")
        self.assertIn("热线138****0000与4301", text)
        self.assertNotIn("13800000000", text)
        self.assertNotIn("199001011234", text)

    def test_a_character_without_a_font_is_an_error_not_a_box(self):
        answer = self.get("rare")
        self.assertEqual((answer.status, answer.json["code"]), (503, "certificate.font"))
        self.assertIn("U+F0000", answer.json["detail"])

    def test_a_long_title_wraps(self):
        self.assertIn("湘" * 60, self.read("long"))

    def test_what_the_code_does_wrong_is_an_incident(self):
        for name, code in (("empty", "plugin.answer"), ("crash", "plugin.crashed")):
            answer = self.get(name)
            self.assertEqual((answer.status, answer.json["code"]), (503, code))
            found = self.server.request("GET", "/api/v1/admin/incidents", token=self.tokens["admin"]).json["items"][-1]
            self.assertEqual((found["package"], found["hook"], found["code"]), ("e2e-render", "render", code))

    def test_equal_ones_are_equal_bytes_and_need_not_be_sent_again(self):
        first = self.get("plain")
        self.assertEqual(first.body, self.get("plain").body)
        again = self.get("plain", **{"If-None-Match": first.header("ETag")})
        self.assertEqual((again.status, again.body), (304, b""))

    def test_unknown_ones_are_not_there(self):
        answer = self.server.request("GET", "/api/v1/awards/1/certificate")
        self.assertEqual((answer.status, answer.json["code"]), (404, "award.unknown"))

    def test_the_register_leads_to_it(self):
        page = self.server.request("GET", f"/awards?q={quote(self.numbers['plain'])}", headers={"Accept": "text/html"}).body.decode()
        self.assertIn(f"/api/v1/awards/{quote(self.numbers['plain'])}/certificate", page)

    def test_z_a_revoked_award_has_none(self):
        self.assertEqual(self.get("revoked").status, 200)
        way = self.ways["revoked"]
        way.advance("2027-03-20T09:00:00+08:00")
        way.sign("applicant", "annual-report", "report", {"apprentices": 12, "exchanges": 8, "patents": 1, "awards": 2, "courses": 1, "media": 3, "invested": "30.00", "execution": "95.5", "summary": "总结"})
        way.sign("clerk", "annual-verdict", "unqualified", {"opinion": "不合格"})
        self.assertEqual(way.application()["award"]["status"], "revoked")
        answer = self.get("revoked")
        self.assertEqual((answer.status, answer.json["code"]), (410, "certificate.revoked"))
        page = self.server.request("GET", f"/awards?q={quote(self.numbers['revoked'])}", headers={"Accept": "text/html"}).body.decode()
        self.assertNotIn("/certificate", page)


if __name__ == "__main__":
    unittest.main()
