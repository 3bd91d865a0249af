"""The bundle's own repository: an index of packages as their sources describe them, and a signature over it by a key
that is made for this bundle only and not kept afterwards.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable
from email.utils import formatdate
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from provisioner.bundle.common.process import Runner
from provisioner.bundle.upstream.apt import Package

# gpg's agent runs in the directory of the key and would keep running.
SIGN = """
export GNUPGHOME="$1"; cd "$2"
trap 'gpgconf --kill all' EXIT
gpg --batch --quiet --passphrase '' --quick-generate-key "$3" ed25519 sign never
gpg --batch --quiet --armor --export > key.asc
gpg --batch --quiet --clearsign --output InRelease Release
"""
# Left out: hashes that are too weak to be of use.
_CHANGED = re.compile(r"^(Filename|MD5sum|SHA1|Description-md5):.*\n?", re.MULTILINE | re.IGNORECASE)


def write_indexes(into: Path, packages: Iterable[Package], codename: str, architecture: str) -> None:
    """Write Packages, Packages.gz and Release for the packages that are in the directory."""
    index = "\n".join(entry(package) for package in packages).encode()
    written = {"Packages": index, "Packages.gz": gzip.compress(index, mtime=0)}
    for name, content in written.items():
        (into / name).write_bytes(content)
    fields = {"Origin": "provisioner", "Label": "provisioner", "Suite": codename, "Codename": codename}
    fields |= {"Architectures": architecture, "Date": formatdate(usegmt=True).replace("GMT", "UTC")}
    hashes = "".join(f" {sha256(content).hexdigest()} {len(content)} {name}\n" for name, content in written.items())
    text = "".join(f"{name}: {value}\n" for name, value in fields.items()) + f"SHA256:\n{hashes}"
    (into / "Release").write_text(text)


def entry(package: Package) -> str:
    """A package's stanza of the index: as its source has it, except for the path of the file."""
    return f"{_CHANGED.sub('', package.stanza).strip()}\nFilename: ./{file_name(package)}\n"


def file_name(package: Package) -> str:
    """Without the epoch, so that nothing has to be escaped in an address."""
    return re.sub(r"_\d+%3a", "_", package.file)


def sign(into: Path, owner: str, runner: Runner) -> None:
    """Write InRelease and key.asc beside Release."""
    with TemporaryDirectory(prefix="provisioner-") as home:
        runner.run(["sh", "-euc", SIGN, "sign", home, str(into), owner])
