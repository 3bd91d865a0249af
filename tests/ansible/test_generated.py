"""Generated inventories: whatever is drawn, both read the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ansible.generated import inventory
from tests.ansible.reading import TALLY, Ansible, ours

EACH = 50


@pytest.mark.parametrize("first", range(0, 150, EACH))
def test_generated(
    first: int, ansible: Ansible, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    for seed in range(first, first + EACH):
        case = inventory(seed)
        path = case.write(tmp_path / str(seed))
        assert ours(path) == ansible.read(path), f"{case}: {dict(case.files)}"
    record_property("tally", (TALLY, EACH))
