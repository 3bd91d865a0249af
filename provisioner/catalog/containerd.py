"""containerd's configuration: which version of it a containerd writes, and where in it the settings stand."""

from __future__ import annotations

from dataclasses import dataclass

_RELEASES = "https://github.com/containerd/containerd/blob/main/RELEASES.md"
_CONFIG = "https://github.com/containerd/containerd/blob/main/docs/cri/config.md"

# Tables from the top of the file down to a key; the plug-in's name, with its dots, is one of them.
KeyPath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of releases. `config` is the version of the configuration it writes, `reads` those it understands.

    `sandbox` is the pause image it uses unless told otherwise. A file of a version that it does not read keeps it
    from starting.
    """

    series: str
    config: int
    reads: tuple[int, ...]
    sandbox: str
    source: str


@dataclass(frozen=True, slots=True)
class Keys:
    """Where settings stand in one version of the configuration: the cgroup driver, the pause image, mirrors."""

    config: int
    systemd_cgroup: KeyPath
    sandbox: KeyPath
    registry_directory: KeyPath
    source: str


_OLD = ("plugins", "io.containerd.grpc.v1.cri")
_RUNTIME = ("plugins", "io.containerd.cri.v1.runtime")
_IMAGES = ("plugins", "io.containerd.cri.v1.images")
_RUNC = ("containerd", "runtimes", "runc", "options", "SystemdCgroup")

LINES = (
    Line("1.4", 2, (1, 2), "k8s.gcr.io/pause:3.2", _RELEASES),
    Line("1.5", 2, (1, 2), "k8s.gcr.io/pause:3.5", _RELEASES),
    Line("1.6", 2, (1, 2), "registry.k8s.io/pause:3.6", _RELEASES),
    Line("1.7", 2, (1, 2), "registry.k8s.io/pause:3.8", _RELEASES),
    Line("2.0", 3, (2, 3), "registry.k8s.io/pause:3.10", _RELEASES),
    Line("2.1", 3, (2, 3), "registry.k8s.io/pause:3.10", _RELEASES),
    Line("2.2", 3, (2, 3), "registry.k8s.io/pause:3.10.1", _RELEASES),
    Line("2.3", 4, (2, 3, 4), "registry.k8s.io/pause:3.10.2", _RELEASES),
)

KEYS = (
    Keys(2, (*_OLD, *_RUNC), (*_OLD, "sandbox_image"), (*_OLD, "registry", "config_path"), _CONFIG),
    Keys(
        3, (*_RUNTIME, *_RUNC), (*_IMAGES, "pinned_images", "sandbox"), (*_IMAGES, "registry", "config_path"), _CONFIG
    ),
    Keys(
        4, (*_RUNTIME, *_RUNC), (*_IMAGES, "pinned_images", "sandbox"), (*_IMAGES, "registry", "config_path"), _CONFIG
    ),
)


def line(version: str) -> Line | None:
    """The line that a version such as `1.7.24` belongs to; None when it is not in the catalogue."""
    series = ".".join(version.split(".")[:2])
    return next((row for row in LINES if row.series == series), None)


def keys(config: int) -> Keys:
    """Where settings stand in that version of the configuration; KeyError when it is not in the catalogue."""
    return {row.config: row for row in KEYS}[config]
