"""Debian packages at exact versions, held; and a package database that is in order."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change

# Another program may hold the lock right after boot (unattended-upgrades): apt waits for it itself.
LOCK_WAIT_S = 300
_QUIET = ("env", "DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_MODE=a")
_APT = (
    *_QUIET,
    "apt-get",
    "--quiet=2",
    "--yes",
    f"-oDPkg::Lock::Timeout={LOCK_WAIT_S}",
    "-oDpkg::Options::=--force-confdef",
    "-oDpkg::Options::=--force-confold",
    "-oDpkg::Use-Pty=0",
)
INSTALL_TIMEOUT_S = 1200


@dataclass(frozen=True, slots=True)
class PackageDatabase:
    """dpkg has finished what it began; a killed installation leaves packages half-configured."""

    @property
    def key(self) -> str:
        """`packages in order`."""
        return "packages in order"

    def probe(self) -> Command:
        """What dpkg itself finds wrong."""
        return shell("dpkg --audit; ls -A /var/lib/dpkg/updates")

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Let dpkg finish."""
        if not seen.stdout.strip():
            return None
        configure = Command(
            (*_QUIET, "dpkg", "--configure", "--pending", "--force-confdef", "--force-confold"),
            timeout_s=INSTALL_TIMEOUT_S,
        )
        return Change(
            "finish the interrupted installation of packages",
            (configure, Command((*_APT, "--fix-broken", "install"), timeout_s=INSTALL_TIMEOUT_S)),
        )


@dataclass(frozen=True, slots=True)
class Packages:
    """These packages at exactly these versions, from `sources`, held there so that no upgrade moves them.

    `wished` is sorted pairs of (name, version). `options` are apt's, such as where the sources lie.
    """

    title: str
    wished: tuple[tuple[str, str], ...]
    options: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """`packages TITLE`."""
        return f"packages {self.title}"

    @property
    def names(self) -> tuple[str, ...]:
        """The packages' names."""
        return tuple(name for name, _ in self.wished)

    def probe(self) -> Command:
        """Versions, states and holds of these packages."""
        # Not apt-mark, which reads all of apt's lists to say what dpkg knows itself.
        return shell(
            "dpkg-query --show --showformat '${Package} ${db:Status-Abbrev} ${Version}\\n' \"$@\" 2>/dev/null || :",
            *self.names,
        )

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Install what is missing or of another version, then hold what is not held."""
        present, held = _read(seen.stdout)
        wrong = [(name, version) for name, version in self.wished if present.get(name) != version]
        loose = [name for name in self.names if name not in held]
        if not wrong and not loose:
            return None
        commands: list[Command] = []
        if wrong:
            commands += [
                self._apt("update"),
                self._apt("install", *(f"{name}={version}" for name, version in wrong)),
            ]
        # What was held is held again after it was changed: nothing promises that apt keeps that.
        holds = [name for name in self.names if name in loose or name in dict(wrong)]
        commands.append(Command(("apt-mark", "hold", *holds)))
        return Change(_summary(wrong, loose, present), tuple(commands), diff=_details(wrong, loose, present))

    def _apt(self, verb: str, *names: str) -> Command:
        extra = ("--no-install-recommends", "--allow-change-held-packages", "--allow-downgrades") if names else ()
        return Command((*_APT, *self.options, verb, *extra, *names), timeout_s=INSTALL_TIMEOUT_S)


def _read(text: str) -> tuple[dict[str, str], set[str]]:
    rows = [row for row in (line.split() for line in text.splitlines()) if len(row) >= 3]
    # The first letter of the state is what is wanted (`h` is held), the second what is: only `i` is installed and
    # configured (dpkg-query(1), db:Status-Abbrev).
    return {row[0]: row[-1] for row in rows if row[1][1] == "i"}, {row[0] for row in rows if row[1][0] == "h"}


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
