"""Every kind of resource: absent, right, wrong and half, as a machine really answers. What follows is in
`tests/golden/changes/KIND.txt`, rewritten by --update-golden and reviewed as a diff.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

import pytest

from provisioner.core.resource import Later, Resource
from provisioner.inventory.values import Secret
from provisioner.networks.bridge import SCRIPT, PodRoutes
from provisioner.resources.api_server import ApiServerCurrent, EncryptionKey
from provisioner.resources.binaries import Binary
from provisioner.resources.checkpoint import Checkpoint, CheckpointGone
from provisioner.resources.containerd import CONTAINERD_IMAGES, CONTAINERD_SETTINGS
from provisioner.resources.crio import CRIO_IMAGES
from provisioner.resources.daemon_sets import DaemonSetReady
from provisioner.resources.daemons import DaemonSettings, Setting
from provisioner.resources.distribution import PackagesGone, Tools
from provisioner.resources.docker import DOCKER_IMAGES, DockerDrivers
from provisioner.resources.draining import BEFORE, DRAINED, Drained, Reopened
from provisioner.resources.files import Absent, Directory, File, NothingElse, PrivateCopy
from provisioner.resources.hosts import Named
from provisioner.resources.images import Image, PinnedImage
from provisioner.resources.kernel import Modules, SwapOff, Sysctls, SysctlsAtBoot
from provisioner.resources.kubeadm import ADMIN_CONF, Init, Join
from provisioner.resources.kubectl import ApiReady, JoinToken, Manifest, RunTokensGone
from provisioner.resources.leftovers import LeftoversGone, ObjectsGone
from provisioner.resources.modes import Modes
from provisioner.resources.node_networks import DaemonSetSelects, NetworkOff, NodeNetwork
from provisioner.resources.nodes import NodeMarks, NodesReady
from provisioner.resources.old_bridges import OldBridgeGone, OldPodsGone
from provisioner.resources.other_sources import OtherSources
from provisioner.resources.packages import PackageDatabase, Packages
from provisioner.resources.services import Service
from provisioner.world.nodes import NodeState
from provisioner.world.workloads import NODE_NETWORK
from tests.builders import TOKEN, node, ok
from tests.cases.shown import shown
from tests.conftest import Golden


@dataclass(frozen=True)
class Case:
    """A resource, what the machine said, and what else the plan changes."""

    title: str
    want: Resource
    seen: str = ""
    changed: frozenset[str] = frozenset()


def after(*keys: str) -> frozenset[str]:
    return frozenset(keys)


MOTD = File("/etc/motd", "hello\nworld\n")
KEY = File("/etc/app/key", Secret("hunter2", "the app's key"), mode=0o600, owner="root:adm")
KEY_HASH = hashlib.sha256(b"hunter2").hexdigest()
COPY = PrivateCopy(ADMIN_CONF, "/home/admin/.kube/config", "admin")
ONLY = NothingElse("/etc/patches", ("a.yaml", "z.yaml"))
LOGS = Directory("/var/log/audit", 0o700)
FILES = (
    Case("absent", MOTD, "absent\n"),
    Case("right", MOTD, "644 root:root\nhello\nworld\n"),
    Case("other content", MOTD, "644 root:root\nhello\nmoon\n"),
    Case("empty", MOTD, "644 root:root\n"),
    Case("without its last line end", MOTD, "644 root:root\nhello\nworld"),
    Case("other mode", MOTD, "600 root:root\nhello\nworld\n"),
    Case("other owner", MOTD, "644 admin:admin\nhello\nworld\n"),
    Case("an executable file", File("/usr/local/sbin/x", "#!/bin/sh\n", mode=0o755), "absent\n"),
    Case("desired empty, and is", File("/etc/empty", ""), "644 root:root\n"),
    Case("secret, absent", KEY, "absent\n"),
    Case("secret, right", KEY, f"600 root:adm\n{KEY_HASH}  -\n"),
    Case("secret, other content", KEY, f"600 root:adm\n{'0' * 64}  -\n"),
    Case("secret, open to others", KEY, f"644 root:adm\n{KEY_HASH}  -\n"),
    Case("not desired, absent", Absent("/etc/old"), ""),
    Case("not desired, present", Absent("/etc/old"), "present\n"),
    Case("directory, absent", LOGS, ""),
    Case("directory, right", LOGS, "700 root:root\n"),
    Case("directory, open to others", LOGS, "755 root:root\n"),
    Case("nothing else, no directory", ONLY, ""),
    Case("nothing else", ONLY, "a.yaml\n"),
    Case("something else", ONLY, "a.yaml\nb.yaml\nc d.yaml\n"),
    Case("a name, not known", Named("api.example", "10.0.0.11"), ""),
    Case("a name, known", Named("api.example", "10.0.0.11"), "10.0.0.11\n"),
    Case("a name, of the machine itself", Named("api.example", "10.0.0.11"), "127.0.1.1\n"),
    Case("copy, absent", COPY, "absent\n"),
    Case("copy, different", COPY, "differs\n"),
    Case("copy, of another cluster", COPY, "other\n"),
    Case("copy, right", COPY, "600 admin\n"),
    Case("copy, open to others", COPY, "644 admin\n"),
    Case("copy, of another user", COPY, "600 root\n"),
)

MODULES = Modules(("overlay", "br_netfilter"))
SETTINGS = Sysctls((("net.ipv4.ip_forward", "1"), ("net.bridge.bridge-nf-call-iptables", "1")))
AT_BOOT = SysctlsAtBoot(SETTINGS.desired, "/etc/sysctl.d/99-provisioner.conf")
OURS = "\nfile /etc/sysctl.d/99-provisioner.conf\nnet.ipv4.ip_forward = 1\n"
KERNEL = (
    Case("no module", MODULES, ""),
    Case("one module of two", MODULES, "overlay\n"),
    Case("all modules", MODULES, "overlay\nbr_netfilter\n"),
    Case("settings as desired", SETTINGS, "net.ipv4.ip_forward = 1\nnet.bridge.bridge-nf-call-iptables = 1\n"),
    Case("one setting wrong", SETTINGS, "net.ipv4.ip_forward = 0\nnet.bridge.bridge-nf-call-iptables = 1\n"),
    Case("a setting that is not there yet", SETTINGS, "net.ipv4.ip_forward = 1\n"),
    Case(
        "nothing undoes a setting at boot",
        AT_BOOT,
        OURS + "\nfile /usr/lib/sysctl.d/50-x.conf\nnet.ipv4.ip_forward=0\n",
    ),
    Case(
        "two later files undo settings",
        AT_BOOT,
        f"{OURS}\nfile /etc/sysctl.d/99-zz.conf\nnet.ipv4.ip_forward=0\n\nfile /usr/lib/sysctl.d/99-zy.conf\n"
        "-net/bridge/bridge-nf-call-iptables = 0\n\nfile /usr/lib/sysctl.d/99-zz.conf\nnet.ipv4.ip_forward=2\n",
    ),
    Case("all is closed", Modes(), "755 root:root d /etc/kubernetes\n600 root:root f /etc/kubernetes/admin.conf\n"),
    Case("no Kubernetes yet", Modes(), ""),
    Case(
        "keys and directories are open",
        Modes(),
        "640 root:admin f /etc/kubernetes/kubelet.conf\n777 root:root d /etc/kubernetes/manifests\n"
        "644 root:root f /etc/kubernetes/pki/ca.crt\n600 joe:joe f /etc/kubernetes/pki/sa.key\n"
        "664 etcd:etcd f /var/lib/etcd/member\n600 root:root f /var/lib/kubelet/pki/kubelet.pem\n",
    ),
    Case("no swap", SwapOff(), ""),
    Case("swap now and after a reboot", SwapOff(), "active /dev/vda2\nfstab UUID=0f3a\n"),
    Case("swap after a reboot only", SwapOff(), "fstab /swapfile\n"),
)

ROWS = "kubeadm hi  1.20.2-1.1\nkubelet hi  1.20.2-1.1\n"
TWO = Packages("kubernetes", (("kubeadm", "1.20.2-1.1"), ("kubelet", "1.20.2-1.1")), ("-oDir::Etc::SourceParts=/x",))
DATABASE = PackageDatabase("/etc/provisioner/apt/bundle.sources", ("-oDir::Etc::SourceParts=/x",))
PACKAGES = (
    Case("none installed", TWO, ""),
    Case("installed and held", TWO, ROWS),
    Case("not held", TWO, ROWS.replace("hi", "ii")),
    Case("one not held", TWO, "kubeadm ii  1.20.2-1.1\nkubelet hi  1.20.2-1.1\n"),
    Case("another version", TWO, "kubeadm hi  1.20.2-1.1\nkubelet hi  1.19.8-00\n"),
    Case("one missing", TWO, "kubeadm hi  1.20.2-1.1\n"),
    Case("removed, its configuration left", TWO, "kubeadm hi  1.20.2-1.1\nkubelet rc  1.20.2-1.1\n"),
    Case("known to dpkg, never installed", TWO, "kubeadm hi  1.20.2-1.1\nkubelet un \n"),
    Case("half installed", TWO, "kubeadm hi  1.20.2-1.1\nkubelet iHR 1.20.2-1.1\n"),
    Case("unpacked, not configured", TWO, "kubeadm hi  1.20.2-1.1\nkubelet hU  1.20.2-1.1\n"),
    Case("another program is at work", TWO, "lock: unattended-upgr (process 812)\nkubeadm hi  1.20.2-1.1\n"),
    Case("another program is at work, and all is well", TWO, "lock: unattended-upgr (process 812)\n" + ROWS),
    Case("another program is at work, not held", TWO, "lock: x (process 9)\n" + ROWS.replace("hi", "ii")),
    Case("the package database is in order", DATABASE, ""),
    Case("an installation was interrupted", DATABASE, "iU docker.io\niF containerd\niW runc\nit libc-bin\n"),
    Case("it was interrupted while unpacking", DATABASE, "hHR kubelet\niH socat\niiR ethtool\njournal 0001\n"),
    Case("a removal was interrupted", DATABASE, "rH socat\n"),
    Case("dpkg's journal is not empty", DATABASE, "journal 0001\n"),
)

LISTS = ("-oDir::Etc::SourceList=/x.sources", "-oDir::Etc::SourceParts=/dev/null", "-oAPT::Get::List-Cleanup=0")
SHARED = Packages(
    "kubernetes", (("kubeadm", "1.20.2-00"), ("cri-tools", "1.19.0-00")), LISTS, shared=True,
    hashes=(("kubeadm=1.20.2-00", "a" * 64),),
)  # fmt: skip
OTHERS = OtherSources("kubernetes", "/etc/apt/sources.list.d/kubernetes.sources", ("apt.kubernetes.io",))
TOOLS = Tools("kubernetes", ("conntrack", "socat"))
GONE = PackagesGone(("containerd", "runc"), "containerd.io")
OLD = "/etc/apt/sources.list.d/kubernetes.list: deb https://apt.kubernetes.io/ kubernetes-xenial main\n"
SOURCES = (
    Case("from a repository, none installed", SHARED, ""),
    Case("from a repository, one of another version", SHARED, "kubeadm hi  1.20.2-00\ncri-tools hi  1.13.0-00\n"),
    Case("from a repository, all there", SHARED, "kubeadm hi  1.20.2-00\ncri-tools hi  1.19.0-00\n"),
    Case(
        "unpacking was interrupted", PackageDatabase(versions=(("kubelet", "1.20.2-00"),)), "hHR kubelet\niHR socat\n"
    ),
    Case("no other source", OTHERS, ""),
    Case("a source that is dead", OTHERS, OLD),
    Case("a paragraph", OTHERS, "/etc/apt/sources.list.d/a.sources: Types: deb\nURIs: https://apt.kubernetes.io/\n"),
    Case("tools are missing", TOOLS, "socat rc \n"),
    Case("tools are there", TOOLS, "conntrack ii \nsocat hi \n"),
    Case("packages in the way", GONE, "containerd hi \nrunc ii \n"),
    Case("one package in the way", GONE, "containerd un \nrunc iU \nrunc ii \n"),
    Case("nothing in the way", GONE, "containerd rc \n"),
)

DOCKER = Service("docker.service", configuration=("/etc/docker/daemon.json",))
WAITING = Service("kubelet.service", running=False, configuration=("/etc/default/kubelet",))


def systemd(
    active: str = "active", enabled: str = "enabled", reload: str = "no", started: str = "1795225905.67"
) -> str:
    load = "loaded" if enabled else "not-found"
    return (
        f"LoadState={load}\nActiveState={active}\nUnitFileState={enabled}\n"
        f"NeedDaemonReload={reload}\nstarted={started}\n"
    )


WRITTEN_BEFORE = "newest=1795225883.320 /etc/docker/daemon.json\n"
WRITTEN_AFTER = "newest=1795225999.001 /etc/docker/daemon.json\n"
NOT_THERE = systemd("inactive", "", started="0.000000000")
SERVICES = (
    Case("not installed yet", DOCKER, NOT_THERE),
    Case("runs as it should", DOCKER, systemd() + WRITTEN_BEFORE),
    Case("its configuration is newer than the process", DOCKER, systemd() + WRITTEN_AFTER),
    Case("its configuration will change", DOCKER, systemd() + WRITTEN_BEFORE, after("file /etc/docker/daemon.json")),
    Case("stopped", DOCKER, systemd("inactive") + WRITTEN_BEFORE),
    Case("failed", DOCKER, systemd("failed") + WRITTEN_BEFORE),
    Case("runs, but not after a reboot", DOCKER, systemd(enabled="disabled") + WRITTEN_BEFORE),
    Case("its unit file has changed", DOCKER, systemd(reload="yes") + WRITTEN_BEFORE),
    Case("both wrong", DOCKER, systemd("inactive", "disabled")),
    Case("follows a package", Service("a.service", follows=("packages x",)), systemd(), after("packages x")),
    Case("only to be enabled, not installed", WAITING, NOT_THERE),
    Case("only to be enabled, and is", WAITING, systemd("inactive")),
    Case("only to be enabled, restarts in a loop", WAITING, systemd("activating")),
    Case("only to be enabled, its unit file has changed", WAITING, systemd("inactive", reload="yes")),
)

DRIVERS = DockerDrivers("docker.service")
PAUSE = Image("k8s.gcr.io/pause:3.2", "images/pause_3.2.tar", "a" * 64, "/run/provisioner/bundle", DOCKER_IMAGES)
IMAGES = (
    Case("absent", PAUSE, ""),
    Case("present", PAUSE, "k8s.gcr.io/pause:3.2\n<none>:<none>\n"),
    Case("present, beside Docker's drivers", PAUSE, "drivers: systemd overlay2\nk8s.gcr.io/pause:3.2\n"),
    Case("no Docker yet", DRIVERS, "\n"),
    Case("Docker is not well", DRIVERS, "drivers:  \n\n"),
    Case("the right drivers", DRIVERS, "drivers: systemd overlay2\nk8s.gcr.io/pause:3.2\n"),
    Case("another cgroup driver", DRIVERS, "drivers: cgroupfs overlay2\n"),
    Case("other drivers", DRIVERS, "drivers: cgroupfs vfs\n"),
    Case("another driver, and Docker restarts", DRIVERS, "drivers: cgroupfs vfs\n", after("service docker.service")),
    Case("another version of it", PAUSE, "k8s.gcr.io/pause:3.1\n"),
)

PINNED = PinnedImage("k8s.gcr.io/pause:3.2", f"sha256:{'b' * 64}", DOCKER_IMAGES)
PINNED_IMAGES = (
    Case("no image yet", PINNED, ""),
    Case("the desired one", PINNED, f"k8s.gcr.io/pause:3.2 sha256:{'b' * 64}\n"),
    Case("loaded from an archive", PINNED, "k8s.gcr.io/pause:3.2 <none>\n"),
    Case("another one", PINNED, f"k8s.gcr.io/pause:3.2 sha256:{'c' * 64}\n"),
    Case("that of another version", PINNED, f"k8s.gcr.io/pause:3.1 sha256:{'b' * 64}\n"),
    Case("of two digests the desired one", PINNED, "".join(f"k8s.gcr.io/pause:3.2 sha256:{x * 64}\n" for x in "cb")),
    Case("containerd, the desired one", replace(PINNED, store=CONTAINERD_IMAGES), f"{PINNED.name} {PINNED.digest}\n"),
    Case("containerd, nothing", replace(PINNED, store=CONTAINERD_IMAGES), ""),
    Case("CRI-O does not follow", replace(PINNED, store=CRIO_IMAGES), ""),
)

BINARY = Binary("kubelet", "1.20.2", "a" * 64, "https://dl.example/release/v1.20.2/bin/linux/amd64/kubelet")
NOTED = f"kubelet 1.20.2 {'a' * 64}\n"
PROGRAMS = (
    Case("absent", BINARY, "absent\n"),
    Case("right", BINARY, NOTED),
    Case("another version", BINARY, f"kubelet 1.20.1 {'b' * 64}\n"),
    Case("another file of that version", BINARY, f"kubelet 1.20.2 {'b' * 64}\n"),
    Case("changed since", BINARY, f"{NOTED}/usr/bin/kubelet: FAILED\n"),
    Case("gone", BINARY, f"{NOTED}/usr/bin/kubelet: FAILED open or read\n/usr/bin/kubelet: not 755 root:root\n"),
    Case("cut off at first", BINARY, "an installation that was cut off\nabsent\n"),
    Case("cut off later", BINARY, f"an installation that was cut off\n{NOTED}"),
)

HELD = replace(PAUSE, store=CONTAINERD_IMAGES)
PROBE = Image("provisioner/probe:1", "images/probe.tar", "a" * 64, "/run/provisioner/bundle", CONTAINERD_IMAGES)
CONTAINERD = DaemonSettings(
    "containerd.service",
    CONTAINERD_SETTINGS,
    (Setting("list of disabled plug-ins", ("disabled_plugins",), ()), Setting("pause image", ("p", "a.b"), "pause:1")),
)
DAEMONS = (
    Case("containerd is not there yet", CONTAINERD, ""),
    Case("is set as desired", CONTAINERD, 'disabled_plugins = []\n[p]\n"a.b" = "pause:1"\n'),
    Case("says something else", CONTAINERD, 'disabled_plugins = ["cri", "x"]\n[p]\n"a.b" = "pause:2"\n'),
    Case("knows no such setting", CONTAINERD, "disabled_plugins = []\n"),
    Case("starts anyway", CONTAINERD, "disabled_plugins = []\n", after("service containerd.service")),
    Case("what it says cannot be read", CONTAINERD, "containerd: error\n"),
    Case("an image that containerd has", HELD, "k8s.gcr.io/pause:3.2\nsha256:80d28b\n"),
    Case("an image of Docker Hub under its full name", PROBE, "docker.io/provisioner/probe:1\n"),
    Case("an image that it lacks", PROBE, "docker.io/library/probe:1\n"),
)

FILE = Secret("apiVersion: kubeadm.k8s.io/v1beta2\ntoken: hunter2\n", "kubeadm configuration")
SHOWN = "apiVersion: kubeadm.k8s.io/v1beta2\ntoken: <join token>\n"
INIT = Init("cp1", FILE, "/run/cri.sock", shown=SHOWN)
FLAGGED = Init("cp1", FILE, "/run/cri.sock", SHOWN, validates=True, flags=("--experimental-patches=/x",))
ACCESS = Secret("token: hunter2\n", "kubeconfig")
LINK_GONE = (LeftoversGone("bridge", (("link", "cni0"),)).removal(),)
SMALL = Init("cp1", FILE, "/run/cri.sock", SHOWN, skip_phases=("addon/coredns",), ignored_checks=("ImagePull", "Swap"))


def join(*, present: bool = False, **more: Any) -> Join:
    """w1's; the cluster has a node of its name already, or not."""
    return Join("w1", FILE, "/run/cri.sock", present, shown=SHOWN, access=ACCESS, **more)


KUBEADM = (
    Case("init on a fresh machine", INIT, ""),
    Case("init without an add-on", SMALL, ""),
    Case("init with flags, checked beforehand", FLAGGED, ""),
    Case("init was killed", INIT, "begun\n"),
    Case("init was killed, with a network", replace(INIT, after_reset=LINK_GONE), "begun\n"),
    Case("init is done", INIT, "done\n"),
    Case("join of a fresh machine", join(), ""),
    Case("join with flags, checked beforehand", join(flags=("--x=y",), validates=True), ""),
    Case("join beside swap", join(ignored_checks=("Swap",)), ""),
    Case("join was killed", join(), "begun\n"),
    Case("join was killed, with a network", join(after_reset=LINK_GONE), "begun\n"),
    Case("join of a fresh machine with a network", join(after_reset=LINK_GONE), ""),
    Case("join was killed after the node came to be", join(present=True), "begun\n"),
    Case("join of a machine that was reinstalled", join(present=True), ""),
    Case("joined", join(present=True), "done\n"),
    Case("joined, but the cluster lost its node", join(), "done\n"),
)

JOIN_TOKEN = JoinToken(Secret(TOKEN, "join token"), Secret("kind: Secret\n", "bootstrap token"), ("w1", "w2"))
SPACE = Manifest("probe", "kind: Namespace\n")
KUBECTL = (
    Case("API server ready", ApiReady(), "ok"),
    Case("API server silent", ApiReady(), ""),
    Case("manifest, no cluster yet", SPACE, "(no cluster yet)\n"),
    Case("manifest, applied", SPACE, ""),
    Case("manifest, different", SPACE, "+  name: probe\n"),
    Case("token, not made", JOIN_TOKEN, ""),
    Case("token, signed", JOIN_TOKEN, "eyJhbGciOiJIUzI1NiJ9..x"),
    Case("token, the cluster is born with it", JOIN_TOKEN, "", after("kubeadm init")),
    Case("no token is left", RunTokensGone(()), ""),
    Case("a killed run left a token", RunTokensGone(("p9x2la", "zz01aa")), "secret/bootstrap-token-p9x2la\n"),
    Case("a token that this plan makes", RunTokensGone(()), "", after("join token")),
    Case("a token that kubeadm init makes", RunTokensGone(()), "", after("kubeadm init")),
)


def marked(labels: dict[str, str], taints: tuple[str, ...]) -> NodeState:
    return node("w1", 1, labels={"kubernetes.io/hostname": "w1", **labels}, taints=taints)


def marks(now: NodeState, taints: tuple[str, ...] | None, **labels: str) -> NodeMarks:
    return NodeMarks("w1", tuple(sorted(labels.items())), taints, now)


NODES = (
    Case("no labels yet", marks(marked({}, ()), None, disk="ssd", zone="a")),
    Case("labels as desired, others stay", marks(marked({"disk": "ssd", "by-hand": "x"}, ()), None, disk="ssd")),
    Case("another value", marks(marked({"disk": "hdd"}, ()), None, disk="ssd")),
    Case("a taint is missing", marks(marked({}, ()), ("dedicated=db:NoSchedule",))),
    Case("taints as desired", marks(marked({}, ("dedicated=db:NoSchedule",)), ("dedicated=db:NoSchedule",))),
    Case("a taint too many", marks(marked({}, ("old:NoExecute", "a=b:NoSchedule")), ("a=b:NoSchedule",))),
    Case("another value of a taint", marks(marked({}, ("a=old:NoSchedule",)), ("a=new:NoSchedule",))),
    Case("another effect of a taint", marks(marked({}, ("a=b:NoSchedule",)), ("a=b:NoExecute",))),
    Case("taints are not spoken of", marks(marked({}, ("by-hand:NoSchedule",)), None)),
    Case("no taints desired", marks(marked({}, ("node-role.kubernetes.io/master:NoSchedule",)), ())),
    Case("the controllers' own taints stay", marks(marked({}, ("node.kubernetes.io/not-ready:NoSchedule",)), ())),
    Case("all ready", NodesReady(("cp1", "w1"), frozenset({"cp1", "w1"}))),
    Case("one not ready", NodesReady(("cp1", "w1"), frozenset({"cp1", "w9"}))),
    Case("no cluster yet", NodesReady(("cp1", "w1"), frozenset())),
)

KEY_FILE = EncryptionKey("/etc/kubernetes/encryption/configuration.yaml")
POLICY = "/etc/kubernetes/audit/policy.yaml"
SERVER = ApiServerCurrent("audit-policy-file", POLICY)
API_SERVER = (
    Case("no key yet", KEY_FILE, ""),
    Case("a key", KEY_FILE, "600 root:root\n"),
    Case("a key that others can read", KEY_FILE, "644 admin:admin\n"),
    Case("not running", SERVER, "", after(f"file {POLICY}")),
    Case("has read what is there", SERVER, "running\n"),
    Case("older than its policy", SERVER, "running\nolder\n"),
    Case("its policy is about to change", SERVER, "running\n", after(f"file {POLICY}")),
)

ROUTES = PodRoutes(((IPv4Network("10.244.1.0/24"), IPv4Address("10.0.0.21")),))
NETWORK = (
    Case("the service is not there", ROUTES, "all of them\n"),
    Case("all set", ROUTES, ""),
    Case("lost routes and rules", ROUTES, "route 10.244.1.0/24 via 10.0.0.21\nfirewall rule filter -I FORWARD\n"),
    Case("the service restarts anyway", ROUTES, "all of them\n", after(f"file {SCRIPT}")),
    Case("not known yet", Later(f"file {SCRIPT}", f"write {SCRIPT}", "the node pod CIDRs")),
)

READY = DaemonSetReady("kube-system", "net", "app=net", ("cp1", "w1"), "manifest net")
LEFT = LeftoversGone("bridge", (("unit", "pods.service"), ("link", "cni0"), ("file", "/etc/cni/net.d/10.conflist")))
OBJECTS = ObjectsGone("provisioner/network=flannel")
TIMES = '--- /tmp/LIVE-1/x\t2026\n+++ /tmp/MERGED-2/x\t2026\n@@ -1 +1 @@\n-    time: "2026"\n+    time: "2027"\n'
CLOSED = "node.kubernetes.io/unschedulable:NoSchedule"
PLUG_INS = (
    Case("nothing but times differ", SPACE, TIMES),
    Case("a value differs", SPACE, f"diff -u x y\n{TIMES}   resourceVersion: 7\n-  mtu: 1500\n+  mtu: 1400\n"),
    Case("ready on every node", READY, ""),
    Case("late on one", READY, " w1"),
    Case("about to change", READY, "", after("manifest net")),
    Case("nothing left", LEFT, ""),
    Case("something left", LEFT, "service pods.service\ninterface cni0\n"),
    Case("no objects left", OBJECTS, ""),
    Case("objects left", OBJECTS, "DaemonSet net\nConfigMap net\n"),
    Case("a node to drain", Drained("w1", node("w1", 1), 20)),
    Case("a node to drain, with an older kubectl", Drained("w1", node("w1", 1), 19)),
    Case("a node to drain that somebody has closed", Drained("w1", node("w1", 1, taints=(CLOSED,)), 20)),
    Case("a drain that was killed", Drained("w1", node("w1", 1, labels={BEFORE: "open"}, taints=(CLOSED,)), 20)),
    Case("a node that is drained", Drained("w1", node("w1", 1, labels={BEFORE: "open", DRAINED: "yes"}), 20)),
    Case("a node to open again", Reopened("w1", node("w1", 1, labels={BEFORE: "open", DRAINED: "yes"}))),
    Case("a node to keep closed", Reopened("w1", node("w1", 1, labels={BEFORE: "closed", DRAINED: "yes"}))),
    Case("a node that was not drained", Reopened("w1", node("w1", 1))),
)

MOVED = OldPodsGone("w1", IPv4Network("10.244.3.0/24"))
OLD_BRIDGES = (
    Case("pods of two namespaces with old addresses", MOVED, "a x 10.244.1.2\na y 10.244.1.3\nb z 10.244.1.4\n"),
    Case("pods that have none yet, or one of the node's own", MOVED, "a x \na y 10.244.3.7\n"),
    Case("a bridge to remove", OldBridgeGone("cni0", IPv4Interface("10.244.1.1/24"), IPv4Network("10.244.3.0/24"))),
)
OF_NEW = {NODE_NETWORK: "new"}
BOTH_NETWORKS = (
    Case("a node without the label", NodeNetwork("w1", "new", node("w1", 1))),
    Case("a node with another one", NodeNetwork("w1", "new", node("w1", 1, labels={NODE_NETWORK: "old"}))),
    Case("a node that has it", NodeNetwork("w1", "new", node("w1", 1, labels=OF_NEW))),
    Case("a label that goes", NodeNetwork("w1", None, node("w1", 1, labels=OF_NEW))),
    Case("no label, as desired", NodeNetwork("w1", None, node("w1", 1))),
    Case("a DaemonSet that runs everywhere", DaemonSetSelects("kube-flannel/kube-flannel-ds", "flannel", "")),
    Case("a DaemonSet that keeps to its nodes", DaemonSetSelects("kube-flannel/kube-flannel-ds", "flannel", "flannel")),
    Case("pods of the old one", NetworkOff("w1", ("a/b", "a/c"), node("w1", 1, labels=OF_NEW)), "pod/b-1\npod/c-2\n"),
    Case("no pods, but the label", NetworkOff("w1", ("a/b",), node("w1", 1, labels=OF_NEW)), ""),
    Case("neither pods nor label", NetworkOff("w1", ("a/b",), node("w1", 1)), ""),
)
CHECKPOINTS = (
    Case("nothing is kept", Checkpoint("upgrade", "run1", "cp1", ("kubeadm", "kubelet")), ""),
    Case("a run has kept it", Checkpoint("upgrade", "run2", "cp1"), "run1\n"),
    Case("something to remove", CheckpointGone("upgrade"), "/var/lib/provisioner/checkpoints/.upgrade\n"),
    Case("nothing to remove", CheckpointGone("upgrade"), ""),
)

KINDS = {
    "files": FILES,
    "kernel": KERNEL,
    "packages": PACKAGES,
    "sources": SOURCES,
    "services": SERVICES,
    "images": IMAGES,
    "pinned-images": PINNED_IMAGES,
    "programs": PROGRAMS,
    "daemons": DAEMONS,
    "kubeadm": KUBEADM,
    "kubectl": KUBECTL,
    "nodes": NODES,
    "api-server": API_SERVER,
    "network": NETWORK,
    "plug-ins": PLUG_INS,
    "both-networks": BOTH_NETWORKS,
    "old-bridges": OLD_BRIDGES,
    "checkpoints": CHECKPOINTS,
}
EVERY = [pytest.param(case, id=f"{kind}: {case.title}") for kind, cases in KINDS.items() for case in cases]


@pytest.mark.parametrize("kind", KINDS)
def test_what_follows_from_what_was_seen(kind: str, golden: Golden) -> None:
    outcomes = (f"## {case.title}\n{shown(case.want.diff(ok(case.seen), case.changed))}" for case in KINDS[kind])
    golden(f"changes/{kind}.txt", "\n".join(outcomes))


@pytest.mark.parametrize("case", EVERY)
def test_no_secret_in_what_is_shown_or_in_arguments(case: Case) -> None:
    change = case.want.diff(ok(case.seen), case.changed)
    commands = change.commands if change else ()
    words = [word for command in (case.want.probe(), *commands) for word in command.argv]
    assert not [text for text in [*words, shown(change), repr(change), repr(case.want)] if "hunter2" in text]


@pytest.mark.parametrize("case", EVERY)
def test_every_change_shows_what_it_changes(case: Case) -> None:
    change = case.want.diff(ok(case.seen), case.changed)
    assert change is None or change.diff or change.waits_for


@pytest.mark.parametrize("case", EVERY)
def test_a_probe_accepts_only_that_it_could_look(case: Case) -> None:
    """Missing is a state: no probe has a code of failure to accept."""
    assert case.want.probe().accepts == {0}
    assert not isinstance(case.want.probe().stdin, Secret)
