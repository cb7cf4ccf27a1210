"""Goal: what docs/api.md promises about documents and bundles, with bad names, bad content, repeats, a changed disk and a killed server.
Method: the real server, what it keeps looked into and changed from outside."""
import hashlib
import http.client
import os
import shutil
import socket
import tempfile
import unittest

from scenario import Way, set_up
from server import POSTGRES, Server, pdf, psql, quote, run_cli, store_of, stored

PDF = {"Content-Type": "application/pdf"}


class Documents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.mkdtemp(prefix="chuyi-documents-")
        cls.server = Server(cls.data)
        cls.tokens = set_up(cls.server)

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        shutil.rmtree(cls.data)
        if code != 0:
            raise AssertionError(f"the server ended with {code}")

    def setUp(self):
        self.way = Way(self.server, self.tokens, "workshop")
        self.way.create()
        self.token = self.tokens["applicant"]

    def upload(self, name, content, kind="agreement", **more):
        return self.server.request("POST", f"/api/v1/applications/{self.way.id}/documents?kind={kind}&name={quote(name)}", content, self.token,
                                   headers=PDF | more.pop("headers", {}), **more)

    def path_of(self, digest):
        return os.path.join(self.data, "documents", digest[:2], digest)

    def stored(self):
        """Everything that is kept, also what is no document yet; in a database without what waits for its sweeper."""
        folders = [os.path.join(self.data, name) for name in ("documents", "staging")]
        files = {name for folder in folders for _, _, names in os.walk(folder) for name in names}
        if POSTGRES:
            return files | {row[0] for row in stored(self.data, "SELECT digest FROM contents c WHERE "
                                                                 "EXISTS (SELECT FROM documents d WHERE d.body::json ->> 'digest' = c.digest) OR "
                                                                 "EXISTS (SELECT FROM bundles b WHERE b.digest = c.digest)")}
        return files

    def change_on_disk(self, digest):
        if POSTGRES:
            last = f"(SELECT id FROM contents WHERE digest = '{digest}')"
            psql(store_of(self.data), "UPDATE content_parts SET bytes = set_byte(bytes, length(bytes) - 3, get_byte(bytes, length(bytes) - 3) # 1) "
                                      f"WHERE content = {last} AND part = (SELECT max(part) FROM content_parts WHERE content = {last})")
            return
        with open(self.path_of(digest), "r+b") as file:
            file.seek(-3, os.SEEK_END)
            last = file.read(1)
            file.seek(-3, os.SEEK_END)
            file.write(bytes([last[0] ^ 1]))

    def log(self):
        with open(os.path.join(self.data, "stderr.log"), encoding="utf-8") as log:
            return log.read()

    def test_a_document_that_was_changed_on_the_disk_is_never_delivered_whole(self):
        for name, size, whole_first in (("small.pdf", 1000, True), ("large.pdf", 20 * 1024 * 1024, False)):
            with self.subTest(name):
                content = pdf(name, size)
                added = self.upload(name, content, kind="evidence")
                self.assertEqual(added.status, 201, added.body)
                path = f"/api/v1/applications/{self.way.id}/documents/{added.json['id']}"
                self.assertEqual(len(self.server.request("GET", path, token=self.token).body), len(content))
                self.change_on_disk(added.json["digest"])
                if whole_first:
                    answer = self.server.request("GET", path, token=self.token)
                    self.assertEqual((answer.status, answer.json["code"]), (503, "document.corrupt"))
                else:
                    with self.assertRaises(http.client.IncompleteRead) as cut:
                        self.server.request("GET", path, token=self.token)
                    self.assertLess(len(cut.exception.partial), len(content))
                self.assertIn(added.json["digest"], self.log())

    def test_a_bundle_that_was_changed_on_the_disk_is_not_delivered(self):
        self.way.nominate()
        bundle = self.way.application()["bundle"]
        path = f"/api/v1/applications/{self.way.id}/bundle"
        self.assertEqual(hashlib.sha256(self.server.request("GET", path, token=self.token).body).hexdigest(), bundle["digest"])
        self.change_on_disk(bundle["digest"])
        answer = self.server.request("GET", path, token=self.token)
        self.assertEqual((answer.status, answer.json["code"]), (503, "document.corrupt"))
        self.assertIn(bundle["digest"], self.log())

    def test_a_document_that_was_changed_on_the_disk_is_not_sealed(self):
        self.way.fill()
        first = self.server.request("GET", f"/api/v1/applications/{self.way.id}/documents", token=self.token).json["items"][0]
        # Content of its own, so that no other application is touched.
        changed = self.upload(first["name"], os.urandom(500), kind=first["kind"])
        self.change_on_disk(changed.json["digest"])
        before = self.stored()
        answer = self.server.request("POST", f"/api/v1/applications/{self.way.id}/submit", {}, self.token)
        self.assertEqual((answer.status, answer.json["code"]), (503, "document.corrupt"))
        self.assertEqual(self.stored(), before)

    def test_what_can_be_refused_is_refused_before_the_body(self):
        before = self.stored()
        for name, query, media_type, length, expect in (
                ("kind", "kind=nothing&name=a.pdf", "application/pdf", 1000, "document.kind"),
                ("media type", "kind=agreement&name=a.exe", "application/x-dosexec", 1000, "document.media_type"),
                ("name", "kind=agreement&name=aux.pdf", "application/pdf", 1000, "document.name"),
                ("size", "kind=agreement&name=a.pdf", "application/pdf", 60 * 1024 * 1024, "document.size")):
            with self.subTest(name), socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as connection:
                connection.sendall(f"POST /api/v1/applications/{self.way.id}/documents?{query} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {self.token}\r\n"
                                   f"Idempotency-Key: early-{name.replace(' ', '-')}\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n"
                                   "Expect: 100-continue\r\n\r\n".encode())
                # Nothing of the body was sent: the answer cannot have needed it.
                answer = http.client.HTTPResponse(connection)
                answer.begin()
                self.assertGreaterEqual(answer.status, 400)
                self.assertIn(f'"code":"{expect}"', answer.read().decode())
        self.assertEqual(self.stored(), before)

    def test_a_refused_upload_leaves_nothing(self):
        before = self.stored()
        empty = self.upload("empty.pdf", b"")
        self.assertEqual((empty.status, empty.json["code"]), (400, "document.empty"))
        chunked = self.upload("large.pdf", iter([os.urandom(1024 * 1024)] * 11))  # chunked: no length to refuse by
        self.assertEqual((chunked.status, chunked.json["code"]), (413, "document.size"))
        self.assertEqual(self.stored(), before)
        kept = self.upload("kept.pdf", b"content of two requests")
        self.assertEqual(kept.status, 201)
        self.assertEqual(self.stored(), before | {kept.json["digest"]})

    def test_names_that_no_bag_can_hold_are_refused_at_once_in_both_languages(self):
        for name in ("aux.pdf", "CON", "x.pdf.", "x ", "a:b", "..", "a\\b.pdf", "a/b.pdf", "a\x07.pdf", "长" * 70 + ".pdf"):
            with self.subTest(name):
                for language, other in (("zh", "Expected"), ("en", "文件名")):
                    answer = self.upload(name, pdf("x"), headers={"Accept-Language": language})
                    self.assertEqual((answer.status, answer.json["code"], answer.json["place"]), (400, "document.name", "/name"))
                    self.assertNotIn(other, answer.json["detail"])

    def test_names_that_one_file_system_takes_for_the_same_are_refused(self):
        self.assertEqual(self.upload("Café-A.pdf", pdf("x")).status, 201)
        for name in ("café-a.pdf", "CAFÉ-A.PDF", "Cafe\u0301-A.pdf"):
            with self.subTest(name):
                answer = self.upload(name, pdf("y"))
                self.assertEqual((answer.status, answer.json["code"]), (409, "document.name_taken"), answer.body)
                self.assertIn("Café-A.pdf", answer.json["detail"])
        self.assertEqual(self.upload("Café-A.pdf", pdf("again")).status, 201, "the very name replaces")
        self.assertEqual(self.upload("café-a.pdf", pdf("z"), kind="commitment").status, 201, "another kind is another folder")

    def test_a_repeated_upload_gets_its_answer_also_when_documents_are_closed(self):
        first = self.upload("once.pdf", b"once", key="upload-once")
        self.assertEqual(first.status, 201)
        self.way.nominate_this()
        before = self.stored()
        again = self.upload("once.pdf", b"once", key="upload-once")
        self.assertEqual((again.status, again.body, again.header("Idempotency-Replayed")), (201, first.body, "true"))
        other = self.upload("once.pdf", b"other", key="upload-once")
        self.assertEqual((other.status, other.json["code"]), (422, "idempotency.mismatch"))
        late = self.upload("late.pdf", b"late")
        self.assertEqual((late.status, late.json["code"]), (409, "application.no_draft"))
        self.assertEqual(self.stored(), before)

    def test_a_repeated_submission_gets_its_answer_also_when_the_form_is_open_again(self):
        self.way.fill()
        submit = f"/api/v1/applications/{self.way.id}/submit"
        first = self.server.request("POST", submit, {}, self.token, key=f"submit-{self.way.id}")
        self.assertEqual(first.status, 200, first.body)
        self.way.sign("bureau", "task", "return", {"opinion": "请补充"})
        draft = self.way.application()["draft"]
        self.way.do("PUT", f"/api/v1/applications/{self.way.id}/draft", {"craft": ""}, "applicant", 200, headers={"If-Match": f'"{draft["revision"]}"'})
        before = self.stored()
        again = self.server.request("POST", submit, {}, self.token, key=f"submit-{self.way.id}")
        self.assertEqual((again.status, again.body, again.header("Idempotency-Replayed")), (200, first.body, "true"))
        self.assertEqual(self.server.request("POST", submit, {}, self.token).status, 422)
        self.assertEqual(self.stored(), before)

    def test_every_bag_that_was_sealed_is_valid(self):
        self.way.fill()
        self.upload("agreement-材料.pdf", b"%PDF-1.4\n" + b"0" * (3 * 1024 * 1024))  # deflate would make it a bomb
        self.way.do("POST", f"/api/v1/applications/{self.way.id}/submit", {}, "applicant", 200)
        bundle = self.server.request("GET", f"/api/v1/applications/{self.way.id}/bundle", token=self.token)
        path = os.path.join(self.data, "sealed.zip")
        with open(path, "wb") as out:
            out.write(bundle.body)
        self.assertIn("valid: BagIt 1.0, 4 files", run_cli("bag", "validate", path).stdout)

    def test_a_server_killed_during_an_upload_leaves_nothing(self):
        before = self.stored()
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as connection:
            connection.sendall(f"POST /api/v1/applications/{self.way.id}/documents?kind=agreement&name=a.pdf HTTP/1.1\r\nHost: a\r\n"
                               f"Authorization: Bearer {self.token}\r\nIdempotency-Key: killed\r\nContent-Type: application/pdf\r\n"
                               "Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n".encode())
            self.assertIn(b"100 Continue", connection.recv(1000))  # the file in the staging folder exists by now
            connection.sendall(b"x" * 500000)
            if not POSTGRES:
                self.assertEqual(len(self.stored()), len(before) + 1)
            self.server.kill()
        self.server.start()
        self.assertEqual(self.stored(), before)
        self.assertEqual(self.upload("a.pdf", b"x" * 1000000, key="killed").status, 201)


if __name__ == "__main__":
    unittest.main()
