"""Packages whose code misbehaves (tests/plugins/hostile), and applications whose submission calls it."""
import os
import shutil

from scenario import DOCUMENTS, FORMS, Way
from server import BINARY_DIR, CHUYI, SANITIZED
from test_rules import package

LIBRARIES = os.path.join(BINARY_DIR, "tests", "hostile")
# What the library does → the code of its incident; None: depends on how it takes the refusal, or how fast the machine is.
KINDS = {"crash": "plugin.crashed", "loop": "plugin.timeout", "fork": None, "open": None, "connect": None, "allocate": None,
         "exit": "plugin.crashed", "hangup": None, "garbage": "plugin.answer", "twice": "plugin.answer", "late": "plugin.timeout", "huge": None}


def program(folder):
    """The server to start so that its hosts are those that ship: a sanitized one gets them beside it, in a folder."""
    if not SANITIZED:
        return CHUYI
    os.mkdir(os.path.join(folder, "bin"))
    shutil.copy(CHUYI, os.path.join(folder, "bin"))
    shutil.copy(os.path.join(BINARY_DIR, "tests", "plain", "chuyi-plugin-host"), os.path.join(folder, "bin"))
    os.symlink(os.path.join(BINARY_DIR, "plugins"), os.path.join(folder, "plugins"))
    return os.path.join(folder, "bin", "chuyi")


def without_library(packages):
    """A programme like the workshop's for the sign-offs: the libraries of a sanitized build want a sanitized host. @return its name."""
    name = "steady"
    package(packages, name)
    FORMS[name], DOCUMENTS[name] = FORMS["workshop"], DOCUMENTS["workshop"]
    return name


def ready(server, tokens, packages, kind):
    """An application that is ready to be submitted, of a package in the folder `packages` with a library of this kind."""
    name = "hostile"  # as all of the libraries say
    shutil.rmtree(os.path.join(packages, name), ignore_errors=True)
    package(packages, name, library=os.path.join(LIBRARIES, f"libhostile_{kind}.so"))
    way = Way(server, tokens, name)
    answer = way.do("POST", "/api/v1/admin/plugins/reload", {}, "admin", 200)
    assert answer.json["problems"] == [], answer.body
    way.create()
    draft = way.application()["draft"]
    way.do("PUT", f"/api/v1/applications/{way.id}/draft", FORMS["workshop"], "applicant", 200, headers={"If-Match": f'"{draft["revision"]}"'})
    return way


def submit(way):
    """Calls the library."""
    return way.server.request("POST", f"/api/v1/applications/{way.id}/submit", {}, way.tokens["applicant"])
