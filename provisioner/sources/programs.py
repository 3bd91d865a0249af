"""Kubernetes' programs as a source: no packages, but files with checksums in the layout of dl.k8s.io, with the units
that upstream's packages have. Pure: the machines ask and fetch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.catalog import binaries
from provisioner.core.command import Command, shell
from provisioner.inventory.model import Host
from provisioner.inventory.package_sources import BinariesSource
from provisioner.resources.files import Absent, Directory, File
from provisioner.resources.programs import Program
from provisioner.sources.proxies import apt_options
from provisioner.sources.repository import KUBERNETES
from provisioner.templating import render
from provisioner.world.offers import Answer
from provisioner.world.view import View

if TYPE_CHECKING:
    from provisioner.core.resource import Resource

# As Kubernetes' packages are called, which have the same files.
PLUG_INS, CRICTL = "kubernetes-cni", "cri-tools"
KUBELET = "/usr/bin/kubelet"
_UNIT = "/usr/lib/systemd/system/kubelet.service"
# Where packages of old have it, and leave it behind: it would hide ours.
_FORMER_DROP_IN = "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf"
_PLUG_INS_PLACE = "/opt/cni/bin"
ASK_TIMEOUT_S = 180
# The answer looks as that of a repository (see `asking`). Of a release that is not there, the last one of its minor is
# told, unless it is there for another architecture. Whatever else fails is trouble, and then nothing is offered.
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
while read -r name wished place; do
  if fetch "$place.sha256" "$@"; then
    hash=$(awk 'NR == 1 { print $1 }' "$work/file" | tr -d '\\r')
    if echo "$hash" | grep -qxE '[0-9a-fA-F]{64}'; then
      echo "$name $wished $(echo "$hash" | tr A-F a-f)" >>"$work/packages"
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
    """One file at the source: what it is called here, its version, its address, and the directory for what is in it."""

    name: str
    version: str
    url: str
    into: str = "/usr/bin"


def downloads(source: BinariesSource, versions: Mapping[str, str], architecture: str) -> tuple[Download, ...]:
    """Where the programs of these versions are, for one of Debian's architectures."""
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
    """Which of these programs there are and what their checksums are, asked on a machine that stays as it is."""
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
    """How the kubelet is started, as its packages say it."""
    folder = f"{_UNIT}.d"
    return (
        File(_UNIT, render("kubernetes/kubelet.service")),
        Directory(folder),
        File(f"{folder}/10-kubeadm.conf", render("kubernetes/10-kubeadm.conf")),
        Absent(_FORMER_DROP_IN),
    )


def wished(view: View, host: Host, versions: Mapping[str, str]) -> tuple[Program, ...]:
    """What is to be installed, each with its SHA-256: as the source says, or as it is noted on the machine."""
    found = downloads(_source(view), versions, view.observed.facts[host.name].architecture)
    answer = view.observed.answers.get((host.name, KUBERNETES), Answer())
    noted = view.observed.states[host.name].programs
    known = {name: answer.sha256(name, version) for name, version in versions.items()}
    hashes = {name: digest or noted[name].sha256 for name, digest in known.items() if digest or name in noted}
    return tuple(
        Program(one.name, one.version, hashes[one.name], one.url, one.into) for one in found if one.name in hashes
    )
