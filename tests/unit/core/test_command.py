from __future__ import annotations

from typing import Any, cast

import pytest

from provisioner.core.command import Command, Result, script, shell
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


def test_the_tail_of_a_result_ends_with_its_errors() -> None:
    result = Result(1, "\n".join(str(number) for number in range(20)), "no space left\n")
    assert result.tail(3) == "18\n19\nno space left"
