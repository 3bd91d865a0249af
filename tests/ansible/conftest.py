"""Ansible, begun once for all comparisons."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ansible.reading import Ansible


@pytest.fixture(scope="session")
def ansible(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ansible]:
    """Answers for any inventory in milliseconds."""
    begun = Ansible(tmp_path_factory.mktemp("ansible"))
    yield begun
    begun.close()
