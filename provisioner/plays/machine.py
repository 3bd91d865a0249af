"""What every host needs first: a consistent package database, kernel modules and settings, no swap."""

from __future__ import annotations

import re

from provisioner.core.resource import Resource
from provisioner.inventory.model import Host
from provisioner.networks import hosts
from provisioner.resources.files import File
from provisioner.resources.hosts import Named
from provisioner.resources.kernel import Modules, SwapOff, Sysctls, SysctlsAtBoot
from provisioner.resources.modes import Modes
from provisioner.sources.bundle_access import Leftovers
from provisioner.sources.choice import package_database
from provisioner.sources.proxies import machine_files
from provisioner.templating import render
from provisioner.world.derived import api_endpoint, node_address, node_ip
from provisioner.world.network import RECORD, record
from provisioner.world.view import View

# kubernetes.io, "Container Runtimes", and the bridge plug-in's need for br_netfilter; see docs/explanation.
MODULES = ("overlay", "br_netfilter")
SYSCTL_FILE = "/etc/sysctl.d/99-provisioner.conf"
SYSCTLS = (
    ("net.bridge.bridge-nf-call-ip6tables", "1"),
    ("net.bridge.bridge-nf-call-iptables", "1"),
    ("net.ipv4.ip_forward", "1"),
)


def desired(view: View, host: Host) -> tuple[Resource, ...]:
    """Modules before settings: the bridge settings exist only once br_netfilter is loaded."""
    swap = () if view.cluster.settings.nested else (SwapOff(),)
    decided = node_address(view, host)
    modules = (*MODULES, *hosts.modules(view))
    return (
        Leftovers(view.materials.run),
        *((File(RECORD, record(decided)),) if decided else ()),
        *machine_files(view, host),
        package_database(view, host),
        File("/etc/modules-load.d/provisioner.conf", render("machine/modules.conf.j2", modules=modules)),
        Modules(modules),
        File(SYSCTL_FILE, render("machine/sysctl.conf.j2", settings=SYSCTLS)),
        SysctlsAtBoot(SYSCTLS, SYSCTL_FILE),
        Sysctls(SYSCTLS),
        *swap,
        *hosts.files(view, host),
        *_names(view),
        Modes(),
    )


def _names(view: View) -> tuple[Resource, ...]:
    """The name of the API server, if it has one. With several control planes it is left to the administrator."""
    name = api_endpoint(view).host
    # `localhost` means that every host runs a load balancer of its own.
    is_plain = bool(re.fullmatch(r"[0-9.]*|localhost", name))
    return () if is_plain or len(view.cluster.control_planes) > 1 else (Named(name, node_ip(view, view.leader)),)
