"""CRI-O. It reads every file of its configuration directory, so the distribution's own file stays unchanged.

https://github.com/cri-o/cri-o/blob/main/docs/crio.conf.5.md
"""

from __future__ import annotations

from urllib.parse import urlsplit

from provisioner.core.resource import Resource
from provisioner.inventory.model import Host
from provisioner.resources.crio import CRIO_IMAGES, CRIO_SETTINGS
from provisioner.resources.daemons import DaemonSettings, Setting
from provisioner.resources.files import File
from provisioner.runtimes import toml
from provisioner.runtimes.runtime import CGROUP_DRIVER, NETWORKS, PLUG_INS, Runtime, pulling
from provisioner.sources.choice import runtime_source
from provisioner.sources.proxies import service_file
from provisioner.world.derived import pause_image
from provisioner.world.view import View

CONFIG = "/etc/crio/crio.conf.d/90-provisioner.conf"
REGISTRIES = "/etc/containers/registries.conf.d/90-provisioner.conf"
UNIT = "crio.service"


def desired(view: View, host: Host) -> tuple[Resource, ...]:
    """Files before the package; CRI-O reads the registries' file only when it starts, too."""
    source = runtime_source(view, host)
    mirrors = view.cluster.settings.runtime.registry_mirrors
    files = (CONFIG, *((REGISTRIES,) if mirrors else ()))
    return (
        *source.resources,
        File(CONFIG, config(pause_image(view))),
        *((File(REGISTRIES, registries(mirrors)),) if mirrors else ()),
        service_file(view, UNIT),
        source.packages("container runtime"),
        pulling(UNIT, *files),
        DaemonSettings(UNIT, CRIO_SETTINGS, settings(pause_image(view))),
    )


def config(pause: str) -> str:
    """Settings that differ from CRI-O's defaults, or whose value must not change."""
    pairs = (
        *((setting.path, setting.value) for setting in settings(pause)),
        (("crio", "runtime", "conmon_cgroup"), "pod"),
        (("crio", "network", "network_dir"), NETWORKS),
        (("crio", "network", "plugin_dirs"), [PLUG_INS]),
    )
    return toml.text(toml.nested(pairs))


def settings(pause: str) -> tuple[Setting, ...]:
    """What the running daemon must report."""
    return (
        Setting("cgroup driver", ("crio", "runtime", "cgroup_manager"), CGROUP_DRIVER),
        Setting("pause image", ("crio", "image", "pause_image"), pause),
    )


def registries(mirrors: tuple[str, ...]) -> str:
    """Docker Hub, and the mirrors that are tried before it; see containers-registries.conf(5)."""
    return toml.text(
        {"registry": [{"prefix": "docker.io", "location": "docker.io", "mirror": [*map(_mirror, mirrors)]}]}
    )


def _mirror(address: str) -> dict[str, object]:
    url = urlsplit(address)
    return {"location": f"{url.netloc}{url.path.rstrip('/')}", "insecure": url.scheme == "http"}


CRI_O = Runtime(desired, (UNIT,), CRIO_IMAGES)
