"""Add-ons of a cluster that the tests bring themselves, out of what the lab has: a DNS server, and an agent that
honours NetworkPolicies. Both are real pods; their programs are the machine's own, seen by the bundle's smallest image.
"""

from __future__ import annotations

import json
from typing import Any

from provisioner.verification.probe_objects import IMAGE
from tests.e2e.world import World
from tests.patience import LONGEST_S

Objects = dict[str, Any]

# The names that the server knows, on the machine w2: one `name=address` a line, read for every question.
PLACE = "/run/provisioner-test"
NAMES = f"{PLACE}/names"
# Answers queries for IPv4 addresses; for other names, that they do not exist.
_SERVER = r"""
use strict; use Socket;
sub known { open my $file, "<", "/known/names" or return (); map { chomp; split /=/ } <$file> }
socket(my $socket, PF_INET, SOCK_DGRAM, 0);
bind($socket, sockaddr_in(53, INADDR_ANY)) or die "bind: $!";
while (defined(my $from = recv($socket, my $query, 512, 0))) {
    my ($at, @labels) = (12);
    while ((my $length = ord substr $query, $at, 1) > 0) {
        push @labels, lc substr $query, $at + 1, $length;
        $at += $length + 1;
    }
    my %known = known();
    my $ip = $known{join ".", @labels};
    my $found = $ip && unpack("n", substr $query, $at + 1, 2) == 1;
    my $record = $found ? "\xc0\x0c" . pack("nnNn", 1, 1, 5, 4) . inet_aton($ip) : "";
    my $header = pack("nnnnn", $ip ? 0x8580 : 0x8583, 1, $found ? 1 : 0, 0, 0);
    send($socket, substr($query, 0, 2) . $header . substr($query, 12, $at - 7) . $record, 0, $from);
}
"""
# Whenever a policy comes or goes, all rules are rewritten. It knows policies that allow some ports, and no others.
CHAIN = "TEST-POLICIES"
_AGENT = r"""
PATH=/usr/sbin:/usr/bin
iptables -w -N CHAIN; iptables -w -I FORWARD -j CHAIN
ports='{{range .spec.ingress}}{{range .ports}} {{.port}}{{end}}{{end}}'
policies='{{range .items}}{{.metadata.namespace}}'$ports'{{"\n"}}{{end}}'
ips='{{range .items}}{{.status.podIP}}{{"\n"}}{{end}}'
echo | cat - <(kubectl get networkpolicies --all-namespaces --watch --no-headers) | while read -r _; do
  iptables -w -F CHAIN
  kubectl get networkpolicies --all-namespaces -o go-template="$policies" | while read -r namespace ports; do
    mine=(--namespace "$namespace" --field-selector "spec.nodeName=$NODE")
    for ip in $(kubectl get pods "${mine[@]}" -o go-template="$ips"); do
      for port in $ports; do iptables -w -A CHAIN -d "$ip" -p tcp --dport "$port" -j RETURN; done
      iptables -w -A CHAIN -d "$ip" -m conntrack --ctstate NEW -j DROP
    done
  done
done
""".replace("CHAIN", CHAIN)


def _spec(command: list[str], mounts: dict[str, str], **more: Any) -> Objects:
    """A pod with the bundle's image and the machine's programs. `mounts` are further places, there and here."""
    places = {"/usr": "/usr", "/usr/lib": "/lib", "/usr/lib64": "/lib64", **mounts}
    container = {
        "name": "add-on",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "command": command,
        "env": [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
        "volumeMounts": [{"name": f"v{at}", "mountPath": place} for at, place in enumerate(places.values())],
        "securityContext": {"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}},
    }
    return {
        "terminationGracePeriodSeconds": 0,
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
        "volumes": [{"name": f"v{at}", "hostPath": {"path": path}} for at, path in enumerate(places)],
        **more,
    }


def _workload(kind: str, name: str, labels: dict[str, str], spec: Objects) -> Objects:
    template = {"metadata": {"labels": {"app": name, **labels}}, "spec": spec}
    metadata = {"name": name, "namespace": "kube-system", "labels": labels}
    whole = {"selector": {"matchLabels": {"app": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": whole}


def dns(address: str) -> list[Objects]:
    """The Service with the name, the label and the address that kubeadm gives it, and one server, on w2."""
    labels = {"k8s-app": "kube-dns"}
    metadata = {"name": "kube-dns", "namespace": "kube-system", "labels": labels}
    ports = [{"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53}]
    service = {"clusterIP": address, "selector": labels, "ports": ports}
    spec = _spec(["/usr/bin/perl", "-e", _SERVER], {PLACE: "/known"}, nodeName="w2")
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
        _workload("Deployment", "test-dns", labels, spec),
    ]


def policy_agent() -> list[Objects]:
    """An agent on every node, marked as `apply` marks the plug-in of a manifest, and its right to look."""
    name, rights = "test-policies", "rbac.authorization.k8s.io"
    rules = [
        {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["list", "watch"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    ]
    account = {"kind": "ServiceAccount", "name": name, "namespace": "kube-system"}
    role = {"apiGroup": rights, "kind": "ClusterRole", "name": name}
    mounts = {"/etc/alternatives": "/etc/alternatives", "/run": "/run"}
    spec = _spec(["/usr/bin/bash", "-c", _AGENT], mounts, hostNetwork=True, serviceAccountName=name)
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "kube-system"}},
        {"apiVersion": f"{rights}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules},
        {"apiVersion": f"{rights}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name}, "roleRef": role,
         "subjects": [account]},
        _workload("DaemonSet", name, {"provisioner/network": "manifest"}, spec),
    ]  # fmt: skip


def as_json(objects: list[Objects]) -> str:
    """A manifest of them."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})


def apply(lab: World, objects: list[Objects]) -> None:
    """Give them to the cluster and wait until their pods run."""
    _kubectl(lab, "apply", objects)
    for item in objects:
        if item["kind"] in ("Deployment", "DaemonSet"):
            place = f"{item['kind']}/{item['metadata']['name']}"
            lab.kubectl("-n", "kube-system", "rollout", "status", place, f"--timeout={LONGEST_S}s")


def delete(lab: World, objects: list[Objects]) -> None:
    """Take them away again, with what they have written."""
    _kubectl(lab, "delete --ignore-not-found", objects)


def _kubectl(lab: World, verb: str, objects: list[Objects]) -> None:
    text = as_json(objects)
    lab.shell("cp1", f"kubectl --kubeconfig /etc/kubernetes/admin.conf {verb} -f - <<'END'\n{text}\nEND")


def unfiltered(lab: World) -> None:
    """The machines without the agent's rules."""
    for machine in lab.machines:
        lab.shell(machine, f"iptables -w -D FORWARD -j {CHAIN} && iptables -w -F {CHAIN}; iptables -w -X {CHAIN} || :")
