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


ROUTES = (("10.244.0.0/24", "10.0.0.11"), ("10.244.1.0/24", "10.0.0.21"), ("10.244.2.0/24", "10.0.0.22"))
NETWORKS = {"pod_cidr": "10.244.0.0/16", "service_cidr": "10.96.0.0/12"}


def on_a_node(place: Path, *present: tuple[str, str]) -> str:
    """A script with routes to all nodes, on the one that has 10.0.0.21; its routes of ours are these."""
    shown = "".join(f"{network} via {address} dev eth0\\n" for network, address in present)
    (place / "bin" / "ip").write_text(f"""#!/bin/sh
case "$*" in
  *addr*) printf '2: eth0    inet 10.0.0.21/24 brd 10.0.0.255\\n3: cni0    inet 10.244.1.1/24 brd x\\n' ;;
  *show*) printf '{shown}' ;;
  *) echo ip "$@" ;;
esac
""")
    return render(SCRIPT, **NETWORKS, routes=ROUTES)


def test_a_node_gets_a_route_to_every_node_but_itself(place: Path) -> None:
    said = run(place, on_a_node(place), "set").splitlines()
    assert [line for line in said if line.startswith("ip ")] == [
        "ip -4 route replace 10.244.0.0/24 via 10.0.0.11 proto 112",
        "ip -4 route replace 10.244.2.0/24 via 10.0.0.22 proto 112",
    ]
    said = run(place, on_a_node(place), "check").splitlines()
    assert said[:2] == ["route 10.244.0.0/24 via 10.0.0.11", "route 10.244.2.0/24 via 10.0.0.22"]


def test_only_what_is_missing_is_set_and_only_what_is_not_desired_is_deleted(place: Path) -> None:
    present = (("10.244.0.0/24", "10.0.0.11"), ("10.244.2.0/24", "10.0.0.99"), ("10.244.9.0/24", "10.0.0.9"))
    said = run(place, on_a_node(place, *present), "set").splitlines()
    assert [line for line in said if line.startswith("ip ")] == [
        "ip -4 route delete 10.244.2.0/24 via 10.0.0.99 proto 112",
        "ip -4 route delete 10.244.9.0/24 via 10.0.0.9 proto 112",
        "ip -4 route replace 10.244.2.0/24 via 10.0.0.22 proto 112",
    ]


def test_with_every_route_there_none_is_touched(place: Path) -> None:
    present = (ROUTES[0], ROUTES[2])
    for verb in ("set", "check"):
        said = run(place, on_a_node(place, *present), verb).splitlines()
        assert not [line for line in said if line.startswith(("ip ", "route "))]


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
