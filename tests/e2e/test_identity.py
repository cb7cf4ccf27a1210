"""Goal: signing in keeps guessers out and nobody else, leaves no password anywhere, and binds its cookie.
Method: the real server; its store and its log are read from outside."""
import hashlib
import json
import os
import shutil
import tempfile
import threading
import unittest

from scenario import PROVINCE
from server import PASSWORD, Server, run_cli, stored, stored_bytes


class Identity(unittest.TestCase):
    def setUp(self):
        self.data = tempfile.mkdtemp(prefix="chuyi-e2e-")
        self.addCleanup(shutil.rmtree, self.data)
        run_cli("user", "add", "admin", "--role", "administrator", "--org", PROVINCE, "--password-stdin", data=self.data, stdin=PASSWORD + "\n")

    def serve(self, *options):
        self.server = Server(self.data, *options).start()
        self.addCleanup(self.server.stop)
        return self.server

    def try_login(self, user, password, **more):
        return self.server.request("POST", "/api/v1/login", {"user": user, "password": password}, **more)

    def log(self):
        with open(os.path.join(self.data, "stderr.log"), encoding="utf-8") as source:
            return source.read()

    def add_user(self, admin, user, password=PASSWORD, **more):
        body = {"id": user, "name": user, "password": password, "memberships": [{"role": "reviewer", "org": PROVINCE}]}
        return self.server.request("POST", "/api/v1/admin/users", body, admin, **more)

    def test_parallel_guesses_are_counted_before_they_are_looked_at(self):
        self.serve()
        statuses = []

        def guess():
            statuses.append(self.try_login("nobody-knows", "wrong wrong wrong").status)

        threads = [threading.Thread(target=guess) for _ in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertLessEqual(statuses.count(401), 15, statuses)  # 5 at once, then one in 6 s, with room for a slow machine
        self.assertEqual(statuses.count(401) + statuses.count(429), 60)
        limited = next(answer for answer in (self.try_login("nobody-knows", "wrong wrong wrong") for _ in range(20)) if answer.status != 401)
        self.assertEqual((limited.status, limited.json["code"]), (429, "login.limited"))
        self.assertTrue(limited.header("Retry-After"))
        self.assertEqual(self.try_login("admin", PASSWORD).status, 200, "another user from there is let in")

    def test_who_signed_in_from_there_before_is_not_locked_out(self):
        self.serve()
        self.assertEqual(self.try_login("admin", PASSWORD).status, 200)
        self.assertEqual([self.try_login("admin", "wrong wrong wrong").status for _ in range(6)], [401] * 6)
        self.assertEqual(self.try_login("admin", PASSWORD).status, 200)

    def test_the_client_behind_a_trusted_proxy_is_the_one_that_is_counted(self):
        def statuses(client):
            return [self.try_login("admin", "wrong wrong wrong", headers={"X-Forwarded-For": f"127.9.9.9, {client}"}).status for _ in range(8)]

        self.serve("--trusted-proxy", "127.0.0.1")
        self.assertIn(429, statuses("203.0.113.9"))
        self.assertEqual(self.try_login("admin", PASSWORD, headers={"X-Forwarded-For": "203.0.113.10"}).status, 200, "who sits elsewhere is let in")
        self.server.stop()
        self.serve()
        self.assertIn(429, [self.try_login("nobody", "wrong wrong wrong", headers={"X-Forwarded-For": f"203.0.113.{i}"}).status for i in range(20)],
                      "a stranger's claim is no way around")

    def test_names_and_passwords_past_any_length_are_refused_first(self):
        self.serve()
        for body, place in (({"user": "x" * 65, "password": "y"}, "/user"), ({"user": "x", "password": "y" * 1001}, "/password")):
            answer = self.server.request("POST", "/api/v1/login", body)
            self.assertEqual((answer.status, answer.json["errors"][0]["pointer"]), (422, place))

    def test_refusals_are_logged_without_secrets(self):
        self.serve()
        tokens = {"admin": self.server.login("admin")}
        self.assertEqual(self.add_user(tokens["admin"], "expert9").status, 201)
        expert = self.server.login("expert9")
        self.assertEqual(self.try_login("ad\nmin", "hunter2 hunter2").status, 401)
        self.assertEqual(self.server.request("GET", "/api/v1/admin/users", token=expert).status, 403)
        forged = self.server.request("POST", "/api/v1/admin/plugins/reload", {}, headers={"Cookie": "chuyi_session=" + tokens["admin"]})
        self.assertEqual((forged.status, forged.json["code"]), (403, "csrf.header"))
        lines = self.log().splitlines()
        self.assertTrue(any("login.failed" in line and 'user="ad\\nmin"' in line and "peer=127.0.0.1" in line and "request=r" in line for line in lines), lines)
        self.assertTrue(any("role.missing" in line and "user=expert9" in line for line in lines), lines)
        self.assertTrue(any("csrf.header" in line and "user=admin" in line for line in lines), lines)
        self.assertFalse(any(line.startswith("min") for line in lines), "a name must not begin a line of the log")
        for secret in ("hunter2", PASSWORD, tokens["admin"], expert):
            self.assertNotIn(secret, self.log())

    def test_a_repeated_login_gives_a_session_that_lives(self):
        self.serve()
        first = self.try_login("admin", PASSWORD, key="again").json["token"]
        second = self.try_login("admin", PASSWORD, key="again").json["token"]
        self.assertNotEqual(first, second)
        self.assertEqual(self.server.request("GET", "/api/v1/me", token=second).status, 200)

    def test_the_store_keeps_nothing_to_guess_a_password_with(self):
        self.serve()
        admin = self.server.login("admin")
        password = "a password for expert nine"
        body = {"id": "expert9", "name": "expert9", "password": password, "memberships": [{"role": "reviewer", "org": PROVINCE}]}
        made = self.server.request("POST", "/api/v1/admin/users", body, admin, key="make-9")
        again = self.server.request("POST", "/api/v1/admin/users", body, admin, key="make-9")
        self.assertEqual((made.status, again.body, again.header("Idempotency-Replayed")), (201, made.body, "true"))
        other = self.server.request("POST", "/api/v1/admin/users", dict(body, name="Else"), admin, key="make-9")
        self.assertEqual((other.status, other.json["code"]), (422, "idempotency.mismatch"))
        kept = json.dumps(stored(self.data, "SELECT * FROM idempotency"), default=str)
        raw = json.dumps(body).encode()
        content = hashlib.sha256(raw).hexdigest()
        self.assertNotIn(hashlib.sha256(b"POST\n/api/v1/admin/users\n\n" + content.encode()).hexdigest(), kept)
        without = json.dumps({key: value for key, value in body.items() if key != "password"}, sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(without.encode()).hexdigest()
        self.assertIn(hashlib.sha256(b"POST\n/api/v1/admin/users\n\n" + digest.encode()).hexdigest(), kept, "what the digest is over")
        self.assertEqual(self.try_login("admin", PASSWORD, key="k").status, 200)
        everything = stored_bytes(self.data)
        self.assertTrue(body["id"].encode() in everything, "where what was written is")
        self.assertFalse(password.encode() in everything)

    def test_the_cookie_is_for_https_unless_it_is_this_machine(self):
        for options, secure in (((), False), (("--secure-cookies", "on"), True), (("--secure-cookies", "off"), False)):
            with self.subTest(options):
                server = Server(self.data, *options).start()
                try:
                    for host in ("127.0.0.1", "localhost.evil.cn", "chuyi.example.cn"):
                        answer = server.request("POST", "/api/v1/login", {"user": "admin", "password": PASSWORD}, headers={"Host": host})
                        cookie = answer.header("Set-Cookie")
                        name = "__Host-chuyi_session" if secure else "chuyi_session"
                        self.assertTrue(cookie.startswith(name + "="), cookie)
                        self.assertEqual("; Secure" in cookie, secure, cookie)
                        self.assertIn("; Path=/; HttpOnly; SameSite=Strict", cookie)
                        value = cookie.split(";")[0]
                        self.assertEqual(server.request("GET", "/api/v1/me", headers={"Cookie": value}).status, 200)
                        other = ("chuyi_session=" if secure else "__Host-chuyi_session=") + value.split("=")[1]
                        self.assertEqual(server.request("GET", "/api/v1/me", headers={"Cookie": other}).status, 401)
                finally:
                    server.stop()
        self.assertEqual(run_cli("serve", "--secure-cookies", "maybe", data=self.data, check=False).returncode, 2)

    def test_sessions_end_with_logout_and_with_new_rights(self):
        self.serve()
        admin = self.server.login("admin")
        self.add_user(admin, "expert9")
        for end in ("logout", "change"):
            token = self.server.login("expert9")
            if end == "logout":
                self.assertEqual(self.server.request("POST", "/api/v1/logout", token=token).status, 204)
            else:
                self.assertEqual(self.add_user(admin, "expert9", "another password for nine").status, 201)
            self.assertEqual(self.server.request("GET", "/api/v1/me", token=token).status, 401, end)


if __name__ == "__main__":
    unittest.main()
