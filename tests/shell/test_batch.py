"""The generated batch, run by the real /bin/sh of this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner.core.command import TIMED_OUT, Command, script, shell
from provisioner.inventory.values import Secret
from tests.patience import LONGEST_S
from tests.unit.core.test_marks import split

SEPARATOR = "f00dfeed"

# What a shell can carry: every character but NUL, and no half surrogates.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def run(text: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["/bin/sh", "-s"], input=text.encode(), capture_output=True, check=False, timeout=LONGEST_S)


def answers(*commands: Command, stop: bool = True) -> list[tuple[int, str, str]]:
    """Exit code, output and errors of each command that was run."""
    done = run(script(commands, SEPARATOR, stop=stop))
    assert done.returncode == 0
    out, err = (split(printed, SEPARATOR, len(commands)) for printed in (done.stdout, done.stderr))
    assert [code for code, _ in out] == [code for code, _ in err]
    return [(code, text, said) for (code, text), (_, said) in zip(out, err, strict=True)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXT, TEXT)
def test_input_and_arguments_arrive_as_they_are(stdin: str, argument: str) -> None:
    said = answers(
        Command(("cat",), stdin=stdin), Command(("cat",), stdin=Secret(stdin)), Command(("printf", "%s", argument))
    )
    assert [text for _, text, _ in said] == [stdin, stdin, argument]


def test_every_printable_character_arrives() -> None:
    text = "".join(chr(code) for code in range(1, 0x17F)) * 2 + "\n\n"
    assert answers(Command(("cat",), stdin=text)) == [(0, text, "")]


def test_large_input_is_no_argument() -> None:
    """Arguments end at 128 KiB; files and manifests do not."""
    text = "0123456789abcdef" * 40_000
    assert answers(Command(("cat",), stdin=text)) == [(0, text, "")]


def test_output_that_is_no_text_does_not_hide_the_rest() -> None:
    (binary, after) = answers(shell(r"printf '\377\000\n\n'"), Command(("echo", "after")))
    assert (binary[0], after) == (0, (0, "after\n", ""))


def test_output_and_errors_are_kept_apart() -> None:
    assert answers(shell("echo out; echo err >&2; exit 3")) == [(3, "out\n", "err\n")]


def test_the_first_code_that_is_not_accepted_is_the_last_command() -> None:
    fine = shell("exit 4", accepts=frozenset({0, 4}))
    codes = [code for code, _, _ in answers(fine, shell("exit 5"), Command(("echo", "never")))]
    assert codes == [4, 5]


def test_a_look_goes_on_after_a_failure() -> None:
    codes = [code for code, _, _ in answers(shell("exit 5"), Command(("true",)), stop=False)]
    assert codes == [5, 0]


def test_a_missing_program_is_an_exit_code() -> None:
    assert answers(Command(("no-such-program-anywhere",)))[0][0] == 127


def test_a_script_stops_at_its_first_error() -> None:
    assert answers(shell("false; echo went on")) == [(1, "", "")]


def test_a_command_that_takes_too_long_is_ended() -> None:
    assert answers(Command(("sleep", "30"), timeout_s=1))[0][0] == TIMED_OUT


def test_a_command_that_reads_its_input_cannot_eat_the_batch() -> None:
    said = answers(Command(("cat",)), Command(("cat",), stdin=Secret("")), Command(("echo", "after")))
    assert said == [(0, "", ""), (0, "", ""), (0, "after\n", "")]


def test_a_batch_that_arrives_cut_off_runs_nothing(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    batch = script([Command(("touch", str(touched)))], SEPARATOR, stop=True)
    raw = batch.encode()
    # All but the last line end, without which the closing brace is there already.
    for length in range(len(raw) - 1):
        subprocess.run(["/bin/sh", "-s"], input=raw[:length], capture_output=True, check=False, timeout=LONGEST_S)
        assert not touched.exists(), f"ran something after {length} of {len(raw)} bytes"
    run(batch)
    assert touched.exists()
