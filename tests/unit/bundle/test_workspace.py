from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner.bundle.common.workspace import Stage, Work, finish, mounts_below, only_one
from provisioner.bundle.debian.recipe import Recipe
from provisioner.bundle.debian.stages import stages
from provisioner.core.report import Event, StepBegan, StepEnded, ignore
from provisioner.errors import LockHeldError, UsageError


class PowerCutError(BaseException):
    """Nothing catches this."""


def writing(text: str) -> Callable[[Work], None]:
    def make(work: Work) -> None:
        (work.into / "result").write_text(text)

    return make


def test_a_finished_stage_is_not_made_again(tmp_path: Path) -> None:
    made = finish(Stage("one", "make one", writing("first")), tmp_path, ignore)
    again = finish(Stage("one", "make one", writing("second")), tmp_path, ignore)
    assert made == again
    assert (again / "result").read_text() == "first"


def test_a_killed_stage_leaves_no_result_and_begins_again(tmp_path: Path) -> None:
    def killed(work: Work) -> None:
        (work.into / "half").write_text("x")
        (work.kept / "cache").write_text("warm")
        raise PowerCutError

    with pytest.raises(PowerCutError):
        finish(Stage("one", "make one", killed), tmp_path, ignore)
    made = finish(Stage("one", "make one", writing("whole")), tmp_path, ignore)
    assert [path.name for path in made.iterdir()] == ["result"]
    assert (tmp_path / "kept/cache").read_text() == "warm"
    assert not list(tmp_path.glob("*.part"))


def test_a_stage_sees_what_it_needs(tmp_path: Path) -> None:
    first = Stage("first", "make first", writing("1"))

    def copy(work: Work) -> None:
        (work.into / "copy").write_text((work.done["first"] / "result").read_text() + "2")

    finish(first, tmp_path, ignore)
    assert (finish(Stage("second", "", copy, needs=(first,)), tmp_path, ignore) / "copy").read_text() == "12"


def test_progress_is_told_once(tmp_path: Path) -> None:
    events: list[Event] = []
    stage = Stage("one", "make one", writing("x"))
    finish(stage, tmp_path, events.append)
    finish(stage, tmp_path, events.append)
    assert [type(event) for event in events] == [StepBegan, StepEnded]


def test_the_second_build_is_told_who_works(tmp_path: Path) -> None:
    with (
        only_one(tmp_path),
        pytest.raises(LockHeldError, match=r"process \d+ since ") as caught,
        only_one(tmp_path),
    ):
        pytest.fail("two builds at once")
    assert caught.value.exit_code == 7
    with only_one(tmp_path):
        pass


def keys(recipe: Recipe) -> dict[str, str]:
    return {stage.name: stage.key for stage in stages(recipe)}


def test_another_patch_release_reuses_root_and_source() -> None:
    one, two = keys(Recipe("1.20.2")), keys(Recipe("1.20.3"))
    assert {name for name in one if one[name] == two.get(name)} == {"root", "source"}


def test_keys_depend_on_the_recipe_alone() -> None:
    assert keys(Recipe()) == keys(Recipe())
    assert not set(keys(Recipe()).values()) & set(keys(Recipe(architecture="arm64")).values())


def test_stages_are_in_order() -> None:
    seen: set[str] = set()
    for stage in stages(Recipe()):
        assert {needed.name for needed in stage.needs} <= seen
        seen.add(stage.name)


@pytest.mark.parametrize("version", ["1.19.11", "1.21.0", "v1.20.2", "1.20", "1.20.2-rc.1", "", "1.20.2; rm"])
def test_versions_the_source_cannot_give(version: str) -> None:
    with pytest.raises(UsageError, match="cannot be built") as caught:
        Recipe(version)
    assert "1.20.2" in caught.value.hint


def test_mounts_are_found_innermost_first() -> None:
    mountinfo = (
        "22 1 8:1 / / rw - ext4 /dev/a rw\n"
        "23 22 0:5 / /cache/root/proc rw - proc proc rw\n"
        "24 22 0:5 / /cache/root/build/my\\040source rw - ext4 /dev/a rw\n"
        "25 23 0:5 / /cache/root/proc/sys rw - proc proc rw\n"
        "26 22 0:5 / /cache/root-2/proc rw - proc proc rw\n"
    )
    assert mounts_below(Path("/cache/root"), mountinfo) == [
        "/cache/root/proc/sys",
        "/cache/root/proc",
        "/cache/root/build/my source",
    ]
