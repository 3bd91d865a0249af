"""`apply FILE` and the choice of plays on the command line, before any machine is spoken to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from provisioner.core.plan import Plan
from provisioner.engine.plan_file import load as load_plan
from provisioner.engine.plan_file import of, save
from provisioner.engine.selection import Selection
from provisioner.inventory.loader import load
from provisioner.procedures.bring_up import BRING_UP
from provisioner.world.view import View
from tests import builders
from tests.fake.world import World
from tests.unit.cli.conftest import GOOD, Call, write


@pytest.fixture
def saved(call: Call) -> str:
    """A plan of `good.yaml`, whose bundle is there."""
    Path("nowhere-bundle").mkdir()
    write("nowhere-bundle/bundle.json", builders.bundle().manifest.model_dump_json())
    view = builders.changed(View(load(Path(write("good.yaml", GOOD)))), bundle=builders.bundle(), now_s=builders.NOW_S)
    save(Path("a.plan"), of(Plan(()), view, BRING_UP, Selection()))
    return "a.plan"


def test_an_inventory_is_not_a_plan(call: Call) -> None:
    said = call("apply", write("good.yaml", GOOD))
    assert said.code == 2
    assert "good.yaml: this is not a saved plan" in said.err
    assert "named with -i" in said.err


def test_a_procedure_that_is_not_known_is_named_before_anything_is_done(call: Call, saved: str) -> None:
    text = Path(saved).read_text()
    write("odd.plan", text.replace('"procedure": "apply"', '"procedure": "dance"'))
    said = call("apply", "odd.plan")
    assert said.code == 2
    assert "odd.plan: there is no procedure dance" in said.err
    assert "The procedures are: apply, network replace." in said.err


@pytest.mark.parametrize("option", ["--limit=w1", "--only=machine", "--skip=nodes"])
def test_what_a_saved_plan_does_is_decided(call: Call, saved: str, option: str) -> None:
    said = call("apply", saved, option)
    assert said.code == 2
    assert "cannot change a saved plan" in said.err


def test_the_inventory_of_the_plan_is_used_and_a_change_of_it_named(
    call: Call, saved: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the environment names another one, and whatever the current directory is."""
    monkeypatch.setenv("PROVISIONER_INVENTORY", write("other.yaml", "all: {}"))
    write("good.yaml", GOOD.replace("192.0.2.2", "192.0.2.3"))
    Path("deeper").mkdir()
    monkeypatch.chdir("deeper")
    said = call("apply", f"../{saved}")
    assert said.code == 3
    assert "host w1: has changed" in said.err
    assert "nothing was changed" in said.err
    assert len(said.err.splitlines()) < 10


def test_an_inventory_that_is_named_is_held_against_the_plan(call: Call, saved: str) -> None:
    other = write("other.yaml", GOOD.replace("w1:", "w9:"))
    said = call("apply", saved, "-i", other)
    assert said.code == 3
    assert "host w1: is no longer in the inventory" in said.err
    assert "host w9: was not in the inventory then" in said.err
    assert re.search(r"the plan of .* is for cluster kubernetes, inventory .*/good.yaml;", said.err)
    assert re.search(r"cluster kubernetes, inventory .*/other.yaml is not the same", said.err)
    assert re.search(r"^a.plan: the plan of .* for cluster kubernetes, inventory .*/good.yaml$", said.out, re.MULTILINE)


def test_a_program_that_a_plan_names_is_not_run(call: Call, saved: str) -> None:
    write("good.yaml", "#!/bin/sh\ntouch was-run\n")
    Path("good.yaml").chmod(0o755)
    said = call("apply", saved)
    assert said.code == 2
    assert "is a program or a directory" in said.err
    assert "-i /" in said.err
    assert not Path("was-run").exists()


def test_another_bundle_is_named(call: Call, saved: str) -> None:
    write("nowhere-bundle/bundle.json", builders.bundle(missing="").manifest.model_dump_json())
    said = call("apply", saved)
    assert said.code == 3
    assert "bundle: has changed" in said.err


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_play_that_is_unknown(call: Call, saved: str, command: str) -> None:
    said = call(command, "-i", "good.yaml", "--only", "container-runtme")
    assert said.code == 2
    assert "--only container-runtme: there is no such play" in said.err
    assert "Did you mean container-runtime?" in said.err


@pytest.fixture
def world(call: Call, monkeypatch: pytest.MonkeyPatch) -> World:
    """Simulated machines behind `provisioner plan`."""
    write("inventory.yaml", GOOD.replace("nowhere-bundle", "auto"))
    made = World(builders.cluster())
    monkeypatch.setattr("provisioner.cli.work.plan", lambda *arguments: made.plan())
    return made


def test_a_plan_is_saved_and_says_what_to_do_with_it(call: Call, world: World) -> None:
    said = call("plan", "-o", "my plan")
    assert said.code == 0
    assert "saved for cluster test, inventory /inventory.yaml; to apply it: provisioner apply 'my plan'" in said.out
    assert len(load_plan(Path("my plan")).steps) == len(world.plan().plan.steps)


def test_a_device_is_no_place_for_a_plan(call: Call, world: World) -> None:
    said = call("plan", "-o", "/dev/null")
    assert said.code == 2
    assert "/dev/null: the plan cannot be written: it is not a regular file" in said.err
    assert Path("/dev/null").is_char_device()


def test_a_plan_that_failed_is_not_saved(call: Call, world: World) -> None:
    world.machines["w2"].up = False
    said = call("plan", "-o", "a.plan")
    assert said.code == 4
    assert not Path("a.plan").exists()


def test_a_plan_says_how_to_see_its_diffs_where_there_are_some(call: Call, world: World) -> None:
    assert call("plan").out.endswith("-v shows the diffs.\n")
    assert "-v shows" not in call("plan", "-v").out
    assert "-v shows" not in call("plan", "--json").out
    world.apply()
    assert "-v shows" not in call("plan").out
