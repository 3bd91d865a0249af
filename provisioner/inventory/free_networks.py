"""Finds a network that is not in use, to suggest it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network

# kubeadm's usual networks first, then the private ranges of RFC 1918, and that of carriers (RFC 6598) last.
_USUAL = (IPv4Network("10.244.0.0/16"), IPv4Network("10.96.0.0/12"))
_PRIVATE = (
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv4Network("100.64.0.0/10"),
)
# Docker's default bridge (default-address-pools of dockerd): never suggested, whatever runtime is used.
DOCKER = IPv4Network("172.17.0.0/16")


def free_network(like: IPv4Network, taken: Iterable[IPv4Network]) -> IPv4Network | None:
    """A private network as large as `like` that overlaps none of `taken`; None when none is free."""
    used = (*taken, DOCKER)
    return next((one for one in _as_large(like) if not any(one.overlaps(other) for other in used)), None)


def suggestion(name: str, like: IPv4Network, taken: Iterable[IPv4Network]) -> str:
    """The free network as a hint for the setting of that name."""
    free = free_network(like, taken)
    return (
        f"use a free range: {name}: {free}" if free else f"use a smaller {name}: no private /{like.prefixlen} is free"
    )


def _as_large(like: IPv4Network) -> Iterator[IPv4Network]:
    yield from (one for one in _USUAL if one.prefixlen == like.prefixlen)
    for range_ in _PRIVATE:
        if range_.prefixlen <= like.prefixlen:
            yield from range_.subnets(new_prefix=like.prefixlen)
