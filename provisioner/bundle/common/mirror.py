"""Where a distribution comes from: the mirror that the user names, else the one that this machine uses; for Debian,
else mmdebstrap's default. Also the part of this machine's apt configuration that is needed to reach a mirror.

Both formats of apt's sources are read, see sources.list(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# Free software that is kept up to date; in Ubuntu some packages that a host needs are in the second one.
COMPONENTS = {"debian": ("main",), "ubuntu": ("main", "universe")}
SUITE_SUFFIXES = ("", "-updates", "-security")
# Options for reaching a mirror: proxies, certificates, clocks; nothing that changes what is installed.
APT_OPTIONS = re.compile(r"Acquire::(?:(?:https?|ftp|socks)::|Check-(?:Valid-Until|Date)\b|Retries\b)")
OPTIONS = r"(?:\[(?P<options>[^\]]*)\]\s+)?"
ONE_LINE = re.compile(rf"deb\s+{OPTIONS}(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)")


@dataclass(frozen=True, slots=True)
class AptSource:
    """One line of apt's sources: `keyring` is the path of Signed-By, or empty."""

    uri: str
    suite: str
    components: tuple[str, ...] = ("main",)
    keyring: str = ""

    def line(self, kind: str = "deb") -> str:
        """The one-line format; `kind` is deb or deb-src."""
        option = f"[signed-by={self.keyring}] " if self.keyring else ""
        return f"{kind} {option}{self.uri} {self.suite} {' '.join(self.components)}"


def named(mirror: str, release: str) -> tuple[AptSource, ...]:
    """A mirror that the user named by its address: the release and its updates."""
    return tuple(AptSource(mirror, release + suffix) for suffix in SUITE_SUFFIXES[:2])


def of_machine(etc: Path, release: str, distribution: str = "debian") -> tuple[AptSource, ...]:
    """The sources of this machine, changed to `release`; none when it has another distribution. `etc` is /etc."""
    os_release = _pairs(_read(etc / "os-release"))
    if os_release.get("ID") != distribution:
        return ()
    directory = etc / "apt/sources.list.d"
    one_line = [_read(etc / "apt/sources.list"), *(_read(path) for path in sorted(directory.glob("*.list")))]
    found = [source for text in one_line for source in parse_one_line(text)]
    found += [source for path in sorted(directory.glob("*.sources")) for source in parse_deb822(_read(path))]
    return retarget(found, os_release.get("VERSION_CODENAME", ""), release, COMPONENTS[distribution])


def address(etc: Path, release: str) -> str | None:
    """Where this machine would take `release` itself from (not its updates); None when it does not run Debian."""
    return next((source.uri for source in of_machine(etc, release) if source.suite == release), None)


def retarget(
    sources: Iterable[AptSource], codename: str, release: str, components: tuple[str, ...]
) -> tuple[AptSource, ...]:
    """Only the distribution's own suites, `codename` replaced by `release`, with these components, each once."""
    suites = {codename + suffix: release + suffix for suffix in SUITE_SUFFIXES}
    fitting = [
        AptSource(source.uri, suites[source.suite], _both(components, source.components), source.keyring)
        for source in sources
        if source.suite in suites and _both(components, source.components)
    ]
    ours = tuple(dict.fromkeys(fitting))
    return ours if any(source.suite == release for source in ours) else ()


def _both(desired: tuple[str, ...], there: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(component for component in desired if component in there)


def parse_one_line(text: str) -> Iterator[AptSource]:
    """The `deb` lines of a *.list file."""
    for line in text.splitlines():
        if match := ONE_LINE.fullmatch(line.split("#")[0].strip()):
            options = dict(re.findall(r"([\w-]+)=(\S+)", match["options"] or ""))
            components = tuple(match["components"].split())
            yield AptSource(match["uri"], match["suite"], components, _keyring(options.get("signed-by", "")))


def parse_deb822(text: str) -> Iterator[AptSource]:
    """The stanzas of a *.sources file that are of type deb and not disabled."""
    for stanza in stanzas(text):
        if "deb" not in stanza.get("types", "").split() or stanza.get("enabled", "yes").lower() == "no":
            continue
        keyring = _keyring(stanza.get("signed-by", ""))
        components = tuple(stanza.get("components", "").split())
        for uri in stanza.get("uris", "").split():
            for suite in stanza.get("suites", "").split():
                yield AptSource(uri, suite, components, keyring)


def stanzas(text: str) -> Iterator[dict[str, str]]:
    """Stanzas of `Key: value` with continuation lines, keys in lower case, comments dropped."""
    uncommented = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for block in re.split(r"\n\s*\n", uncommented):
        joined = re.sub(r"\n[ \t]+", "\n ", block)
        fields = re.findall(r"^([\w-]+):[ \t]*(.*(?:\n .*)*)", joined, re.MULTILINE)
        if fields:
            yield {key.lower(): value.strip() for key, value in fields}


def apt_options(dump: str) -> tuple[str, ...]:
    """Of the output of `apt-config dump`, the lines that are needed to reach a mirror."""
    return tuple(line for line in dump.splitlines() if APT_OPTIONS.match(line) and '""' not in line)


def _keyring(signed_by: str) -> str:
    # An embedded key or a list of fingerprints is left out: the release's own keyring then decides.
    return signed_by if re.fullmatch(r"/\S+", signed_by) else ""


def _pairs(text: str) -> dict[str, str]:
    return {key: value.strip('"') for key, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE)}


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
