"""The fold of wants and what was seen into steps."""

from __future__ import annotations

from provisioner.core.plan import Plan, PlayPlan, fold
from provisioner.core.resource import Later, text_diff
from provisioner.resources.files import File
from provisioner.resources.services import Service
from tests.builders import ok

SETTINGS = File("/etc/app.conf", "new\n")
APP = Service("app.service", configuration=("/etc/app.conf",))
RUNS = "ActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=no\nstarted=100.0\nnewest=50.000 /etc/app.conf\n"


def summaries(seen_file: str, changed: set[str]) -> list[str]:
    seen = {SETTINGS.key: ok(seen_file), APP.key: ok(RUNS)}
    return [step.change.summary for step in fold("w1", (SETTINGS, APP), seen, changed)]


def test_nothing_to_do_is_no_step() -> None:
    assert summaries("644 root:root\nnew\n", set()) == []


def test_a_changed_file_makes_the_service_below_it_restart() -> None:
    assert summaries("644 root:root\nold\n", set()) == [
        "change /etc/app.conf",
        "restart app.service (/etc/app.conf is newer)",
    ]


def test_what_an_earlier_play_changes_is_followed_too() -> None:
    assert summaries("644 root:root\nnew\n", {"file /etc/app.conf"}) == ["restart app.service (/etc/app.conf is newer)"]


def test_what_changes_is_known_to_what_follows() -> None:
    changed: set[str] = set()
    summaries("absent\n", changed)
    assert changed == {"file /etc/app.conf", "service app.service"}


def test_what_is_not_known_yet_stands_in_the_plan_without_commands() -> None:
    later = Later("kubeadm join", "kubeadm join", "the CA's hash")
    (step,) = fold("w1", (later,), {later.key: ok()}, set())
    assert (step.subject, step.change.commands, step.change.waits_for) == ("w1", (), "the CA's hash")


def test_a_plan_has_the_steps_of_its_plays_in_order() -> None:
    first, second = (fold("w1", (File(path, ""),), {f"file {path}": ok("absent\n")}, set()) for path in ("/a", "/b"))
    plan = Plan((PlayPlan("one", first), PlayPlan("two", second)))
    assert [step.key for step in plan.steps] == ["file /a", "file /b"]


def test_equal_texts_have_no_diff() -> None:
    assert text_diff("a\n", "a\n", "x") == ""


def test_a_diff_ends_its_lines_even_where_the_texts_do_not() -> None:
    assert text_diff("a", "b", "x") == "--- x (now)\n+++ x (desired)\n@@ -1 +1 @@\n-a\n+b\n"
