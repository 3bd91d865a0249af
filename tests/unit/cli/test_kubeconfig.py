"""The kubeconfig on its way home: after `apply`, and when it is asked for; what is told of it is not believed."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from provisioner.core.command import Command, Result
from provisioner.engine import loop
from provisioner.engine.session import Session
from provisioner.errors import UnreachableError
from provisioner.resources.kubeadm import ADMIN_CONF
from tests import builders
from tests.fake.transport import FakeTransport
from tests.fake.world import World
from tests.unit.cli.conftest import GOOD, Call, write
from tests.unit.kubeconfig.given import admin_conf, client, other_ca


class Told:
    """What cp1 answers when its admin.conf is asked for, and how often it was."""

    def __init__(self) -> None:
        self.config: dict[str, Any] = admin_conf(client(days=4000))
        self.asked = 0


@pytest.fixture
def told(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Told:
    """Simulated machines behind the command line, one of which tells an admin.conf of ours."""
    write("inventory.yaml", GOOD.replace("nowhere-bundle", "auto"))
    monkeypatch.setenv("HOME", str(tmp_path))
    made, answer = World(builders.cluster()), Told()
    apply, run = loop.apply, FakeTransport.run

    @contextmanager
    def session(*arguments: object, **more: object) -> Iterator[Session]:
        yield made.begin()

    def read(self: FakeTransport, commands: list[Command], **options: Any) -> tuple[Result, ...]:
        if [command.argv for command in commands] != [("cat", ADMIN_CONF)]:
            return run(self, commands, **options)
        answer.asked += 1
        self.open()
        return (Result(0, yaml.safe_dump(answer.config)),)

    monkeypatch.setattr(FakeTransport, "run", read)
    for place in ("provisioner.cli.work.open_session", "provisioner.cli.reading.open_session"):
        monkeypatch.setattr(place, session)
    monkeypatch.setattr("provisioner.cli.reading.load_cluster", lambda *_: made.desired, raising=False)
    monkeypatch.setattr("provisioner.cli.cluster.load_cluster", lambda *_, **more: made.desired)
    monkeypatch.setattr(
        "provisioner.engine.loop.apply", lambda run, view, ground, agreed: apply(run, view, made, agreed)
    )
    return answer


@pytest.fixture
def home(told: Told, tmp_path: Path) -> Path:
    return tmp_path / ".kube" / "test.yaml"


def test_apply_brings_it_home_once(call: Call, told: Told, home: Path) -> None:
    said = call("apply")
    assert (said.code, f"kubeconfig: {home}" in said.out) == (0, True)
    assert stat.S_IMODE(home.stat().st_mode) == 0o600
    assert yaml.safe_load(home.read_text())["clusters"][0]["cluster"]["server"] == "https://10.0.0.11:6443"
    again = call("apply")
    assert (again.code, told.asked) == (0, 1), "a run with nothing to do costs no further round trip"
    assert "kubeconfig" not in again.out


def test_a_program_in_it_fails_the_run_and_the_report_comes_all_the_same(call: Call, told: Told, home: Path) -> None:
    told.config["users"][0]["user"]["exec"] = {"command": "sh", "args": ["-c", "touch was-run"]}
    said = call("apply")
    assert said.code == 5
    assert f"cp1: {ADMIN_CONF} is not used: users[0].user.exec is not allowed" in said.err
    assert "kubeadm init phase kubeconfig admin --control-plane-endpoint 10.0.0.11:6443" in said.err
    assert not home.exists()
    assert json.loads(call("apply", "--json").out.splitlines()[-1])["result"] == "failed"


def test_a_control_plane_that_is_lost_then_is_named_in_the_report(
    call: Call, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*arguments: object) -> None:
        raise UnreachableError("cp1: the connection was lost")

    monkeypatch.setattr("provisioner.kubeconfig.fetch", lost)
    said = call("apply", "--json")
    assert said.code == 4
    assert json.loads(said.out.splitlines()[-1])["result"] == "failed"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (yaml.safe_dump({"clusters": [{"name": "work", "cluster": {}}]}), "has other clusters in it"),
        ("- x\n", "is not a kubeconfig"),
    ],
    ids=["others", "no kubeconfig"],
)
def test_a_file_that_is_in_the_way_is_a_warning(call: Call, told: Told, home: Path, text: str, words: str) -> None:
    home.parent.mkdir()
    home.write_text(text)
    said = call("apply")
    assert said.code == 0
    assert "warning the kubeconfig was not written" in said.out
    assert words in said.out
    assert "-o FILE" in said.out
    assert home.read_text() == text


def test_a_user_without_a_home_is_told(call: Call, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    said = call("apply")
    assert said.code == 0
    assert "the kubeconfig was not written: this user has no home directory" in said.out
    assert call("kubeconfig", "--merge").code == 2
    assert call("kubeconfig", "-o", "x").code == 0


def test_the_cluster_was_recreated_under_its_old_name(call: Call, told: Told, home: Path) -> None:
    """A user who has reset it on purpose is told how to go on; both are shown."""
    call("apply")
    config = yaml.safe_load(home.read_text())
    config["clusters"][0]["cluster"] = admin_conf(ca=other_ca())["clusters"][0]["cluster"]
    home.write_text(yaml.safe_dump(config))
    said = call("apply")
    assert said.code == 0
    assert "cluster test exists" in said.out
    assert "cluster test to be written" in said.out
    assert f"mv {home} {home}.old" in said.out


def test_it_is_written_where_it_is_asked_for(call: Call, told: Told, tmp_path: Path) -> None:
    call("apply")
    said = call("kubeconfig", "-o", "my config")
    assert said.code == 0
    assert "written to my config; try: kubectl --kubeconfig 'my config' get nodes" in said.out
    again = call("kubeconfig", "-o", "my config")
    assert "nothing has changed in my config" in again.out


def test_it_is_printed(call: Call, told: Told) -> None:
    call("apply")
    said = call("kubeconfig", "-o", "-")
    assert yaml.safe_load(said.out)["current-context"] == "test"


def test_merging_says_what_else_it_changes(call: Call, told: Told, tmp_path: Path) -> None:
    call("apply")
    config = tmp_path / ".kube" / "config"
    config.write_text(yaml.safe_dump({"clusters": [{"name": "work", "cluster": {}}], "current-context": "work"}))
    said = call("kubeconfig", "--merge")
    assert said.code == 0
    assert "its current context is test now" in said.out
    assert yaml.safe_load(Path(f"{config}.bak").read_text())["current-context"] == "work"


@pytest.mark.parametrize("target", ["/dev/null", "."])
def test_what_is_no_file_is_refused(call: Call, told: Told, target: str) -> None:
    call("apply")
    said = call("kubeconfig", "-o", target)
    assert said.code == 2
    assert "is not a file" in said.err


def test_a_stranger_s_server_is_refused_with_the_expected_one(call: Call, told: Told) -> None:
    call("apply")
    told.config["clusters"][0]["cluster"]["server"] = "https://10.6.6.6:6443"
    said = call("kubeconfig", "-o", "x")
    assert said.code == 5
    assert '"https://10.6.6.6:6443", and https://10.0.0.11:6443 is expected' in said.err
    assert not Path("x").exists()
