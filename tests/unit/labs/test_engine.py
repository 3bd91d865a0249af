"""Where no engine answers and none can be started, the error says what to do; nothing is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner import paths
from provisioner.core.report import Event, Note
from provisioner.errors import LabError
from provisioner.labs import daemon, engine, packages, state


@pytest.fixture(autouse=True)
def _no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without an engine, without the right to become root, where running anything is a failure."""
    monkeypatch.setenv(paths.STATE_VARIABLE, str(tmp_path / "state"))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(engine, "reachable", lambda: None)
    monkeypatch.setattr(engine, "SOCKET", tmp_path / "no.sock")
    monkeypatch.setattr(engine, "installed", lambda: False)
    monkeypatch.setattr(packages, "has_apt", lambda: True)
    monkeypatch.setattr(packages, "root_prefix", lambda: None)
    monkeypatch.setattr(packages, "missing_packages", tuple)
    monkeypatch.setattr(packages, "run", lambda *_, **__: pytest.fail("something was run"))


def test_docker_host_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(LabError, match="no Docker Engine answers") as caught:
        engine.ensure(lambda event: None)
    assert "tcp://127.0.0.1:1" in caught.value.message
    assert "DOCKER_HOST" in caught.value.hint


def test_without_apt_the_way_to_an_engine_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "has_apt", lambda: False)
    with pytest.raises(LabError) as caught:
        engine.ensure(lambda event: None)
    assert "Docker Desktop" in caught.value.hint


def test_without_the_right_to_install_packages_are_named_for_an_administrator() -> None:
    events: list[Event] = []
    with pytest.raises(LabError, match="you are not root") as caught:
        engine.ensure(events.append)
    assert "apt-get install docker.io" in caught.value.hint
    assert any(isinstance(event, Note) and "docker.io" in event.text for event in events)
    assert caught.value.exit_code == 3


def test_an_installed_engine_that_may_not_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "installed", lambda: True)
    with pytest.raises(LabError, match="not allowed to start it") as caught:
        engine.ensure(lambda event: None)
    assert "systemctl start docker" in caught.value.hint


def test_an_engine_that_refuses_this_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "installed", lambda: True)
    monkeypatch.setattr(engine, "_refuses_us", lambda: True)
    with pytest.raises(LabError, match="not allowed to use") as caught:
        engine.ensure(lambda event: None)
    assert "usermod -aG docker" in caught.value.hint


def test_a_refusal_leaves_no_state(tmp_path: Path) -> None:
    with pytest.raises(LabError):
        engine.ensure(lambda event: None)
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("content", ["", "none", "1", "999999999"])
def test_a_process_id_that_is_not_our_engine_is_left_alone(content: str) -> None:
    home = state.engine_directory()
    home.mkdir(parents=True)
    (home / "dockerd.pid").write_text(content)
    assert daemon.started_by_us() is None
    assert not engine.stop_engine(lambda event: None)


def test_an_engine_is_not_stopped_under_a_lab_that_is_being_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "started_by_us", lambda: 1)
    monkeypatch.setattr(daemon, "stop", lambda pid: pytest.fail("it was stopped"))
    with state.locked(state.directory("coming")):
        assert not engine.stop_engine(lambda event: None)


def test_an_engine_is_stopped_when_no_lab_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[int] = []
    monkeypatch.setattr(daemon, "started_by_us", lambda: 1)
    monkeypatch.setattr(daemon, "stop", stopped.append)
    assert engine.stop_engine(lambda event: None)
    assert stopped == [1]
