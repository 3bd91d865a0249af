"""All errors, as one tree; each says what went wrong, where, and what to do next.

    ProvisionerError                 exit code 1
    ├── UsageError                   2   the command line or a file the user wrote
    │   └── InventoryError           2   all problems of an inventory at once
    ├── PreflightError               3   found before anything was changed
    │   ├── LabError                 3   this machine cannot run the lab as asked
    │   └── BundleError              3   the bundle is damaged, missing or does not fit
    ├── UnreachableError             4   no connection, refused login, changed host key
    ├── StepError                    5   a command failed, or a host did not converge
    │   ├── AnswerError              5   the answer of a host could not be processed
    │   └── BuildError               5   a step of building a bundle or an image failed
    ├── VerificationError            6
    └── LockHeldError                7

`Problem` is a finding: the same value for inventory rules, preflight and verification.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class Severity(StrEnum):
    """An error stops the run before anything is changed; a warning is shown and the run goes on."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: which rule, how bad, where (`file:line`, a host, a path), what, and what to do."""

    rule: str
    where: str
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        """One finding as a person reads it: `where: message` and the hint on a line of its own."""
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n    → {self.hint}" if self.hint else text


class ProvisionerError(Exception):
    """The root: `message` says what and where, `hint` what to do next, `details` is output worth reading."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", details: str = "") -> None:
        """`details` is shown indented below the message (for example the last lines of a command's output)."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details


class ProblemsError(ProvisionerError):
    """An error that is a list of findings."""

    def __init__(self, message: str, problems: Iterable[Problem] = (), *, hint: str = "", details: str = "") -> None:
        """`problems` are all findings, errors first; the message counts or names them."""
        super().__init__(message, hint=hint, details=details)
        self.problems = tuple(problems)


class UsageError(ProvisionerError):
    """The command line asks for something impossible."""

    exit_code = 2


class InventoryError(UsageError, ProblemsError):
    """The inventory is not valid; carries every problem found in it."""


class PreflightError(ProblemsError):
    """A host cannot reach the desired state; nothing has been changed."""

    exit_code = 3


class LabError(PreflightError):
    """This machine cannot run the lab as asked."""


class BundleError(PreflightError):
    """The bundle is damaged, missing, or not for these hosts."""


class UnreachableError(ProvisionerError):
    """A host cannot be reached or refuses the login."""

    exit_code = 4


class StepError(ProvisionerError):
    """A command failed on a host, or a host did not reach the desired state."""

    exit_code = 5


class AnswerError(StepError):
    """The answer of a host could not be processed, for an unexpected reason: a fault of the host or a defect of ours.

    `trace` says where the code was, for the log.
    """

    def __init__(self, message: str, *, hint: str = "", details: str = "", trace: str = "") -> None:
        """As any error, with the trace."""
        super().__init__(message, hint=hint, details=details)
        self.trace = trace


class BuildError(StepError):
    """A step of building a bundle or an image failed."""


class VerificationError(ProblemsError):
    """The cluster is not in the state that the inventory describes."""

    exit_code = 6


class LockHeldError(ProvisionerError):
    """Another run works on the same cluster, lab or bundle."""

    exit_code = 7
