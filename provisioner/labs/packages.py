"""System packages of this machine that the lab and the bundle builder need: found, named, installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping

from provisioner.core.report import Listener, step
from provisioner.errors import BuildError, LabError
from provisioner.labs.processes import run

HOST = "this machine"
# Another apt run (unattended upgrades) may hold the lock for minutes; apt waits for it and names the holder.
APT_OPTIONS = ("-o", "DPkg::Lock::Timeout=300")
INSTALL_TIMEOUT_S = 1800.0


def missing_packages(names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` (Debian packages) that are not installed here, in the given order. Needs dpkg."""
    wanted = tuple(names)
    query = ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *wanted]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    installed = {line.split()[0] for line in done.stdout.splitlines() if line.endswith(" installed")}
    return tuple(name for name in wanted if name not in installed)


def has_apt() -> bool:
    """Whether packages can be installed here as on Debian or Ubuntu."""
    return all(shutil.which(program) for program in ("apt-get", "dpkg-query"))


def has_program(name: str) -> bool:
    """Whether a program is installed, also in the directories that only root searches."""
    places = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/local/sbin", "/usr/sbin", "/sbin"]
    return shutil.which(name, path=os.pathsep.join(places)) is not None


def install_programs(programs: Mapping[str, str], listen: Listener) -> tuple[str, ...]:
    """Install the packages of those programs (`{program: package}`) that are missing; returns the packages."""
    return install([package for program, package in programs.items() if not has_program(program)], listen)


def root_prefix() -> tuple[str, ...] | None:
    """What goes before a command to run it as root: nothing, `sudo`, or None when neither is possible."""
    if os.geteuid() == 0:
        return ()
    if shutil.which("sudo") is None:
        return None
    asks = [] if sys.stdin.isatty() else ["--non-interactive"]
    allowed = subprocess.run(["sudo", *asks, "--validate"], check=False, capture_output=not sys.stdin.isatty())
    return ("sudo", "--non-interactive") if allowed.returncode == 0 else None


def install(names: Iterable[str], listen: Listener) -> tuple[str, ...]:
    """Install those of `names` that are missing, in a step that names them; returns what was installed.

    Raises LabError when this machine has no apt or the user may not install, BuildError when apt fails.
    """
    missing = missing_packages(names) if has_apt() else tuple(names)
    if not missing:
        return ()
    prefix = _right_to_install(missing)
    with step(listen, HOST, f"install {' '.join(missing)}"):
        _refresh(prefix)
        argv = [*prefix, "apt-get", *APT_OPTIONS, "install", "--yes", "--no-install-recommends", *missing]
        run(argv, timeout_s=INSTALL_TIMEOUT_S, hint="make this command work, then run again")
    return missing


def _right_to_install(missing: tuple[str, ...]) -> tuple[str, ...]:
    names = " ".join(missing)
    if not has_apt():
        raise LabError(
            f"cannot install {names}: this is neither Debian nor Ubuntu",
            hint="install them with this system's own package manager, then run again",
        )
    prefix = root_prefix()
    if prefix is None:
        raise LabError(
            f"cannot install {names}: you are not root, and sudo is missing or refuses",
            hint=f"ask an administrator to run: apt-get install {names}",
        )
    return prefix


def _refresh(prefix: tuple[str, ...]) -> None:
    """Fetch package lists. A third-party repository that is down must not stop the run: the installation decides."""
    try:
        run([*prefix, "apt-get", *APT_OPTIONS, "update"], timeout_s=INSTALL_TIMEOUT_S)
    except BuildError:
        return
