"""The table of Kubernetes releases."""

from __future__ import annotations

from provisioner.catalog.kubernetes import release, supported


def test_releases_are_in_order_and_found_by_series() -> None:
    series = [row.series for row in supported()]
    assert series == ["1.19", "1.20", "1.21"]
    assert all(release(row.series) is row for row in supported())
    assert release("1.2") is None


def test_every_row_names_its_source() -> None:
    assert all(row.series in row.source and row.source.startswith("https://") for row in supported())
