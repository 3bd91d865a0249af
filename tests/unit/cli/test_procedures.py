"""What has to be agreed to before a procedure begins."""

from __future__ import annotations

import pytest
import typer

from provisioner.cli.procedures import require_agreed
from provisioner.errors import UsageError
from provisioner.plays.procedure import Procedure
from tests.builders import cluster, host

CLUSTER = cluster(host("cp1", "10.0.0.11"), name="shop")
QUIET = Procedure("quiet", (), lambda view: ())
LOUD = Procedure("loud", (), lambda view: (), confirm="Nodes are drained.")
LAST_RESORT = Procedure("last resort", (), lambda view: (), confirm="Data is lost.", needs_quorum=False)


def answering(monkeypatch: pytest.MonkeyPatch, answer: str | bool) -> list[str]:
    asked: list[str] = []

    def ask(text: str) -> str | bool:
        asked.append(text)
        return answer

    for name in ("confirm", "prompt"):
        monkeypatch.setattr(typer, name, ask)
    return asked


@pytest.mark.parametrize("procedure", [LOUD, LAST_RESORT])
def test_what_nobody_can_be_asked_about_needs_yes(procedure: Procedure) -> None:
    require_agreed(procedure, CLUSTER, yes=True, may_ask=False)
    with pytest.raises(UsageError, match="nothing was changed") as error:
        require_agreed(procedure, CLUSTER, yes=False, may_ask=False)
    assert "--yes" in error.value.hint


def test_what_needs_no_agreement_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, False)
    require_agreed(QUIET, CLUSTER, yes=False, may_ask=True)
    assert asked == []


def test_a_question_says_what_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, True)
    require_agreed(LOUD, CLUSTER, yes=False, may_ask=True)
    assert asked == ["Nodes are drained. Continue?"]
    answering(monkeypatch, False)
    with pytest.raises(UsageError):
        require_agreed(LOUD, CLUSTER, yes=False, may_ask=True)


@pytest.mark.parametrize(("answer", "is_agreed"), [("shop", True), ("yes", False), ("y", False), ("", False)])
def test_on_a_cluster_without_a_quorum_its_name_is_typed(
    monkeypatch: pytest.MonkeyPatch, answer: str, is_agreed: bool
) -> None:
    asked = answering(monkeypatch, answer)
    try:
        require_agreed(LAST_RESORT, CLUSTER, yes=False, may_ask=True)
        agreed = True
    except UsageError:
        agreed = False
    assert agreed is is_agreed
    assert asked == ["Data is lost. To continue, type the cluster's name (shop)"]
