"""By which key a host trusts a repository. Pure: keys have been fetched or read already.

Hundreds of hosts have the same few keys: the results for a key are cached.
"""

from __future__ import annotations

from functools import lru_cache

from provisioner.inventory.model import Host
from provisioner.sources import armor, openpgp
from provisioner.sources.repository import Repository
from provisioner.world.view import View


def key_of(view: View, host: Host, repository: Repository) -> str:
    """The text for the key's file: fetched, named by the inventory, or what is on the host already.

    Where a fingerprint is known, only that key; empty when no key can be used.
    """
    return trusted(_text(view, host, repository), repository.fingerprint) if repository.signed else ""


@lru_cache(maxsize=64)
def trusted(text: str, fingerprint: str) -> str:
    """The keys of a text that may sign, rewritten as one block: all of them, or the one with that fingerprint."""
    data = b"".join(key.data for key in found(text) if fingerprint in ("", key.fingerprint))
    return armor.armored(data) if data else ""


def is_valid(text: str, now_s: float) -> bool:
    """Whether a key of this text has not expired."""
    return any(key.expires_s is None or key.expires_s > now_s for key in found(text))


def found(text: str) -> tuple[openpgp.Key, ...]:
    """The keys in a text; none where anything in it is not understood."""
    return _read(text)[0]


def refused(text: str) -> str:
    """Why nothing in a text is trusted, such as `is not an OpenPGP public key`; empty when it has keys."""
    return _read(text)[1]


@lru_cache(maxsize=64)
def _read(text: str) -> tuple[tuple[openpgp.Key, ...], str]:
    try:
        return openpgp.read(text), ""
    except ValueError as error:
        return (), str(error)


def _text(view: View, host: Host, repository: Repository) -> str:
    answer = view.observed.answers.get((host.name, repository.product))
    if answer and answer.keys:
        return answer.keys
    there = view.observed.states[host.name].keys.get(repository.product, "")
    return view.materials.source_keys.get(repository.product) or there
