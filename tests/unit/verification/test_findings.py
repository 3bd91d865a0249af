from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from provisioner.inventory.values import Version
from provisioner.verification import findings
from provisioner.verification.seen import Inode, Route, Seen, Unit

DESIRED = Version(1, 20, 2)
GOOD = {"kubelet": "1.20.2-1.1", "kubeadm": "1.20.2-1.1", "kubectl": "1.20.2-1.1"}
OTHERS = {"cp1": ("10.244.0.0/24", "10.213.0.11"), "w2": ("10.244.2.0/24", "10.213.0.130")}


@pytest.mark.parametrize(
    ("packages", "wrong"),
    [
        (GOOD, []),
        (GOOD | {"kubelet": "1.20.3-1.1"}, ["kubelet is 1.20.3-1.1, not 1.20.2"]),
        (GOOD | {"kubectl": "1.20.20-00"}, ["kubectl is 1.20.20-00, not 1.20.2"]),
        ({}, ["kubeadm is not installed", "kubectl is not installed", "kubelet is not installed"]),
    ],
)
def test_versions(packages: dict[str, str], wrong: list[str]) -> None:
    assert findings.wrong_versions(packages, {}, DESIRED) == wrong


@pytest.mark.parametrize(("version", "wrong"), [("1.20.2", []), ("1.20.20", ["kubelet is 1.20.20, not 1.20.2"])])
def test_versions_of_programs_without_packages(version: str, wrong: list[str]) -> None:
    programs = {"kubeadm": "1.20.2", "kubectl": "1.20.2", "kubelet": version}
    assert findings.wrong_versions({}, programs, DESIRED) == wrong


@pytest.mark.parametrize(
    ("packages", "complete"),
    [
        ({"docker.io": "1", "containerd": "1"}, ["docker", "containerd"]),
        ({"docker-ce": "1", "containerd.io": "1"}, ["docker", "containerd"]),
        ({"docker.io": "1"}, []),
        ({"containerd": "1"}, ["containerd"]),
        ({"cri-o": "1"}, ["cri-o"]),
    ],
)
def test_which_engines_are_complete(packages: dict[str, str], complete: list[str]) -> None:
    assert [name for name in findings.ENGINES if not findings.no_engine(packages, name)] == complete


def test_the_missing_engine_is_named() -> None:
    assert findings.no_engine({}, "docker") == ["neither docker.io nor docker-ce is installed"]
    assert findings.no_engine({}, "cri-o") == ["no cri-o is installed"]


def test_from_1_24_on_docker_needs_a_service_between_it_and_the_kubelet() -> None:
    assert findings.engine_units("docker", Version(1, 23, 17)) == ("docker.service",)
    assert findings.engine_units("docker", Version(1, 24, 0)) == ("docker.service", "cri-docker.service")
    assert findings.engine_units("containerd", Version(1, 24, 0)) == ("containerd.service",)


@pytest.mark.parametrize(
    ("runtime", "drivers", "wrong"),
    [
        ("docker", (("docker", "systemd"), ("containerd", "cgroupfs"), ("pods", "systemd")), []),
        ("containerd", (("containerd", "cgroupfs"),), ["the cgroup driver of the running engine is cgroupfs"]),
        (
            "containerd",
            (("containerd", "systemd"), ("pods", "cgroupfs")),
            ["the cgroup driver of the pods is cgroupfs"],
        ),
        ("containerd", (("docker", "cgroupfs"), ("pods", "systemd")), []),
        ("containerd", (("docker", "systemd"),), ["the engine does not answer"]),
    ],
)
def test_only_the_desired_engine_and_the_pods_are_asked_for_their_driver(
    runtime: str, drivers: tuple[tuple[str, str], ...], wrong: list[str]
) -> None:
    assert findings.wrong_drivers(drivers, runtime) == wrong


def test_every_package_that_an_upgrade_would_replace_is_named() -> None:
    packages = GOOD | {"docker.io": "20", "containerd": "1.6"}
    assert findings.not_held(packages, frozenset({"kubelet", "kubeadm", "docker.io"}), "docker") == [
        "kubectl is not held",
        "containerd is not held",
    ]


@pytest.mark.parametrize(
    ("unit", "wrong"),
    [
        (Unit("active/running", "enabled"), []),
        (None, ["kubelet.service does not exist"]),
        (Unit("inactive/dead", "enabled"), ["kubelet.service is inactive/dead, not running"]),
        (Unit("activating/auto-restart", "enabled"), ["kubelet.service is activating/auto-restart, not running"]),
        (Unit("active/running", "disabled"), ["kubelet.service is disabled: it will not start at boot"]),
    ],
)
def test_services(unit: Unit | None, wrong: list[str]) -> None:
    assert findings.unit_problems({"kubelet.service": unit} if unit else {}, "kubelet.service") == wrong


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        ([], None),
        ([("/etc/sysctl.d/99-k.conf", "net.ipv4.ip_forward = 1")], "1"),
        ([("/etc/sysctl.d/99-k.conf", "-net/ipv4/ip_forward=1")], "1"),
        ([("/etc/sysctl.d/99-k.conf", "# net.ipv4.ip_forward = 1")], None),
        (
            [
                ("/etc/sysctl.d/50-k.conf", "net.ipv4.ip_forward=1"),
                ("/usr/lib/sysctl.d/90-x.conf", "net.ipv4.ip_forward=0"),
            ],
            "0",
        ),
        (
            [
                ("/etc/sysctl.d/90-x.conf", "net.ipv4.ip_forward=1"),
                ("/usr/lib/sysctl.d/90-x.conf", "net.ipv4.ip_forward=0"),
            ],
            "1",
        ),
        (
            [
                ("/usr/lib/sysctl.d/90-x.conf", "net.ipv4.ip_forward=0"),
                ("/run/sysctl.d/90-x.conf", "net.ipv4.ip_forward=1"),
            ],
            "1",
        ),
        ([("/etc/sysctl.d/9.conf", "net.ipv4.ip_forward=0"), ("/etc/sysctl.d/9.conf", "net.ipv4.ip_forward=1")], "1"),
        ([("/etc/sysctl.d/9.conf", "net.ipv4.conf.all.rp_filter=1")], None),
    ],
)
def test_what_a_reboot_sets(lines: list[tuple[str, str]], value: str | None) -> None:
    assert findings.sysctl_at_boot(lines, "net.ipv4.ip_forward") == value


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, []),
        ({"filesystems": frozenset({"ext4"})}, ["the kernel has no overlay"]),
        ({"sysctls": {}}, ["the kernel has no br_netfilter"]),
        (
            {"loaded_modules": frozenset({"br_netfilter", "overlay"}), "modules_at_boot": frozenset({"overlay"})},
            ["br_netfilter is loaded but will not be after a reboot"],
        ),
        ({"modules_at_boot": frozenset()}, []),
    ],
    ids=["fine", "no overlay", "no bridge", "loaded by hand", "built in"],
)
def test_modules(worker: Seen, change: dict[str, Any], wrong: list[str]) -> None:
    assert findings.missing_modules(replace(worker, **change)) == wrong


@pytest.mark.parametrize(
    ("path", "inode", "fine"),
    [
        ("/etc/kubernetes/kubelet.conf", Inode(0o600, "root:root", "f"), True),
        ("/etc/kubernetes/admin.conf", Inode(0o640, "root:root", "f"), False),
        ("/etc/kubernetes/pki/etcd/ca.key", Inode(0o644, "root:root", "f"), False),
        ("/etc/kubernetes/pki/ca.key", Inode(0o600, "admin:admin", "f"), False),
        ("/etc/kubernetes/pki/ca.crt", Inode(0o644, "root:root", "f"), True),
        ("/etc/kubernetes/manifests/etcd.yaml", Inode(0o644, "root:root", "f"), False),
        ("/var/lib/kubelet/pki/kubelet-client-1.pem", Inode(0o644, "root:root", "f"), False),
        ("/var/lib/kubelet/pki/kubelet-client-current.pem", Inode(0o777, "root:root", "l"), True),
        ("/etc/kubernetes", Inode(0o755, "root:root", "d"), True),
    ],
)
def test_secrets_are_roots_alone(path: str, inode: Inode, fine: bool) -> None:
    wrong = findings.readable_secrets({path: inode})
    assert wrong == ([] if fine else [f"{path} is {inode.mode:04o} {inode.owner}"])


def test_what_others_may_change() -> None:
    files = {
        "/etc/kubernetes": Inode(0o777, "root:root", "d"),
        "/etc/kubernetes/pki": Inode(0o755, "admin:root", "d"),
        "/var/lib/kubelet/config.yaml": Inode(0o644, "root:root", "f"),
        "/var/lib/kubelet/pki/kubelet-client-current.pem": Inode(0o777, "root:root", "l"),
    }
    assert findings.writable_by_others(files) == [
        "/etc/kubernetes is 0777 root:root",
        "/etc/kubernetes/pki is 0755 admin:root",
    ]


def test_missing_files_are_one_finding() -> None:
    assert findings.absent({"/a": Inode(0o600, "root:root", "f")}, ("/a", "/b", "/c")) == ["missing: /b, /c"]
    assert findings.absent({"/a": Inode(0o600, "root:root", "f")}, ("/a",)) == []


def _ends(seen: Seen, path: str) -> datetime:
    return findings.validity(seen.certificates[path])[1]


@pytest.mark.parametrize(
    ("when", "said"),
    [
        (lambda end: end - timedelta(days=31), None),
        (lambda end: end - timedelta(days=29, hours=1), "expires in 29 days"),
        (lambda end: end + timedelta(hours=1), "expired on"),
        (lambda end: datetime(2020, 1, 1, tzinfo=UTC), "is not valid before"),
    ],
)
def test_certificates(control_plane: Seen, when: Callable[[datetime], datetime], said: str | None) -> None:
    path = "/etc/kubernetes/pki/apiserver.crt"
    wrong = findings.certificate_problems({path: control_plane.certificates[path]}, when(_ends(control_plane, path)))
    assert [text.startswith(f"{path} {said}") for text in wrong] == ([True] if said else [])


def test_all_certificates_of_a_new_cluster_are_fine(control_plane: Seen) -> None:
    assert (
        findings.certificate_problems(control_plane.certificates, datetime.fromtimestamp(control_plane.clock_s, UTC))
        == []
    )


def test_what_is_no_certificate_is_named() -> None:
    assert findings.certificate_problems({"/x.crt": "no"}, datetime.now(UTC)) == ["/x.crt is not a certificate"]


@pytest.mark.parametrize(
    ("routes", "wrong"),
    [
        ([Route("10.244.0.0/24", "10.213.0.11"), Route("10.244.2.0/24", "10.213.0.130")], []),
        ([Route("10.244.0.0/24", "10.213.0.11")], ["no route to 10.244.2.0/24 of w2"]),
        (
            [Route("10.244.0.0/24", "10.213.0.11"), Route("10.244.2.0/24", "10.0.2.15")],
            ["10.244.2.0/24 of w2 goes via 10.0.2.15, not 10.213.0.130"],
        ),
    ],
)
def test_routes(routes: list[Route], wrong: list[str]) -> None:
    assert findings.missing_routes(routes, OTHERS) == wrong


SCRIPT = "/usr/local/sbin/routes"
LINES = ((SCRIPT, "10.244.0.0/24 via 10.213.0.11"), (SCRIPT, "10.244.2.0/24 via 10.213.0.130"))
UNIT = (("/etc/systemd/system/routes.service", f"ExecStart={SCRIPT} set"),)


@pytest.mark.parametrize(
    ("files", "unit", "enabled", "left"),
    [
        (LINES, UNIT, {"routes.service"}, 0),
        (LINES, UNIT, set(), 2),
        (LINES, (), {"routes.service"}, 2),
        (LINES[:1], UNIT, {"routes.service"}, 1),
        (
            (("/etc/systemd/system/r.service", LINES[0][1]), ("/etc/systemd/system/r.service", LINES[1][1])),
            (),
            {"r.service"},
            0,
        ),
        ((("/etc/netplan/60-pods.yaml", "10.244.0.0/24"), ("/etc/network/interfaces", "10.244.2.0/24")), (), set(), 0),
    ],
    ids=["a service", "not enabled", "no unit", "one missing", "in the unit itself", "network managers"],
)
def test_routes_after_a_reboot(
    worker: Seen, files: tuple[tuple[str, str], ...], unit: tuple[tuple[str, str], ...], enabled: set[str], left: int
) -> None:
    seen = replace(worker, route_files=files, unit_files=unit, enabled=frozenset(enabled))
    assert len(findings.fleeting_routes(seen, OTHERS)) == left


@pytest.mark.parametrize(
    ("seen", "node", "wrong"),
    [
        ({}, "10.213.0.129", []),
        ({}, "10.0.2.15", ["the node's address is 10.0.2.15, but 10.213.0.129 was decided"]),
        ({"decided": None}, "10.213.0.129",
         ["/var/lib/provisioner/network.json, which holds the decision, is missing or cannot be read"]),
        ({"addresses": (("eth1", "10.213.0.129/24"),)}, "10.213.0.129",
         ["10.213.0.129 is on eth1, but eth0 was decided"]),
        ({"addresses": ()}, "10.213.0.129", ["10.213.0.129 is on no interface, but eth0 was decided"]),
        ({"packet_bytes": {"eth0": 1400}}, "10.213.0.129", ["the MTU of eth0 is 1400, but 1500 was decided"]),
        ({"packet_bytes": {"eth0": 9000}}, "10.213.0.129", []),
    ],
)  # fmt: skip
def test_what_the_node_uses_is_what_was_decided(
    worker: Seen, seen: dict[str, Any], node: str, wrong: list[str]
) -> None:
    assert findings.other_network(replace(worker, **seen), node) == wrong


@pytest.mark.parametrize(
    ("address", "pod_cidr", "wrong"),
    [
        ("10.244.1.1/24", "10.244.1.0/24", []),
        (
            "10.244.1.1/24",
            "10.244.5.0/24",
            ["cni0 has 10.244.1.1/24, which is not in the node's pod CIDR 10.244.5.0/24: no new pod can start"],
        ),
        ("10.244.1.1/24", "", []),
    ],
    ids=["its own", "an old one", "not known"],
)
def test_a_bridge_has_an_address_of_the_node_s_pod_cidr(
    worker: Seen, address: str, pod_cidr: str, wrong: list[str]
) -> None:
    seen = replace(worker, addresses=(("eth0", "10.0.0.21/24"), ("cni0", address)))
    assert findings.old_bridge(seen, "cni0", pod_cidr) == wrong
    assert findings.old_bridge(seen, "kube-bridge", pod_cidr) == []
