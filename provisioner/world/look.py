"""The scripts that print facts and state in one go; `facts` reads their output, cut into parts at the script's marks.

The content of a part may come from others: files, names of processes, what a kubelet reports about its node. The mark
is a random number that the host makes for this look and keeps in its shell, so nothing in a part can be mistaken for
the beginning of another part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from provisioner.core.untrusted import UntrustedError
from provisioner.world.lock import SHOW
from provisioner.world.network import RECORD

_MARK = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# The files of the package sources' keys, by product.
KEYS = {"kubernetes": "/etc/apt/keyrings/kubernetes.asc", "docker": "/etc/apt/keyrings/docker.asc"}
# The records of binaries that were installed without a package: name, version and SHA-256 in the first line.
PROGRAMS = "/var/lib/provisioner/programs"
# The configuration files of container runtimes that provisioner replaces as a whole.
RUNTIME_FILES = ("/etc/docker/daemon.json", "/etc/containerd/config.toml")
# The ending of the name under which an existing file is kept next to provisioner's.
KEPT = ".before-provisioner"
# Packages whose versions decide whether a source has to be asked, and those that conflict with each other.
PACKAGES = (
    "containerd", "containerd.io", "cri-dockerd", "cri-o", "cri-tools", "docker-ce", "docker-ce-cli", "docker.io",
    "kubeadm", "kubectl", "kubelet", "kubernetes-cni", "network-manager", "podman-docker", "runc",
)  # fmt: skip

HOST_SCRIPT = (
    r"""
. /etc/os-release
# A shell variable and builtins: no process has it in its arguments or its environment.
read -r mark </proc/sys/kernel/random/uuid
part() { printf '\n%s %s\n' "$mark" "$1"; }
printf '%s' "$mark"
part host
home=$(getent passwd "${SUDO_USER:-$(id -un)}" | cut -d: -f6)
echo "hostname=$(hostname)"
echo "distribution=${ID:-}"
echo "release=${VERSION_ID:-}"
echo "codename=${UBUNTU_CODENAME:-${VERSION_CODENAME:-}}"
echo "architecture=$(dpkg --print-architecture 2>/dev/null || uname -m)"
echo "kernel=$(uname -r)"
echo "cpus=$(nproc)"
echo "memory_mib=$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)"
echo "disk_free_mib=$(df -Pm /var | awk 'NR == 2 { print $4 }')"
if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then echo cgroup_version=2; else echo cgroup_version=1; fi
echo "init=$(cat /proc/1/comm)"
echo "machine_id=$(cat /etc/machine-id 2>/dev/null || :)"
echo "clock_s=$(date +%s.%N)"
echo "user_home=$home"
echo "uid=$(id -u)"
echo "user=${SUDO_USER:-$(id -un)}"
part addresses
ip -j addr show
part routes
ip -j -4 route show
part network
cat RECORD 2>/dev/null || :
part state
for name in provisioner/init-begun provisioner/join-begun admin.conf kubelet.conf bootstrap-kubelet.conf \
    encryption/configuration.yaml; do
  if [ -e "/etc/kubernetes/$name" ]; then echo "$name"; fi
done
if ls /etc/kubernetes/manifests/*.yaml >/dev/null 2>&1; then echo manifests; fi
if command -v crictl >/dev/null; then echo crictl; fi
if [ -e /run/docker.pid ]; then echo docker; fi
part runtime
flags=/var/lib/kubelet/kubeadm-flags.env
if [ -e "$flags" ]; then
  # Since 1.36 it is said in a file of its own; what is said nowhere is the shim's.
  { sed -n 's/^containerRuntimeEndpoint: *//p' /var/lib/kubelet/instance-config.yaml 2>/dev/null || :
    sed -n 's/.*--container-runtime-endpoint=\([^ "]*\).*/\1/p' "$flags"
    echo /var/run/dockershim.sock; } | tr -d '"' | head -n 1
fi
part ca
cat /etc/kubernetes/pki/ca.crt 2>/dev/null || :
part kubelet-ca
awk '$1 == "certificate-authority-data:" { print $2 }' /etc/kubernetes/kubelet.conf 2>/dev/null || :
part kubelet-server
awk '$1 == "server:" { print $2 }' /etc/kubernetes/kubelet.conf 2>/dev/null || :
part etcd
# Data that belongs to etcd's manifest, or to a reset of ours that was cut off, goes with the next reset.
if [ ! -e /etc/kubernetes/manifests/etcd.yaml ] && [ ! -s /etc/kubernetes/provisioner/init-begun ]; then
  ls -A /var/lib/etcd 2>/dev/null | head -n 3 || :
fi
part listening
ss -Hltnp 2>/dev/null | awk '{ print $4, $6 }' || :
part cni
ls -1 /etc/cni/net.d 2>/dev/null || :
part firewall
if systemctl is-active --quiet firewalld 2>/dev/null; then echo firewalld; fi
iptables -w 5 -S INPUT 2>/dev/null | sed -n 's/^-P INPUT DROP$/iptables/p' || :
part packages
dpkg-query --show --showformat '${db:Status-Abbrev} ${Package} ${Version}\n' PACKAGES 2>/dev/null |
  awk '$1 ~ /^.i/ { print $(NF - 1), $NF }' || :
part programs
head -qn 1 PROGRAMS/* 2>/dev/null || :
for key in KEYS; do
  part "$key"
  cat "$key" 2>/dev/null || :
done
# On a node they are ours; of those that are kept nothing is lost any more.
for file in RUNTIME_FILES; do
  part "$file"
  if [ ! -e /etc/kubernetes/kubelet.conf ] && [ ! -e "${file}KEPT" ]; then head -c 65536 "$file" 2>/dev/null || :; fi
done
""".replace("RUNTIME_FILES", " ".join(RUNTIME_FILES))
    .replace("KEPT", KEPT)
    .replace("PACKAGES", " ".join(PACKAGES))
    .replace("PROGRAMS", PROGRAMS)
    .replace("KEYS", " ".join(KEYS.values()))
    .replace("RECORD", RECORD)
)

# Go templates. A kubelet can put any text into many fields of its node, so each goes through `urlquery`: what is left
# are letters, digits and `%+-._~`, and none of them separates fields (space), values (`,`), their parts (`=`) or lines.
# One line per node or DaemonSet (with the network that provisioner applied it for), and one per join token.
_NODES = "".join([
    '{{range .items}}{{if eq .kind "DaemonSet"}}',
    "daemonset {{urlquery .metadata.namespace}} {{urlquery .metadata.name}} ",
    '{{range $key, $value := .metadata.labels}}{{if eq $key "provisioner/network"}}{{urlquery $value}}{{end}}{{end}}',
    "{{else}}node {{urlquery .metadata.name}} ",
    '{{range .status.conditions}}{{if eq .type "Ready"}}{{urlquery .status}}{{end}}{{end}} ',
    "{{with .status.nodeInfo.kubeletVersion}}{{urlquery .}}{{end}} ",
    "{{with .status.nodeInfo.containerRuntimeVersion}}{{urlquery .}}{{end}} ",
    "{{range .spec.podCIDRs}}{{urlquery .}},{{end}} ",
    '{{range .status.addresses}}{{if eq .type "InternalIP"}}{{urlquery .address}},{{end}}{{end}} ',
    "{{range $key, $value := .metadata.labels}}{{urlquery $key}}={{urlquery $value}},{{end}} ",
    "{{range .spec.taints}}{{urlquery .key}}={{with .value}}{{urlquery .}}{{end}}={{urlquery .effect}},{{end}}",
    '{{end}}{{"\\n"}}{{end}}',
])  # fmt: skip
_TOKENS = (
    "{{range .items}}{{urlquery .metadata.name}} "
    '{{with .data.description}}{{urlquery (base64decode .)}}{{end}}{{"\\n"}}{{end}}'
)

# It reads only what it prints; a token's secret never leaves the cluster.
CLUSTER_SCRIPT = (
    r"""
part lock
LOCK
part api
# kubectl lives for a moment: to collect less garbage saves it a fifth of its time (https://pkg.go.dev/runtime).
export KUBECONFIG=/etc/kubernetes/admin.conf GOGC=400
if [ -e "$KUBECONFIG" ] && [ ! -e /etc/kubernetes/provisioner/init-begun ] && command -v kubectl >/dev/null; then
  # That the API server answers, what was configured, and its version: one question.
  if configuration=$(kubectl --request-timeout=10s -n kube-system get configmap kubeadm-config \
      -o 'jsonpath={.data.ClusterConfiguration}' 2>/dev/null); then
    echo reachable
    part configuration
    printf '%s\n' "$configuration"
    part nodes
    kubectl get --all-namespaces nodes,daemonsets.apps -o go-template='NODES' || lost=yes
    part tokens
    kubectl -n kube-system get secrets --field-selector type=bootstrap.kubernetes.io/token \
      -o go-template='TOKENS' || lost=yes
SECTIONS
    # An API server that went away while it was asked is one that cannot be reached.
    if [ -n "${lost:-}" ]; then part api; echo lost; fi
  else
    echo unreachable
  fi
fi
""".replace("LOCK\n", f"{SHOW}\n")
    .replace("NODES", _NODES)
    .replace("TOKENS", _TOKENS)
)


@dataclass(frozen=True, slots=True)
class Section:
    """A question that a procedure adds to the look, in the same round trip: `script` prints the part `name`.

    It is asked on every host; a question to the `cluster` is asked on control planes whose API server answers, with
    KUBECONFIG set, and fails when that API server goes away meanwhile.
    """

    name: str
    script: str
    cluster: bool = False


def script(*, leader: bool, asked: Iterable[Section] = ()) -> str:
    """The whole script for one host."""
    asked = tuple(asked)
    own = "".join(f"part {one.name}\n{one.script.strip()}\n" for one in asked if not one.cluster)
    if not leader:
        return HOST_SCRIPT + own
    of_cluster = (one for one in asked if one.cluster)
    more = "".join(f"    part {one.name}\n    {{ {one.script.strip()}; }} || lost=yes\n" for one in of_cluster)
    return HOST_SCRIPT + own + CLUSTER_SCRIPT.replace("SECTIONS\n", more)


def sections(text: str) -> dict[str, str]:
    """The script's output cut into its parts, by their names; ValueError when it does not begin with a mark."""
    mark, _, rest = text.partition("\n")
    if not _MARK.fullmatch(mark):
        raise UntrustedError("the mark that our script begins with", mark)
    parts = (part.partition("\n") for part in f"\n{rest}".split(f"\n{mark} ")[1:])
    return {name: body for name, _, body in parts}
