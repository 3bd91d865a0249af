"""A Python lent to machines that have none, for Ansible: unpacked beside the system, not installed, and taken away.

The measured cluster stays what it was: no package is added. What is lent comes from the machines' own Debian
release by way of mmdebstrap (variant `extract`: nothing is configured), and is kept in the user's cache.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provisioner.bundle.common import mirror
from provisioner.core.command import Command
from provisioner.core.report import ignore
from provisioner.engine.fleet import Fleet
from provisioner.errors import UsageError
from provisioner.labs import packages
from provisioner.labs.processes import run
from provisioner.transports.protocol import Transport
from provisioner.world.view import View
from tests.bench.tools import directory

# Not below /run, where programs may not be run from.
PLACE = "/var/tmp/provisioner-bench"
PACKAGES = ("python3-minimal", "libpython3-stdlib", "python3-apt")
KEPT = ("./usr/bin/python3", "./usr/lib/python3")
MAKE_TIMEOUT_S = 900


@contextmanager
def lent(fleet: Fleet, view: View) -> Iterator[str]:
    """The path of a Python on every machine, as long as the block lasts; BuildError when it cannot be made."""
    root = _unpacked(_release(view))
    hosts = tuple(view.observed.facts)

    def give(_: str, transport: Transport) -> None:
        transport.send_tree(root, ("usr",), PLACE)

    def take(_: str, transport: Transport) -> None:
        transport.run([Command(("rm", "-rf", PLACE))])

    try:
        for error in fleet.each(hosts, give).bad.values():
            raise error
        yield f"{PLACE}/{_interpreter(root)}"
    finally:
        fleet.each(hosts, take)


def _release(view: View) -> str:
    found = {(facts.distribution, facts.codename) for facts in view.observed.facts.values()}
    if len(found) != 1 or next(iter(found))[0] != "debian":
        raise UsageError("a Python can be lent to machines of one Debian release only")
    return next(iter(found))[1]


def _unpacked(release: str) -> Path:
    root = directory() / f"python-{release}"
    if not root.exists():
        packages.install_programs({"mmdebstrap": "mmdebstrap"}, ignore)
        fresh = root.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        archive = fresh / "all.tar"
        source = mirror.address(Path("/etc"), release)
        include = f"--include={','.join(PACKAGES)}"
        argv = ["mmdebstrap", "--variant=extract", include, release, str(archive), *([source] if source else [])]
        run([*(packages.root_prefix() or ()), *argv], timeout_s=MAKE_TIMEOUT_S)
        _extract(archive, fresh)
        archive.unlink()
        fresh.rename(root)
    return root


def _extract(archive: Path, target: Path) -> None:
    with tarfile.open(archive) as tar:
        members = [member for member in tar if member.name.startswith(KEPT)]
        tar.extractall(target, members, filter="tar")


def _interpreter(root: Path) -> str:
    found = sorted((root / "usr" / "bin").glob("python3.*"))
    return str(found[-1].relative_to(root))
