"""A command that has to succeed: its output is never ignored."""

from __future__ import annotations

from provisioner.core.command import Command
from provisioner.core.untrusted import visible
from provisioner.errors import StepError
from provisioner.failures import hint
from provisioner.transports.protocol import Transport


def required(host: str, transport: Transport, doing: str, command: Command) -> None:
    """Run it; StepError with its output when it fails. `doing` completes "could not"."""
    (result,) = transport.run([command])
    if result.exit_code not in command.accepts:
        said = visible(result.tail()) or f"it ended with exit code {result.exit_code} and printed nothing"
        raise StepError(f"{host}: could not {doing}", details=said, hint=hint(said))
