from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.command import Command, Result, script, shell, split
from provisioner.inventory.values import Secret

SEPARATOR = "0123456789abcdef"
SECRET = Secret("hunter2", "password")


@pytest.mark.parametrize("argv", [(), ("echo", SECRET), ("echo", b"bytes"), ("sleep", 1)], ids=repr)
def test_arguments_that_are_secret_or_no_text_are_refused(argv: Any) -> None:
    with pytest.raises(TypeError, match="plain text") as refused:
        Command(argv)
    assert "hunter2" not in str(refused.value)


def test_a_secret_cannot_slip_into_the_arguments_of_a_shell_script() -> None:
    with pytest.raises(TypeError):
        shell('echo "$1"', cast(str, SECRET))


def test_a_secret_is_masked_wherever_it_is_shown() -> None:
    command = Command(("cat",), stdin=SECRET)
    shown = [str(SECRET), repr(SECRET), f"{SECRET}", f"{SECRET!s:>30}", "%s" % SECRET, str(command), repr(command)]  # noqa: UP031
    assert not [text for text in shown if "hunter2" in text]
    assert str(SECRET) == "<password>"


def test_a_command_shows_itself_as_one_would_type_it() -> None:
    assert str(Command(("rm", "-f", "a b"))) == "rm -f 'a b'"
    assert str(Command(("echo", "x" * 300))).endswith("x…'")


def test_the_secret_of_a_batch_is_in_no_argument() -> None:
    """It is printed by the shell itself: `printf` is a builtin and no process."""
    (line,) = [line for line in script([Command(("cat",), stdin=SECRET)], SEPARATOR, stop=True).splitlines()
               if "hunter2" in line]  # fmt: skip
    assert line == "printf %s hunter2 | timeout -k 10 60 cat"


@pytest.mark.parametrize("stdin", ["", Secret("", "empty")], ids=["text", "secret"])
def test_a_command_without_input_cannot_eat_the_batch(stdin: str | Secret) -> None:
    assert "timeout -k 10 60 cat </dev/null" in script([Command(("cat",), stdin=stdin)], SEPARATOR, stop=True)


def stream(*outputs: str) -> str:
    return "".join(
        f"\n{SEPARATOR} begin {number} 0\n{output}\n{SEPARATOR} end {number} {number}\n"
        for number, output in enumerate(outputs)
    )


OUTPUTS = st.lists(st.text(), max_size=4)


@given(OUTPUTS)
def test_streams_are_cut_into_what_each_command_said(outputs: list[str]) -> None:
    assert split(stream(*outputs), SEPARATOR) == {number: (number, text) for number, text in enumerate(outputs)}


@given(OUTPUTS, st.data())
def test_a_partial_stream_never_gives_an_answer_that_the_whole_one_does_not(outputs: list[str], data: Any) -> None:
    whole = stream(*outputs)
    part = whole[: data.draw(st.integers(0, len(whole)))]
    complete = split(whole, SEPARATOR)
    for number, (code, output) in split(part, SEPARATOR).items():
        if code is not None:
            assert (code, output) == complete[number]


def test_the_command_that_runs_has_no_exit_code_yet() -> None:
    text = stream("done") + f"\n{SEPARATOR} begin 1 0\nhalf a li"
    assert split(text, SEPARATOR) == {0: (0, "done"), 1: (None, "half a li")}


def test_marks_of_another_batch_are_output() -> None:
    other = "\nffff begin 0 0\nx\nffff end 0 1\n"
    assert split(stream(other), SEPARATOR) == {0: (0, other)}


def test_the_tail_of_a_result_ends_with_its_errors() -> None:
    result = Result(1, "\n".join(str(number) for number in range(20)), "no space left\n")
    assert result.tail(3) == "18\n19\nno space left"
