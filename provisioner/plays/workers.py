"""Workers join with a token that is created for this run alone and removed when they have joined."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from provisioner.core.resource import Later, Resource
from provisioner.inventory.model import Host
from provisioner.inventory.values import Secret
from provisioner.networks.leftovers import after_reset
from provisioner.plays import kubeadm_configuration
from provisioner.plays.control_plane import ignored_checks
from provisioner.resources.kubeadm import AFTER_TRY, UNKNOWN_THERE, Join, without
from provisioner.resources.kubectl import JoinToken, RunTokensGone
from provisioner.runtimes import crictl
from provisioner.runtimes.choice import runtime_of
from provisioner.templating import render
from provisioner.world.cluster import RUN_TOKEN
from provisioner.world.derived import api_endpoint, cri_socket, joining, kubernetes, needs_joining
from provisioner.world.facts import HostState
from provisioner.world.view import View

# Long enough for the slowest join, short enough that a forgotten token is worth little.
RUN_TOKEN_LIFE = timedelta(minutes=20)
# kubeadm waits five minutes for the cluster's signed configuration, and five more for the kubelet's certificate
# (TLSBootstrapTimeout): hosts that wait for their turn may wait that long for each host before them.
_JOIN_AT_MOST = timedelta(minutes=10)
# kubeadm's default lifetime of a token.
_LONGEST_LIFE = timedelta(hours=24)


def token_life(joining: int, at_once: int) -> timedelta:
    """The lifetime of a token with which `joining` hosts join, `at_once` of them in parallel."""
    turns_before_the_last = max(joining - 1, 0) // at_once
    return min(RUN_TOKEN_LIFE + turns_before_the_last * _JOIN_AT_MOST, _LONGEST_LIFE)


def token(view: View, host: Host) -> tuple[Resource, ...]:
    """On the leader: a join token, when a host has to join."""
    wanted_by = tuple(worker.name for worker in joining(view))
    if not wanted_by:
        return ()
    life = token_life(len(wanted_by), view.cluster.settings.ssh.parallel)
    manifest = token_manifest(
        view.materials.join_token,
        expires=datetime.fromtimestamp(view.observed.now_s, UTC) + life,
        description=f"{RUN_TOKEN}: join",
    )
    return (JoinToken(view.materials.join_token, manifest, wanted_by),)


def token_manifest(token: Secret, *, expires: datetime, description: str) -> Secret:
    """The Secret object of a bootstrap token."""
    identity, _, key = token.reveal().partition(".")
    text = render(
        "kubernetes/bootstrap-token.yaml.j2",
        id=identity,
        key=key,
        expires=expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        description=description,
    )
    return Secret(text, "bootstrap token")


def desired(view: View, host: Host) -> tuple[Resource, ...]:
    """On each worker that is not in the cluster: join it."""
    skipped = crictl.skipped_phases(view, host)
    if view.observed.live is None:
        summary = f"kubeadm join{_after(view.observed.states[host.name])}{without(skipped)}"
        unknown = "the CA's hash, known after kubeadm init"
        return (Later("kubeadm join", summary, unknown),) if needs_joining(view, host) else ()
    socket = cri_socket(view)
    return (
        *kubeadm_configuration.patch_files(view, host),
        Join(
            node=host.name,
            configuration=Secret(
                kubeadm_configuration.joining(view, host, view.materials.join_token.reveal(), socket),
                "join configuration",
            ),
            shown=kubeadm_configuration.joining(view, host, str(view.materials.join_token), socket),
            cri_socket=socket,
            present=host.name in view.observed.live.nodes,
            access=access(view),
            ignored_checks=ignored_checks(view),
            flags=kubeadm_configuration.patch_flags(view, host),
            validates=kubernetes(view).kubeadm.validates,
            skip_phases=skipped,
            clearing=runtime_of(view).clearing,
            after_reset=after_reset(view),
        ),
    )


def _after(state: HostState) -> str:
    """Why a join that is not worked out yet may need a reset first."""
    if state.join_begun:
        return AFTER_TRY
    return f"{UNKNOWN_THERE}, unless it is back by then" if state.joined else ""


def access(view: View) -> Secret:
    """A kubeconfig with the join token's few permissions, for a host that has no other kubeconfig yet."""
    text = render(
        "kubernetes/bootstrap-kubeconfig.yaml.j2",
        endpoint=str(api_endpoint(view)),
        ca=base64.b64encode((view.observed.live.ca_certificate if view.observed.live else "").encode()).decode(),
        token=view.materials.join_token.reveal(),
    )
    return Secret(text, "kubeconfig")


def token_gone(view: View, host: Host) -> tuple[Resource, ...]:
    """On the leader: remove this run's token, and any that a killed run has left."""
    return (RunTokensGone(view.observed.live.run_tokens if view.observed.live else ()),)
