"""How an effect is written: a generator that yields wherever a kill or a power cut may land, and returns the answer."""

from __future__ import annotations

from collections.abc import Callable, Generator

from provisioner.core.command import Result

Answer = str | Result
Moments = Generator[None, None, Answer]
# Called with the machine, the command and the script's arguments.
Handler = Callable[..., Answer | Moments]


def failed(code: int, text: str) -> Result:
    """A command that fails and says why."""
    return Result(code, stderr=f"{text}\n")
