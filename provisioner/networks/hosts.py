"""What a plug-in needs on a host before it is installed: kernel modules, and that nothing else manages its devices."""

from __future__ import annotations

from provisioner.core.resource import Resource
from provisioner.inventory.model import Host
from provisioner.networks.choice import plug_in_of
from provisioner.resources.files import Absent, File
from provisioner.resources.services import Service
from provisioner.templating import render
from provisioner.world.view import View

LINK = "/etc/systemd/network/10-provisioner-network.link"
UNMANAGED = "/etc/systemd/network/10-provisioner-network.network"
NETWORKD = "/etc/systemd/networkd.conf.d/20-provisioner-network.conf"
NETWORK_MANAGER = "/etc/NetworkManager/conf.d/provisioner-network.conf"


def modules(view: View) -> tuple[str, ...]:
    """The kernel modules that the plug-in needs besides those of every network."""
    return plug_in_of(view).needs.modules(view)


def files(view: View, host: Host) -> tuple[Resource, ...]:
    """The settings of other network managers there. What only the previous plug-in needed is removed."""
    needs = plug_in_of(view).needs
    devices = needs.devices
    manager = "network-manager" in view.observed.states[host.name].packages
    return (
        _desired(LINK, devices),
        _desired(UNMANAGED, devices),
        _desired(NETWORKD, ("",) if needs.routes else ()),
        *((_desired(NETWORK_MANAGER, devices),) if manager else ()),
        *((Service("NetworkManager.service", configuration=(NETWORK_MANAGER,)),) if manager and devices else ()),
    )


def _desired(path: str, devices: tuple[str, ...]) -> Resource:
    if not devices:
        return Absent(path)
    return File(path, render(f"network/{path.rpartition('/')[2]}.j2", devices=devices))
