"""What a pytest item is about: its host and its title; and where a run keeps its session and stream."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.verification.paths import CLUSTER
from provisioner.verification.session import Session
from provisioner.verification.stream import Stream

SESSION = pytest.StashKey[Session]()
STREAM = pytest.StashKey[Stream]()


def machine_name(item: pytest.Item) -> str:
    """The inventory's name of the host that a test is for; `cluster` for a test of the whole cluster."""
    # pytest gives a call specification only to items that have parameters.
    parameters: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    host = parameters.get("_testinfra_host")
    return CLUSTER if host is None else str(host.backend.hostname)


def title(item: pytest.Item) -> str:
    """What a test checks, in words: the first line of its docstring."""
    text = (item.function.__doc__ or "") if isinstance(item, pytest.Function) else ""
    return text.strip().partition("\n")[0] or item.name


def rule(item: pytest.Item) -> str:
    """The test's name without `test_` and parameters."""
    return item.name.partition("[")[0].removeprefix("test_")
