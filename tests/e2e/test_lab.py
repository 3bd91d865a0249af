"""The container lab for real: machines that can be worked on like servers, and nothing left when they go."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import docker
import pytest
from docker.errors import ImageNotFound

from provisioner import paths, templating
from provisioner.bundle.common import mirror
from provisioner.core.report import Event, Outcome, StepEnded, ignore
from provisioner.errors import BuildError, LabError
from provisioner.labs import container, daemon, engine, image, machines, network, state
from provisioner.labs.container import Lab
from provisioner.labs.rights import LABEL
from provisioner.labs.spec import LabSpec
from tests.patience import LONGEST_S

pytestmark = pytest.mark.e2e

NAME = "e2e-lab"
SPEC = LabSpec(name=NAME)


@pytest.fixture(scope="module", autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The labs of these tests are not among the user's labs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(paths.STATE_VARIABLE, str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="module")
def client(_own_state: None) -> Iterator[docker.DockerClient]:
    with closing(engine.ensure(ignore)) as one:
        yield one


@pytest.fixture(scope="module")
def lab(client: docker.DockerClient) -> Iterator[Lab]:
    container.down(NAME, ignore)
    yield container.up(SPEC, ignore)
    container.down(NAME, ignore)


@pytest.fixture
def other(client: docker.DockerClient) -> Iterator[str]:
    """The name of a second lab, which is gone before and after."""
    name = f"{NAME}-two"
    container.down(name, ignore)
    yield name
    container.down(name, ignore)


def ssh(name: str, machine: str, command: str) -> subprocess.CompletedProcess[str]:
    argv = [*container.ssh_command(name, machine), command]
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def output(name: str, machine: str, command: str) -> str:
    done = ssh(name, machine, command)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def leftovers(client: docker.DockerClient, name: str) -> list[str]:
    """What the engine and the state directory hold of a lab."""
    filters = {"label": f"{LABEL}={name}"}
    found = [str(one.name) for one in client.containers.list(all=True, filters=filters)]
    found += [str(one.name) for one in client.networks.list(filters=filters)]
    return found + [str(path) for path in [state.directory(name)] if path.exists()]


def volumes(client: docker.DockerClient, name: str) -> set[str]:
    mounts = [mount for one in machines.find(client, name).values() for mount in one.attrs["Mounts"]]
    return {mount["Name"] for mount in mounts if mount["Type"] == "volume"}


def changes(events: list[Event]) -> list[str]:
    ended = [event for event in events if isinstance(event, StepEnded)]
    return [f"{event.host}: {event.title}" for event in ended if event.outcome is not Outcome.OK]


def test_the_machines_are_fresh_servers(lab: Lab) -> None:
    for one in lab.machines:
        assert output(NAME, one.name, "hostname; sudo --non-interactive id -u").split() == [one.name, "0"]
        assert output(NAME, one.name, "hostname -I").split() == [str(one.address)]
        assert output(NAME, one.name, "systemctl is-system-running") == "running"
        assert output(NAME, one.name, "cat /etc/apt/sources.list; ls /etc/apt/sources.list.d") == ""
        assert ssh(NAME, one.name, "command -v python3 docker containerd kubeadm").stdout == ""


@pytest.mark.parametrize("path", ["/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key.pub"])
def test_no_two_machines_share_an_identity(lab: Lab, path: str) -> None:
    assert len({output(NAME, one.name, f"cat {path}") for one in lab.machines}) == len(lab.machines)


def test_services_look_in_usr_local_first(lab: Lab) -> None:
    environment = output(NAME, "cp1", "systemctl show-environment")
    assert "PATH=/usr/local/sbin:/usr/local/bin:" in environment


def test_root_and_passwords_are_refused(lab: Lab) -> None:
    argv = container.ssh_command(NAME, "cp1")
    argv = [*argv[:-1], "-o", "BatchMode=yes", argv[-1].replace("admin@", "root@"), "true"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 255
    assert "Permission denied (publickey)" in done.stderr


def test_pods_of_one_machine_reach_those_of_another(lab: Lab) -> None:
    """With addresses that only a route knows, as the bridge network plug-in makes them."""
    addresses = {one.name: str(one.address) for one in lab.machines}
    for here, there, mine, theirs in (("w1", "w2", 1, 2), ("w2", "w1", 2, 1)):
        route = f"sudo ip route replace 10.244.{theirs}.0/24 via {addresses[there]}"
        output(NAME, here, f"sudo ip address replace 10.244.{mine}.1/32 dev lo && {route}")
    output(NAME, "w1", "ping -c 2 -W 2 -I 10.244.1.1 10.244.2.1")


def test_a_second_up_changes_nothing(lab: Lab) -> None:
    events: list[Event] = []
    assert container.up(SPEC, events.append) == lab
    assert changes(events) == []


def test_a_machine_survives_a_power_cut(lab: Lab, client: docker.DockerClient) -> None:
    before = output(NAME, "w1", "cat /etc/machine-id; hostname -I; sudo touch /var/lib/kubelet/kept")
    known = (lab.inventory.parent / state.KNOWN_HOSTS).read_text()
    machines.find(client, NAME)["w1"].kill()
    assert {one.name: one.state for one in container.status(NAME)}["w1"] == "exited"

    events: list[Event] = []
    container.up(SPEC, events.append)
    assert changes(events) == ["w1: boot"]
    assert output(NAME, "w1", "cat /etc/machine-id; hostname -I; sudo ls /var/lib/kubelet/kept").startswith(before)
    assert (lab.inventory.parent / state.KNOWN_HOSTS).read_text() == known


def test_a_halted_lab_is_resumed_as_it_was(lab: Lab) -> None:
    before = output(NAME, "w1", "cat /etc/machine-id; hostname -I; sudo touch /var/lib/kubelet/halted")
    container.halt(NAME, ignore)
    assert {one.state for one in container.status(NAME)} == {"exited"}
    container.halt(NAME, ignore)
    assert container.resume(NAME, ignore) == lab
    after = output(NAME, "w1", "cat /etc/machine-id; hostname -I; sudo ls /var/lib/kubelet/halted")
    assert after.startswith(before)


def test_a_lab_that_is_not_there_is_neither_halted_nor_resumed(client: docker.DockerClient, other: str) -> None:
    for call in (container.halt, container.resume):
        with pytest.raises(LabError, match=f"there is no lab {other}"):
            call(other, ignore)
    assert leftovers(client, other) == []


def test_a_restarted_machine_boots_again(lab: Lab, client: docker.DockerClient) -> None:
    machines.find(client, NAME)["w2"].restart()
    container.up(SPEC, ignore)
    assert output(NAME, "w2", "systemctl is-system-running") == "running"


def test_a_machine_removed_by_hand_is_recreated(lab: Lab, client: docker.DockerClient) -> None:
    identity = output(NAME, "w2", "cat /etc/machine-id")
    machines.remove(machines.find(client, NAME)["w2"])
    assert {one.name: one.state for one in container.status(NAME)}["w2"] == "missing"
    container.up(SPEC, ignore)
    assert output(NAME, "w2", "cat /etc/machine-id") != identity


def test_an_unknown_machine_is_named_with_those_that_exist(lab: Lab) -> None:
    with pytest.raises(LabError, match="cp1, w1, w2"):
        container.ssh_command(NAME, "w9")


def test_another_state_directory_does_not_take_the_lab_over(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(paths.STATE_VARIABLE, str(tmp_path / "state"))
    with pytest.raises(LabError, match="has no record of it"):
        container.up(SPEC, ignore)
    assert not state.directory(NAME).exists()


@pytest.mark.parametrize("from_host", [True, False], ids=["route of the host", "network of another lab"])
def test_a_taken_range_is_refused(
    lab: Lab, client: docker.DockerClient, other: str, from_host: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    existing = network.find(client, NAME)
    assert existing is not None
    if not from_host:
        monkeypatch.setattr(network, "ROUTES", Path("/nonexistent"))
    with pytest.raises(LabError, match="is taken"):
        container.up(LabSpec(name=other, subnet=network.subnet_of(existing)), ignore)
    assert leftovers(client, other) == []


def test_a_taken_port_is_refused(client: docker.DockerClient, other: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(LabError, match="already taken") as caught:
            container.up(LabSpec(name=other, workers=0, ssh_port=port), ignore)
    assert [problem.where for problem in caught.value.problems] == ["cp1"]
    assert leftovers(client, other) == []


def test_an_engine_that_does_not_answer_is_named(
    client: docker.DockerClient, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    with pytest.raises(LabError, match="no Docker Engine answers"):
        container.up(LabSpec(name=other), ignore)
    container.down(other, ignore)
    assert leftovers(client, other) == []


def test_a_mirror_that_does_not_answer_fails_the_image(client: docker.DockerClient) -> None:
    name = "provisioner-lab:e2e-mirror"
    with pytest.raises(BuildError) as caught:
        image.from_mirror(client, "bookworm", name, ignore, "http://127.0.0.1:9/debian")
    assert "mmdebstrap" in caught.value.message
    assert caught.value.details
    assert not image.exists(client, name)


def test_a_registry_that_does_not_answer_fails_the_image(client: docker.DockerClient) -> None:
    name = "provisioner-lab:e2e-registry"
    with pytest.raises(BuildError, match="building the image failed") as caught:
        image.from_registry(client, "bookworm", name, ignore, "127.0.0.1:9/debian:bookworm")
    assert caught.value.hint
    assert not image.exists(client, name)


MIRROR = mirror.address(Path("/etc"), "bookworm")
LISTING = "find / -xdev -path /run -prune -o -path /var/lib/apt/lists -prune -o -printf '%p %m %u %g %y %l\\n' | sort"


@pytest.mark.skipif(not MIRROR, reason="a base image is made here from the mirror of a Debian")
def test_a_registry_and_a_mirror_give_the_same_machine(client: docker.DockerClient, tmp_path: Path) -> None:
    """The base image stands in for a registry's `debian:bookworm`, which is made in the same way."""
    base, name = "provisioner-lab-base:e2e", "provisioner-lab:e2e-registry"
    archive = str(tmp_path / "base.tar")
    options = ["--variant=minbase", "--dpkgopt=force-unsafe-io"]
    subprocess.run(["mmdebstrap", *options, "bookworm", archive, str(MIRROR)], check=True, capture_output=True)
    client.api.import_image_from_file(archive, repository="provisioner-lab-base", tag="e2e")
    try:
        image.from_registry(client, "bookworm", name, ignore, base)
        ours = image.ensure(client, "bookworm", ignore)
        for command in ("dpkg-query --show", LISTING):
            assert _in_image(client, name, command) == _in_image(client, ours, command)
    finally:
        for made in (name, base):
            with suppress(ImageNotFound):
                client.images.remove(made)


def _in_image(client: docker.DockerClient, name: str, command: str) -> list[str]:
    shown = client.containers.run(name, ["/bin/sh", "-c", command], entrypoint="", remove=True)
    return bytes(shown).decode().splitlines()


def test_the_other_release_with_published_ports_and_limits(client: docker.DockerClient, other: str) -> None:
    spec = LabSpec(other, workers=0, release="trixie", memory_mib=1024, cpus=1.5, ssh_port=_free_port())
    lab = container.up(spec, ignore)
    assert lab.machines[0].ssh_host == "127.0.0.1"
    assert output(other, "cp1", "systemctl is-system-running; sudo id -u").split() == ["running", "0"]
    made = machines.find(client, other)["cp1"].attrs["HostConfig"]
    assert (made["Memory"], made["NanoCpus"]) == (1024 * 2**20, 1_500_000_000)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return min(int(listener.getsockname()[1]), 60000)


def test_it_grows(other: str) -> None:
    small = container.up(LabSpec(other, workers=0), ignore)
    events: list[Event] = []
    large = container.up(LabSpec(other, workers=1), events.append)
    assert set(small.machines) < set(large.machines)
    assert changes(events) == ["w1: boot"]
    assert "w1" in container.inventory(other)


UP = """
import sys
from provisioner.labs import container
def listen(event):
    print(type(event).__name__, getattr(event, "title", ""), flush=True)
container.up(container.LabSpec(name=sys.argv[1]), listen)
"""


@pytest.mark.parametrize(
    "moment", ["StepBegan network", "StepEnded network", "StepBegan boot", "Waiting", "StepEnded boot"]
)
def test_a_killed_up_is_continued_by_the_next(client: docker.DockerClient, other: str, moment: str) -> None:
    run = subprocess.Popen([sys.executable, "-c", UP, other], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    assert any(line.startswith(moment) for line in run.stdout)
    run.kill()
    assert run.wait(LONGEST_S) == -signal.SIGKILL
    run.stdout.close()

    lab = container.up(LabSpec(name=other), ignore)
    assert [one.state for one in lab.machines] == ["running"] * 3
    assert output(other, "w2", "hostname") == "w2"


def test_down_leaves_nothing_and_may_be_repeated(client: docker.DockerClient, other: str) -> None:
    container.up(LabSpec(name=other), ignore)
    made = volumes(client, other)
    assert len(made) == 3 * len(machines.VOLUMES)
    container.down(other, ignore)
    assert leftovers(client, other) == []
    assert made.isdisjoint(volume.name for volume in client.volumes.list())
    container.down(other, ignore)
    assert container.status(other) == ()


def test_down_needs_no_record(client: docker.DockerClient, other: str) -> None:
    container.up(LabSpec(name=other, workers=0), ignore)
    shutil.rmtree(state.directory(other))
    container.down(other, ignore)
    assert leftovers(client, other) == []


@pytest.mark.parametrize(
    "words", [["create", "--bundle", "{}", "id"], ["run", "--bundle={}", "id"], ["create", "-b", "{}"]]
)
def test_the_gentler_runc_asks_for_less(tmp_path: Path, words: list[str]) -> None:
    """A stand-in for runc shows what it was called with; the bundle shows what it would be asked for."""
    script = (templating.path("lab") / "runc.sh").read_text().replace("/usr/sbin/runc", str(tmp_path / "runc"))
    (tmp_path / "runc").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "runc").chmod(0o755)
    capabilities = ["CAP_SYS_RESOURCE", "CAP_KILL", "CAP_SYS_RESOURCE"]
    asked = {"process": {"oomScoreAdj": -998, "capabilities": {"bounding": capabilities, "ambient": capabilities[:1]}}}
    (tmp_path / "config.json").write_text(json.dumps(asked))
    argv = [word.format(tmp_path) for word in words]
    done = subprocess.run(["sh", "-c", script, "runc", *argv], capture_output=True, text=True, check=True)
    assert done.stdout.split() == argv
    left = json.loads((tmp_path / "config.json").read_text())["process"]
    assert left == {"oomScoreAdj": 0, "capabilities": {"bounding": ["CAP_KILL"], "ambient": []}}


def test_an_engine_started_here_is_known_by_its_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(paths.STATE_VARIABLE, str(tmp_path))
    pid_file = state.engine_directory() / "dockerd.pid"
    pid_file.parent.mkdir()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        pid_file.write_text(str(stranger.pid))
        assert daemon.started_by_us() is None
        stranger.kill()
    # It is asked once it has said a word: a process that has just begun has no command line for a moment.
    code = "import time; print('here', flush=True); time.sleep(60)"
    argv = [sys.executable, "-c", code, f"--pidfile={pid_file}"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as ours:
        assert ours.stdout
        ours.stdout.readline()
        pid_file.write_text(str(ours.pid))
        found = daemon.started_by_us()
        ours.kill()
    assert found == ours.pid
