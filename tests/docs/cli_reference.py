"""docs/reference/cli.md from the Typer application: every command with its options, as `--help` has them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from provisioner.cli import app

_INTRODUCTION = """\
# Command line

`provisioner COMMAND [OPTIONS]`; every command has `--help`, and `provisioner --install-completion` teaches your shell
to complete. How a command ends is in [exit codes](exit-codes.md), what `--json` prints in [JSON](json.md).

A command on a cluster takes its inventory from, in this order: `-i FILE`, the environment variable
`PROVISIONER_INVENTORY`, `inventory.yaml` in the current directory, the inventory of the lab if there is exactly one.
`PROVISIONER_STATE_DIR` moves what is kept about labs, and the logs, to another directory.
"""


def commands() -> dict[str, TyperCommand]:
    """Every command by its full name, such as `provisioner lab up`, in the order of the help."""
    return dict(_walk("provisioner", typer.main.get_command(app)))


def options(command: TyperCommand) -> frozenset[str]:
    """All spellings of a command's options."""
    own = (spelling for parameter in command.params for spelling in parameter.opts if spelling.startswith("-"))
    return frozenset(own) | {"--help", "-h"}


def text() -> str:
    """The whole document."""
    return "\n".join([_INTRODUCTION, *(_section(name, command) for name, command in commands().items())])


def _walk(name: str, command: Any) -> Iterator[tuple[str, TyperCommand]]:
    if not isinstance(command, TyperGroup):
        yield name, command
        return
    for word, inner in command.commands.items():
        yield from _walk(f"{name} {word}", inner)


def _section(name: str, command: TyperCommand) -> str:
    rows = [_row(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)]
    table = "\n".join(["| option | what it does |", "|---|---|", *rows]) if rows else ""
    example = (command.epilog or "").removeprefix("Example: ")
    paragraphs = [f"## {name}", command.help or "", table, f"Example: `{example}`" if example else ""]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n"


def _row(parameter: object) -> str:
    if isinstance(parameter, TyperArgument):
        dots = "..." if parameter.nargs == -1 else ""
        return f"| `{(parameter.name or '').upper()}{dots}` | {_cell(parameter.help)} |"
    assert isinstance(parameter, TyperOption)
    value = "" if parameter.is_flag else f" {(parameter.name or '').upper()}"
    spellings = ", ".join(f"`{spelling}{value}`" for spelling in parameter.opts)
    return f"| {spellings} | {_cell(parameter.help)}{_default(parameter)} |"


def _default(option: TyperOption) -> str:
    given = option.default not in (None, False, "")
    return f" Default: `{option.default}`." if given else ""


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|")
