"""The host itself: it answers, the checks run as root there, and its clock is right."""

from __future__ import annotations

import pytest

from provisioner.inventory.model import Host
from provisioner.verification.expect import expect_none
from provisioner.verification.session import Looked, Unreachable

# TLS and tokens tolerate less than a minute of difference; etcd even less, but only between its own members.
_CLOCK_LIMIT_S = 30


@pytest.mark.network
def test_answers(answer: Looked | Unreachable) -> None:
    """The host can be reached over SSH"""
    if isinstance(answer, Unreachable):
        expect_none([f"cannot be reached: {answer.message}"], answer.hint)


@pytest.mark.network
def test_is_root(looked: Looked, machine: Host) -> None:
    """The checks run as root on the host"""
    expect_none(
        [] if looked.seen.is_root else [f"{machine.user or 'the login user'} is not root"], "set `ansible_become: true`"
    )


def test_clock(looked: Looked) -> None:
    """The clock is right"""
    ahead_s = looked.clock_ahead_s
    direction = "ahead of" if ahead_s > 0 else "behind"
    wrong = [f"the clock is {abs(ahead_s):.0f} s {direction} ours"] if abs(ahead_s) > _CLOCK_LIMIT_S else []
    expect_none(wrong, "synchronise it with chrony or systemd-timesyncd")
