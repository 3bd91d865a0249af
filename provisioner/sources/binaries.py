"""Kubernetes' binaries as a source: no packages, but files with checksums in the layout of dl.k8s.io, with the units
that upstream's packages have. Pure: the hosts ask and fetch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.catalog import binaries
from provisioner.core.command import Command, shell
from provisioner.inventory.model import Host
from provisioner.inventory.package_sources import BinariesSource
from provisioner.resources.binaries import Binary
from provisioner.resources.files import Absent, Directory, File
from provisioner.sources.proxies import apt_options
from provisioner.sources.repository import KUBERNETES
from provisioner.templating import render
from provisioner.world.offers import Answer
from provisioner.world.view import View

if TYPE_CHECKING:
    from provisioner.core.resource import Resource

# The names of Kubernetes' packages that have the same files.
PLUG_INS, CRICTL = "kubernetes-cni", "cri-tools"
KUBELET = "/usr/bin/kubelet"
_UNIT = "/usr/lib/systemd/system/kubelet.service"
# Where old packages put it, and leave it behind: it would override ours.
_FORMER_DROP_IN = "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf"
_PLUG_INS_PLACE = "/opt/cni/bin"
ASK_TIMEOUT_S = 180
# The answer looks like that of a repository (see `asking`). When a release does not exist, the last one of its minor is
# reported, unless that release exists for another architecture. Any other failure is trouble: then nothing is offered.
_ASK = """
url=$1 series=$2 version=$3 architecture=$4 others=$5 rows=$6; shift 6
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$work"
fetch() { # URL OPTIONS: into $work/file; what is said of a failure into $work/said
  from=$1; shift
  rm -f "$work/file"
  /usr/lib/apt/apt-helper -qq -oAcquire::Retries=1 -oAcquire::http::Timeout=10 -oAcquire::https::Timeout=10 "$@" \
    download-file "$from" "$work/file" </dev/null >"$work/said" 2>&1
}
missing() { grep -q ' 404 ' "$work/said"; }
: >"$work/trouble"
: >"$work/packages"
absent=
while read -r name desired place; do
  if fetch "$place.sha256" "$@"; then
    hash=$(awk 'NR == 1 { print $1 }' "$work/file" | tr -d '\\r')
    if echo "$hash" | grep -qxE '[0-9a-fA-F]{64}'; then
      echo "$name $desired $(echo "$hash" | tr A-F a-f)" >>"$work/packages"
    else
      echo "E: Failed to fetch $place.sha256  what is there is no SHA-256" >>"$work/trouble"
    fi
  elif [ "${place#"$url"/}" != "$place" ] && missing; then
    absent="$absent $name"
    cp "$work/said" "$work/absent"
  else
    cat "$work/said" >>"$work/trouble"
  fi
done <<END
$rows
END
if [ -n "$absent" ] && [ ! -s "$work/trouble" ]; then
  elsewhere=
  for other in $others; do
    if fetch "$url/release/v$version/bin/linux/$other/kubelet.sha256" "$@"; then elsewhere=$other; break; fi
  done
  if [ -n "$elsewhere" ]; then
    : >"$work/packages"
  elif fetch "$url/release/stable-$series.txt" "$@" && grep -qxE 'v[0-9.]+' "$work/file"; then
    for name in $absent; do echo "$name $(tr -d 'v\\r' <"$work/file")" >>"$work/packages"; done
  elif ! grep -qE '^kube(adm|ctl|let) ' "$work/packages"; then
    cat "$work/absent" >>"$work/trouble"
  fi
fi
echo "=== apt"
cat "$work/trouble"
echo "=== packages"
if [ ! -s "$work/trouble" ]; then cat "$work/packages"; fi
"""


@dataclass(frozen=True, slots=True)
class Download:
    """One file at the source: its name here, its version, its address, and the directory for its content."""

    name: str
    version: str
    url: str
    into: str = "/usr/bin"


def downloads(source: BinariesSource, versions: Mapping[str, str], architecture: str) -> tuple[Download, ...]:
    """Where the binaries of these versions are, for one of Debian's architectures."""
    cpu = binaries.architecture(architecture)
    return tuple(_download(source, name, version, cpu) for name, version in versions.items())


def _download(source: BinariesSource, name: str, version: str, cpu: str) -> Download:
    if name == PLUG_INS:
        file = f"cni-plugins-linux-{cpu}-v{version}.tgz"
        return Download(name, version, f"{source.cni_url.rstrip('/')}/v{version}/{file}", _PLUG_INS_PLACE)
    if name == CRICTL:
        file = f"crictl-v{version}-linux-{cpu}.tar.gz"
        return Download(name, version, f"{source.crictl_url.rstrip('/')}/v{version}/{file}")
    return Download(name, version, f"{source.url.rstrip('/')}/release/v{version}/bin/linux/{cpu}/{name}")


def question(view: View, host: Host, versions: Mapping[str, str]) -> Command:
    """Which of these binaries exist and what their checksums are, asked on a host without changing it."""
    source = _source(view)
    version = view.cluster.settings.kubernetes_version
    debian = view.observed.facts[host.name].architecture
    cpu = binaries.architecture(debian)
    rows = "\n".join(f"{one.name} {one.version} {one.url}" for one in downloads(source, versions, debian))
    others = " ".join(other for other in binaries.ARCHITECTURES if other != cpu)
    words = (source.url.rstrip("/"), version.series, str(version), cpu, others, rows)
    return shell(_ASK, *words, *apt_options(view), timeout_s=ASK_TIMEOUT_S)


def _source(view: View) -> BinariesSource:
    source = view.cluster.settings.package_source
    return source if isinstance(source, BinariesSource) else BinariesSource()


def units() -> tuple[Resource, ...]:
    """The kubelet's systemd unit and drop-in, as its packages have them."""
    directory = f"{_UNIT}.d"
    return (
        File(_UNIT, render("kubernetes/kubelet.service")),
        Directory(directory),
        File(f"{directory}/10-kubeadm.conf", render("kubernetes/10-kubeadm.conf")),
        Absent(_FORMER_DROP_IN),
    )


def desired(view: View, host: Host, versions: Mapping[str, str]) -> tuple[Binary, ...]:
    """What to install, each with its SHA-256: as the source says, or as it is recorded on the host."""
    found = downloads(_source(view), versions, view.observed.facts[host.name].architecture)
    answer = view.observed.answers.get((host.name, KUBERNETES), Answer())
    noted = view.observed.states[host.name].binaries
    known = {name: answer.sha256(name, version) for name, version in versions.items()}
    hashes = {name: digest or noted[name].sha256 for name, digest in known.items() if digest or name in noted}
    return tuple(
        Binary(one.name, one.version, hashes[one.name], one.url, one.into) for one in found if one.name in hashes
    )
