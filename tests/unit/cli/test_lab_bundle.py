"""Where the lab's bundle comes from: what is at hand, else upstream if it answers, else Debian's sources."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provisioner.bundle.debian.recipe import Recipe
from provisioner.bundle.debian.stages import stages
from provisioner.bundle.upstream import answering
from provisioner.bundle.upstream import build as upstream
from provisioner.bundle.upstream.request import Request
from provisioner.cli import lab_bundle
from provisioner.core.report import Event, Note
from provisioner.errors import BuildError, BundleError
from provisioner.inventory.model import Cluster, ClusterSettings


def cluster(version: str, **more: Any) -> Cluster:
    settings = {"kubernetes_version": version, "package_source": {"type": "bundle"}, **more}
    return Cluster(path=Path("inventory.yaml"), settings=ClusterSettings.model_validate(settings), hosts=())


class Makers:
    """What was made, instead of making it."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.notes: list[str] = []
        self.asked: list[Request] = []
        self.silent: tuple[str, ...] = ()
        self.upstream_fails = ""
        self.at_hand = False

    def hear(self, event: Event) -> None:
        if isinstance(event, Note):
            self.notes.append(event.text)

    def ask(self, request: Request) -> tuple[str, ...]:
        self.asked.append(request)
        return self.silent

    def upstream(self, *arguments: object) -> None:
        if self.upstream_fails:
            raise BuildError(self.upstream_fails)
        self.made.append("upstream")

    def debian(self, *arguments: object) -> None:
        self.made.append("debian")


@pytest.fixture
def makers(monkeypatch: pytest.MonkeyPatch) -> Makers:
    made = Makers()
    replaced: dict[str, Callable[..., Any]] = {
        "is_at_hand": lambda cluster: made.at_hand,
        "_from_debian": made.debian,
        "find_bundle": lambda cluster: None,
        "machine_architecture": lambda: "amd64",
    }
    for name, stand_in in replaced.items():
        monkeypatch.setattr(lab_bundle, name, stand_in)
    monkeypatch.setattr(answering, "silent", made.ask)
    monkeypatch.setattr(upstream, "build", made.upstream)
    monkeypatch.setattr(upstream, "absent_packages", list)
    monkeypatch.setattr(lab_bundle, "check", lambda request: None)
    return made


def have(makers: Makers, version: str = "1.20.2") -> None:
    lab_bundle.have_bundle(cluster(version), "bookworm", makers.hear, "")


def test_what_is_at_hand_is_taken_and_nobody_is_asked(makers: Makers) -> None:
    makers.at_hand = True
    have(makers)
    assert (makers.made, makers.asked, makers.notes) == ([], [], [])


def test_upstream_comes_first_and_is_named(makers: Makers) -> None:
    have(makers)
    assert makers.made == ["upstream"]
    assert makers.notes == ["bundle: from upstream, which answers"]
    assert makers.asked[0].distribution == "debian/bookworm"


@pytest.mark.parametrize(
    ("network", "asked"),
    [
        ({"type": "bridge"}, "bridge"),
        ({"type": "none"}, "none"),
        ({"type": "flannel"}, "flannel"),
        ({"type": "flannel", "version": "0.13.0"}, "flannel:0.13.0"),
        ({"type": "cilium", "manifest": "/lab/cilium.yaml"}, "/lab/cilium.yaml"),
        ({"type": "manifest", "manifest": "/lab/antrea.yaml"}, "/lab/antrea.yaml"),
    ],
)
def test_the_network_s_images_are_asked_for(makers: Makers, network: dict[str, str], asked: str) -> None:
    lab_bundle.have_bundle(cluster("1.34.1", network=network), "bookworm", makers.hear, "")
    assert makers.asked[0].network == asked


def test_the_images_of_a_manifest_somewhere_else_cannot_be_known(makers: Makers) -> None:
    network = {"type": "manifest", "manifest": "https://mirror.example/net.yaml", "sha256": "a" * 64}
    with pytest.raises(BundleError, match=r"net\.yaml is an address"):
        lab_bundle.have_bundle(cluster("1.34.1", network=network), "bookworm", makers.hear, "")
    assert makers.made == []


def test_when_upstream_is_silent_it_is_debians_sources_and_the_reason_is_told(makers: Makers) -> None:
    makers.silent = ("https://pkgs.example/InRelease",)
    have(makers)
    assert makers.made == ["debian"]
    assert makers.notes == ["bundle: from Debian's sources (https://pkgs.example/InRelease does not answer within 4 s)"]


def test_when_upstream_breaks_off_it_is_debians_sources_too(makers: Makers) -> None:
    makers.upstream_fails = "registry.example does not answer: timed out"
    have(makers)
    assert makers.made == ["debian"]
    assert makers.notes[-1] == "bundle: from Debian's sources (registry.example does not answer: timed out)"


def test_what_neither_has_is_one_error_with_the_reason(makers: Makers) -> None:
    makers.silent = ("https://pkgs.example/InRelease",)
    with pytest.raises(BundleError, match=r"no bundle of Kubernetes 1\.23\.17 here.*pkgs\.example") as caught:
        have(makers, "1.23.17")
    assert "1.20.2" in caught.value.hint
    assert makers.made == []


def test_what_upstream_does_not_publish_any_more_is_not_waited_for(
    makers: Makers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(answering, "silent", makers.ask)
    monkeypatch.setattr(lab_bundle, "machine_architecture", lambda: "amd64")
    reason = lab_bundle.from_upstream(cluster("1.20.2"), "bookworm", makers.hear, "")
    assert reason == "upstream publishes no packages of Kubernetes 1.20 any more, only of 1.24 and later"
    assert makers.asked == []


def test_a_bundle_from_an_older_recipe_is_not_at_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lab_bundle, "default_cache", lambda: tmp_path)
    monkeypatch.setattr(lab_bundle, "machine_architecture", lambda: "amd64")
    monkeypatch.setattr(lab_bundle, "verify", lambda bundle: [])
    own = stages(Recipe("1.20.2"))[-1].directory
    names = {own: True, "debian-bookworm-1.20.2-amd64-0123456789ab": False, "upstream-bookworm-1.20.2-amd64-0": True}
    for name, expected in names.items():
        found = SimpleNamespace(path=tmp_path / name)
        monkeypatch.setattr(lab_bundle, "find_bundle", lambda cluster, found=found: found)
        assert lab_bundle.is_at_hand(cluster("1.20.2")) is expected


def test_a_damaged_bundle_is_not_at_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lab_bundle, "find_bundle", lambda cluster: SimpleNamespace(path=tmp_path / "upstream-x"))
    monkeypatch.setattr(lab_bundle, "verify", lambda bundle: ["changed"])
    assert not lab_bundle.is_at_hand(cluster("1.20.2"))
