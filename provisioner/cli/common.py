"""What all commands share: their options, and the frame in which they run, show, log and fail."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, cast

import typer

from provisioner.core.report import Event, Found, Listener, Note
from provisioner.core.untrusted import shown
from provisioner.errors import ProblemsError, ProvisionerError, UsageError
from provisioner.inventory import loader
from provisioner.inventory.model import Cluster, Host, Origin
from provisioner.labs import state
from provisioner.output.console import Human, Machine, show_error
from provisioner.output.log import Log, describe, new_log
from provisioner.output.screen import Screen
from provisioner.output.streams import Output

InventoryOption = Annotated[
    Path | None,
    typer.Option(
        "--inventory", "-i", envvar="PROVISIONER_INVENTORY",
        help="The inventory: a file, a directory or a program. (default: ./inventory.yaml, or the only lab's)",
    ),
]  # fmt: skip
LimitOption = Annotated[str, typer.Option("--limit", help="Only these hosts or groups, separated by commas.")]
_PLAYS = "such as container-runtime; may be given several times."
OnlyOption = Annotated[list[str] | None, typer.Option("--only", metavar="PLAY", help=f"Only this play, {_PLAYS}")]
SkipOption = Annotated[list[str] | None, typer.Option("--skip", metavar="PLAY", help=f"Leave out this play, {_PLAYS}")]
UntestedOption = Annotated[
    bool, typer.Option("--allow-untested", help="Try a Kubernetes version that the catalog does not know.")
]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Show diffs and commands.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON event per line, the report last.")]


UNCUT_COLUMNS = 400
# The exit code that shells expect of a program ended by Ctrl-C.
INTERRUPTED = 130


# As with ssh itself: everything after the first word that is not an option belongs to the command that is run.
OWN_OPTIONS_FIRST = {"allow_interspersed_args": False}


@dataclass(frozen=True, slots=True)
class Frame:
    """How this command shows what happens, and its log. Called with an event, it sends the event to both."""

    show: Human | Machine
    log: Log

    def __call__(self, event: Event) -> None:
        """Log the event, then show it."""
        self.log(event)
        self.show(event)

    def fail(self, error: ProvisionerError) -> None:
        """Show an error and log it."""
        found = error.problems if isinstance(error, ProblemsError) else ()
        lines = (f"error: {error.message}", error.details, *(describe(Found(problem)) for problem in found), error.hint)
        self.log.write("\n".join(line for line in lines if line))
        self.show.error(error, self.log.place)


@contextmanager
def frame(command: str, *, as_json: bool = False, verbose: bool = False) -> Iterator[Frame]:
    """Run a command's work: errors are shown and become exit codes, the log is closed, live lines end."""
    output = Output(sys.stdout)
    console, errors = _console(1, output), _console(2, Output(sys.stderr))
    show = Machine(console) if as_json else Human(console, errors, verbose=verbose)
    with new_log(command, show) as log:
        told = Frame(show, log)
        try:
            yield told
        except ProvisionerError as error:
            told.fail(error)
            raise typer.Exit(error.exit_code) from None
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            log.write("".join(traceback.format_exception(error)).rstrip())
            found = _explained(error)
            told.fail(found)
            raise typer.Exit(found.exit_code) from None
        except KeyboardInterrupt:
            told.log.write("interrupted")
            show.close()
            typer.echo("interrupted; run the same command again: it goes on from here", err=True)
            raise typer.Exit(INTERRUPTED) from None
        finally:
            show.close()
            if output.is_full:
                lost = UsageError(f"standard output: {output.trouble}; the rest of the output was not shown")
                show_error(errors, lost, log.place)
    if output.is_full:
        raise typer.Exit(UsageError.exit_code)


def _explained(error: Exception) -> ProvisionerError:
    """An unexpected error: a problem with a file on this machine, which the user can fix, or a defect of ours."""
    if isinstance(error, OSError) and error.filename:
        return UsageError(f"{error.filename}: {error.strerror}", hint="Is the disk full? May you write there?")
    return ProvisionerError(
        f"a defect of provisioner: {type(error).__name__}: {shown(str(error))}",
        hint="Report it with the end of the log, which says where. If it happened in the middle of a run, run the same "
        "command again: it goes on from here.",
    )


def _console(stream: int, output: Output) -> Screen:
    """Standard output (1) or standard error (2). Output to a file or a pipe is not cut or wrapped."""
    width = None if os.isatty(stream) else UNCUT_COLUMNS
    return Screen(file=cast(IO[str], output), highlight=False, width=width, soft_wrap=width is not None, emoji=False)


def is_typed(context: typer.Context, parameter: str) -> bool:
    """Whether an option was given on the command line, and not by the environment or as a default."""
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"


def find_inventory(path: Path | None) -> Path:
    """The inventory to use: the named one, else ./inventory.yaml, else that of the only lab; otherwise UsageError."""
    if path is not None:
        return path
    here = Path("inventory.yaml")
    if here.exists():
        return here
    labs = [state.directory(name) / state.INVENTORY for name in state.names()]
    found = [lab for lab in labs if lab.exists()]
    if len(found) == 1:
        return found[0]
    raise UsageError(
        "no inventory was named, and there is no inventory.yaml here",
        hint="Name one with -i FILE; "
        + (f"there are {len(found)} labs" if found else "or start with `provisioner lab up`."),
    )


def load_cluster(path: Path | None, told: Frame, *, untested: bool = True) -> Cluster:
    """Load the inventory; for Vagrant's machines, ask Vagrant how they are reached."""
    return reached(read_cluster(path, told, untested=untested), told)


def reached(cluster: Cluster, told: Listener) -> Cluster:
    """The same cluster with the connection settings that Vagrant reports; other clusters are not changed."""
    if cluster.origin is not Origin.VAGRANT:
        return cluster
    from provisioner.labs.vagrant.access import located  # noqa: PLC0415 - Docker's client would cost 0.1 s

    return located(cluster, told)


def known_host(cluster: Cluster, name: str) -> Host:
    """The host of that name; otherwise UsageError, which lists the hosts."""
    names = [known.name for known in cluster.hosts]
    if name not in names:
        raise UsageError(f"there is no host {name} in the inventory", hint=f"The hosts are: {', '.join(names)}.")
    return cluster.host(name)


def read_cluster(path: Path | None, told: Frame, *, untested: bool = True) -> Cluster:
    """Read the inventory; its warnings are shown, its errors raised.

    A Kubernetes version that is not in the catalog is an error only without `untested`: commands that only look accept
    any version.
    """
    file = find_inventory(path)
    if path is None:
        told.log(Note(f"inventory: {file}"))
    cluster, problems = loader.check(file, untested=untested)
    if cluster is None:
        raise loader.invalid(file, problems)
    for problem in problems:
        told(Found(problem))
    return cluster
