"""Five hundred machines in one line of a terminal; all their names are in JSON and in the log."""

from __future__ import annotations

from provisioner.core.command import Result
from provisioner.core.names import some
from provisioner.errors import Problem
from provisioner.inventory.values import Secret
from provisioner.output import wording
from provisioner.resources.kubectl import JoinToken
from provisioner.resources.nodes import NodesReady

MANY = tuple(f"w{number}" for number in range(1, 501))


def test_a_few_are_all_named_and_many_are_counted() -> None:
    assert some([]) == ""
    assert some(MANY[:6]) == "w1, w2, w3, w4, w5, w6"
    assert some(MANY) == "w1, w2, w3, w4, w5, w6 and 494 more"


def test_steps_about_many_machines_are_one_line_and_their_diff_names_all() -> None:
    ready = NodesReady(MANY, frozenset()).diff(Result(0), set())
    secret = Secret("x", "join token")
    token = JoinToken(secret, secret, MANY).diff(Result(1), set())
    assert ready
    assert token
    assert ready.summary == "wait until w1, w2, w3, w4, w5, w6 and 494 more are Ready"
    assert "-w500 not Ready" in ready.diff
    assert token.summary == "make a join token for w1, w2, w3, w4, w5, w6 and 494 more"


def test_a_finding_about_many_machines_names_a_few() -> None:
    problem = Problem("shared", ", ".join(MANY), "have the same machine id")
    assert wording.finding(problem) == "w1, w2, w3, w4, w5, w6 and 494 more: have the same machine id"
    assert problem.where.endswith("w500")
