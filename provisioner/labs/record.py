"""What `lab.json` remembers of a lab: what was asked for, and what was chosen for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from provisioner.errors import LabError
from provisioner.labs import spec as specs
from provisioner.labs import state
from provisioner.labs.rights import Rights
from provisioner.labs.spec import LabSpec, Machine
from provisioner.paths import write_private


@dataclass(frozen=True, slots=True)
class Record:
    """The spec with its subnet chosen, the image of its machines, and the rights that this machine grants."""

    spec: LabSpec
    image: str
    rights: Rights


def path(name: str) -> Path:
    """Where the record of the lab `name` is."""
    return state.directory(name) / state.RECORD


def write(record: Record) -> None:
    """Remember a lab. From now on machines may exist."""
    text = TypeAdapter(Record).dump_json(record, indent=2).decode()
    write_private(path(record.spec.name), text + "\n")


def read(name: str) -> Record | None:
    """The record of a lab, or None when there is no such lab. Raises LabError when the file is damaged."""
    try:
        return TypeAdapter(Record).validate_json(path(name).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise LabError(
            f"{path(name)} is damaged",
            hint=f"take the lab {name} down (lab down): that needs no record",
            details=str(error),
        ) from error


def machines(record: Record) -> tuple[Machine, ...]:
    """The machines that belong to the lab, whether they exist or not. Raises LabError without a subnet."""
    if record.spec.subnet is None:
        raise LabError(f"{path(record.spec.name)} has no subnet", hint="take the lab down and up again")
    return specs.machines(record.spec, record.spec.subnet)
