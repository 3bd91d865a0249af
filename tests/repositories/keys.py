"""The keys of the repositories, made and used by gpg in the Debian that bundles are built in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from provisioner.bundle.common.machine import default_cache, machine_architecture
from provisioner.bundle.common.mirror import of_machine
from provisioner.bundle.common.process import Runner
from provisioner.bundle.common.workspace import finish, only_one
from provisioner.bundle.debian.recipe import Recipe
from provisioner.bundle.debian.root import Root
from provisioner.bundle.debian.stages import stages
from provisioner.core.report import ignore

KEYS, SITE = "/build/keys", "/build/site"
# Made long ago and renewed since: the copy from before is still handed out by servers that are not maintained.
MADE, LASTED, LASTS = "20220801T000000", "2y", "20400101T000000"
MAKE = f"""
export GNUPGHOME={KEYS}/$NAME
mkdir -m 700 "$GNUPGHOME"
gpg() {{ command gpg --batch --quiet --passphrase '' "$@"; }}
gpg --faked-system-time {MADE} --quick-generate-key "$OWNER" rsa2048 sign {LASTED}
gpg --armor --export > "$GNUPGHOME/expired.asc"
fingerprint=$(gpg --with-colons --list-keys | sed -n 's/^fpr:*\\([0-9A-F]*\\):$/\\1/p')
gpg --quick-set-expire "$fingerprint" {LASTS}
gpg --armor --export > "$GNUPGHOME/key.asc"
gpg --export > "$GNUPGHOME/key.gpg"
printf %s "$fingerprint" > "$GNUPGHOME/fingerprint"
"""


@dataclass(frozen=True, slots=True)
class Key:
    """A key in its own directory: `key.asc`, `key.gpg` (binary), `expired.asc` (the copy from before)."""

    directory: Path

    @property
    def armored(self) -> str:
        """The public key as text, valid for years."""
        return (self.directory / "key.asc").read_text()

    @property
    def binary(self) -> bytes:
        """The same, not armored."""
        return (self.directory / "key.gpg").read_bytes()

    @property
    def expired(self) -> str:
        """The public key as it was before it was renewed."""
        return (self.directory / "expired.asc").read_text()

    @property
    def fingerprint(self) -> str:
        """Forty hexadecimal digits, as gpg writes them."""
        return (self.directory / "fingerprint").read_text()


def workshop(home: Path) -> Root:
    """The Debian that has gpg and apt-ftparchive, with `home/keys` and `home/site` in it. Made when it is missing."""
    cache = default_cache()
    recipe = Recipe(architecture=machine_architecture())
    stage = stages(recipe, of_machine(Path("/etc"), recipe.release))[0]
    if not (cache / stage.directory).is_dir():
        with only_one(cache):
            finish(stage, cache, ignore)
    for name in ("keys", "site"):
        (home / name).mkdir(parents=True)
    binds = {KEYS: home / "keys", SITE: home / "site"}
    return Root(cache / stage.directory, Runner(home / "log", ignore), binds)


def make_key(root: Root, name: str, owner: str) -> Key:
    """A new key in the directory `name`, for `owner` (`Name <address>`)."""
    root.shell(MAKE, NAME=name, OWNER=owner)
    return Key(root.binds[KEYS] / name)
