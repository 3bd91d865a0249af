"""The base of all models of the inventory: strict validation, and file names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def text_only(example: str) -> BeforeValidator:
    """Accept addresses and file names as text only: a bare number would be converted to an address."""

    def only(value: object) -> object:
        if isinstance(value, bool | int | float) or value == "":
            raise ValueError(f"expected {example}")
        return value

    return BeforeValidator(only)


FilePath = Annotated[Path, Field(strict=False), text_only("a file name, in quotes where it is a number")]


class Model(BaseModel):
    """Strict, frozen, no unknown keys."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


def as_tuple(value: object) -> object:
    """A list of an inventory as a tuple, which cannot be changed; anything else as it is."""
    return tuple(value) if isinstance(value, list) else value
