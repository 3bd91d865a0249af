"""containerd's configuration: which version of it a containerd writes, and where in it the settings are."""

from __future__ import annotations

from dataclasses import dataclass

_RELEASES = "https://github.com/containerd/containerd/blob/main/RELEASES.md"
_CONFIG = "https://github.com/containerd/containerd/blob/main/docs/cri/config.md"

# Tables from the top of the file down to a key; the plug-in's name, with its dots, is one of them.
KeyPath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of releases. `config` is the version of the configuration it writes, `reads` those it understands.

    `sandbox` is the pause image it uses by default. `plug_ins` is the key for the network plug-ins' directory:
    `bin_dir` has one directory, `bin_dirs` a list of them, and both at once are refused. With a file of a version that
    it does not read, it does not start. `tells_driver`: its `config dump` has the runtimes' options.
    """

    series: str
    config: int
    reads: tuple[int, ...]
    sandbox: str
    plug_ins: str
    source: str
    tells_driver: bool = True


@dataclass(frozen=True, slots=True)
class Keys:
    """Where the settings are in one version of the configuration.

    `runc` is the table of the one runtime, with the cgroup driver in it; `cni` has the network plug-ins' directories.
    """

    config: int
    runc: KeyPath
    systemd_cgroup: KeyPath
    sandbox: KeyPath
    registry_directory: KeyPath
    cni: KeyPath
    source: str


_OLD = ("plugins", "io.containerd.grpc.v1.cri")
_RUNTIME = ("plugins", "io.containerd.cri.v1.runtime")
_IMAGES = ("plugins", "io.containerd.cri.v1.images")
_RUNC = ("containerd", "runtimes", "runc")
_CGROUP = (*_RUNC, "options", "SystemdCgroup")

LINES = (
    # Seen with 1.4.13 (Debian 11) and 1.5.9 (Ubuntu 22.04).
    Line("1.4", 2, (1, 2), "k8s.gcr.io/pause:3.2", "bin_dir", _RELEASES, tells_driver=False),
    Line("1.5", 2, (1, 2), "k8s.gcr.io/pause:3.5", "bin_dir", _RELEASES),
    Line("1.6", 2, (1, 2), "registry.k8s.io/pause:3.6", "bin_dir", _RELEASES),
    Line("1.7", 2, (1, 2), "registry.k8s.io/pause:3.8", "bin_dir", _RELEASES),
    Line("2.0", 3, (2, 3), "registry.k8s.io/pause:3.10", "bin_dir", _RELEASES),
    Line("2.1", 3, (2, 3), "registry.k8s.io/pause:3.10", "bin_dirs", _RELEASES),
    Line("2.2", 3, (2, 3), "registry.k8s.io/pause:3.10.1", "bin_dirs", _RELEASES),
    Line("2.3", 4, (2, 3, 4), "registry.k8s.io/pause:3.10.2", "bin_dirs", _RELEASES),
)

KEYS = (
    Keys(
        2, (*_OLD, *_RUNC), (*_OLD, *_CGROUP), (*_OLD, "sandbox_image"), (*_OLD, "registry", "config_path"),
        (*_OLD, "cni"), _CONFIG,
    ),
    Keys(
        3, (*_RUNTIME, *_RUNC), (*_RUNTIME, *_CGROUP), (*_IMAGES, "pinned_images", "sandbox"),
        (*_IMAGES, "registry", "config_path"), (*_RUNTIME, "cni"), _CONFIG,
    ),
    Keys(
        4, (*_RUNTIME, *_RUNC), (*_RUNTIME, *_CGROUP), (*_IMAGES, "pinned_images", "sandbox"),
        (*_IMAGES, "registry", "config_path"), (*_RUNTIME, "cni"), _CONFIG,
    ),
)  # fmt: skip


def line(version: str) -> Line | None:
    """The line that a version such as `1.7.24` belongs to; None when it is not in the catalog."""
    series = ".".join(version.split(".")[:2])
    return next((row for row in LINES if row.series == series), None)


def nearest(version: str) -> Line:
    """The line of a version; outside the catalog the newest line before it: files of older versions are read too."""
    desired = _series(version)
    return [LINES[0], *(row for row in LINES if _series(row.series) <= desired)][-1]


def _series(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())


def keys(config: int) -> Keys:
    """Where the settings are in that version of the configuration; KeyError when it is not in the catalog."""
    return {row.config: row for row in KEYS}[config]
