"""The proxy for outgoing connections, in the forms that apt, services and Kubernetes' binaries read. Pure."""

from __future__ import annotations

import re
from ipaddress import IPv4Network

from provisioner.core.resource import Resource
from provisioner.inventory.model import Host
from provisioner.resources.files import Absent, File
from provisioner.resources.kubeadm import PROXY_ENVIRONMENT
from provisioner.templating import render
from provisioner.world.derived import api_endpoint, node_address
from provisioner.world.view import View

APT_CONF = "/etc/apt/apt.conf.d/90provisioner-proxy"
# apt takes names and addresses here, but neither networks nor domains. The bundle is served at 127.0.0.1.
_LOCAL = ("localhost", "127.0.0.1")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")


def machine_files(view: View, host: Host) -> tuple[Resource, ...]:
    """A file for apt, and one file of environment variables for everything else; both are absent without a proxy."""
    schemes = _by_scheme(view)
    if not schemes:
        return Absent(APT_CONF), Absent(PROXY_ENVIRONMENT)
    return (
        File(APT_CONF, render("proxy/apt.conf.j2", schemes=schemes, direct=_apt_direct(view))),
        File(PROXY_ENVIRONMENT, render("proxy/environment.j2", variables=environment(view, host))),
    )


def drop_in(unit: str) -> str:
    """The path of the drop-in that names the file of environment variables to a service."""
    return f"/etc/systemd/system/{unit}.d/90-provisioner-proxy.conf"


def service_file(view: View, unit: str) -> Resource:
    """A service's drop-in for the file of environment variables; absent without a proxy."""
    if not _by_scheme(view):
        return Absent(drop_in(unit))
    return File(drop_in(unit), render("proxy/service.conf.j2", environment=PROXY_ENVIRONMENT))


def apt_options(view: View) -> tuple[str, ...]:
    """The proxy as options of apt, for a question that is asked before apt's file exists."""
    return tuple(
        option
        for scheme, url in _by_scheme(view).items()
        for option in (
            f"-oAcquire::{scheme}::Proxy={url}",
            *(f"-oAcquire::{scheme}::Proxy::{host}=DIRECT" for host in _apt_direct(view)),
        )
    )


def environment(view: View, host: Host) -> dict[str, str]:
    """HTTP_PROXY, HTTPS_PROXY and NO_PROXY."""
    urls = {f"{scheme.upper()}_PROXY": url for scheme, url in _by_scheme(view).items()}
    return {**urls, "NO_PROXY": ",".join(direct(view, host))}


def direct(view: View, host: Host) -> tuple[str, ...]:
    """What is reached without the proxy: the host's own network, pods, Services, their names, and what the user adds.

    Networks and not hosts, so that a new node changes nothing on others; a host of the inventory is named only where no
    network has it. What was measured on other hosts is not used: with --limit it is not known.
    """
    settings = view.cluster.settings
    decided = node_address(view, host)
    added = settings.proxy.no_proxy if settings.proxy else ()
    own = (str(decided.ip.network),) if decided else ()
    networks = (*own, str(settings.pod_cidr), str(settings.service_cidr))
    known = tuple(found for text in (*networks, *added) if (found := _network(text)))
    addresses = (text for one in view.cluster.hosts for text in (str(one.node_ip or ""), one.address))
    outside = (text for text in addresses if (one := _network(text)) and not any(one.subnet_of(net) for net in known))
    names = (".svc", f".{settings.dns_domain}")
    ip = (str(decided.ip.ip),) if decided else ()
    return tuple(dict.fromkeys([*_LOCAL, *ip, *outside, api_endpoint(view).host, *networks, *names, *added]))


def _network(text: str) -> IPv4Network | None:
    """A network, or an address as one; None for a name."""
    try:
        return IPv4Network(text, strict=False)
    except ValueError:
        return None


def _apt_direct(view: View) -> tuple[str, ...]:
    added = view.cluster.settings.proxy.no_proxy if view.cluster.settings.proxy else ()
    return (*_LOCAL, *(name for name in added if _NAME.fullmatch(name)))


def _by_scheme(view: View) -> dict[str, str]:
    proxy = view.cluster.settings.proxy
    desired = {"http": proxy.http, "https": proxy.https or proxy.http} if proxy else {}
    return {scheme: url for scheme, url in desired.items() if url}
