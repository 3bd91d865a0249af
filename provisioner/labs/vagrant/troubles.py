"""What Vagrant prints when something goes wrong, and what it means. Pure; tested on output of Vagrant 2.3 and 2.4."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from provisioner.core.untrusted import visible
from provisioner.errors import LabError, LockHeldError, ProvisionerError, StepError, UnreachableError, UsageError

LAST_LINES = 10
# How Vagrant begins a line about one machine: `==> kube-node1: ...`, or four blanks instead of the arrow.
_MACHINE = re.compile(r"^(?:==>| {3}) ([a-z0-9][-a-z0-9.]*): ?(.*)$")


@dataclass(frozen=True, slots=True)
class Trouble:
    """A part of Vagrant's output (a regular expression), and what it means."""

    words: str
    kind: type[ProvisionerError]
    message: str
    hint: str


TROUBLES = (
    Trouble(
        r"another process is already executing an action",
        LockHeldError,
        "another Vagrant process works on the same machines",
        "wait until it has ended, then run again",
    ),
    Trouble(
        r"The box '([^']+)' could not be found|error occurred while downloading the remote\s+file|"
        r"box you're attempting to add doesn't support the provider|Couldn't connect to server|Could not resolve host|"
        r"box you are attempting to add has no available version",
        LabError,
        "a box cannot be downloaded",
        "is its name right, does it exist for this provider and this architecture, and can its server be reached "
        "(try: vagrant box add NAME)? To use another one, set `box` under `vagrant:`",
    ),
    Trouble(
        r"Timed out while waiting for the machine to boot|not yet ready for SSH|SSH connection was refused|"
        r"couldn't\s+connect to the machine|authentication failures?|machine.*unexpected state",
        UnreachableError,
        "a machine cannot be reached over SSH",
        "look at its console (`settings: {gui: true}` with VirtualBox), then run again: it continues with that machine",
    ),
    Trouble(
        r"The provider '([^']+)' could not be found",
        LabError,
        "Vagrant does not know the provider",
        "vagrant plugin install vagrant-PROVIDER; or name another provider under `vagrant:`",
    ),
    Trouble(
        r"No usable default provider|provider '[^']+' that was requested to back|VirtualBox is complaining|"
        r"could not detect VirtualBox|VBoxManage",
        LabError,
        "the provider cannot run machines here",
        "is it installed, and does this computer's firmware allow virtualisation? If not, use the provider docker",
    ),
    Trouble(
        r"not within the\s+allowed ranges",
        LabError,
        "VirtualBox does not allow the machines' network",
        "`provisioner lab prepare` shows the line for /etc/vbox/networks.conf",
    ),
    Trouble(
        r"There is no inventory here|no machine has settings under `vagrant:`",
        UsageError,
        "the Vagrantfile finds no machines",
        "name an inventory that has settings under `vagrant:`, with -i",
    ),
    Trouble(
        r"provider doesn't support snapshots",
        LabError,
        "this provider has no snapshots",
        "`lab halt` and `lab resume` keep the machines as they are",
    ),
    Trouble(
        r"snapshot.*(was not found|could not be found|does not exist)",
        UsageError,
        "the snapshot does not exist",
        "`vagrant snapshot list` beside the Vagrantfile shows the existing ones",
    ),
)


def machine_line(line: str) -> tuple[str, str]:
    """The machine that a line of Vagrant's output is about, empty for none, and the rest of the line."""
    line = visible(line.rstrip())
    found = _MACHINE.match(line)
    return (found[1], found[2].strip()) if found else ("", line.strip())


def explained(doing: str, output: str) -> ProvisionerError:
    """The error for a call of Vagrant that failed while `doing` something."""
    lines = [line.rstrip() for line in visible(output).splitlines() if line.strip()]
    details = "\n".join(lines[-LAST_LINES:])
    text = " ".join(line.strip() for line in lines)
    for trouble in TROUBLES:
        if re.search(trouble.words, text, re.IGNORECASE):
            return trouble.kind(f"{doing}: {trouble.message}", hint=trouble.hint, details=details)
    hint = "run `vagrant` itself beside the Vagrantfile to see more"
    return StepError(f"{doing}: Vagrant failed", hint=hint, details=details or "it printed nothing")


def with_those_up(error: ProvisionerError, up: Iterable[str], wanted: Iterable[str]) -> ProvisionerError:
    """The same error, with the machines that are up and kept, and those that are not up."""
    names = tuple(up)
    left = ", ".join(name for name in wanted if name not in names)
    stay = f"{', '.join(names)} up and kept; not up: {left}" if names else f"not up: {left}"
    return type(error)(f"{error.message} ({stay})", hint=error.hint, details=error.details)
