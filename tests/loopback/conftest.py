from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.repositories.registry import Registry, serving_images


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine's way to the world is, the loopback needs none."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serving_images(Registry()) as served:
        yield served
