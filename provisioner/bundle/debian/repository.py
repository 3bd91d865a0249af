"""The bundle's apt repository: our packages and everything they need that a minimal Debian does not have,
signed by a key that is made for this repository only and not kept afterwards.
"""

from __future__ import annotations

import re
import shutil

from provisioner.bundle.common.packages import MINIMAL, fetched
from provisioner.bundle.common.workspace import Work
from provisioner.bundle.debian.debs import cni_deb, kubernetes_debs
from provisioner.bundle.debian.recipe import NODE_PACKAGES, OWN_PACKAGES, Recipe
from provisioner.bundle.debian.root import Root, work_root

# As on a host where nothing is installed yet; prints what would be fetched.
ASK = ("apt-get", "install", "--yes", "--print-uris", "-o", "Dir::State::status=/dev/null")
# The private key lives on a tmpfs that only this one command sees (see `root.ENTER`) and ends with it.
INDEX_AND_SIGN = """
export GNUPGHOME=/tmp/gnupg
mkdir -m 700 "$GNUPGHOME"
gpg --batch --quiet --passphrase '' --quick-generate-key "$SIGNER" ed25519 sign never
apt-ftparchive packages . > Packages
gzip --best --no-name --keep Packages
set -- -o APT::FTPArchive::Release::Origin=provisioner -o APT::FTPArchive::Release::Label=provisioner
set -- "$@" -o APT::FTPArchive::Release::Codename="$CODENAME" -o APT::FTPArchive::Release::Suite="$CODENAME"
set -- "$@" -o APT::FTPArchive::Release::Architectures="$ARCHITECTURE"
apt-ftparchive "$@" release . > /tmp/Release
cp /tmp/Release Release
gpg --batch --quiet --armor --export > key.asc
gpg --batch --quiet --clearsign --output InRelease Release
"""


def make_repository(recipe: Recipe, work: Work) -> None:
    """The stage: a flat repository in its directory, with `key.asc`."""
    root = work_root(work)
    root.update()
    for deb in sorted(work.done["debs"].glob("*.deb")):
        shutil.copyfile(deb, work.into / deb.name)
    root.run(["apt-get", "download", *closure(root)], "/build/into")
    for deb in work.into.glob("*.deb"):
        deb.rename(deb.with_name(without_epoch(deb.name)))
    signer = f"provisioner bundle {recipe.release} {recipe.kubernetes_version}"
    fields = {"SIGNER": signer, "CODENAME": recipe.release, "ARCHITECTURE": recipe.architecture}
    root.shell(INDEX_AND_SIGN, "/build/into", **fields)


def closure(root: Root) -> list[str]:
    """`name=version` of every package of Debian that a minimal node lacks for ours and for the runtimes."""
    needed = fetched(root.read([*ASK, *from_debian()]))
    minimal = fetched(root.read([*ASK, *MINIMAL]))
    return [f"{name}={version}" for name, version in sorted(needed.items()) if name not in minimal]


def from_debian() -> list[str]:
    """What nodes install from Debian by name: the runtimes and tools, and what our packages depend on."""
    ours = (*kubernetes_debs(), cni_deb([]))
    depends = {depend.split()[0] for deb in ours for depend in deb.depends} - set(OWN_PACKAGES)
    return sorted(depends | set(NODE_PACKAGES))


def without_epoch(file_name: str) -> str:
    """A package's file name as Debian's pool has it: no epoch, so nothing to escape in an address."""
    return re.sub(r"_\d+%3a", "_", file_name)
