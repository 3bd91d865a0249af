"""The scripts that our resources send to machines, by the name of what they do. They are taken from the resources
themselves, so a machine knows exactly what is really sent, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Interface, IPv4Network

from provisioner.core.command import Command, settle
from provisioner.core.resource import Later, Resource
from provisioner.inventory.values import Secret
from provisioner.networks.bridge import PodRoutes
from provisioner.plays.procedure import Rolling
from provisioner.procedures.bring_up import BRING_UP
from provisioner.procedures.network_replace import NETWORK_REPLACE
from provisioner.resources.api_server import ApiServerCurrent, EncryptionKey
from provisioner.resources.apt import same_files
from provisioner.resources.binaries import Binary
from provisioner.resources.checkpoint import Checkpoint, CheckpointGone
from provisioner.resources.containerd import CLEARING, CONTAINERD_IMAGES, CONTAINERD_SETTINGS
from provisioner.resources.daemon_sets import DaemonSetReady
from provisioner.resources.distribution import Tools
from provisioner.resources.docker import DOCKER_IMAGES
from provisioner.resources.draining import DRAINED, Reopened
from provisioner.resources.files import Absent, Directory, File, NothingElse, PrivateCopy
from provisioner.resources.hosts import Named
from provisioner.resources.images import Image, PinnedImage
from provisioner.resources.kernel import Modules, SwapOff, Sysctls, SysctlsAtBoot
from provisioner.resources.kubeadm import Init, Join
from provisioner.resources.kubectl import ApiReady, JoinToken, Manifest, RunTokensGone
from provisioner.resources.leftovers import LeftoversGone, ObjectsGone
from provisioner.resources.modes import Modes
from provisioner.resources.node_networks import NetworkOff
from provisioner.resources.nodes import NodesReady
from provisioner.resources.old_bridges import OldBridgeGone, OldPodsGone
from provisioner.resources.other_sources import OtherSources
from provisioner.resources.packages import PackageDatabase, Packages, packages_free
from provisioner.resources.services import Service
from provisioner.sources import binaries
from provisioner.sources.asking import question
from provisioner.sources.bundle_access import Leftovers, closed, opened
from provisioner.sources.repository import Repository
from provisioner.world import lock
from provisioner.world.facts import look
from provisioner.world.lock import Holder
from provisioner.world.measure import measure
from provisioner.world.nodes import NodeState
from provisioner.world.workloads import BUDGETS, DAEMON_SETS, LEASES, SYSTEM_PODS
from tests.builders import facts, ok, view

_FILE = File("/x", "x")
_COPY = PrivateCopy("/a", "/b", "admin")
_IMAGE = Image("x", "x", "x", "x", DOCKER_IMAGES)
_OTHER_IMAGE = Image("x", "x", "x", "x", CONTAINERD_IMAGES)
_PINNED = PinnedImage("x", "x", DOCKER_IMAGES)
_OTHER_PINNED = PinnedImage("x", "x", CONTAINERD_IMAGES)
_SECRET = Secret("x", "x")
_INIT = Init("x", _SECRET, "x")
_JOIN = Join("x", _SECRET, "x", present=False)
_TOKEN = JoinToken(_SECRET, _SECRET, ())
_SERVER = ApiServerCurrent("x", "/x")
_OTHERS = OtherSources("x", "x", ())
_DAEMON_SET = DaemonSetReady("x", "x", "x", ("x",))
_AT_BOOT = SysctlsAtBoot((("x", "1"),), "x.conf")
_LEFT = Leftovers("x")
_BINARY = Binary("x", "x", "x", "x")
_CHECKPOINT = Checkpoint("x", "x", "x")
_OFF = NetworkOff("x", ("x/x",), NodeState("x", True, ""))
_VIEW = view(facts={"cp1": facts("cp1", "10.0.0.11")})


def _fixing(resource: Resource, seen: str) -> tuple[Command, ...]:
    change = resource.diff(ok(seen), set())
    assert change
    return change.commands


def _files() -> Iterator[tuple[str, Command]]:
    yield "file", _FILE.probe()
    yield "write", _fixing(_FILE, "absent\n")[0]
    yield "chmod", _fixing(_FILE, "600 root:root\nx")[0]
    yield "present", Absent("/x").probe()
    yield "remove", _fixing(Absent("/x"), "present\n")[0]
    yield "directory", Directory("/x").probe()
    yield "make_directory", _fixing(Directory("/x"), "")[0]
    yield "listed", NothingElse("/x", ()).probe()
    yield "remove_names", _fixing(NothingElse("/x", ()), "y\n")[0]
    yield "modes", Modes().probe()
    yield "narrow", _fixing(Modes(), "644 root:root f /etc/kubernetes/x.conf\n")[0]
    yield "keep", _fixing(File("/x", "x", keeps=True), "644 root:root\ny")[0]
    yield "copied", _COPY.probe()
    yield "copy", _fixing(_COPY, "differs\n")[0]


def _machine() -> Iterator[tuple[str, Command]]:
    yield "modules", Modules(()).probe()
    yield "settings", Sysctls(()).probe()
    yield "at_boot", _AT_BOOT.probe()
    yield "comment_out", _fixing(_AT_BOOT, "\nfile /etc/sysctl.d/y.conf\nx=0\n")[0]
    yield "looked_up", Named("x", "x").probe()
    yield "name", _fixing(Named("x", "x"), "")[0]
    yield "swap", SwapOff().probe()
    yield "swap_off", _fixing(SwapOff(), "active /swap\n")[0]
    yield "packages", Packages("x", (("x", "x"),)).probe()
    yield "packages_free", packages_free()
    yield "database", PackageDatabase().probe()
    yield "installed", Tools("x", ("x",)).probe()
    yield "renewed", _fixing(Tools("x", ("x",)), "")[1]
    yield "other_sources", _OTHERS.probe()
    yield "other_sources_gone", _fixing(_OTHERS, "/etc/apt/x: x\n")[0]
    yield "same_files", same_files(())
    yield "ask", question(Repository("kubernetes", "x"), "", ())
    yield "ask_programs", binaries.question(_VIEW, _VIEW.hosts[0], {})
    yield "program", _BINARY.probe()
    yield "install_program", _fixing(_BINARY, "absent\n")[0]
    yield "repair", _fixing(PackageDatabase(), "iU x\n")[1]
    yield "service", Service("x").probe()
    yield "images", _IMAGE.probe()
    yield "load", _fixing(_IMAGE, "")[0]
    yield "digests", _PINNED.probe()
    yield "pull", _fixing(_PINNED, "")[0]
    yield "containerd_digests", _OTHER_PINNED.probe()
    yield "containerd_pull", _fixing(_OTHER_PINNED, "")[0]
    yield "containerd_images", _OTHER_IMAGE.probe()
    yield "containerd_load", _fixing(_OTHER_IMAGE, "")[0]
    yield "containerd_settings", CONTAINERD_SETTINGS
    yield "routes", PodRoutes(()).probe()


def _kubernetes() -> Iterator[tuple[str, Command]]:
    yield "kubeadm", _INIT.probe()
    yield from zip(("begin", "run", "wait_node"), _fixing(_INIT, ""), strict=False)
    yield "begin_clearing", _fixing(Init("x", _SECRET, "x", clearing=CLEARING), "")[0]
    yield "mark", _fixing(_JOIN, "done")[0]
    yield "wait_gone", _fixing(Join("x", _SECRET, "x", present=True), "")[1]
    yield "wait_ready", _fixing(NodesReady(("x",), frozenset()), "")[0]
    yield "token", _TOKEN.probe()
    yield "wait_token", _fixing(_TOKEN, "")[1]
    yield "tokens", RunTokensGone(()).probe()
    yield "manifest", Manifest("x", "x").probe()
    yield "daemon_set", _DAEMON_SET.probe()
    yield "wait_daemon_set", _fixing(_DAEMON_SET, "x")[0]
    yield "pods_of_node", OldPodsGone("x", IPv4Network("10.0.0.0/8")).probe()
    yield "remove_bridge", _fixing(OldBridgeGone("x", IPv4Interface("10.0.0.1/8"), IPv4Network("10.0.0.0/8")), "")[0]
    yield "found_objects", ObjectsGone("x=x").probe()
    yield "delete_objects", _fixing(ObjectsGone("x=x"), "x\n")[0]
    yield "renew_pods", _fixing(Reopened("x", NodeState("x", True, "", labels={DRAINED: "yes"})), "")[0]
    yield "network_pods", _OFF.probe()
    yield "wait_network_pods", _fixing(_OFF, "pod/x\n")[1]
    yield "checkpoint", _CHECKPOINT.probe()
    yield "keep_checkpoint", _fixing(_CHECKPOINT, "")[0]
    yield "checkpoint_left", CheckpointGone("x").probe()
    yield "remove_checkpoint", _fixing(CheckpointGone("x"), "/x\n")[0]
    yield "leftovers", LeftoversGone("x", ()).probe()
    yield "api", ApiReady().probe()
    yield "wait_api", _fixing(ApiReady(), "")[0]


def _api_server() -> Iterator[tuple[str, Command]]:
    yield "key", EncryptionKey("/x").probe()
    yield "make_key", _fixing(EncryptionKey("/x"), "")[0]
    yield "api_current", _SERVER.probe()
    yield "restart_api", _fixing(_SERVER, "running\nolder\n")[0]


def _run() -> Iterator[tuple[str, Command]]:
    yield "look", look(leader=False)
    yield "look_leader", look(leader=True)
    yield "look_leader_replacing", look(leader=True, asked=NETWORK_REPLACE.asks)
    for name, procedure in (("applying", BRING_UP), ("replacing", NETWORK_REPLACE)):
        rolling = (question for block in procedure.blocks if isinstance(block, Rolling) for question in block.asks)
        yield f"look_leader_{name}_rolling", look(leader=True, asked=(*procedure.asks, *rolling))
    yield "look_leader_all", look(leader=True, asked=(BUDGETS, DAEMON_SETS, LEASES, SYSTEM_PODS))
    yield "measure", measure(())
    yield "take", lock.take(Holder("x", "x", "x", "x", 0))
    yield "renew", lock.renew("x")
    yield "release", lock.release("x")
    yield "remove_lock", lock.remove("x")
    yield "holder", lock.show()
    yield "settle", settle()
    yield "opened", opened("x", "x")
    yield "closed", closed()
    yield "left", _LEFT.probe()
    yield "left_gone", _fixing(_LEFT, "/x\n")[0]
    yield "nothing", Later("x", "x", "x").probe()


PARTS = (_files, _machine, _kubernetes, _api_server, _run)
NAMES = {command.argv[2]: name for part in PARTS for name, command in part()}
# Those that change something on the machine for good; what a run does for itself is not among them.
CHANGING = frozenset({
    "write", "other_sources_gone", "comment_out", "narrow",
    "chmod", "keep", "keep_checkpoint", "remove_checkpoint", "remove", "copy", "swap_off", "load", "containerd_load",
    "repair", "begin", "begin_clearing", "mark", "run", "left_gone", "wait_api",
    "install_program", "pull", "containerd_pull", "delete_objects",
    "name", "make_key", "make_directory", "restart_api", "remove_names",
})  # fmt: skip
