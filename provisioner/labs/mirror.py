"""Which Debian mirror this machine itself uses, read from its apt sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# Entries in the one-line form may carry options in brackets: deb [signed-by=...] URI SUITE COMPONENT...
ONE_LINE_MINIMUM = 3


@dataclass(frozen=True, slots=True)
class Source:
    """One place packages come from: `uri`, one of its suites, and the components."""

    uri: str
    suite: str
    components: tuple[str, ...]


def parse_deb822(text: str) -> Iterator[Source]:
    """Sources of a `.sources` file (deb822), one per URI and suite, without disabled and deb-src ones."""
    for paragraph in text.split("\n\n"):
        fields = _fields(paragraph)
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() == "no":
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield Source(uri, suite, tuple(fields.get("components", "").split()))


def _fields(paragraph: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    key = ""
    for line in paragraph.splitlines():
        if line.startswith("#"):
            continue
        if line[:1].isspace():
            fields[key] = f"{fields.get(key, '')} {line.strip()}"
        elif ":" in line:
            key, value = line.split(":", 1)
            key = key.strip().lower()
            fields[key] = value.strip()
    return fields


def parse_one_line(text: str) -> Iterator[Source]:
    """Sources of a `sources.list` file: `deb [options] URI SUITE COMPONENT...`."""
    for line in text.splitlines():
        kind, _, rest = line.partition("#")[0].strip().partition(" ")
        rest = rest.strip()
        words = (rest.partition("]")[2] if rest.startswith("[") else rest).split()
        if kind == "deb" and len(words) >= ONE_LINE_MINIMUM:
            yield Source(words[0], words[1], tuple(words[2:]))


def debian_mirror(sources: Iterable[Source], codename: str) -> str | None:
    """The address from which `codename` itself (not its updates) comes with component main, or None."""
    found = (source.uri for source in sources if source.suite == codename and "main" in source.components)
    return next(found, None)


def from_this_machine(etc: Path = Path("/etc")) -> str | None:
    """The mirror that this machine, if it is a Debian, takes its own release from."""
    release = dict(line.split("=", 1) for line in _read(etc / "os-release").splitlines() if "=" in line)
    if release.get("ID", "").strip('"') != "debian":
        return None
    folder = etc / "apt" / "sources.list.d"
    texts = [_read(etc / "apt" / "sources.list"), *map(_read, sorted(folder.glob("*.list")))]
    sources = [source for text in texts for source in parse_one_line(text)]
    for path in sorted(folder.glob("*.sources")):
        sources += parse_deb822(_read(path))
    return debian_mirror(sources, release.get("VERSION_CODENAME", "").strip('"'))


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
