"""The numbers of the notices against the packages' quotas, both ways."""
import glob
import os
import re
import unittest
import xml.etree.ElementTree as ElementTree

SOURCE_DIR = os.environ["CHUYI_SOURCE_DIR"]
SEEDS = os.path.join(SOURCE_DIR, "..", "shared", "seeds")
NAMESPACE = "{urn:chuyi:plugin:1}"
# A number of things to build, choose or name: 20个, 10所, 300名, 1所以上.
NUMBER = re.compile(r"(\d+)\s*(?:所|个|名)")
CHAPTER = re.compile(r"^\s*二、主要任务(.*?)(?=^\s*三、|^\(三\) 完善政策环境|\Z)", re.M | re.S)


def tasks_of(text):
    """The chapter of tasks alone: where the joint notice has its heading twice, the last."""
    return [found.group(1) for found in CHAPTER.finditer(text)][-1]


def quota_of(manifest):
    """@return the numbers that the quota knows, and its passages and readings as (notice, text, value)."""
    quota = manifest.find(NAMESPACE + "quota")
    if quota is None:
        return None
    per = {int(each.get(bound)) for each in quota.findall(NAMESPACE + "per") for bound in ("min", "max") if each.get(bound)}
    province = int(quota.get("province")) if quota.get("province") else None
    said = [(each.get("notice"), each.get("text"), None) for each in quota.findall(NAMESPACE + "passage")]
    said += [(each.get("notice"), each.get("text"), int(each.get("value"))) for each in quota.findall(NAMESPACE + "reading")]
    return {"province": province, "per": per, "said": said}


def packages():
    out = {}
    for path in sorted(glob.glob(os.path.join(SOURCE_DIR, "plugins", "*", "plugin.xml"))):
        manifest = ElementTree.parse(path).getroot()
        quota = quota_of(manifest)
        if quota:
            out[manifest.get("id")] = quota
    return out


def differences(notice, text, quotas):
    """Every number of `text` that no package, or more than one, claims, and every claim that the text does not bear out."""
    out = []
    claims = {found.start(): [] for found in NUMBER.finditer(text)}
    for name, quota in quotas.items():
        for where, passage, value in quota["said"]:
            if where != notice:
                continue
            at = text.find(passage)
            if at < 0:
                out.append(f"{name}: not in the notice: {passage}")
                continue
            if text.find(passage, at + 1) >= 0:
                out.append(f"{name}: more than once in the notice: {passage}")
            numbers = {start: int(found.group(1)) for start, found in ((each.start(), each) for each in NUMBER.finditer(text)) if at <= start < at + len(passage)}
            known = {value} if value is not None else {quota["province"]} | quota["per"]
            wanted = value if value is not None else quota["province"] or min(quota["per"])
            if wanted not in numbers.values():
                out.append(f"{name}: {wanted} is not in: {passage}")
            for start, number in numbers.items():
                claims[start].append(name)
                if number not in known:
                    out.append(f"{name}: the notice says {number}, the package {sorted(known - {None})}: {passage}")
    for start, names in claims.items():
        if len(names) != 1:
            out.append(f"{text[start:start + 30]!r}: claimed by {names or 'no package'}")
    return out


class Quotas(unittest.TestCase):
    def text(self, notice):
        path = os.path.join(SEEDS, notice + ".txt")
        if not os.path.exists(path):
            self.skipTest(f"without the notice's text: {path}")
        with open(path, encoding="utf-8") as file:
            return tasks_of(file.read())

    def test_each_number_of_the_notice_is_the_quota_of_one_package(self):
        self.assertEqual(differences("notice", self.text("notice"), packages()), [])

    def test_each_number_of_the_joint_notice_is_a_quota_or_another_reading(self):
        self.assertEqual(differences("notice-joint", self.text("notice-joint"), packages()), [])

    def test_each_number_changed_is_noticed(self):
        for notice in ("notice", "notice-joint"):
            text = self.text(notice)
            for found in NUMBER.finditer(text):
                changed = text[:found.start(1)] + str(int(found.group(1)) + 1) + text[found.end(1):]
                with self.subTest(notice=notice, at=text[found.start():found.start() + 30]):
                    self.assertNotEqual(differences(notice, changed, packages()), differences(notice, text, packages()))

    def test_each_quota_changed_is_noticed(self):
        text = self.text("notice")
        for name in packages():
            changed = packages()
            if changed[name]["province"] is None:
                continue
            changed[name]["province"] += 1
            with self.subTest(package=name):
                self.assertNotEqual(differences("notice", text, changed), differences("notice", text, packages()))

    def test_every_province_quota_rests_on_a_passage(self):
        for name, quota in packages().items():
            with self.subTest(package=name):
                self.assertTrue([each for each in quota["said"] if each[0] == "notice"])


if __name__ == "__main__":
    unittest.main()
