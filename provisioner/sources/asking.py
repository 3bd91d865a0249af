"""How a host asks a source what it offers: apt itself asks, in a temporary directory, so that every obstacle (no route,
403, a key that has expired) is found before anything is changed. Pure: the question is a command, and the answer is
parsed from its output.
"""

from __future__ import annotations

import base64
import re

from provisioner.core.command import Command, Result, shell
from provisioner.inventory.model import Host
from provisioner.sources import armor, binaries
from provisioner.sources.keys import is_valid, key_of
from provisioner.sources.proxies import apt_options
from provisioner.sources.repository import PRODUCTS, Repository, repository
from provisioner.sources.wanted import is_there, names, wanted
from provisioner.world.offers import Answer, Answers, Offer
from provisioner.world.view import View

# The key is printed as base64: it may be binary. Hooks of other software into `apt-get update` are not run.
_ASK = """
key_url=$1 source=$2 names=$3; shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$work/lists/partial"
chmod 755 "$work"
cat >"$work/key"
set -- "$@" -oDir::State::Lists="$work/lists" -oAcquire::Retries=1 \
  -oAcquire::http::Timeout=10 -oAcquire::https::Timeout=10
echo "=== apt"
if [ -n "$key_url" ] && ! /usr/lib/apt/apt-helper "$@" -qq download-file "$key_url" "$work/key" 2>&1; then exit 0; fi
if [ -n "$source" ]; then
  kind=gpg
  if grep -q 'BEGIN PGP PUBLIC' "$work/key"; then kind=asc; fi
  mv "$work/key" "$work/key.$kind"
  chmod 644 "$work/key.$kind"
  printf '%s' "$source" | sed "s|@KEY@|$work/key.$kind|" >"$work/asked.sources"
  set -- "$@" -oDir::Etc::SourceList="$work/asked.sources" -oDir::Etc::SourceParts=/dev/null \
    -oAPT::Update::Error-Mode=any
fi
printf '#clear APT::Update::%s;\\n' Pre-Invoke Post-Invoke Post-Invoke-Success >"$work/apt.conf"
apt-get -c "$work/apt.conf" "$@" -qq -oAcquire::Languages=none -oAcquire::GzipIndexes=false \
  -oDir::Cache::pkgcache= -oDir::Cache::srcpkgcache= update 2>&1 || :
if [ -n "$source" ]; then
  echo "=== key"
  base64 "$work/key.$kind"
fi
echo "=== packages"
for list in "$work"/lists/*Packages; do
  if [ ! -e "$list" ]; then continue; fi
  awk -v names=" $names " -v architecture="$(dpkg --print-architecture)" '
    function tell() {
      if (index(names, " " name " ") && (arch == architecture || arch == "all")) print name, version, hash
      name = version = arch = hash = ""
    }
    $1 == "Package:" { name = $2 }
    $1 == "Version:" { version = $2 }
    $1 == "Architecture:" { arch = $2 }
    $1 == "SHA256:" { hash = $2 }
    /^$/ { tell() }
    END { tell() }' "$list"
done
"""
ASK_TIMEOUT_S = 180
_SECTION = re.compile(r"^=== (\w+)\n", re.MULTILINE)
_HARMLESS = ("W: Download is performed unsandboxed", "N: ")


def question(repository: Repository, key: str, names: tuple[str, ...], options: tuple[str, ...] = ()) -> Command:
    """Which versions of these packages the repository has, asked on a host without changing it.

    `key` is the key's text where it is known, `options` are apt's, such as a proxy.
    """
    source = repository.definition("@KEY@") if repository.uri else ""
    key_url = repository.key_url if repository.uri else ""
    return shell(_ASK, key_url, source, " ".join(names), *options, stdin=key, timeout_s=ASK_TIMEOUT_S)


def questions(view: View, host: Host, *, everything: bool = False) -> dict[str, Command]:
    """What this host has to ask, by product: nothing where everything is as desired, or answered already."""
    found = {product: repository(view, host, product) for product in PRODUCTS}
    return {
        product: _question(view, host, one)
        for product, one in found.items()
        if one and (everything or _is_needed(view, host, one))
    }


def _question(view: View, host: Host, one: Repository) -> Command:
    if one.binaries:
        return binaries.question(view, host, {want.package: want.version for want in wanted(view, one.product)})
    return question(one, view.materials.source_keys.get(one.product, ""), names(view, one.product), apt_options(view))


def _is_needed(view: View, host: Host, one: Repository) -> bool:
    # Where versions are locked, anything that the lock file does not have is a finding.
    if view.materials.pinned or (host.name, one.product) in view.observed.answers:
        return False
    if not is_there(view, host, one.product):
        return True
    # With an expired key every `apt-get update` on that host fails, and the source has the key's successor.
    return one.signed and not is_valid(key_of(view, host, one), view.observed.now_s)


def pinned_answers(view: View) -> Answers:
    """The answers of a lock file, instead of those of the sources, for every host of a platform that it has."""
    return {
        (host.name, product): answer
        for host in view.hosts
        for product in PRODUCTS
        if (answer := view.materials.pinned.get((view.observed.facts[host.name].platform, product)))
    }


def read_answer(result: Result) -> Answer:
    """The parsed answer. A key that cannot be read is left out: the code that needs it reports that."""
    if not result.ok:
        return Answer(trouble=result.tail() or f"exit code {result.exit_code}")
    parts = _SECTION.split(result.stdout)
    told = dict(zip(parts[1::2], parts[2::2], strict=True))
    rows = [line.split() for line in told.get("packages", "").splitlines()]
    offers = tuple(Offer(*row) for row in rows if len(row) in (2, 3))
    lines = [line for line in told.get("apt", "").splitlines() if line and not line.startswith(_HARMLESS)]
    return Answer(offers, _keys(told.get("key", "")), "" if offers else "\n".join(lines))


def _keys(text: str) -> str:
    try:
        return armor.text_of(base64.b64decode(text))
    except ValueError:
        return ""
