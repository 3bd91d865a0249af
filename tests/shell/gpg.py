"""gpg and gpgv with a home of their own: the judges of what is in a key."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.patience import LONGEST_S


@dataclass(frozen=True)
class Gpg:
    """A home for keys; its path is short, as that of a socket has to be."""

    home: Path

    def run(self, *arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        options = ("--batch", "--no-tty", "--quiet", "--no-auto-check-trustdb")
        argv = ["gpg", "--homedir", str(self.home), *options, "--passphrase", "", *arguments]
        return subprocess.run(argv, input=data, capture_output=True, check=False, timeout=LONGEST_S)

    def in_keyring(self, data: bytes) -> list[tuple[str, str]]:
        """Fingerprint and end (seconds since 1970, or nothing) of each primary key that gpgv would look through."""
        ring = self.home / "ring.gpg"
        ring.write_bytes(data)
        options = ("--trust-model", "always", "--no-default-keyring", "--keyring", f"gnupg-ring:{ring}")
        return _primary(self.run("--with-colons", *options, "--list-keys"))

    def shown(self, data: bytes) -> list[tuple[str, str]]:
        """The same as `gpg --show-keys` says it of a file as it is published."""
        return _primary(self.run("--with-colons", "--show-keys", data=data))

    def make(self, owner: str) -> str:
        """A new key for signing; its fingerprint."""
        assert self.run("--quick-generate-key", owner, "ed25519", "sign", "never").returncode == 0
        return _primary(self.run("--with-colons", "--list-keys", f"={owner}"))[0][0]

    def add_subkey(self, fingerprint: str) -> None:
        assert self.run("--quick-add-key", fingerprint, "ed25519", "sign").returncode == 0

    def export(self, *fingerprints: str) -> bytes:
        return self.run("--export", *fingerprints).stdout

    def signed(self, text: bytes, by: str) -> bytes:
        """The text with a signature, as a Release becomes an InRelease."""
        return self.run("--clearsign", "--local-user", by, data=text).stdout


@contextmanager
def home() -> Iterator[Gpg]:
    """A home, and no agent afterwards."""
    with TemporaryDirectory(prefix="provisioner-") as directory:
        gpg = Gpg(Path(directory))
        try:
            yield gpg
        finally:
            subprocess.run(["gpgconf", "--homedir", directory, "--kill", "all"], check=True)


def _primary(result: subprocess.CompletedProcess[bytes]) -> list[tuple[str, str]]:
    """Of `pub` comes the end, of the `fpr` after it the fingerprint (doc/DETAILS of GnuPG)."""
    rows = [line.split(":") for line in result.stdout.decode(errors="replace").splitlines()]
    keys = [row for row in rows if row[0] in ("pub", "fpr")]
    return [(after[9], row[6]) for row, after in pairwise(keys) if row[0] == "pub"]
