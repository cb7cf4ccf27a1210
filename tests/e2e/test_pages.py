"""Goal: the public pages are plain, safe, small and usable in both languages, whatever people type.
Method: the real server, read as a browser without script reads it; hostile names come in over HTTP."""
import html
import html.parser
import json
import os
import re
import shutil
import sqlite3
import tempfile
import unittest
import urllib.parse

from scenario import Way, set_up
from server import POSTGRES, Server

HOSTILE = "<script>alert(1)</script>\"><img src=x onerror=alert(1)>{{NAME}}'&amp;"
BROWSER = {"Accept": "text/html,application/xhtml+xml"}
BYTES_MAX = 30 * 1024


def tags_of(text):
    """(name, attributes) of every tag, as a browser would find them."""
    found = []

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.append((tag, dict(attrs)))

    Reader().feed(text)
    return found


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.mkdtemp(prefix="chuyi-e2e-")
        cls.server = Server(cls.data)
        cls.tokens = set_up(cls.server)
        cls.way = Way(cls.server, cls.tokens, "workshop")
        cls.way.id = cls.server.request("POST", "/api/v1/applications", {"programme": "workshop", "round": "2026", "title": HOSTILE}, cls.tokens["applicant"]).json["id"]
        cls.way.create = lambda: None
        cls.way.nominate()
        cls.way.review()
        cls.notice = cls.server.request("GET", "/api/v1/notices").json["items"][0]["id"]

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        shutil.rmtree(cls.data)

    def get(self, path, expect=200, **headers):
        answer = self.server.request("GET", path, headers=BROWSER | headers)
        self.assertEqual(answer.status, expect, path)
        return answer

    def check_page(self, answer, path):
        text = answer.body.decode()
        self.assertEqual(answer.header("Content-Type"), "text/html; charset=utf-8", path)
        self.assertLessEqual(len(answer.body), BYTES_MAX, path)
        policy = answer.header("Content-Security-Policy")
        self.assertNotIn("unsafe", policy)
        for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
            self.assertIn(part, policy)
        self.assertIn("Accept-Language", answer.header("Vary"))
        tags = tags_of(text)
        self.assertFalse([name for name, _ in tags if name in ("script", "iframe", "object", "style")], path)
        self.assertFalse([key for _, attributes in tags for key in attributes if key.startswith("on") or key == "style"], path)
        self.assertFalse([attributes for name, attributes in tags if name == "img" and attributes.get("class") != "diagram"], path)
        self.assertNotRegex(text.replace("{{NAME}}", ""), r"\{\{|T_[A-Z]", path)
        return text

    def links(self, text):
        """Links to other pages of the site."""
        hrefs = [attributes["href"] for name, attributes in tags_of(text) if name == "a"]
        return [href for href in hrefs if not href.startswith("#")]

    def form(self, text):
        return {"key": next(attributes["value"] for _, attributes in tags_of(text) if attributes.get("name") == "key")}

    def object(self, fields, path=None, **headers):
        body = urllib.parse.urlencode(fields).encode()
        return self.server.request("POST", path or f"/notices/{self.notice}/objections", body,
                                   headers=BROWSER | {"Content-Type": "application/x-www-form-urlencoded"} | headers)

    def test_every_page_in_both_languages(self):
        for path in ("/", "/programmes", "/programmes/workshop", "/notices", f"/notices/{self.notice}", "/awards", "/awards?q=" + urllib.parse.quote(HOSTILE)):
            for lang in ("zh", "en"):
                with self.subTest(path=path, lang=lang):
                    answer = self.get(path + ("&" if "?" in path else "?") + "lang=" + lang)
                    text = self.check_page(answer, path)
                    self.assertEqual(answer.header("Content-Language"), {"zh": "zh-CN", "en": "en"}[lang])
                    self.assertIn(f'<html lang="{answer.header("Content-Language")}"', text)
                    head = self.server.request("HEAD", path + ("&" if "?" in path else "?") + "lang=" + lang, headers=BROWSER)
                    self.assertEqual((head.status, head.body, head.header("Content-Length")), (200, b"", str(len(answer.body))))

    def test_hostile_names_stay_text(self):
        for path in ("/", "/notices", f"/notices/{self.notice}"):
            text = self.check_page(self.get(path), path)
            self.assertIn("&lt;script&gt;alert(1)&lt;/script&gt;", text)
            self.assertNotIn("<img src=x", text)
        searched = self.check_page(self.get("/awards?q=" + urllib.parse.quote(HOSTILE)), "/awards")
        self.assertIn("&lt;script&gt;", searched)

    def test_a_chosen_language_stays_and_an_unchosen_one_is_the_browsers(self):
        english = {"Accept-Language": "en-GB,en;q=0.9"}
        for lang in ("zh", "en"):
            for start in (f"/notices/{self.notice}?lang={lang}", f"/?lang={lang}", f"/awards?q=a&lang={lang}"):
                own, switch = [], []
                for link in self.links(self.get(start, **english).body.decode()):
                    (own if f"lang={lang}" in link else switch).append(link)
                self.assertEqual(len(switch), 1, switch)
                self.assertTrue(own)
                self.assertEqual(self.get(own[-1], **english).header("Content-Language"), {"zh": "zh-CN", "en": "en"}[lang])
                self.assertEqual(self.get(switch[0], **english).header("Content-Language"), {"en": "zh-CN", "zh": "en"}[lang])
                if "q=a" in start:
                    self.assertIn("q=a", switch[0])
        self.assertEqual(self.get("/", **english).header("Content-Language"), "en")
        self.assertEqual(self.get("/").header("Content-Language"), "zh-CN")
        diagram = self.get("/programmes/workshop/diagram.svg")
        self.assertIn("Accept-Language", diagram.header("Vary"))

    def test_the_remaining_days_are_counted(self):
        left = self.server.request("GET", f"/api/v1/notices/{self.notice}").json["remaining_days"]
        self.assertGreater(left, 0)
        self.assertRegex(self.get(f"/notices/{self.notice}?lang=zh").body.decode(), rf"还剩\s*{left}\s*天")

    def test_an_objection_with_errors_then_right_then_changed(self):
        page = self.get(f"/notices/{self.notice}").body.decode()
        fields = self.form(page)
        self.assertRegex(fields["key"], r"^[0-9a-f]{32}$")
        self.assertNotEqual(fields["key"], self.form(self.get(f"/notices/{self.notice}").body.decode())["key"])
        for field in ("objector", "contact"):
            wrong = self.object(fields | {"objector": "a", "contact": "b", "reason": HOSTILE} | {field: " "})
            self.assertEqual(wrong.status, 422)
            text = self.check_page(wrong, "wrong")
            self.assertIn('role="alert"', text)
            self.assertIn(f'href="#{field}"', text)
            inputs = {attributes["id"]: attributes for name, attributes in tags_of(text) if name in ("input", "textarea") and "id" in attributes}
            self.assertEqual([each for each in inputs if inputs[each].get("aria-invalid") == "true"], [field])
            self.assertEqual(inputs[field]["aria-describedby"].split(), [f"{field}-hint", f"{field}-error"])
            for described in inputs[field]["aria-describedby"].split():
                self.assertIn(f'id="{described}"', text)
        self.assertIn("&lt;script&gt;", text, "what was typed is kept")
        switch = [link for link in self.links(text) if "lang=en" in link]
        self.get(switch[0])
        right = self.form(text) | {"objector": "赵某", "contact": "a@example.cn", "reason": "事实一"}
        filed = self.object(right)
        receipt = re.search(r'class="receipt">([^<]+)<', self.check_page(filed, "filed")).group(1)
        for link in self.links(filed.body.decode()):
            self.get(link)
        again = self.object(right)
        self.assertIn(receipt, again.body.decode(), "a second click files nothing twice")
        changed = self.object(right | {"reason": "事实二"})
        self.assertEqual(changed.status, 422)
        text = self.check_page(changed, "changed")
        self.assertIn("再次提交", text)
        self.assertIn("事实二", text)
        self.assertNotEqual(self.form(text)["key"], right["key"])
        second = self.object(right | self.form(text) | {"reason": "事实二"})
        self.assertEqual(second.status, 200)
        self.assertNotIn(receipt, second.body.decode())

    def test_errors_are_pages_for_browsers_and_problems_for_programs(self):
        cases = [("GET", "/nowhere", None, {}, 404), ("GET", "/programmes/none", None, {}, 404), ("GET", "/notices?after=x", None, {}, 400),
                 ("DELETE", "/notices", None, {}, 405), ("GET", f"/notices/{self.notice}/objections", None, {}, 405),
                 ("POST", f"/notices/{self.notice}/objections", b"x", {"Content-Type": "text/plain"}, 400),
                 ("POST", f"/notices/{self.notice}/objections", b"x" * (2 << 20), {"Content-Type": "application/x-www-form-urlencoded"}, 413)]
        for method, path, body, headers, status in cases:
            for lang, title in (("zh", "zh-CN"), ("en", "en")):
                with self.subTest(method=method, path=path, lang=lang):
                    answer = self.server.request(method, path, body, headers=BROWSER | headers | {"Accept-Language": lang})
                    self.assertEqual(answer.status, status)
                    self.check_page(answer, path)
                    self.assertEqual(answer.header("Content-Language"), title)
            if status == 405:
                self.assertTrue(answer.header("Allow"))
        self.assertEqual(self.server.request("GET", "/nowhere").json["code"], "http.not_found")
        self.assertEqual(self.server.request("GET", "/api/v1/nowhere", headers=BROWSER).json["code"], "http.not_found")


@unittest.skipIf(POSTGRES, "writes into the database's file")
class ManyRows(unittest.TestCase):
    """200 notices and awards with the longest names, written beside the server while it does not run."""

    def test_lists_stay_small_and_lead_to_every_row(self):
        data = tempfile.mkdtemp(prefix="chuyi-e2e-")
        self.addCleanup(shutil.rmtree, data)
        server = Server(data)
        tokens = set_up(server)
        way = Way(server, tokens, "workshop")
        way.nominate()
        way.review()
        way.publish()
        server.stop()
        database = sqlite3.connect(os.path.join(data, "chuyi.db"))
        for table, key, name in (("notices", "id", "title"), ("awards", "number", "title")):
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            row = dict(zip(columns, database.execute(f"SELECT * FROM {table}").fetchone()))
            body = json.loads(row["body"])
            database.execute("PRAGMA foreign_keys=OFF")
            for number in range(200):
                copy = json.loads(json.dumps(body))
                copy[key] = f"{body[key]}-{number:03d}"
                long = f"{'湘' * 76}{number:03d}"
                if table == "notices":
                    copy["fields"] |= {"title": long, "org_name": "校" * 80}
                else:
                    copy |= {"title": long, "org_name": "校" * 80, "session": f"s{number}"}
                values = row | {"body": json.dumps(copy, ensure_ascii=False, sort_keys=True), key: copy[key]}
                for column, value in (("title", long), ("org_name", "校" * 80)):
                    if column in values:
                        values[column] = value
                if table == "awards":
                    values["session_id"] = f"s{number}"
                database.execute(f"INSERT INTO {table} ({','.join(values)}) VALUES ({','.join('?' * len(values))})", list(values.values()))
        database.commit()
        database.close()
        server.start()
        self.addCleanup(server.stop)
        for start in ("/notices", "/awards", "/awards?q=" + urllib.parse.quote("湘")):
            seen, path, pages = set(), start, 0
            while path:
                answer = server.request("GET", path, headers=BROWSER)
                self.assertEqual(answer.status, 200)
                self.assertLessEqual(len(answer.body), BYTES_MAX, path)
                text = answer.body.decode()
                seen |= set(re.findall(r"湘{76}(\d{3})", text))
                following = re.search(r'rel="next" href="([^"]+)"', text)
                path = html.unescape(following.group(1)) if following else None
                pages += 1
                self.assertLess(pages, 100)
            self.assertEqual(len(seen), 200, start)
        self.assertLessEqual(len(server.request("GET", "/", headers=BROWSER).body), BYTES_MAX)


if __name__ == "__main__":
    unittest.main()
