"""Hosts that have failed before the first change: whether enough are left to go on without them."""

from __future__ import annotations

from collections.abc import Mapping

from provisioner.core.names import some
from provisioner.errors import ProvisionerError, UnreachableError
from provisioner.plays.procedure import Procedure
from provisioner.world.quorum import lost_quorum
from provisioner.world.view import View


def without(procedure: Procedure, view: View, errors: Mapping[str, ProvisionerError]) -> View:
    """Go on without the hosts that have failed, as long as enough is left.

    A majority of the control planes has to be there; all of them as long as none of those that answer has a cluster,
    for then one that does not answer may have it. A procedure that needs no quorum needs only one. Without any host
    there is nothing to do.
    """
    left = view.without(errors)
    if not procedure.needs_quorum:
        if not left.limit or left.leader.name in left.lost:
            stop_for(errors)
        return left
    lost = [host.name for host in view.cluster.control_planes if host.name in errors]
    known = [state for host, state in left.observed.states.items() if host not in left.lost]
    if (lost and not any(state.initialised for state in known)) or not left.limit:
        stop_for(errors)
    if reason := lost_quorum(left):
        details = "\n".join(errors[name].message for name in lost)
        raise UnreachableError(f"{reason}; nothing was changed", details=details, hint=errors[lost[0]].hint)
    return left


def stop_for(errors: Mapping[str, ProvisionerError]) -> None:
    """Before the first change, hosts that fail stop the run: all of them are named."""
    if not errors:
        return
    if len(errors) == 1:
        raise next(iter(errors.values()))
    first = next(iter(errors.values()))
    text = "\n".join(f"{error.message}\n  {error.details}".rstrip() for error in errors.values())
    raise type(first)(f"{len(errors)} hosts failed: {some(errors)}", details=text, hint=first.hint)
