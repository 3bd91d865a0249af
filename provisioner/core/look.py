"""The scripts that tell facts and state in one go; `facts` reads their answers, cut at the `=== name` lines."""

from __future__ import annotations

from provisioner.core.lock import SHOW
from provisioner.core.network import RECORD

# Where the keys of package sources lie, by product.
KEYS = {"kubernetes": "/etc/apt/keyrings/kubernetes.asc", "docker": "/etc/apt/keyrings/docker.asc"}
# What is noted of each program that was installed without a package: its name, version and SHA-256 in the first line.
PROGRAMS = "/var/lib/provisioner/programs"
# Packages whose versions decide whether a source has to be asked, and those that stand in each other's way.
PACKAGES = (
    "containerd", "containerd.io", "cri-dockerd", "cri-o", "cri-tools", "docker-ce", "docker-ce-cli", "docker.io",
    "kubeadm", "kubectl", "kubelet", "kubernetes-cni", "network-manager", "podman-docker", "runc",
)  # fmt: skip

HOST_SCRIPT = (
    r"""
. /etc/os-release
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
echo "=== addresses"
ip -j addr show
echo "=== routes"
ip -j -4 route show
echo "=== network"
cat RECORD 2>/dev/null || :
echo "=== state"
for name in provisioner/init-begun provisioner/join-begun admin.conf kubelet.conf bootstrap-kubelet.conf \
    encryption/configuration.yaml; do
  if [ -e "/etc/kubernetes/$name" ]; then echo "$name"; fi
done
if ls /etc/kubernetes/manifests/*.yaml >/dev/null 2>&1; then echo manifests; fi
if command -v crictl >/dev/null; then echo crictl; fi
if [ -e /run/docker.pid ]; then echo docker; fi
echo "=== runtime"
flags=/var/lib/kubelet/kubeadm-flags.env
if [ -e "$flags" ]; then
  # Since 1.36 it is said in a file of its own; what is said nowhere is the shim's.
  { sed -n 's/^containerRuntimeEndpoint: *//p' /var/lib/kubelet/instance-config.yaml 2>/dev/null || :
    sed -n 's/.*--container-runtime-endpoint=\([^ "]*\).*/\1/p' "$flags"
    echo /var/run/dockershim.sock; } | tr -d '"' | head -n 1
fi
echo "=== ca"
cat /etc/kubernetes/pki/ca.crt 2>/dev/null || :
echo "=== kubelet-ca"
awk '$1 == "certificate-authority-data:" { print $2 }' /etc/kubernetes/kubelet.conf 2>/dev/null || :
echo "=== kubelet-server"
awk '$1 == "server:" { print $2 }' /etc/kubernetes/kubelet.conf 2>/dev/null || :
echo "=== etcd"
# Data that belongs to etcd's manifest, or to a reset of ours that was cut off, goes with the next reset.
if [ ! -e /etc/kubernetes/manifests/etcd.yaml ] && [ ! -s /etc/kubernetes/provisioner/init-begun ]; then
  ls -A /var/lib/etcd 2>/dev/null | head -n 3 || :
fi
echo "=== listening"
ss -Hltnp 2>/dev/null | awk '{ print $4, $6 }' || :
echo "=== cni"
ls -1 /etc/cni/net.d 2>/dev/null || :
echo "=== firewall"
if systemctl is-active --quiet firewalld 2>/dev/null; then echo firewalld; fi
iptables -w 5 -S INPUT 2>/dev/null | sed -n 's/^-P INPUT DROP$/iptables/p' || :
echo "=== packages"
dpkg-query --show --showformat '${db:Status-Abbrev} ${Package} ${Version}\n' PACKAGES 2>/dev/null |
  awk '$1 ~ /^.i/ { print $(NF - 1), $NF }' || :
echo "=== programs"
head -qn 1 PROGRAMS/* 2>/dev/null || :
for key in KEYS; do
  echo "=== $key"
  cat "$key" 2>/dev/null || :
done
""".replace("PACKAGES", " ".join(PACKAGES))
    .replace("PROGRAMS", PROGRAMS)
    .replace("KEYS", " ".join(KEYS.values()))
    .replace("RECORD", RECORD)
)

# Go templates: one line of JSON per node, whose lists end with an empty entry, or per DaemonSet, with the network that
# it was applied for by us; and one line per join token.
_NODES = "".join([
    '{{range .items}}{{if eq .kind "DaemonSet"}}{"daemon_set":"{{.metadata.namespace}}/{{.metadata.name}}",',
    '"network":"{{range $key, $value := .metadata.labels}}{{if eq $key "provisioner/network"}}{{$value}}{{end}}{{end}}',
    '"}{{"\\n"}}{{else}}{"name":{{printf "%q" .metadata.name}},"pod_cidr":"{{with .spec.podCIDR}}{{.}}{{end}}",',
    '"version":"{{.status.nodeInfo.kubeletVersion}}",',
    '"runtime":"{{.status.nodeInfo.containerRuntimeVersion}}",',
    '"ready":"{{range .status.conditions}}{{if eq .type "Ready"}}{{.status}}{{end}}{{end}}",',
    '"internal_ip":"{{range .status.addresses}}{{if eq .type "InternalIP"}}{{.address}}{{end}}{{end}}",',
    '"labels":{ {{- range $key, $value := .metadata.labels}}{{printf "%q" $key}}:{{printf "%q" $value}},{{end}}"":""},',
    '"taints":[{{range .spec.taints}}"{{.key}}{{with .value}}={{.}}{{end}}:{{.effect}}",{{end}}""]}{{"\\n"}}{{end}}',
    "{{end}}",
])  # fmt: skip
_TOKENS = '{{range .items}}{{.metadata.name}} {{with .data.description}}{{base64decode .}}{{end}}{{"\\n"}}{{end}}'

# Reads only what it prints; a token's secret never leaves the cluster.
CLUSTER_SCRIPT = (
    r"""
echo "=== lock"
LOCK
echo "=== api"
# kubectl lives for a moment: to collect less garbage saves it a fifth of its time (https://pkg.go.dev/runtime).
export KUBECONFIG=/etc/kubernetes/admin.conf GOGC=400
if [ -e "$KUBECONFIG" ] && [ ! -e /etc/kubernetes/provisioner/init-begun ] && command -v kubectl >/dev/null; then
  # That the API server answers, what was configured, and its version: one question.
  if configuration=$(kubectl --request-timeout=10s -n kube-system get configmap kubeadm-config \
      -o 'jsonpath={.data.ClusterConfiguration}' 2>/dev/null); then
    echo reachable
    echo "=== configuration"
    printf '%s\n' "$configuration"
    echo "=== nodes"
    kubectl get --all-namespaces nodes,daemonsets.apps -o go-template='NODES' || lost=yes
    echo "=== tokens"
    kubectl -n kube-system get secrets --field-selector type=bootstrap.kubernetes.io/token \
      -o go-template='TOKENS' || lost=yes
    # An API server that went away while it was asked is one that cannot be reached.
    if [ -n "${lost:-}" ]; then echo "=== api"; echo lost; fi
  else
    echo unreachable
  fi
fi
""".replace("LOCK\n", f"{SHOW}\n")
    .replace("NODES", _NODES)
    .replace("TOKENS", _TOKENS)
)
_SECTION = "=== "


def sections(text: str) -> dict[str, str]:
    """Cut the script's output at its `=== name` lines; what stands before the first is called `host`."""
    found: dict[str, list[str]] = {"host": []}
    current = found["host"]
    for line in text.splitlines():
        if line.startswith(_SECTION):
            current = found.setdefault(line.removeprefix(_SECTION), [])
        else:
            current.append(line)
    return {name: "\n".join(lines) for name, lines in found.items()}
