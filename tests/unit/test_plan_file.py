"""A plan as a file: what stands in it, who may read it, and what is refused with which words."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from provisioner.core.command import shell
from provisioner.core.plan import Plan, PlayPlan, Step
from provisioner.core.resource import Change
from provisioner.engine import plan_file
from provisioner.engine.plan_file import PlanFile, load, of, require_unchanged, save
from provisioner.engine.selection import Selection
from provisioner.errors import PreflightError, UsageError
from provisioner.inventory.values import Secret
from provisioner.procedures.bring_up import BRING_UP
from provisioner.resources.files import File
from provisioner.world.derived import ca_fingerprint
from provisioner.world.view import View
from tests import builders
from tests.builders import changed, cluster, host, ok
from tests.conftest import Golden, Tally
from tests.unit.kubeconfig.given import other_ca

PLANTED = "planted-secret-0123456789"
SECRET_FILE = File("/etc/secret", Secret(PLANTED, "a password"), mode=0o600).diff(ok("absent\n"), set())
assert SECRET_FILE
PLAN = Plan((
    PlayPlan("machine", (
        Step("w1", "file /etc/motd", Change("create /etc/motd (0644)", (shell(":"),), "+hello\n")),
        Step("w1", "file /etc/secret", SECRET_FILE),
    )),
    PlayPlan("container runtime", ()),
    PlayPlan("workers", (Step("w1", "kubeadm join", Change("kubeadm join", waits_for="the CA's hash")),)),
))  # fmt: skip


def made(view: View | None = None) -> PlanFile:
    return of(PLAN, view or builders.view(), BRING_UP, Selection("w1", only=("machine", "workers")))


def problems(view: View, file: PlanFile) -> dict[str, str]:
    with pytest.raises(PreflightError) as error:
        require_unchanged(file, view.cluster, view.materials.bundle)
    assert error.value.message.startswith("the plan of 2027-01-15 08:00 UTC")
    assert "plan -o" in error.value.hint
    return {problem.where: problem.message for problem in error.value.problems}


def test_the_file(golden: Golden) -> None:
    told: dict[str, Any] = json.loads(made().model_dump_json())
    sums = told.pop("made_of")
    assert {len(value) for value in sums.values()} == {64}
    assert {"cluster.name", "cluster.runtime", "cluster.network"} <= sums.keys()
    parts = sorted(name for name in sums if not name.startswith("cluster."))
    shown = {**told, "program": "VERSION", "made_of": parts}
    golden("plan-file.json", json.dumps(shown, indent=2) + "\n")


def test_what_is_saved_is_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.plan"
    save(path, made())
    read = load(path)
    assert read == made()
    assert read.selection == Selection("w1", only=("machine", "workers"))
    assert [(play.title, [step.key for step in play.steps]) for play in read.plan.plays] == [
        ("machine", ["file /etc/motd", "file /etc/secret"]),
        ("workers", ["kubeadm join"]),
    ]
    assert read.plan.steps[0].change == Change("create /etc/motd (0644)", (), "+hello\n")


def test_it_is_for_its_owner_alone_and_holds_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "a.plan"
    path.write_text("old")
    path.chmod(0o644)
    save(path, made())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PLANTED not in path.read_text()
    assert builders.TOKEN.partition(".")[2] not in path.read_text()
    assert "content not shown" in path.read_text()
    assert [file.name for file in tmp_path.iterdir()] == ["a.plan"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="the plan cannot be written"):
        save(tmp_path / "file" / "a.plan", made())


def test_nothing_has_changed() -> None:
    view = builders.view()
    require_unchanged(made(view), view.cluster, view.materials.bundle)


def test_a_changed_setting_is_named() -> None:
    view = builders.view(cluster(runtime={"log_max_size": "50m"}))
    assert problems(view, made()) == {"cluster.runtime": "has changed"}


def test_changed_added_and_removed_machines_are_named() -> None:
    hosts = (host("cp1", "10.0.0.11"), host("w1", "10.0.0.29"), host("w3", "10.0.0.23"))
    assert problems(builders.view(cluster(*hosts)), made()) == {
        "host w1": "has changed",
        "host w2": "is no longer in the inventory",
        "host w3": "was not in the inventory then",
    }


def test_another_bundle_is_named() -> None:
    view = builders.view()
    assert problems(changed(view, bundle=builders.bundle(missing="")), made()) == {"bundle": "has changed"}


def test_another_version_of_the_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    file = made()
    monkeypatch.setattr(plan_file, "__version__", "99.0.0")
    assert "99.0.0 now" in problems(builders.view(), file)["provisioner"]


def test_where_a_machine_keeps_its_files_is_not_what_was_agreed_on() -> None:
    ssh = {"known_hosts": "/elsewhere/known_hosts"}
    source = {"type": "bundle", "path": "/elsewhere/bundle"}
    hosts = [host.model_copy(update={"private_key_file": Path("/elsewhere/id")}) for host in cluster().hosts]
    there = cluster(*hosts, ssh=ssh, package_source=source)
    require_unchanged(made(), there.model_copy(update={"path": Path("/elsewhere/i.yaml")}), builders.bundle())


def text(**changes: Any) -> str:
    return json.dumps({**json.loads(made().model_dump_json()), **changes})


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        ("", "this is not a saved plan", "-i"),
        ("all:\n  vars: {}\n", "this is not a saved plan", "-i"),
        ("[]", "this is not a saved plan", "-i"),
        ('{"format": 1, "contents": []}', "this is not a saved plan", "-i"),
        (text()[:200], "not a complete one", "plan -o"),
        (text(format=1), 'format "1" of saved plans is not known', "0."),
        (text(steps=[{"play": "machine"}]), "is damaged: steps.0.host", "plan -o"),
        (text(limit=3), "is damaged: limit", "plan -o"),
        (text(more="x"), "is damaged: more", "plan -o"),
        (text(format="x" * 9999), 'xxx…" of saved plans is not known', "0."),
        (text(format=4, program={"\x1b[2J": "x" * 9999}), 'format "4" of saved', "made it"),
        (text(inventory="/\0"), "is damaged: inventory", "plan -o"),
        (text(cluster="\x1b[2J"), "is damaged: cluster", "plan -o"),
        (text(cluster="x" * 9999), "is damaged: cluster", "plan -o"),
        (text(cluster="\ud800"), "is damaged", "plan -o"),
        (text(made=10**400), "is damaged: made", "plan -o"),
        (text(made="9" * 99), "is damaged: made", "plan -o"),
        (text(made_of=[]), "is damaged: made_of", "plan -o"),
        (text(steps={}), "is damaged: steps", "plan -o"),
        (text(**{"\x1b[2J" * 999: 1}), "is damaged: \\x1b[2J", "plan -o"),
        ("[" * 100_000, "this is not a saved plan", "-i"),
        (text()[:-2] + ', "x": ' + "[" * 100_000, "this is not a saved plan", "-i"),
        (text()[:-2] + ', "x": ' + "9" * 10_000 + "}", "this is not a saved plan", "-i"),
        ("\0" * 100, "this is not a saved plan", "-i"),
    ],
    ids=lambda value: value if len(value) < 60 and value.isprintable() else "",
)
def test_what_is_no_plan_is_refused(content: str, message: str, hint: str, tmp_path: Path, tally: Tally) -> None:
    path = tmp_path / "a.plan"
    path.write_text(content)
    with pytest.raises(UsageError) as error:
        load(path)
    assert message in error.value.message
    assert str(path) in error.value.message
    assert hint in error.value.hint
    assert "\x1b" not in error.value.message + error.value.hint
    assert len(error.value.message + error.value.hint) < 700
    tally("hostile inputs tried", 1)


@pytest.mark.parametrize("cut", range(0, len(text()), 101))
def test_a_plan_that_is_cut_off_anywhere_is_refused(cut: int, tmp_path: Path, tally: Tally) -> None:
    path = tmp_path / "a.plan"
    path.write_text(text()[:cut])
    with pytest.raises(UsageError):
        load(path)
    tally("hostile inputs tried", 1)


def test_what_never_ends_is_no_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_file, "_MOST_BYTES", 1000)
    with pytest.raises(UsageError, match="not a saved plan"):
        load(Path("/dev/zero"))


def test_both_inventories_are_named_when_they_are_not_the_same(tmp_path: Path) -> None:
    other = cluster(name="production").model_copy(update={"path": Path("/production/hosts.yaml")})
    with pytest.raises(PreflightError) as error:
        require_unchanged(made(), other, builders.view().materials.bundle)
    assert "is for cluster test, inventory /inventory.yaml;" in error.value.message
    assert "cluster production, inventory /production/hosts.yaml is not the same" in error.value.message


def findings(view: View, file: PlanFile) -> list[str]:
    return [str(problem) for problem in plan_file.same_cluster(file, lambda view: (), view)]


def test_machines_that_carry_another_cluster_now_are_refused() -> None:
    file = made(builders.running())
    assert file.ca == ca_fingerprint(builders.CA)
    assert findings(builders.running(), file) == []
    (finding,) = findings(builders.running(live=builders.live(ca_certificate=other_ca())), file)
    assert finding.startswith("cp1: belongs to another cluster than the plan is for")
    assert ca_fingerprint(builders.CA) in finding
    assert ca_fingerprint(other_ca()) in finding


def test_a_plan_that_is_half_done_goes_on_with_the_cluster_that_it_has_made() -> None:
    """When it was made there was none yet; or there is none that answers now."""
    assert findings(builders.running(), made()) == []
    assert findings(builders.view(), made(builders.running())) == []


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the plan cannot be read: No such file") as error:
        load(tmp_path / "w1")
    assert "--limit" in error.value.hint
