"""Our shell templates, and what shells read, run by the real sh with hostile values in each place."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from provisioner.errors import UsageError
from provisioner.templating import render
from tests.conftest import Tally
from tests.hostile import CONTEXTS, HOSTILE, PLACE, placed, put
from tests.patience import LONGEST_S

SCRIPT = "network/bridge/pod-network.sh.j2"
# Each call with its arguments; no rule is there yet, and of routes one of an earlier time.
STAND_INS = {
    "ip": """#!/bin/sh
printf '[%s]' ip "$@" >>{log}; echo >>{log}
case "$*" in *show*) echo "10.9.9.0/24 via 10.0.0.9 dev eth0" ;; esac
""",
    "iptables": """#!/bin/sh
printf '[%s]' iptables "$@" >>{log}; echo >>{log}
case "$*" in *" -C "*) exit 1 ;; esac
""",
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty directory to run in, with stand-ins for what changes a kernel beside it."""
    for name, text in STAND_INS.items():
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text.format(log=tmp_path / "log"))
        program.chmod(0o755)
    (tmp_path / "empty").mkdir()
    return tmp_path


def run(place: Path, script: str, *arguments: str) -> str:
    """What the script has said and done."""
    (place / "log").write_text("")
    path = f"{place}/bin:/usr/bin:/bin"
    argv = ["/bin/sh", "-s", *arguments]
    done = subprocess.run(
        argv,
        input=script,
        capture_output=True,
        text=True,
        check=True,
        cwd=place / "empty",
        timeout=LONGEST_S,
        env={"PATH": path},
    )
    return done.stdout + done.stderr + (place / "log").read_text()


@pytest.mark.parametrize("verb", ["set", "check"])
def test_the_script_of_routes_does_what_it_did_with_another_word(verb: str, place: Path, tally: Tally) -> None:
    tried = 0
    for context in placed(CONTEXTS[SCRIPT]):
        usual = run(place, render(SCRIPT, **context), verb)
        assert PLACE in usual
        for text in HOSTILE:
            tried += 1
            try:
                script = render(SCRIPT, **put(context, text))
            except UsageError:
                continue
            assert run(place, script, verb) == usual.replace(PLACE, text)
            assert list((place / "empty").iterdir()) == []
    tally("hostile inputs tried", tried)


@pytest.mark.parametrize("text", HOSTILE)
def test_variables_are_what_they_were_to_be(text: str, place: Path, tally: Tally) -> None:
    """kubeadm is told of a proxy by a shell that reads this file."""
    try:
        file = render("proxy/environment.j2", variables={"HTTP_PROXY": text, "NO_PROXY": "b"})
    except UsageError:
        assert not text.isprintable()
        return
    assert run(place, f"{file}printf '%s' \"$HTTP_PROXY $NO_PROXY\"") == f"{text} b"
    assert list((place / "empty").iterdir()) == []
    tally("hostile inputs tried", 1)
