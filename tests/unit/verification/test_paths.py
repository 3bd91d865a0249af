from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.report import Reach
from provisioner.verification.paths import API, DNS, SERVICE, NetworkPath, pairs, sentences, words


def test_in_a_small_cluster_every_node_tries_every_other() -> None:
    assert pairs(["cp1", "w1"], 2) == {"cp1": ("cp1", "w1"), "w1": ("cp1", "w1")}


@given(st.integers(2, 300))
def test_in_a_sample_every_node_tries_and_is_tried_as_often(count: int) -> None:
    nodes = [f"w{number}" for number in range(count)]
    found = pairs(nodes, 1)
    tried = Counter(target for targets in found.values() for target in targets)
    assert set(found) == set(tried) == set(nodes)
    assert len({*tried.values(), *map(len, found.values())}) == 1
    assert all(node in targets and len(set(targets)) == len(targets) for node, targets in found.items())
    assert len(found["w0"]) <= count.bit_length() + 1


def test_each_path_has_words() -> None:
    for path in NetworkPath:
        text = words(Reach(path, "w1", "w2", False, "timed out"))
        assert "w1" in text
        assert text.endswith("timed out")


@pytest.mark.parametrize(
    ("reach", "text"),
    [
        (Reach("pod-to-pod", "cp1", "w2", False, "nc: timed out"),
         "the pod on cp1 cannot reach the pod on w2: nc: timed out"),
        (Reach("pod-to-service", "w1", SERVICE, False, "refused"), "the pod on w1 cannot reach the Service: refused"),
        (Reach("machine-to-service", "w1", SERVICE, False, "refused"), "w1 cannot reach the Service: refused"),
        (Reach("api-server", "w1", API, False, "refused"), "the pod on w1 cannot reach the API server: refused"),
        (Reach("dns-inside", "w1", DNS, False, "x"), "the pod on w1 cannot look up a Service: x"),
        (Reach("node-port", "w1", "w2", False, "x"), "w1 cannot reach the NodePort of w2: x"),
    ],
)  # fmt: skip
def test_what_does_not_work_in_words(reach: Reach, text: str) -> None:
    assert words(reach) == text


def test_many_are_counted() -> None:
    reaches = [Reach("pod-to-pod", "cp1", f"w{number}", number == 0, "x") for number in range(6)]
    assert len(sentences(reaches)) == 4
    assert sentences(reaches)[-1] == "and 2 more"
    assert sentences(reaches[:2]) == ["the pod on cp1 cannot reach the pod on w1: x"]
