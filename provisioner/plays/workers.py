"""Workers join with a token that is made for this run alone, and removed when they have joined."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from provisioner.core.facts import RUN_TOKEN
from provisioner.core.play import View
from provisioner.core.resource import Later, Resource
from provisioner.derived import (
    DOCKERSHIM_SOCKET,
    api_endpoint,
    ca_pin,
    joining,
    kubeadm_template,
    needs_joining,
)
from provisioner.inventory.model import Host
from provisioner.inventory.values import Secret
from provisioner.plays.control_plane import ignored_checks
from provisioner.resources.kubeadm import Join
from provisioner.resources.kubectl import JoinToken, RunTokensGone
from provisioner.templating import render

# Long enough for the slowest join, short enough that a forgotten token is worth little.
RUN_TOKEN_LIFE = timedelta(minutes=20)


def token(view: View, host: Host) -> tuple[Resource, ...]:
    """On the leader: a join token, when somebody has to join."""
    wanted_by = tuple(worker.name for worker in joining(view))
    if not wanted_by:
        return ()
    manifest = token_manifest(
        view.join_token,
        expires=datetime.fromtimestamp(view.now_s, UTC) + RUN_TOKEN_LIFE,
        description=f"{RUN_TOKEN}: join",
    )
    return (JoinToken(view.join_token, manifest, wanted_by),)


def token_manifest(token: Secret, *, expires: datetime, description: str) -> Secret:
    """The Secret object that a bootstrap token is."""
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
    if view.live is None:
        return (
            (Later("kubeadm join", "kubeadm join", "the CA's hash, known after kubeadm init"),)
            if needs_joining(view, host)
            else ()
        )
    return (
        Join(
            node=host.name,
            configuration=Secret(join_configuration(view, host, view.join_token.reveal()), "join configuration"),
            shown=join_configuration(view, host, str(view.join_token)),
            cri_socket=DOCKERSHIM_SOCKET,
            present=host.name in view.live.nodes,
            access=access(view),
            ignored_checks=ignored_checks(view),
        ),
    )


def join_configuration(view: View, host: Host, token: str) -> str:
    """The whole file for `kubeadm join`: the way to the cluster, its CA pinned, and what is this node's own."""
    return render(
        kubeadm_template(view, "join"),
        endpoint=api_endpoint(view),
        token=token,
        ca_pin=ca_pin(view.live.ca_certificate) if view.live else "",
        node=host.name,
        taints=host.node_taints,
        cri_socket=DOCKERSHIM_SOCKET,
    )


def access(view: View) -> Secret:
    """A kubeconfig with the join token's few rights, for a machine that has no other yet."""
    text = render(
        "kubernetes/bootstrap-kubeconfig.yaml.j2",
        endpoint=str(api_endpoint(view)),
        ca=base64.b64encode((view.live.ca_certificate if view.live else "").encode()).decode(),
        token=view.join_token.reveal(),
    )
    return Secret(text, "kubeconfig")


def token_gone(view: View, host: Host) -> tuple[Resource, ...]:
    """On the leader: neither this run's token nor one that a killed run has left."""
    return (RunTokensGone(view.live.run_tokens if view.live else ()),)
