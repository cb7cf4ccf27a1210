"""Goal: the tour of the README works as it is printed. Method: the script itself against a fresh server."""
import os
import shutil
import subprocess
import tempfile
import unittest

from server import PASSWORD, SOURCE_DIR, Server, run_cli


class Tour(unittest.TestCase):
    def test_tour(self):
        data = tempfile.mkdtemp(prefix="chuyi-tour-")
        self.addCleanup(shutil.rmtree, data)
        run_cli("user", "add", "admin", "--role", "administrator", "--org", "430000", "--password-stdin", data=data, stdin=PASSWORD + "\n")
        server = Server(data).start()
        done = subprocess.run([os.path.join(SOURCE_DIR, "docs", "tour", "tour.sh"), f"http://127.0.0.1:{server.port}"], cwd=data, text=True,
                              capture_output=True, timeout=120, env=os.environ | {"ADMIN_PASSWORD": PASSWORD})
        self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr)
        self.assertIn("is done; its bag is bundle.zip", done.stdout)
        run_cli("bag", "validate", os.path.join(data, "bundle.zip"))
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
