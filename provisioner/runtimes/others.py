"""Configuration of a container runtime that other software or people wrote: a copy is kept before it is replaced, and
settings that would be lost are reported in advance.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from provisioner.inventory.model import Host
from provisioner.runtimes.runtime import CGROUP_DRIVER, STORAGE_DRIVER
from provisioner.runtimes.toml import HEAD
from provisioner.world.view import View

# Configuration files that we write completely, by the runtime's kind.
FILES = {"docker": "/etc/docker/daemon.json", "containerd": "/etc/containerd/config.toml"}
# https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file: our own settings.
_OURS = {
    "exec-opts": [f"native.cgroupdriver={CGROUP_DRIVER}"],
    "log-driver": "json-file",
    "storage-driver": STORAGE_DRIVER,
    "live-restore": True,
}
_OURS_BY_SETTING = frozenset({"log-opts", "registry-mirrors"})
# Another value of one of these makes Docker look for its images and containers elsewhere; `graph` is an old data-root.
_PLACES = frozenset({"data-root", "graph", "storage-driver", "userns-remap"})
# containerd's defaults: its directories, its snapshotter and its only runtime (docs/cri/config.md, `config default`).
_USUAL = {
    "root": "/var/lib/containerd",
    "snapshotter": "overlayfs",
    "default_runtime_name": "runc",
    "config_path": "/etc/containerd/certs.d",
}
_ONE_RUNTIME = "runc"

Tables = Mapping[str, Any]


def keeps(view: View, host: Host, path: str) -> bool:
    """Whether the existing file is not ours, so that a copy must be kept before it is replaced.

    On a node the file is ours, even if it was changed since.
    """
    state = view.observed.states[host.name]
    text = state.runtime_files.get(path, "")
    return bool(text) and not state.joined and not _is_ours(text)


def _is_ours(text: str) -> bool:
    if text.startswith(HEAD):
        return True
    told = _json(text)
    return (
        bool(told)
        and set(told) <= {*_OURS, *_OURS_BY_SETTING}
        and all(told.get(key) == value for key, value in _OURS.items())
    )


def hidden(path: str, text: str) -> tuple[str, ...]:
    """The settings of where images and containers are stored: without them the runtime would no longer find those."""
    return tuple(sorted(_docker_places(text) if path.endswith(".json") else _containerd_places(text)))


def lost(path: str, text: str, mirrors: tuple[str, ...]) -> tuple[str, ...]:
    """The other settings that our file does not have; `mirrors` are those of the inventory."""
    return tuple(sorted(set(_docker_lost(text, mirrors) if path.endswith(".json") else _containerd_lost(text))))


def _docker_places(text: str) -> Iterator[str]:
    told = _json(text)
    yield from (key for key in _PLACES & set(told) if told[key] not in ("", _OURS.get(key)))


def _docker_lost(text: str, mirrors: tuple[str, ...]) -> Iterator[str]:
    told = _json(text)
    yield from set(told) - {*_OURS, *_OURS_BY_SETTING, *_PLACES}
    theirs = told.get("registry-mirrors")
    if isinstance(theirs, list) and {str(one).rstrip("/") for one in theirs} - {one.rstrip("/") for one in mirrors}:
        yield "registry-mirrors"


def _containerd_places(text: str) -> Iterator[str]:
    """The values of these keys anywhere in the file: the tables differ from version to version."""
    told = _toml(text)
    if told.get("root", _USUAL["root"]) != _USUAL["root"]:
        yield "root"
    yield from (key for key, value in _pairs(told) if key == "snapshotter" and value not in ("", _USUAL[key]))


def _containerd_lost(text: str) -> Iterator[str]:
    told = _toml(text)
    yield from (key for key in ("imports", "proxy_plugins") if told.get(key))
    for key, value in _pairs(told):
        if key == "registry" and isinstance(value, dict):
            set_there = (name for name, setting in value.items() if setting not in ("", {}, _USUAL.get(name)))
            yield from (f"registry.{name}" for name in set_there)
        elif key == "runtimes" and isinstance(value, dict):
            yield from (f"runtimes.{name}" for name in value if name != _ONE_RUNTIME)
        elif key == "default_runtime_name" and value not in ("", _USUAL[key]):
            yield key


def _pairs(tables: Tables) -> Iterator[tuple[str, Any]]:
    """All keys with their values, at whatever depth."""
    left = [tables]
    while left:
        for key, value in left.pop().items():
            yield key, value
            if isinstance(value, dict):
                left.append(value)


# A file that cannot be parsed sets nothing: no runtime can have started with it.
def _json(text: str) -> Tables:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _toml(text: str) -> Tables:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}
