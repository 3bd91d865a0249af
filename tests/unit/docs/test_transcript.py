"""Reading transcripts, and how strictly they are compared."""

from __future__ import annotations

import pytest

from tests.docs.markdown import ROOT, Block
from tests.docs.transcript import Example, examples, matches

TEXT = """\
$ provisioner plan
look at the hosts
...
$ cat <<END
> one
> END
one
$ true
"""


def test_commands_and_their_output() -> None:
    where = ROOT / "README.md"
    assert examples(Block(where, 7, "console", TEXT)) == (
        Example("README.md:7", "provisioner plan", ("look at the hosts", "...")),
        Example("README.md:7", "cat <<END\none\nEND", ("one",)),
        Example("README.md:7", "true", ()),
    )


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("", "anything"),
        ("a\nb", "a\nb\n"),
        ("a\n...", "a\n"),
        ("a\n...\nd", "a\nb\nc\nd"),
        ("took ... long", "took very long"),
        ("done 2.5 s", "done 17.0 s"),
        ("done 59.0 s", "done 1 min 3 s"),
        ("10.213.0.11 up", "10.213.7.129 up"),
        ("  ✓ a 1.0 s\n  ✓ b 1.0 s", "  ✓ b 9.0 s\n  … a sshd\n  ✓ a 1.0 s"),
        ("  ✓ a z\n...", "  ✓ b y\n  ✓ a z\n  ✓ a b"),
        ("machine  address      pods", "machine  address       pods   "),
    ],
)
def test_the_same(shown: str, said: str) -> None:
    assert matches(shown.splitlines(), said)


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("a\nb", "a"),
        ("a", "a\nb"),
        ("a\n...\nd", "a\nb"),
        ("6 steps", "7 steps"),
        ("a.b", "axb"),
        ("  ✓ a\nx\n  ✓ b", "  ✓ b\nx\n  ✓ a"),
        ("  ✓ a x\n  ✓ a y", "  ✓ a y\n  ✓ a x"),
        ("192.0.2.1", "192.0.2.2"),
    ],
)
def test_not_the_same(shown: str, said: str) -> None:
    assert not matches(shown.splitlines(), said)
