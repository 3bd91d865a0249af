"""The answer of a package source: which versions of which packages it offers, and the key that it is signed with."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.core import untrusted


@dataclass(frozen=True, slots=True)
class Offer:
    """One package in one version; `sha256` is the hash of the package's file."""

    package: str
    version: str
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a source to one host.

    `keys` is everything that was found at the location of its key, armored; `trouble` is apt's own message when the
    source could not be read, and then it offers nothing. `pinned` names the source that a lock file has this for: each
    package is in it once; empty when the source itself has answered.
    """

    offers: tuple[Offer, ...] = ()
    keys: str = ""
    trouble: str = ""
    pinned: str = ""

    def versions(self, package: str) -> tuple[str, ...]:
        """All versions of a package, in the source's order."""
        return tuple(offer.version for offer in self.offers if offer.package == package)

    def sha256(self, package: str, version: str) -> str:
        """The hash of that package's file, or nothing when it is not known."""
        found = (offer.sha256 for offer in self.offers if (offer.package, offer.version) == (package, version))
        return next(found, "")


# By host and product.
Answers = dict[tuple[str, str], Answer]


def read_offers(text: str) -> dict[str, Offer]:
    """Lines with a name, a version and a SHA-256, by name; other lines are left out."""
    found = untrusted.fitting(_offer, text.splitlines())
    return {offer.package: offer for offer in found}


def _offer(line: object) -> Offer:
    match str(line).split():
        case [package, version, sha256]:
            return Offer(untrusted.package(package), untrusted.package_version(version), untrusted.sha256(sha256))
    raise untrusted.UntrustedError("an offer of a package", line)
