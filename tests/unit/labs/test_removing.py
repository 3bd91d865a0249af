"""Removing a machine while somebody else removes it, too."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from docker.errors import APIError, NotFound

from provisioner.labs.machines import remove


def refusing(status: int) -> Mock:
    """A container whose removal the engine refuses with this status."""
    error = APIError("refused", response=Mock(status_code=status))
    return Mock(remove=Mock(side_effect=error))


def test_a_removal_under_way_is_waited_for() -> None:
    container = refusing(409)
    remove(container)
    assert container.wait.call_args.kwargs["condition"] == "removed"


def test_what_is_gone_meanwhile_is_fine() -> None:
    container = refusing(409)
    container.wait.side_effect = NotFound("gone")
    remove(container)


def test_another_refusal_is_told() -> None:
    with pytest.raises(APIError):
        remove(refusing(500))
