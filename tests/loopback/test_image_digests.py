"""What `provisioner lock` writes down of images: their digests, or their names alone where no registry answers."""

from __future__ import annotations

import pytest

from provisioner.cli.version_lock import digests
from provisioner.core.report import Event, Note
from provisioner.errors import BuildError
from provisioner.sources.version_lock import LockedImage, VersionLock
from tests.repositories.registry import Registry, small_image

SILENT = "127.0.0.1:1/pause:3.2"
NAMED = VersionLock(kubernetes_version="1.20.2", products=[], images=[LockedImage(name=SILENT, archive_sha256="")])


def noted(heard: list[Event]) -> str:
    return "\n".join(event.text for event in heard if isinstance(event, Note))


def test_digests_are_those_of_the_registry(registry: Registry) -> None:
    place, heard = registry.address.removeprefix("http://"), list[Event]()
    registry.add(f"{place}/pause:3.2", *small_image(), "amd64")
    found = digests([f"{place}/pause:3.2"], None, heard.append)
    assert found == {f"{place}/pause:3.2": f"sha256:{registry.named['pause:3.2']}"}
    assert heard == []


def test_an_image_that_the_registry_lacks_is_an_error(registry: Registry) -> None:
    name = f"{registry.address.removeprefix('http://')}/pause:3.2"
    with pytest.raises(BuildError, match=f"the registry has no {name}") as error:
        digests([name], None, list[Event]().append)
    assert "image_repository" in error.value.hint


@pytest.mark.parametrize("before", [None, NAMED], ids=["no file yet", "names alone"])
def test_where_no_registry_answers_names_are_written_down(before: VersionLock | None) -> None:
    heard = list[Event]()
    assert digests([SILENT], before, heard.append) == {}
    assert "images are locked by name only: 127.0.0.1:1 does not answer" in noted(heard)


def test_digests_are_not_given_up_because_a_registry_is_silent() -> None:
    known = LockedImage(name=SILENT, archive_sha256="", digest="sha256:x")
    with pytest.raises(BuildError, match="does not answer"):
        digests([SILENT], NAMED.model_copy(update={"images": [known]}), list[Event]().append)
