"""systemd services. Whether one must restart is read from the host: if its configuration is newer than the process."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change

# systemd starts the kubelet again 10 s after it exited (RestartSec in kubeadm's packages), as happens on a host that is
# too busy at first. Only after more than that is it certain that it does not start.
_SETTLES_S = 15
# Without a start time systemd 249 (Ubuntu 22.04) prints n/a, other versions nothing.
_PROBE = """
unit=$1 left=$2; shift 2
look() {
  told=$(systemctl show "$unit" --timestamp=us+utc \
    -p LoadState -p ActiveState -p UnitFileState -p NeedDaemonReload -p ExecMainStartTimestamp)
}
look
while [ "$left" -gt 0 ]; do
  case $told in
    *ActiveState=activating* | *ActiveState=deactivating* | *ActiveState=reloading*)
      sleep 1; left=$((left - 1)); look ;;
    *) left=0 ;;
  esac
done
echo "$told"
started=$(echo "$told" | sed -n '/=n.a$/d; s/^ExecMainStartTimestamp=//p')
echo "started=$(date -d "${started:-@0}" +%s.%N)"
for path in "$@"; do
  if [ -e "$path" ]; then echo "newest=$(stat -c %.3Y -- "$path") $path"; fi
done
"""


@dataclass(frozen=True, slots=True)
class Service:
    """A service that is enabled and, with `running`, active and not older than its configuration files.

    `follows` are keys of resources whose change makes it restart; the files of `configuration` are among them.
    """

    unit: str
    running: bool = True
    configuration: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """`service UNIT`."""
        return f"service {self.unit}"

    def probe(self) -> Command:
        """Its state in systemd, when it started, and when its configuration was written.

        If it has to run and is just starting or stopping, this waits for a few seconds.
        """
        return shell(_PROBE, self.unit, str(_SETTLES_S if self.running else 0), *self.configuration)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Enable, start or restart, and say why."""
        told = [line.partition("=")[::2] for line in seen.stdout.splitlines()]
        now = dict(told)
        newest = [value.split(" ", 1) for name, value in told if name == "newest"]
        actions, reasons = [], []
        if now.get("NeedDaemonReload") == "yes":
            reasons.append("its unit file has changed")
        if now.get("UnitFileState") != "enabled":
            actions.append("enable")
        if self.running:
            reasons += self._why_restart(float(now["started"]), newest, changed)
            if now.get("ActiveState") != "active":
                actions.append("start")
            elif reasons:
                actions.append("restart")
        if not actions and not reasons:
            return None
        words = " and ".join(actions) or "reload the unit file of"
        because = f" ({'; '.join(dict.fromkeys(reasons))})" if reasons and "start" not in actions else ""
        return Change(
            f"{words} {self.unit}{because}",
            self._commands(actions),
            diff=f"-{self._is(now)}\n+{self._desired(actions)}\n",
        )

    def _is(self, now: dict[str, str]) -> str:
        return f"{now.get('ActiveState')}, {now.get('UnitFileState') or 'not installed'}"

    def _desired(self, actions: list[str]) -> str:
        state = "active, enabled" if self.running else "enabled"
        return f"{state}, restarted" if "restart" in actions else state

    def _why_restart(self, started_s: float, newest: list[list[str]], changed: AbstractSet[str]) -> list[str]:
        keys = {*self.follows, *(f"file {path}" for path in self.configuration)}
        following = [key.partition(" ")[2] for key in sorted(keys & changed)]
        newer = [path for written, path in newest if float(written) > started_s]
        return [f"{path} is newer" for path in dict.fromkeys([*following, *newer])]

    def _commands(self, actions: list[str]) -> tuple[Command, ...]:
        reload = Command(("systemctl", "daemon-reload"))
        verbs = tuple(Command(("systemctl", verb, self.unit), timeout_s=180) for verb in actions)
        return (reload, *verbs)
