"""A stream of a batch: what each command has said, whatever a machine prints in between, in bounded memory."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.transports.marks import PER_COMMAND, PER_STREAM, GarbledError, Kept, Stream
from tests.conftest import Tally

SEPARATOR = "0123456789abcdef"


def split(printed: bytes, separator: str, count: int, size: int = 1 << 20) -> list[tuple[int, str]]:
    """The whole of a stream, fed in pieces of that size."""
    stream = fed(printed, separator, count, size)
    return [(code, kept.text()) for code, kept in stream.ended]


def fed(printed: bytes, separator: str, count: int, size: int = 1 << 20) -> Stream:
    stream = Stream(separator, count, lambda word, number: None)
    for start in range(0, len(printed), size):
        stream.feed(printed[start : start + size])
    stream.close()
    return stream


def mark(word: str, number: int, code: int = 0) -> bytes:
    return f"\n{SEPARATOR} {word} {number} {code}\n".encode()


def batch(*outputs: bytes) -> bytes:
    return b"".join(mark("begin", n) + output + mark("end", n, n) for n, output in enumerate(outputs))


OUTPUTS = st.lists(
    st.binary() | st.sampled_from([b"\n", f"\n{SEPARATOR[:9]}".encode(), mark("end", 0)[:-2]]), max_size=4
)


@given(OUTPUTS, st.integers(1, 60))
def test_streams_are_cut_into_what_each_command_said_however_they_arrive(outputs: list[bytes], size: int) -> None:
    expected = [(number, output.decode(errors="replace")) for number, output in enumerate(outputs)]
    assert split(batch(*outputs), SEPARATOR, len(outputs), size) == expected


@given(OUTPUTS, st.data())
def test_a_partial_stream_never_gives_an_answer_that_the_whole_one_does_not(outputs: list[bytes], data: Any) -> None:
    whole = batch(*outputs)
    part = split(whole[: data.draw(st.integers(0, len(whole)))], SEPARATOR, len(outputs))
    assert part == split(whole, SEPARATOR, len(outputs))[: len(part)]


def test_a_command_that_runs_has_no_result_yet_and_its_words_are_the_rest() -> None:
    stream = fed(batch(b"done") + mark("begin", 1) + b"half a li", SEPARATOR, 2)
    assert [code for code, _ in stream.ended] == [0]
    assert stream.rest() == "half a li"


def test_marks_of_another_batch_are_output() -> None:
    other = b"\nffff begin 0 0\nx\nffff end 0 1\n"
    assert split(batch(other), SEPARATOR, 1) == [(0, other.decode())]


GARBLED = {
    "more results than commands": batch(b"", b"", b""),
    "the same twice": batch(b"") + batch(b""),
    "one is left out": mark("begin", 1) + mark("end", 1),
    "an end without a beginning": mark("end", 0),
    "a beginning in another": mark("begin", 0) + mark("begin", 1),
    "another's end": mark("begin", 0) + mark("end", 1),
    "backwards": mark("begin", 1) + mark("end", 1) + mark("begin", 0) + mark("end", 0),
    "an exit code that no program has": mark("begin", 0) + mark("end", 0, 256),
    "a number beyond all": mark("begin", 999_999),
}


@pytest.mark.parametrize("printed", GARBLED.values(), ids=GARBLED)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_marks_out_of_turn_are_refused(printed: bytes, size: int, tally: Tally) -> None:
    with pytest.raises(GarbledError, match="does not match our commands"):
        fed(printed, SEPARATOR, 2, size)
    tally("hostile inputs tried", 1)


@pytest.mark.parametrize(
    "number", [b"1" * 5000, b"-1", b"0x1", "\u0661".encode()], ids=["5000 digits", "-1", "hex", "arabic"]
)
def test_what_is_no_mark_is_output(number: bytes) -> None:
    printed = mark("begin", 0) + f"\n{SEPARATOR} end 0 ".encode() + number + b"\n"
    assert split(printed, SEPARATOR, 1) == []


def test_of_a_long_answer_the_ends_are_kept_and_the_gap_is_told() -> None:
    stream = fed(batch(b"first" + b"x" * 50_000_000 + b"last"), SEPARATOR, 1)
    ((_, kept),) = stream.ended
    text = kept.text()
    assert text.startswith("first")
    assert text.endswith("last")
    assert f"\n[... {kept.left_out} bytes are left out here ...]\n" in text
    assert kept.left_out == 50_000_009 - PER_COMMAND
    assert len(kept.head) + len(kept.tail) <= 2 * PER_COMMAND


def test_an_answer_as_long_as_may_be_is_whole() -> None:
    ((_, kept),) = fed(batch(b"y" * PER_COMMAND), SEPARATOR, 1).ended
    assert (kept.left_out, kept.text()) == (0, "y" * PER_COMMAND)


def test_many_long_answers_are_bounded_together() -> None:
    stream = fed(batch(*(b"z" * PER_COMMAND for _ in range(60))), SEPARATOR, 60)
    assert len(stream.ended) == 60
    assert sum(len(kept.head) + len(kept.tail) for _, kept in stream.ended) < PER_STREAM + 2 * PER_COMMAND


@given(st.lists(st.binary(max_size=40)), st.integers(2, 64))
def test_what_is_kept_and_what_is_left_out_is_all_there_was(pieces: list[bytes], most: int) -> None:
    kept = Kept(most)
    for piece in pieces:
        kept.add(piece)
    whole = b"".join(pieces)
    assert len(whole) <= most - most % 2 or kept.left_out
    assert kept.left_out or kept.text() == whole.decode(errors="replace")
    assert whole.startswith(bytes(kept.head))
    assert whole.endswith(bytes(kept.tail))


def test_the_work_grows_with_the_length_and_not_with_its_square() -> None:
    """Small pieces: what is searched again with each of them is little. Quadratic, this would take minutes."""
    stream = Stream(SEPARATOR, 1, lambda word, number: None)
    stream.feed(mark("begin", 0))
    searched = 0
    for _ in range(20_000):
        stream.feed(b"a line of output\n" * 10)
        searched = max(searched, len(stream._pending))
    assert searched < 100


def test_what_may_become_a_mark_waits_and_all_else_is_heard_at_once() -> None:
    stream = Stream(SEPARATOR, 1, lambda word, number: None)
    stream.feed(mark("begin", 0) + b"downloading")
    assert stream.latest == b"downloading"
    stream.feed(b" 10%\n" + mark("end", 0)[:9])
    assert stream.latest == b" 10%\n"
