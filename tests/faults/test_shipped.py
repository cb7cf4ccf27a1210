"""Goal: no fault that is planted for the tests is in a build that people run. Method: the programs' bytes."""
import os
import unittest

from server import BINARY_DIR


class Shipped(unittest.TestCase):
    def test_has_no_planted_fault(self):
        for name in ("chuyi", "chuyi-plugin-host"):
            with open(os.path.join(BINARY_DIR, "bin", name), "rb") as program:
                self.assertNotIn(b"CHUYI_MUTANT", program.read(), name)


if __name__ == "__main__":
    unittest.main()
