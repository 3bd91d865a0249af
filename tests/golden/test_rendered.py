"""Every file that is put on machines, as it is for three inventories. `pytest tests/golden --update-golden` writes
them; review that as a diff.
"""

from __future__ import annotations

import base64
import configparser
import json
import shlex
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import pytest
import yaml

from provisioner.core.resource import Resource
from provisioner.inventory.values import Endpoint, Secret, Taint
from provisioner.networks import bridge
from provisioner.plays import control_plane, workers
from provisioner.plays.play import AnyPlay
from provisioner.procedures.bring_up import BRING_UP
from provisioner.resources.files import File
from provisioner.resources.kubeadm import Init, Join
from provisioner.world.view import View
from tests.builders import NOW_S, cluster, facts, host, joined, leading, live, nic, node, ok, running, view
from tests.conftest import TESTS, Golden

PLAIN = cluster()
RICH = cluster(
    host(
        "cp1",
        "cp1.example.org",
        node_ip=IPv4Address("10.0.0.11"),
        node_taints=(),
        kubelet_extra_args={"max-pods": "200", "v": "2"},
    ),
    host(
        "w1",
        "10.0.0.21",
        node_labels={"disk": "ssd", "example.org/zone": "a"},
        node_taints=(Taint("dedicated", "db", "NoSchedule"), Taint("maintenance", "", "NoExecute")),
        kubelet_extra_args={"node-ip": "10.9.9.9"},
    ),
    name="rich",
    control_plane_endpoint=Endpoint("api.example.org", 8443),
    pod_cidr="10.32.0.0/16",
    service_cidr="10.33.0.0/16",
    dns_domain="k8s.example.org",
    extra_sans=["api", "10.0.0.11", "*.example.org"],
    api_server_extra_args={"audit-log-path": '/var/log/audit: "all".log', "v": "4"},
    controller_manager_extra_args={"node-monitor-period": "2s"},
    scheduler_extra_args={"v": "2"},
    runtime={"log_max_size": "50m", "registry_mirrors": ["https://mirror.example.org"]},
    network={"mtu": 1450},
)
NESTED = cluster(nested=True)
INVENTORIES = {"plain": PLAIN, "rich": RICH, "nested": NESTED}


def after_init(name: str) -> View:
    """The control plane is up, the workers have still to join."""
    desired = INVENTORIES[name]
    measured = {"cp1": facts("cp1", "10.0.0.11")}
    return view(desired, states={"cp1": leading()}, live=live(node("cp1", 0, internal_ip="10.0.0.11")), facts=measured)


def up(name: str) -> View:
    """All is up; the pod networks are known."""
    measured = {"cp1": facts("cp1", "10.0.0.11")}
    nodes = [node("cp1", 0, internal_ip="10.0.0.11"), node("w1", 1, internal_ip="10.0.0.21")]
    nodes += [] if name == "rich" else [node("w2", 2, internal_ip="10.0.0.22")]
    states = {"cp1": leading(), "w1": joined(), "w2": joined()}
    return view(INVENTORIES[name], states=states, live=live(*nodes), facts=measured)


def desired(play: AnyPlay, seen: View) -> dict[str, tuple[Resource, ...]]:
    return {one.name: play.desired(seen, one) for one in play.subjects(seen)}


def files(name: str) -> dict[str, str]:
    """Every file of every play, by host and path; the machines of one inventory differ little."""
    found = {}
    for play in BRING_UP.plays:
        for machine, resources in desired(play, up(name)).items():
            for resource in resources:
                if isinstance(resource, File) and isinstance(resource.content, str):
                    found[f"{machine}{resource.path}"] = f"{resource.content}"
    return found


def join_configuration(name: str) -> str:
    seen = after_init(name)
    (join,) = workers.desired(seen, seen.cluster.host("w1"))
    assert isinstance(join, Join)
    return join.configuration.reveal()


def initial(name: str) -> str:
    return init_configuration(after_init(name))


def init_configuration(seen: View) -> str:
    (init,) = (want for want in control_plane.desired(seen, seen.cluster.host("cp1")) if isinstance(want, Init))
    return init.configuration.reveal()


@pytest.mark.parametrize("name", INVENTORIES)
def test_kubeadm_init(name: str, golden: Golden) -> None:
    text = initial(name)
    golden(f"rendered/{name}/init.yaml", text)
    kinds = [document["kind"] for document in yaml.safe_load_all(text)]
    assert kinds == ["InitConfiguration", "ClusterConfiguration", "KubeletConfiguration", "KubeProxyConfiguration"]


@pytest.mark.parametrize("name", INVENTORIES)
def test_kubeadm_join(name: str, golden: Golden) -> None:
    text = join_configuration(name)
    golden(f"rendered/{name}/join.yaml", text)
    (pin,) = yaml.safe_load(text)["discovery"]["bootstrapToken"]["caCertHashes"]
    # openssl x509 -in tests/cases/ca.crt -noout -pubkey | openssl pkey -pubin -outform der | sha256sum
    assert pin == "sha256:55169612070104afe0fb0508fb8588c9898785ce3ba5ed35cfa49bc58dceae9a"


def test_bootstrap_token(golden: Golden) -> None:
    expires = datetime.fromtimestamp(NOW_S, UTC) + timedelta(minutes=20)
    text = workers.token_manifest(view().materials.join_token, expires=expires, description='a "quoted" one').reveal()
    golden("rendered/bootstrap-token.yaml", text)
    told = yaml.safe_load(text)
    assert told["stringData"]["expiration"] == "2027-01-15T08:20:00Z"
    assert told["stringData"]["description"] == 'a "quoted" one'


def test_kubeconfig_with_the_join_token(golden: Golden) -> None:
    """A machine that has no rights yet asks the cluster with it; the cluster's CA is pinned."""
    seen = running()
    assert seen.observed.live
    text = workers.access(seen).reveal()
    golden("rendered/bootstrap-kubeconfig.yaml", text)
    told = yaml.safe_load(text)
    (named,) = told["clusters"]
    assert (
        base64.b64decode(named["cluster"]["certificate-authority-data"]).decode() == seen.observed.live.ca_certificate
    )
    assert named["cluster"]["server"] == "https://10.0.0.11:6443"


def test_beside_another_runtime_the_socket_is_never_guessed() -> None:
    """kubeadm refuses to choose between two sockets: init, join, and the reset before each of them are told."""
    first, *_ = yaml.safe_load_all(initial("plain"))
    join = yaml.safe_load(join_configuration("plain"))
    assert {part["nodeRegistration"]["criSocket"] for part in (first, join)} == {"/var/run/dockershim.sock"}
    secret = Secret("x", "x")
    for want in (Init("cp1", secret, "/run/x.sock"), Join("w1", secret, "/run/x.sock", present=False)):
        change = want.diff(ok("begun\n"), set())
        assert change
        reset = next(command for command in change.commands if "kubeadm reset" in command.argv[2])
        assert '--cri-socket "$2"' in reset.argv[2]
        assert reset.argv[5] == "/run/x.sock"


@pytest.mark.parametrize("name", INVENTORIES)
def test_files_on_the_machines(name: str, golden: Golden) -> None:
    found = files(name)
    first, *_ = (one.name for one in INVENTORIES[name].workers)
    shown = {place: text for place, text in found.items() if place.startswith(("cp1/", f"{first}/"))}
    golden(f"rendered/{name}/files.txt", "\n".join(f"##### {place}\n{text}" for place, text in sorted(shown.items())))


@pytest.mark.parametrize("name", INVENTORIES)
def test_files_are_well_formed(name: str) -> None:
    for place, text in files(name).items():
        assert text.endswith("\n"), place
        assert "{{" not in text, place
        if place.endswith((".json", ".conflist")):
            json.loads(text)
        if place.endswith(".service"):
            configparser.ConfigParser(strict=False, interpolation=None).read_string(text.partition("\n")[2])
        if place.endswith("/default/kubelet"):
            assert len(shlex.split(text.splitlines()[1])) >= 1


def test_values_of_yaml_come_back_as_they_were_desired() -> None:
    _, settings, kubelet, proxy = yaml.safe_load_all(initial("rich"))
    assert settings["apiServer"]["extraArgs"] == RICH.settings.api_server_extra_args
    assert settings["controllerManager"]["extraArgs"] == {"node-monitor-period": "2s"}
    assert settings["networking"] == {
        "podSubnet": "10.32.0.0/16", "serviceSubnet": "10.33.0.0/16", "dnsDomain": "k8s.example.org",
    }  # fmt: skip
    assert settings["apiServer"]["certSANs"] == ["cp1", "10.0.0.11", "api.example.org", "api", "*.example.org"]
    assert (kubelet["failSwapOn"], "conntrack" in proxy) == (True, False)


def test_taints_of_a_joining_node_are_those_of_the_inventory() -> None:
    told = yaml.safe_load(join_configuration("rich"))
    assert told["nodeRegistration"]["taints"] == [
        {"key": "dedicated", "value": "db", "effect": "NoSchedule"},
        {"key": "maintenance", "value": "", "effect": "NoExecute"},
    ]
    assert "taints" not in yaml.safe_load(join_configuration("plain"))["nodeRegistration"]


def test_no_taints_desired_is_not_the_same_as_none_said() -> None:
    rich, *_ = yaml.safe_load_all(initial("rich"))
    plain, *_ = yaml.safe_load_all(initial("plain"))
    assert rich["nodeRegistration"]["taints"] == []
    assert "taints" not in plain["nodeRegistration"]


def test_a_nested_cluster_bears_the_host() -> None:
    *_, kubelet, proxy = yaml.safe_load_all(initial("nested"))
    assert (kubelet["failSwapOn"], proxy["conntrack"]) == (False, {"maxPerCore": 0})


def test_the_inventory_s_argument_wins_over_ours() -> None:
    assert "--node-ip=10.9.9.9" in files("rich")["w1/etc/default/kubelet"]


def test_every_template_is_rendered_here() -> None:
    templates = {path.name.removesuffix(".j2") for path in (TESTS.parent / "templates").rglob("*.j2")}
    covered = {place.rpartition("/")[2] for place in files("plain")}
    renamed = {
        "init.yaml", "join.yaml", "components.yaml", "registration.yaml",
        "bootstrap-token.yaml", "bootstrap-kubeconfig.yaml",
        "repository.sources", "signed.sources", "apt.conf", "environment", "service.conf", "cri-dockerd.conf",
        "kubelet.default", "provisioner-network.conf", "modules.conf", "sysctl.conf", "pod-network.sh",
        "pod-network.service",
    }  # fmt: skip
    # What is not put on machines: tests/unit/test_tables.py renders it.
    assert templates - covered - {"report.html"} == renamed


def test_routes_lead_to_every_node_and_each_node_leaves_out_its_own() -> None:
    """What it leaves out there, tests/shell/test_templates.py shows."""
    seen = running()
    scripts = {
        one.name: next(
            resource.content
            for resource in bridge.desired(seen, one)
            if isinstance(resource, File) and resource.path == bridge.SCRIPT
        )
        for one in seen.hosts
    }
    assert len(set(map(str, scripts.values()))) == 1
    assert str(scripts["cp1"]).count(" via ") == len(seen.hosts)


def test_a_machine_behind_a_forwarded_port_uses_its_own_address() -> None:
    """127.0.0.1 is an address of every machine; the node's is the first real one."""
    lonely = cluster(host("cp1", "127.0.0.1"))
    measured = facts("cp1", "127.0.0.1", addresses=(nic("lo", "127.0.0.1/8"), nic("eth0", "10.0.2.7/24")))
    seen = view(lonely, facts={"cp1": measured})
    assert 'advertiseAddress: "10.0.2.7"' in init_configuration(seen)
