"""A machine that is simulated as far as our commands ask, and no further: a command that it was not taught fails the
test. It stands behind the same protocol as SSH.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from provisioner.core.command import Command, Result
from provisioner.errors import UnreachableError
from provisioner.networks.bridge import CONFLIST, SCRIPT, UNIT
from provisioner.resources.kubeadm import ADMIN_CONF
from provisioner.transports.protocol import Began, Heard, nobody
from tests.builders import NOW_S, ok
from tests.conftest import TESTS
from tests.scenarios import scripts
from tests.scenarios.cluster import FakeCluster

KUBELET_CONF = "/etc/kubernetes/kubelet.conf"
FRESH = (TESTS / "cases" / "facts" / "fresh.txt").read_text()


@dataclass
class FakeFile:
    """A file: `mode owner:group`, text, and when it was written."""

    head: str
    text: str
    written: int


@dataclass
class FakeUnit:
    """A systemd unit."""

    enabled: bool = False
    started: int = 0


@dataclass
class FakeMachine:
    """One host. `trouble` maps a part of a command to what goes wrong with it: an exit code, or an error to raise."""

    name: str
    address: str
    cluster: FakeCluster
    files: dict[str, FakeFile] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    units: dict[str, FakeUnit] = field(default_factory=dict)
    images: set[str] = field(default_factory=set)
    settings: dict[str, str] = field(default_factory=dict)
    trouble: dict[str, int | UnreachableError] = field(default_factory=dict)
    clock: int = 0
    batches: list[tuple[Command, ...]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    reachable: bool = True

    @property
    def round_trips(self) -> int:
        return len(self.batches)

    @property
    def seconds(self) -> float:
        return 0.5

    def open(self) -> None:
        if not self.reachable:
            raise UnreachableError(f"{self.name}: nothing answers at that port", hint="Is the machine up?")

    def close(self) -> None:
        pass

    def send_tree(self, root: Path, names: Sequence[str], directory: str) -> None:
        raise AssertionError("nothing is uploaded here")

    def serve(self, root: Path) -> AbstractContextManager[int | None]:
        return nullcontext(1)

    def run(
        self,
        commands: Sequence[Command],
        *,
        stop: bool = True,
        alone: bool = False,
        began: Began = nobody,
        heard: Heard = nobody,
    ) -> tuple[Result, ...]:
        self.open()
        self.batches.append(tuple(commands))
        results: list[Result] = []
        for number, command in enumerate(commands):
            began(number)
            results.append(self._answer(command))
            if stop and results[-1].exit_code not in command.accepts:
                break
        return tuple(results)

    def _answer(self, command: Command) -> Result:
        text = " ".join(command.argv)
        for part, what in self.trouble.items():
            if part in text and isinstance(what, UnreachableError):
                raise what
            if part in text and isinstance(what, int):
                return Result(what, stderr="" if what == 0 else f"{self.name} cannot do that\n")
        looks = command.argv[:2] == ("/bin/sh", "-euc")
        answer = self._script(command) if looks else self._program(command)
        return answer if isinstance(answer, Result) else ok(answer)

    def _script(self, command: Command) -> str | Result:
        name = scripts.NAMES.get(command.argv[2])
        assert name, f"{self.name} was not taught this script:\n{command.argv[2]}"
        if name in scripts.CHANGING:
            self._note(f"{name} {' '.join(command.argv[4:6])}")
        handler: Callable[..., str | Result] = getattr(self, f"on_{name}")
        return handler(command, *command.argv[4:])

    def _program(self, command: Command) -> str | Result:
        self._note(" ".join(command.argv))
        match command.argv:
            case ("env", *words) if "apt-get" in words:
                self.packages |= dict(
                    word.split("=", 1) for word in words if re.fullmatch(r"[a-z][-a-z0-9.]+=\S+", word)
                )
            case ("apt-mark", "hold", *names):
                self.held |= set(names)
            case ("systemctl", "daemon-reload"):
                pass
            case ("systemctl", verb, unit):
                self._systemctl(verb, unit)
            case ("sysctl", "-w", *pairs):
                self.settings |= dict(pair.split("=") for pair in pairs)
            case ("modprobe", "--all", *_):
                self.settings |= {"net.bridge.bridge-nf-call-iptables": "0"}
            case ("rm", "-f", path):
                self.files.pop(path, None)
            case ("kubectl", _, *words):
                return self.cluster.kubectl(words, command.stdin)
            case _:
                raise AssertionError(f"{self.name} was not taught: {command}")
        return ""

    def _note(self, text: str) -> None:
        self.clock += 1
        self.done.append(text)

    def _systemctl(self, verb: str, unit: str) -> None:
        one = self.units.setdefault(unit, FakeUnit())
        if verb == "enable":
            one.enabled = True
        else:
            one.started = self.clock

    def _put(self, path: str, text: str = "", head: str = "600 root:root") -> None:
        self.files[path] = FakeFile(head, text, self.clock)

    def on_look(self, command: Command) -> str:
        text = FRESH.partition("=== state\n")[0]
        for before, after in (("hostname=cp1", f"hostname={self.name}"), ("10.213.2.11", self.address)):
            text = text.replace(before, after)
        text = re.sub("machine_id=.*", f"machine_id={self.name}", text)
        text = re.sub("clock_s=.*", f"clock_s={NOW_S}", text)
        begun = [f"provisioner/{verb}-begun" for verb in ("init", "join")]
        names = [name for name in (*begun, "admin.conf", "kubelet.conf") if f"/etc/kubernetes/{name}" in self.files]
        planes = ADMIN_CONF in self.files
        state = [*names, *(["manifests"] if planes else [])]
        parts = ["=== state", *state, "=== ca", self.cluster.ca if planes else "", "=== kubelet-ca", "=== listening"]
        silent = "=== api\n" if "=== api" in command.argv[2] else ""
        return text + "\n".join(parts) + "\n" + (self.cluster.told() if planes and len(names) == 2 else silent)

    on_look_leader = on_look

    def on_file(self, command: Command, path: str, kind: str) -> str:
        file = self.files.get(path)
        return f"{file.head}\n{file.text}" if file else "absent\n"

    def on_write(self, command: Command, path: str, mode: str, owner: str) -> str:
        assert isinstance(command.stdin, str)
        self._put(path, command.stdin, f"{mode} {owner}")
        return ""

    def on_chmod(self, command: Command, path: str, mode: str, owner: str) -> str:
        self.files[path].head = f"{mode} {owner}"
        return ""

    def on_copied(self, command: Command, source: str, path: str) -> str:
        return "600 admin\n" if path in self.files and source in self.files else "differs\n"

    def on_copy(self, command: Command, source: str, path: str, user: str) -> str:
        self._put(path)
        return ""

    def on_nothing(self, command: Command, *arguments: str) -> str:
        return ""

    def on_packages(self, command: Command, *names: str) -> str:
        rows = ((name, "h" if name in self.held else "i") for name in names if name in self.packages)
        return "".join(f"{name} {wanted}i  {self.packages[name]}\n" for name, wanted in rows)

    def on_modules(self, command: Command, *names: str) -> str:
        loaded = "net.bridge.bridge-nf-call-iptables" in self.settings
        return "".join(f"{name}\n" for name in names if loaded)

    def on_settings(self, command: Command, *names: str) -> str:
        return "".join(f"{name} = {self.settings[name]}\n" for name in names if name in self.settings)

    def on_service(self, command: Command, unit: str, *paths: str) -> str:
        one = self.units.get(unit, FakeUnit())
        lines = [
            f"ActiveState={'active' if one.started else 'inactive'}",
            f"UnitFileState={'enabled' if one.enabled else 'disabled'}",
            "NeedDaemonReload=no",
            f"started={one.started}",
            *(f"newest={self.files[path].written} {path}" for path in paths if path in self.files),
        ]
        return "\n".join(lines) + "\n"

    def on_images(self, command: Command) -> str:
        return "\n".join(self.images)

    def on_load(self, command: Command, place: str, archive: str, digest: str, scratch: str) -> str:
        self.images |= scripts.IMAGES_BY_ARCHIVE[archive]
        return ""

    def on_kubeadm(self, command: Command, marker: str, done: str) -> str:
        return "begun\n" if marker in self.files else "done\n" if done in self.files else ""

    def on_begin(self, command: Command, marker: str, socket: str) -> str:
        if marker in self.files:
            for path in (KUBELET_CONF, ADMIN_CONF):
                self.files.pop(path, None)
        self._put(marker)
        return ""

    def on_run(self, command: Command, marker: str, verb: str, skip: str, *flags: str) -> str | Result:
        assert not isinstance(command.stdin, str), "kubeadm's configuration holds a token"
        if verb == "init":
            self._put(ADMIN_CONF)
        if not self.cluster.enter(self.name, self.address, verb, command.stdin):
            return Result(1, stderr="error execution phase preflight: couldn't validate the identity of the API Server")
        self._put(KUBELET_CONF)
        self._systemctl("start", "kubelet.service")
        return ""

    def on_wait_node(self, command: Command, kubeconfig: str, node: str, deadline: str) -> str:
        assert node in self.cluster.nodes
        return ""

    def on_token(self, command: Command, conf: str, identity: str) -> str:
        return "a.signature" if identity in self.cluster.tokens and ADMIN_CONF in self.files else ""

    def on_wait_token(self, command: Command, conf: str, identity: str) -> str | Result:
        return "" if identity in self.cluster.tokens else Result(1)

    def on_tokens(self, command: Command, *identities: str) -> str:
        found = [identity for identity in identities if identity in self.cluster.tokens]
        return "".join(f"secret/bootstrap-token-{identity}\n" for identity in found)

    def on_routes(self, command: Command, path: str) -> str:
        script, unit = self.files.get(SCRIPT), self.units.get(UNIT, FakeUnit())
        return "" if script and unit.started >= script.written else "all of them\n"

    @property
    def networked(self) -> bool:
        return CONFLIST in self.files
