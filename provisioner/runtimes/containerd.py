"""containerd without Docker. The catalog knows the keys of its configuration, by the version that is installed.

https://github.com/containerd/containerd/blob/main/docs/cri/config.md
"""

from __future__ import annotations

from provisioner.catalog import containerd as catalog
from provisioner.catalog.containerd import Keys, Line
from provisioner.core.resource import Resource
from provisioner.inventory.model import Host
from provisioner.resources.containerd import CLEARING, CONTAINERD_IMAGES, CONTAINERD_SETTINGS
from provisioner.resources.daemons import DaemonSettings, Setting
from provisioner.resources.files import File
from provisioner.runtimes import toml
from provisioner.runtimes.others import keeps
from provisioner.runtimes.runtime import NETWORKS, PLUG_INS, Runtime, pulling
from provisioner.sources.choice import runtime_source
from provisioner.sources.proxies import service_file
from provisioner.sources.versions import upstream
from provisioner.world.derived import pause_image
from provisioner.world.view import View

CONFIG = "/etc/containerd/config.toml"
REGISTRIES = "/etc/containerd/certs.d"
HUB = f"{REGISTRIES}/docker.io/hosts.toml"
UNIT = "containerd.service"
# Debian's package, and Docker's.
PACKAGES = ("containerd", "containerd.io")


def desired(view: View, host: Host) -> tuple[Resource, ...]:
    """Files before the package, whose installation starts the daemon. Mirrors are read again at each pull."""
    source = runtime_source(view, host)
    line = catalog.nearest(next((upstream(source.versions[name]) for name in PACKAGES if name in source.versions), ""))
    mirrors = view.cluster.settings.runtime.registry_mirrors
    return (
        *source.resources,
        File(CONFIG, config(line, pause_image(view)), keeps=keeps(view, host, CONFIG)),
        *((File(HUB, hosts(mirrors)),) if mirrors else ()),
        service_file(view, UNIT),
        source.packages("container runtime"),
        pulling(UNIT, CONFIG),
        DaemonSettings(UNIT, CONTAINERD_SETTINGS, told(line, pause_image(view))),
    )


def config(line: Line, pause: str) -> str:
    """The whole file, in the configuration version that this containerd itself writes."""
    keys = catalog.keys(line.config)
    pairs = (
        (("version",), line.config),
        # Docker's package comes with a file that disables the CRI plug-in, which the kubelet needs.
        *((setting.path, _plain(setting.value)) for setting in settings(keys, pause)),
        ((*keys.runc, "runtime_type"), "io.containerd.runc.v2"),
        (keys.registry_directory, REGISTRIES),
        ((*keys.cni, line.plug_ins), [PLUG_INS] if line.plug_ins == "bin_dirs" else PLUG_INS),
        ((*keys.cni, "conf_dir"), NETWORKS),
    )
    return toml.text(toml.nested(pairs))


def told(line: Line, pause: str) -> tuple[Setting, ...]:
    """What the running daemon must report."""
    keys = catalog.keys(line.config)
    return tuple(one for one in settings(keys, pause) if line.tells_driver or one.path != keys.systemd_cgroup)


def settings(keys: Keys, pause: str) -> tuple[Setting, ...]:
    """Its settings other than directories."""
    return (
        Setting("list of disabled plug-ins", ("disabled_plugins",), ()),
        Setting("systemd cgroup driver", keys.systemd_cgroup, True),
        Setting("pause image", keys.sandbox, pause),
    )


def hosts(mirrors: tuple[str, ...]) -> str:
    """Docker Hub, and the mirrors that are tried before it."""
    tables = {mirror: {"capabilities": ["pull", "resolve"]} for mirror in mirrors}
    return toml.text({"server": "https://registry-1.docker.io", "host": tables})


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


CONTAINERD = Runtime(desired, (UNIT,), CONTAINERD_IMAGES, CLEARING)
