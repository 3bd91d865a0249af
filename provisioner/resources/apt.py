"""How apt is called here: no questions, wait for locks, keep changed configuration files, little output."""

from __future__ import annotations

import shlex

from provisioner.core.command import Command, shell

# Another program, such as unattended-upgrades, may hold the lock for minutes right after boot.
LOCK_WAIT_S = 600
INSTALL_TIMEOUT_S = 1200
QUIET = ("env", "DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_MODE=a")
APT = (
    *QUIET,
    "apt-get",
    "--quiet=2",
    "--yes",
    f"-oDPkg::Lock::Timeout={LOCK_WAIT_S}",
    "-oDpkg::Options::=--force-confdef",
    "-oDpkg::Options::=--force-confold",
    "-oDpkg::Use-Pty=0",
)
INSTALL = ("install", "--no-install-recommends", "--allow-change-held-packages", "--allow-downgrades")

# Another package source of the host may not answer: that is no reason to stop, the packages may be available anyway.
_RENEW = f"""
if {shlex.join((*APT, *INSTALL, "--download-only"))} "$@" >/dev/null 2>&1; then exit 0; fi
{shlex.join((*APT, "update"))} || echo "some of this host's own package sources do not answer"
"""
# A file that was replaced is not the one whose hash was locked, even if it is signed.
_SAME = """
while [ $# -gt 0 ]; do
  now=$(apt-cache show "$1" | sed -n 's/^SHA256: //p')
  if ! echo "$now" | grep -qx "$2"; then
    echo "$1: the source has another file now: SHA-256 ${now:-(none)}, expected $2" >&2
    exit 1
  fi
  shift 2
done
"""


def apt(*words: str) -> Command:
    """`apt-get WORDS`."""
    return Command((*APT, *words), timeout_s=INSTALL_TIMEOUT_S)


def lists_renewed(*packages: str) -> Command:
    """Update all of apt's package lists, unless these packages can be installed with the existing lists."""
    return shell(_RENEW, *packages, timeout_s=INSTALL_TIMEOUT_S)


def same_files(hashes: tuple[tuple[str, str], ...]) -> Command:
    """The source still has exactly these files: pairs of NAME=VERSION and SHA-256."""
    return shell(_SAME, *(word for pair in hashes for word in pair))
