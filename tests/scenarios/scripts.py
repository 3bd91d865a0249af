"""The scripts that our resources send to machines, by the name of what they do. They are taken from the resources
themselves, so a machine knows exactly what is really sent.
"""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.core import lock
from provisioner.core.command import Command, settle
from provisioner.core.facts import look
from provisioner.core.lock import Holder
from provisioner.core.resource import Later, Resource
from provisioner.inventory.values import Secret
from provisioner.networks.bridge import PodRoutes
from provisioner.plays.bundle_access import Leftovers
from provisioner.resources.files import File, PrivateCopy
from provisioner.resources.images import Image
from provisioner.resources.kernel import Modules, SwapOff, Sysctls
from provisioner.resources.kubeadm import Init
from provisioner.resources.kubectl import JoinToken, RunTokensGone
from provisioner.resources.packages import PackageDatabase, Packages, packages_free
from provisioner.resources.services import Service
from tests.builders import bundle, ok

_FILE = File("/x", "x")
_HOLDER = Holder("x", "x", "x", "x", 0)
_COPY = PrivateCopy("/a", "/b", "admin")
_IMAGE = Image("x", "x", "x", "x")
_SECRET = Secret("x", "x")
_INIT = Init("x", _SECRET, "x")
_TOKEN = JoinToken(_SECRET, _SECRET, ())

IMAGES_BY_ARCHIVE = {
    content.path: {content.name} for content in bundle().manifest.contents if content.path.startswith("images/")
}


def _fixing(resource: Resource, seen: str) -> tuple[Command, ...]:
    change = resource.diff(ok(seen), set())
    assert change
    return change.commands


def _named() -> Iterator[tuple[str, Command]]:
    yield "look", look(leader=False)
    yield "look_leader", look(leader=True)
    yield "file", _FILE.probe()
    yield "write", _fixing(_FILE, "absent\n")[0]
    yield "chmod", _fixing(_FILE, "600 root:root\nx")[0]
    yield "copied", _COPY.probe()
    yield "copy", _fixing(_COPY, "differs\n")[0]
    yield "packages", Packages("x", (("x", "x"),)).probe()
    yield "modules", Modules(()).probe()
    yield "settings", Sysctls(()).probe()
    yield "service", Service("x").probe()
    yield "images", _IMAGE.probe()
    yield "load", _fixing(_IMAGE, "")[0]
    yield "kubeadm", _INIT.probe()
    yield from zip(("begin", "run", "wait_node"), _fixing(_INIT, ""), strict=False)
    yield "token", _TOKEN.probe()
    yield "wait_token", _fixing(_TOKEN, "")[1]
    yield "tokens", RunTokensGone(()).probe()
    yield "routes", PodRoutes(()).probe()
    for command in (lock.take(_HOLDER), lock.renew("x"), lock.release("x"), settle(), packages_free()):
        yield "nothing", command
    # Things that are always well here.
    for always in (Leftovers("x"), PackageDatabase(), SwapOff(), Later("x", "x", "x")):
        yield "nothing", always.probe()


NAMES = {command.argv[2]: name for name, command in _named()}
CHANGING = frozenset({"write", "chmod", "copy", "load", "begin", "run"})
