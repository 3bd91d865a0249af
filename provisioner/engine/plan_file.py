"""A plan as a file: what was agreed on, and what it was made from. Applying it later does exactly that, or nothing.

It has what `plan -v` shows, and no commands: those are computed again, from the hosts, when it is applied.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from provisioner import __version__
from provisioner.bundle.common.reading import Bundle
from provisioner.core.plan import Plan, PlayPlan, Step
from provisioner.core.resource import Change
from provisioner.core.untrusted import shown, visible
from provisioner.engine.selection import Selection
from provisioner.errors import PreflightError, Problem, UsageError
from provisioner.inventory.model import Cluster
from provisioner.inventory.values import Version
from provisioner.paths import write_private
from provisioner.plays.procedure import Procedure
from provisioner.world.derived import ca_fingerprint
from provisioner.world.view import View

FORMAT = 3
# The plan of a thousand new hosts has about 20 MiB.
_MOST_BYTES = 256 * 2**20
_SHOWN = 120
_AGAIN = "Make the plan again: `provisioner plan -o FILE`."
_MADE_BY = "A plan is made with `provisioner plan -o FILE`; an inventory is named with -i, hosts with --limit."
# Paths on this machine are not what was agreed on: a plan may be made on one machine and applied on another.
_LOCAL: dict[str, Any] = {
    "settings": {"ssh": {"known_hosts": True}, "package_source": {"path": True}},
    "hosts": {"__all__": {"private_key_file": True}},
}


# No control characters: a path must not have any, and a name never has.
_Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=4096)]


class _Value(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class PlannedStep(_Value):
    """One step as people agree to it."""

    play: str
    host: str
    key: str
    summary: str
    diff: str = ""
    waits_for: str = ""
    at: str = ""
    batch: tuple[str, ...] = ()


class PlanFile(_Value):
    """A saved plan of a `procedure`, with the version that it goes to, if that is not the inventory's.

    `made_of` are SHA-256 sums of the inventory's parts, by their names, and of the bundle; `ca` is the fingerprint of
    the cluster's CA, empty when there was no cluster yet.
    """

    format: Literal[3] = 3
    program: _Line
    made: AwareDatetime
    procedure: _Line
    target: Version | None = None
    cluster: _Line
    inventory: _Line
    ca: _Line = ""
    made_of: dict[str, str]
    limit: str = ""
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    steps: tuple[PlannedStep, ...]

    @property
    def subject(self) -> str:
        """What it is for, in words."""
        return _subject(visible(self.cluster), visible(self.inventory))

    @property
    def selection(self) -> Selection:
        """What was selected when it was made."""
        return Selection(self.limit, self.only, self.skip)

    @property
    def plan(self) -> Plan:
        """The plan, without commands."""
        plays = groupby(self.steps, key=lambda step: (step.play, step.batch))
        return Plan(tuple(PlayPlan(title, tuple(map(_step, steps)), batch) for (title, batch), steps in plays))


def of(plan: Plan, view: View, procedure: Procedure, selection: Selection) -> PlanFile:
    """What a plan says, and what it was made from."""
    return PlanFile(
        program=__version__,
        made=datetime.fromtimestamp(int(view.observed.now_s), UTC),
        procedure=procedure.name,
        target=procedure.target,
        cluster=view.cluster.settings.name,
        inventory=str(view.cluster.path.absolute()),
        ca=ca_fingerprint(view.observed.live.ca_certificate) if view.observed.live else "",
        made_of=made_of(view.cluster, view.materials.bundle),
        limit=selection.limit,
        only=selection.only,
        skip=selection.skip,
        steps=tuple(_planned(play, step) for play in plan.plays for step in play.steps),
    )


def save(path: Path, file: PlanFile) -> None:
    """Write it, readable only for its owner; UsageError when it cannot be written."""
    try:
        write_private(path, file.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise UsageError(f"{path}: the plan cannot be written: {error.strerror}") from error


def load(path: Path) -> PlanFile:
    """Read a saved plan; UsageError when it is missing, damaged, not a plan, or of an unknown format."""
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES)
    except OSError as error:
        raise UsageError(f"{path}: the plan cannot be read: {error.strerror}", hint=_MADE_BY) from error
    _require_format(path, text)
    try:
        return PlanFile.model_validate_json(text)
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in found["loc"])
        message = visible(f"{place[:_SHOWN]}: {found['msg'][:_SHOWN]}")
        raise UsageError(f"{path}: the saved plan is damaged: {message}", hint=_AGAIN) from None


def require_unchanged(file: PlanFile, cluster: Cluster, bundle: Bundle | None) -> None:
    """PreflightError that names the parts of the inventory and the bundle that have changed since the plan was made."""
    problems = tuple(_changed(file, made_of(cluster, bundle)))
    if problems:
        raise PreflightError(
            f"the plan of {file.made:%Y-%m-%d %H:%M} UTC is for {file.subject}; "
            f"{_subject(cluster.settings.name, str(cluster.path.absolute()))} is not the same; "
            "nothing was changed",
            problems,
            hint=_AGAIN,
        )


def same_cluster(file: PlanFile, rules: Callable[[View], tuple[Problem, ...]], view: View) -> tuple[Problem, ...]:
    """What `rules` find, and a finding when the hosts belong to another cluster than the plan was made for."""
    now = ca_fingerprint(view.observed.live.ca_certificate) if view.observed.live else ""
    if not file.ca or not now or now == file.ca:
        return rules(view)
    message = f"belongs to another cluster than the plan is for: its CA is {now}, and was {visible(file.ca[:_SHOWN])}"
    return (*rules(view), Problem("plan-cluster", view.leader.name, message, _AGAIN))


def made_of(cluster: Cluster, bundle: Bundle | None) -> dict[str, str]:
    """A sum of every setting and host of the inventory, and of the bundle if there is one."""
    told = cluster.model_dump(mode="json", exclude=_LOCAL)
    settings = {f"cluster.{name}": _sum(value) for name, value in told["settings"].items()}
    hosts = {f"host {host['name']}": _sum(host) for host in told["hosts"]}
    return settings | hosts | ({"bundle": _sum(bundle.manifest.model_dump(mode="json"))} if bundle else {})


def _changed(file: PlanFile, now: Mapping[str, str]) -> Iterator[Problem]:
    if file.program != __version__:
        yield Problem("plan-program", "provisioner", f"was {file.program} when the plan was made, is {__version__} now")
    for name in sorted(file.made_of.keys() | now.keys()):
        if file.made_of.get(name) != now.get(name):
            yield Problem("plan-made-of", name, _how(name in file.made_of, name in now))


def _subject(cluster: str, inventory: str) -> str:
    return f"cluster {cluster}, inventory {inventory}"


def _how(was: bool, is_now: bool) -> str:
    if was and is_now:
        return "has changed"
    return "is no longer in the inventory" if was else "was not in the inventory then"


def _require_format(path: Path, text: bytes) -> None:
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        raw = None
    format_ = raw.get("format") if isinstance(raw, dict) and "made_of" in raw else None
    if format_ is None:
        raise UsageError(f"{path}: this is not a saved plan, or not a complete one", hint=_MADE_BY)
    if format_ != FORMAT:
        raise UsageError(
            f"{path}: format {shown(format_)} of saved plans is not known; this version reads format {FORMAT}",
            hint=f"Use the version of provisioner that made it ({shown(raw.get('program'))}), or make the plan again.",
        )


def _sum(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _planned(play: PlayPlan, step: Step) -> PlannedStep:
    change = step.change
    return PlannedStep(
        play=play.title, batch=play.batch, host=step.subject, at=step.at, key=step.key,
        summary=change.summary, diff=change.diff, waits_for=change.waits_for,
    )  # fmt: skip


def _step(planned: PlannedStep) -> Step:
    return Step(planned.host, planned.key, Change(planned.summary, (), planned.diff, planned.waits_for), planned.at)
