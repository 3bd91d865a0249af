"""What a machine asks of a source, and what is made of its answer."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from provisioner.core.command import Result
from provisioner.sources import openpgp
from provisioner.sources.asking import questions, read_answer
from provisioner.sources.choice import kubernetes_source, runtime_source
from provisioner.sources.repository import DOCKER, KUBERNETES
from provisioner.world.facts import HostState
from provisioner.world.offers import Answer, Offer
from provisioner.world.view import View
from tests.builders import changed, cluster, view
from tests.conftest import TESTS

KEY = (TESTS / "cases" / "sources" / "key.asc").read_text()
FINGERPRINT = openpgp.read(KEY)[0].fingerprint
MIRROR = {"type": "mirror", "url": "http://mirror.example/k", "fingerprint": FINGERPRINT}
THERE = dict.fromkeys(("kubeadm", "kubectl", "kubelet"), "1.20.2-1.1")


def answer(apt: str = "", key: str = KEY, packages: str = "") -> Answer:
    encoded = base64.b64encode(key.encode()).decode()
    return read_answer(Result(0, f"=== apt\n{apt}=== key\n{encoded}\n=== packages\n{packages}"))


def seen(state: HostState | None = None, **settings: Any) -> View:
    desired = cluster(package_source=MIRROR, runtime={"source": {"type": "bundle"}}, **settings)
    return view(desired, states={"cp1": state or HostState()})


def asked(view: View) -> set[str]:
    return set(questions(view, view.cluster.host("cp1")))


def test_offers_and_the_key() -> None:
    told = answer(packages="kubelet 1.20.2-1.1 aa\nkubelet 1.20.4-1.1\n")
    assert told.offers == (Offer("kubelet", "1.20.2-1.1", "aa"), Offer("kubelet", "1.20.4-1.1"))
    assert (told.keys, told.trouble) == (KEY, "")
    assert told.versions("kubelet") == ("1.20.2-1.1", "1.20.4-1.1")
    assert told.sha256("kubelet", "1.20.2-1.1") == "aa"


def test_a_binary_key_is_armored() -> None:
    data = openpgp.read(KEY)[0].data
    told = read_answer(Result(0, f"=== apt\n=== key\n{base64.b64encode(data).decode()}\n=== packages\n"))
    assert openpgp.read(told.keys)[0].fingerprint == FINGERPRINT


@pytest.mark.parametrize("said", ["é", "A", "AAAAA", "===="])
def test_a_key_that_did_not_arrive_whole_is_none(said: str) -> None:
    assert read_answer(Result(0, f"=== apt\n=== key\n{said}\n=== packages\n")).keys == ""


def test_what_apt_says_is_the_trouble_where_nothing_is_offered() -> None:
    noise = "W: Download is performed unsandboxed as root\nN: a notice\n"
    assert answer(apt=f"{noise}E: Failed to fetch http://x  403  Forbidden\n").trouble == (
        "E: Failed to fetch http://x  403  Forbidden"
    )
    assert answer(apt="W: another suite is old\n", packages="kubelet 1.20.2-1.1 aa\n").trouble == ""


def test_a_key_that_could_not_be_fetched_ends_the_question() -> None:
    told = read_answer(Result(0, "=== apt\nE: Failed to fetch http://x/key  404  Not Found\nE: Download Failed\n"))
    assert (told.offers, told.keys) == ((), "")
    assert "404" in told.trouble


def test_a_question_that_failed_altogether() -> None:
    assert read_answer(Result(124, "=== apt\n")).trouble
    assert read_answer(Result(1, "", "sh: mktemp: not found\n")).trouble == "sh: mktemp: not found"


def test_only_products_from_repositories_are_asked_for() -> None:
    assert asked(seen()) == {KUBERNETES}
    assert asked(view()) == set()
    assert asked(view(cluster(package_source=MIRROR))) == {KUBERNETES, DOCKER}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (HostState(packages=THERE, keys={KUBERNETES: KEY}), set()),
        (HostState(packages={**THERE, "kubelet": "1.20.1-1.1"}, keys={KUBERNETES: KEY}), {KUBERNETES}),
        (HostState(packages=THERE), {KUBERNETES}),
        (HostState(packages=THERE, keys={KUBERNETES: "nonsense"}), {KUBERNETES}),
    ],
    ids=["all there", "another version", "no key", "a damaged key"],
)
def test_nobody_is_asked_when_all_is_there(state: HostState, expected: set[str]) -> None:
    assert asked(seen(state)) == expected


def test_what_is_installed_and_good_stays_though_a_newer_build_is_offered() -> None:
    offers = tuple(Offer(name, f"1.20.2-{build}") for name in THERE for build in ("1.1", "2.1"))
    looked = seen(HostState(packages=THERE, keys={}))
    looked = changed(looked, answers={("cp1", KUBERNETES): Answer(offers, KEY)})
    assert kubernetes_source(looked, looked.cluster.host("cp1")).versions == THERE
    fresh = changed(looked, states={**looked.observed.states, "cp1": HostState()})
    assert set(kubernetes_source(fresh, fresh.cluster.host("cp1")).versions.values()) == {"1.20.2-2.1"}


@pytest.mark.parametrize(
    ("kubernetes", "docker", "expected"),
    [
        ("1.20.2", None, {"docker-ce": "5:20.10.24~3-0~debian-bookworm", "containerd.io": "1.7.27-1"}),
        ("1.20.2", "20.10.23", {"docker-ce": "5:20.10.23~3-0~debian-bookworm", "containerd.io": "1.7.27-1"}),
        ("1.31.2", None, {"docker-ce": "5:29.1.0-1~debian.12~bookworm", "containerd.io": "2.2.0-2~debian.12~bookworm"}),
        ("1.31.2", "28.3.3", {"docker-ce": "5:28.3.3-1~debian.12~bookworm", "containerd.io": "1.7.27-1"}),
        ("1.31.2", "20.10", {}),
    ],
)
def test_dockers_versions(kubernetes: str, docker: str | None, expected: dict[str, str]) -> None:
    versions = (
        "5:20.10.23~3-0~debian-bookworm", "5:20.10.24~3-0~debian-bookworm",
        "5:28.3.3-1~debian.12~bookworm", "5:29.1.0-1~debian.12~bookworm",
    )  # fmt: skip
    containerd = tuple(Offer("containerd.io", one) for one in ("1.6.33-1", "1.7.27-1", "2.2.0-2~debian.12~bookworm"))
    offers = (*containerd, *(Offer("docker-ce", version) for version in versions))
    desired = cluster(
        kubernetes_version=kubernetes,
        package_source={"type": "bundle"},
        runtime={"version": docker, "source": {"type": "docker-ce"}},
    )
    looked = view(desired, answers={("cp1", DOCKER): Answer(offers)})
    found = runtime_source(looked, desired.host("cp1")).versions
    assert {name: found[name] for name in expected} == expected
    if not expected:
        assert "docker-ce" not in found
