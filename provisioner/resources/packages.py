"""Debian packages at exact versions, held; and a consistent package database."""

from __future__ import annotations

import re
import shlex
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change
from provisioner.resources.apt import (
    APT,
    INSTALL,
    INSTALL_TIMEOUT_S,
    LOCK_WAIT_S,
    QUIET,
    apt,
    lists_renewed,
    same_files,
)
from provisioner.resources.waiting import until

LOCKS = (
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/cache/apt/archives/lock",
    "/var/lib/apt/lists/lock",
)
_DPKG = (*QUIET, "dpkg", "--configure", "--pending", "--force-confdef", "--force-confold")

# The process that holds one of the locks, if any. A lock is identified by its file's inode number (/proc/locks), which
# other file systems use too: so the process must also have such a file open. No fuser: minimal systems do not have it.
_HOLDER = f"""
holder() {{
  files=$(stat -c %i {" ".join(LOCKS)} /var/lib/provisioner/apt/*/lock 2>/dev/null || :)
  awk -v files=" $(echo $files) " \\
    '$2 != "->" && split($6, place, ":") == 3 && index(files, " " place[3] " ") {{ print $5 }}' /proc/locks |
  while read -r process; do
    name=$(cat "/proc/$process/comm" 2>/dev/null) || continue
    if readlink "/proc/$process/fd/"* 2>/dev/null | grep -qE '/lock(-frontend)?$'; then
      echo "$name (process $process)"; break
    fi
  done
}}
"""
_WAIT = until('now=$(holder); [ -z "$now" ]', "$now is done with the packages", "$1", _HOLDER)
_LOCK = "lock: "
# A package, with its architecture where that is not the machine's own; or a file of dpkg's journal.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*(:[a-z0-9-]+)?")
_PROBE = (
    _HOLDER
    + f"""
holder | sed 's/^/{_LOCK}/'
dpkg-query --show --showformat '${{Package}} ${{db:Status-Abbrev}} ${{Version}}\\n' "$@" 2>/dev/null || :
"""
)
# While another program works, what dpkg reports is not final. dpkg's `--audit` finds more than this, such as a missing
# md5sums file, which is not needed and which nothing here would repair.
_DATABASE = (
    _HOLDER
    + """
if [ -n "$(holder)" ]; then exit 0; fi
all=$(dpkg-query --show --showformat '${db:Status-Abbrev} ${binary:Package}\\n')
echo "$all" | awk '/^.([HUFWt]|.R)/ { print $1, $2 }'
ls -A /var/lib/dpkg/updates | sed 's/^/journal /'
"""
)
# A package that was being unpacked when the host failed must be unpacked again, from its source: the bundle, if the
# package is one of ours. What cannot be configured yet may need other packages first, which apt resolves.
_REPAIR = f"""
source=$1 options=$2; shift 2
{shlex.join(_DPKG)} || echo "the rest is left to apt"
repair() {{
  {shlex.join(APT)} $1 install --fix-broken --no-install-recommends || return
  if [ -z "$2" ]; then return 0; fi
  {shlex.join(APT)} $1 install --reinstall --no-install-recommends --allow-change-held-packages --allow-downgrades $2
}}
if [ -e "$source" ] && {shlex.join(APT)} $options update && repair "$options" "$*"; then exit 0; fi
repair "" "$*"
"""
_STATES = {
    "H": "half-installed",
    "U": "unpacked",
    "F": "half-configured",
    "W": "waiting for other packages",
    "t": "waiting for its triggers",
    "i": "to be installed again",
}


def packages_free() -> Command:
    """Wait until no other program holds a package lock: one line every few seconds, and a deadline."""
    return shell(_WAIT, str(LOCK_WAIT_S), timeout_s=LOCK_WAIT_S + 30)


@dataclass(frozen=True, slots=True)
class PackageDatabase:
    """dpkg has finished what it began; a killed installation leaves packages half-installed or half-configured.

    `source` is the file of our own package source, with its `options` for apt; it may be missing. `versions` are
    pairs of (name, version) for packages of which apt would otherwise take the newest.
    """

    source: str = ""
    options: tuple[str, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """`packages in order`."""
        return "packages in order"

    def probe(self) -> Command:
        """Packages between absent and installed, and what is left in dpkg's journal."""
        return shell(_DATABASE)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Let dpkg finish, and unpack again the packages whose unpacking was interrupted."""
        rows = [row for row in map(str.split, seen.stdout.splitlines()) if len(row) == 2 and _NAME.fullmatch(row[1])]
        if not rows:
            return None
        states = [(name, state) for state, name in rows if state != "journal"]
        again = [name for name, state in states if state.endswith("R") or state[:2] in ("iH", "hH")]
        lines = [line for name, state in states for line in (f"-{name} {_STATES[state[1]]}", f"+{name} installed")]
        lines += [f"-dpkg's journal {name}" for state, name in rows if state == "journal"]
        # apt drops the hold of a package that it reinstalls.
        held = [name for name, state in states if name in again and state[0] == "h"]
        exact = dict(self.versions)
        words = (f"{name}={exact[name]}" if name in exact else name for name in again)
        repair = shell(_REPAIR, self.source, " ".join(self.options), *words, timeout_s=INSTALL_TIMEOUT_S)
        return Change(
            "finish the interrupted installation of packages",
            (packages_free(), repair, *([Command(("apt-mark", "hold", *held))] if held else [])),
            diff="".join(f"{line}\n" for line in lines),
        )


@dataclass(frozen=True, slots=True)
class Packages:
    """These packages at exactly these versions, from `sources`, held there so that no upgrade moves them.

    `desired` is pairs of (name, version). `options` are apt's, such as where the sources are. With `shared` they are
    for the update alone, and the sources are among the host's own, where dependencies come from too. `hashes` are
    pairs of NAME=VERSION and the SHA-256 that its file must have.
    """

    title: str
    desired: tuple[tuple[str, str], ...]
    options: tuple[str, ...] = ()
    shared: bool = False
    hashes: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """`packages TITLE`."""
        return f"packages {self.title}"

    @property
    def names(self) -> tuple[str, ...]:
        """The packages' names."""
        return tuple(name for name, _ in self.desired)

    def probe(self) -> Command:
        """The process that holds a package lock; versions, states and holds of these packages."""
        # Not apt-mark, which reads all of apt's lists for what dpkg itself knows.
        return shell(_PROBE, *self.names)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Install what is missing or has another version, then hold what is not held."""
        present, held = _read(seen.stdout, finished=PackageDatabase().key in changed)
        wrong = [(name, version) for name, version in self.desired if present.get(name) != version]
        loose = [name for name in self.names if name not in held]
        if not wrong and not loose:
            return None
        commands = [packages_free()]
        if wrong:
            commands += self._install(tuple(f"{name}={version}" for name, version in wrong))
        # A held package is held again after a change: apt does not promise to keep the hold.
        holds = [name for name in self.names if name in loose or name in dict(wrong)]
        commands.append(Command(("apt-mark", "hold", *holds)))
        summary = _after(seen.stdout) + _summary(wrong, loose, present)
        return Change(summary, tuple(commands), diff=_details(wrong, loose, present))

    def _install(self, packages: tuple[str, ...]) -> tuple[Command, ...]:
        hashes = tuple(pair for pair in self.hashes if pair[0] in packages)
        checked = (same_files(hashes),) if hashes else ()
        if self.shared:
            own = (apt(*self.options, "update"),) if self.options else ()
            return (*own, lists_renewed(*packages), *checked, apt(*INSTALL, *packages))
        return (apt(*self.options, "update"), *checked, apt(*self.options, *INSTALL, *packages))


def _read(text: str, *, finished: bool) -> tuple[dict[str, str], set[str]]:
    """Versions of what is installed, and what is held; with `finished`, unfinished packages count as installed."""
    lines = (line for line in text.splitlines() if not line.startswith(_LOCK))
    rows = [row for row in (line.split() for line in lines) if len(row) >= 3]
    # The first letter of the state is the desired one (`h` is held), the second the current one: only `i` is installed
    # and configured (dpkg-query(1), db:Status-Abbrev).
    there = "".join(_STATES) if finished else "i"
    return {row[0]: row[-1] for row in rows if row[1][1] in there}, {row[0] for row in rows if row[1][0] == "h"}


def _after(text: str) -> str:
    held = [line.removeprefix(_LOCK) for line in text.splitlines() if line.startswith(_LOCK)]
    return f"wait for {held[0]} to finish with the packages, then " if held else ""


def _summary(wrong: list[tuple[str, str]], loose: list[str], present: dict[str, str]) -> str:
    if not wrong:
        return f"hold {', '.join(loose)}"
    verb = "change" if any(name in present for name, _ in wrong) else "install"
    return f"{verb} {', '.join(f'{name} {version}' for name, version in wrong)}"


def _details(wrong: list[tuple[str, str]], loose: list[str], present: dict[str, str]) -> str:
    lines = [
        line for name, version in wrong for line in (f"-{name} {present.get(name, '(none)')}", f"+{name} {version}")
    ]
    return "".join(f"{line}\n" for line in [*lines, *(f"+{name} (held)" for name in loose)])
