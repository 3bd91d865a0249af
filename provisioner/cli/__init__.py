"""The command line: arguments, one call, an exit code. The only place that exits."""

from __future__ import annotations

import sys
import traceback

import typer

from provisioner import __version__
from provisioner.cli import bundle, cluster, inventory, lab, network, versions

app = typer.Typer(
    name="provisioner",
    help="Turns machines into Kubernetes clusters with kubeadm.",
    epilog="Start with `provisioner lab up`, or see docs/how-to/existing-servers.md for your own servers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
cluster.register(app)
app.command(epilog="Example: provisioner versions")(versions.versions)
app.add_typer(network.app, name="network")
app.add_typer(inventory.app, name="inventory")
app.add_typer(lab.app, name="lab")
app.add_typer(bundle.app, name="bundle")


@app.callback(invoke_without_command=True)
def _options(version: bool = typer.Option(False, "--version", help="Show the version.")) -> None:
    if version:
        typer.echo(f"provisioner {__version__}")
        raise typer.Exit()


def main() -> None:
    """Run the command line. Exit codes: see provisioner/errors.py; 130 when interrupted."""
    try:
        app()
    except Exception:
        traceback.print_exc()
        typer.echo("this is a defect of provisioner; please report it with the text above", err=True)
        sys.exit(1)
