"""Where upstream's repositories have what: the shapes that sources lines and keys' addresses rely on."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.bundle.debian.root import Root
from provisioner.labs.spec import RELEASES
from tests.repositories.keys import KEYS, SITE, Key

# Where each of upstream's servers is below one address.
DOCKER, KUBERNETES, LEGACY = "docker", "kubernetes", "legacy"
INDEX_AND_SIGN = f"""
export GNUPGHOME={KEYS}/$SIGNER
mkdir -p "$INDEX" "$DIST"
apt-ftparchive packages "$POOL" > "$INDEX/Packages"
gzip --force --no-name --keep "$INDEX/Packages"
apt-ftparchive -o APT::FTPArchive::Release::Suite="$SUITE" -o APT::FTPArchive::Release::Codename="$SUITE" \\
  -o APT::FTPArchive::Release::Components="$COMPONENT" -o APT::FTPArchive::Release::Architectures="$ARCHITECTURE" \\
  -o APT::FTPArchive::Release::Origin="$ORIGIN" release "$DIST" > /tmp/Release
cp /tmp/Release "$DIST/Release"
gpg --batch --quiet --yes --clearsign --output "$DIST/InRelease" "$DIST/Release"
gpg --batch --quiet --yes --armor --detach-sign --output "$DIST/Release.gpg" "$DIST/Release"
"""


@dataclass(frozen=True, slots=True)
class Layout:
    """A repository: `base` is what a sources line names (below the site), the others are relative to it.

    `pool` has the packages, `index` gets the Packages file, `dist` the Release file; `public_key` is where the
    server has its key, and `armored` how.
    """

    base: str
    pool: str
    index: str
    dist: str
    public_key: str
    armored: bool = True
    suite: str = ""
    component: str = ""


def docker_layout(codename: str, architecture: str) -> Layout:
    """https://download.docker.com/linux/debian, or ubuntu: one suite for each of its releases, component `stable`."""
    dist = f"dists/{codename}"
    return Layout(
        f"{DOCKER}/linux/{RELEASES[codename]}",
        f"{dist}/pool/stable/{architecture}",
        f"{dist}/stable/binary-{architecture}",
        dist,
        "gpg",
        suite=codename,
        component="stable",
    )


def minor_layout(series: str, architecture: str) -> Layout:
    """https://pkgs.k8s.io/core:/stable:/v1.NN/deb/: a flat repository for each minor release."""
    return Layout(f"{KUBERNETES}/core:/stable:/v{series}/deb", architecture, ".", ".", "Release.key")


def legacy_layout(architecture: str) -> Layout:
    """https://apt.kubernetes.io as it was: everything in `kubernetes-xenial main`, and a key that is not armored."""
    dist = "dists/kubernetes-xenial"
    index = f"{dist}/main/binary-{architecture}"
    names = {"suite": "kubernetes-xenial", "component": "main"}
    return Layout(LEGACY, "pool", index, dist, "doc/apt-key.gpg", armored=False, **names)


def distribution_layout(codename: str, architecture: str) -> Layout:
    """Debian's or Ubuntu's own, as far as nodes need it."""
    dist = f"dists/{codename}"
    index = f"{dist}/main/binary-{architecture}"
    base = RELEASES[codename]
    return Layout(base, f"pool/{codename}", index, dist, f"{codename}.asc", suite=codename, component="main")


def publish(root: Root, layout: Layout, key: Key, architecture: str) -> None:
    """Index and sign what lies in the repository's pool, and put its key where the server has it."""
    fields = {
        "SIGNER": key.directory.name,
        "POOL": layout.pool,
        "INDEX": layout.index,
        "DIST": layout.dist,
        "SUITE": layout.suite,
        "COMPONENT": layout.component,
        "ARCHITECTURE": architecture,
        "ORIGIN": layout.base,
    }
    root.shell(INDEX_AND_SIGN, f"{SITE}/{layout.base}", **fields)
    public = root.binds[SITE] / layout.base / layout.public_key
    public.parent.mkdir(parents=True, exist_ok=True)
    public.write_bytes(key.armored.encode() if layout.armored else key.binary)
