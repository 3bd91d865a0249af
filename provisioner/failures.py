"""Why commands fail, as far as it is known: what their output says, what that means, and what to do about it.

The first cause whose pattern is found explains the failure, so what is special stands before what is general. The
words are those of apt 2.2 to 3.0, dpkg 1.21, Docker 20.10, kubeadm and kubectl 1.20, and of scripts of ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

AGAIN = "run the same command again: it goes on from here."
UNKNOWN = f"The other machines are as they should be. Mend the cause and {AGAIN}"


@dataclass(frozen=True, slots=True)
class Cause:
    """A pattern in a command's output, what it means, and what to do; both may use the pattern's named groups.

    Without `do` there is nothing to mend: running again is all.
    """

    pattern: str
    means: str
    do: str = ""

    def explain(self, output: str) -> str:
        """Meaning and way out in words, or nothing when this is not the cause."""
        found = re.search(self.pattern, output)
        if found is None:
            return ""
        words = f"{self.means} {self.do} Then {AGAIN}" if self.do else f"{self.means} {AGAIN.capitalize()}"
        return words.format_map(found.groupdict())


def hint(output: str) -> str:
    """What to do next after a command that has said this."""
    return next((words for words in (cause.explain(output) for cause in CAUSES) if words), UNKNOWN)


_MACHINE = (
    Cause(
        r"No space left on device|You don't have enough free space in",
        "The disk is full.",
        "`df -h` on that machine shows where: make room (`apt-get clean`, `journalctl --vacuum-size=100M`) "
        "or give it a larger disk.",
    ),
    Cause(
        r"Read-only file system",
        "A file system is mounted read-only, most often because the disk has failed.",
        "`dmesg` on that machine says why: repair it and mount it writable.",
    ),
    Cause(
        r"sudo: (?:a password|a terminal) is required|sudo: .*you must have a tty",
        "sudo asks for a password or a terminal.",
        "Give the login user passwordless sudo (NOPASSWD in /etc/sudoers.d), or log in as root.",
    ),
    Cause(
        r"modprobe: FATAL: Module (?P<module>\S+) not found",
        "The running kernel does not have the module {module}.",
        "Install the kernel's modules (on Ubuntu linux-modules-extra), or restart into the kernel that is installed.",
    ),
)
_PACKAGES = (
    Cause(
        r"(?:EXPKEYSIG|Signing key on(?=.* Expired on)) (?P<key>\w+)",
        "The key {key} that signs the repository has expired.",
        "Put the repository's new key in its place; a bundle gets a new one when it is built again.",
    ),
    Cause(
        r"keyring \"?(?P<file>/[^\s\"]+)(?: are ignored as the file is not readable|\".*Permission denied)",
        "apt's own user cannot read the repository's key {file}.",
        "Open it and its directory: `chmod a+r {file}`.",
    ),
    Cause(
        r"(?:NO_PUBKEY|Missing key) (?P<key>\w+)",
        "The repository is signed with the key {key}, which was not given for it.",
        "Compare that key with the one its owner publishes and add it, or use the repository that is meant.",
    ),
    Cause(
        r"Unknown error executing apt-key",
        "apt's own user cannot read a repository's key.",
        "Open it and its directory, most often in /etc/apt/keyrings: `chmod a+r`, and `a+rx` for the directory.",
    ),
    Cause(
        r"InRelease: Splitting up|NOSPLIT",
        "What arrived is not a repository's index: often a page of something on the way that wants a login.",
        "Open the address there with curl to see it; does the machine need a proxy?",
    ),
    Cause(
        r"Conflicting values set for option Signed-By regarding source (?P<source>\S+)",
        "Two files in /etc/apt/sources.list.d name different keys for {source}, and apt refuses both.",
        "`grep -r` there shows them: remove the one that is not meant.",
    ),
    Cause(
        r"BADSIG (?P<key>\w+)",
        "The repository's index is not what was signed with {key}: it is damaged, or someone has changed it.",
        "Install nothing from it; get the repository or the bundle anew.",
    ),
    Cause(
        r"Release file for .+ is not valid yet",
        "The repository's index is from the future: that machine's clock is behind.",
        "Set the clock (chrony, systemd-timesyncd).",
    ),
    Cause(
        r"40[13]\s+(?:Forbidden|Unauthorized)",
        "The repository refuses that machine (HTTP 403).",
        "Is its address right? Does it want a login, or a proxy?",
    ),
    Cause(
        r"404\s+(?:Not Found|File not found)",
        "The repository does not have that file (HTTP 404): its address is wrong, or the file was removed.",
        "Correct the address; a bundle that was changed meanwhile is built again.",
    ),
    Cause(
        r"Hash Sum mismatch|computed checksum did NOT match|Hashes of received file",
        "What arrived is not what was promised: it was damaged on the way, or someone has changed it.",
        "`provisioner bundle verify` checks the bundle; a proxy on the way may hold old files.",
    ),
    Cause(
        r"Version '(?P<version>[^']+)' for '(?P<package>[^']+)' was not found",
        "No repository has {package} {version} (any more).",
        "Use a bundle that has it, or wish for a version that is there.",
    ),
    Cause(
        r"Held packages were changed|you have held broken packages",
        "A package that is held on that machine would have to change.",
        "`apt-mark showhold` there names it; if nobody needs it as it is, `apt-mark unhold` it.",
    ),
    Cause(
        r"[Hh]eld by process (?P<pid>\d+) \((?P<name>[^)]+)\)",
        "{name} (process {pid}) is at work with that machine's packages.",
        "Let it finish; never remove a lock file.",
    ),
    Cause(
        r"gave up after (?P<waited>\d+) s of waiting until (?P<who>.+) is done with the packages",
        "{who} has been at work with that machine's packages for more than {waited} s.",
        "Let it finish, or see why it does not; never remove a lock file.",
    ),
    Cause(
        r"dpkg frontend lock|was locked by another process|Could not get lock",
        "Another program is at work with that machine's packages.",
        "Let it finish; never remove a lock file.",
    ),
    Cause(r"dpkg was interrupted", "An installation was interrupted half-way; the next run finishes it first."),
    Cause(
        r"[Tt]he package (?P<package>\S+) needs to be reinstalled",
        "{package} is half-installed, and no repository of that machine has it.",
        "Remove the rest of it there: `dpkg --remove --force-remove-reinstreq {package}`.",
    ),
)
_RUNTIME = (
    Cause(
        r"\[ERROR ImagePull\]: failed to pull image \"?(?P<image>[^\s\"]+)\"?",
        "The image {image} is not on that machine and cannot be fetched.",
        "Nodes need no internet when the bundle has it: `provisioner bundle show` lists what it has.",
    ),
    Cause(
        r"Error processing tar file|invalid tar header|archive/tar:",
        "An image of the bundle cannot be unpacked.",
        "`provisioner bundle verify` checks the bundle; build it again if it is damaged.",
    ),
    Cause(r"Cannot connect to the Docker daemon", "Docker does not run there.", "`journalctl -u docker` says why."),
    Cause(
        r"Job for (?P<unit>\S+?) (?:failed|canceled)",
        "The service {unit} does not start.",
        "`journalctl -u {unit}` on that machine says why.",
    ),
)
_KUBERNETES = (
    Cause(
        r"a Node with name \"(?P<node>[^\"]+)\" and status \"Ready\" already exists",
        "The cluster has a Ready node {node} already: another machine of that name, or this one before a reinstall.",
        "Give one of them another name; or, when the other is gone, `kubectl delete node {node}`.",
    ),
    Cause(
        r"\[ERROR Port-(?P<port>\d+)\]",
        "Port {port} is taken by another program.",
        "`ss -ltnp sport = :{port}` on that machine names it: stop it, or move it to another port.",
    ),
    Cause(
        r"not yet valid: current time \S+ is before",
        "A certificate is not valid yet: that machine's clock is behind the cluster's.",
        "Set the clock (chrony, systemd-timesyncd).",
    ),
    Cause(
        r"not yet valid: current time \S+ is after",
        "A certificate has expired, or that machine's clock is ahead.",
        "Look at the clock first; then, on a control plane, `kubeadm certs check-expiration`.",
    ),
    Cause(
        r"cluster CA found in \S+ ConfigMap is invalid|x509: certificate signed by unknown authority",
        "The API server that answers there belongs to another cluster.",
        "Is control_plane_endpoint right? Does another cluster use that address?",
    ),
    Cause(
        r"could not find a JWS signature|is invalid for this cluster|\bUnauthorized\b|invalid bearer token",
        "The join token has expired, or was taken away in the middle of joining; every run makes a new one.",
    ),
    Cause(
        r"waiting until the join token is signed",
        "The controller manager does not sign the join token.",
        "`docker ps` or `crictl ps` there shows whether kube-controller-manager runs, `docker logs` why not.",
    ),
    Cause(
        r"waiting until the cluster has noticed that the old (?P<node>\S+) is gone",
        "The cluster still hears from an old {node}: another machine of that name, or a kubelet that goes on there.",
        "Give one of them another name; or, when nobody needs it, `kubectl delete node {node}`.",
    ),
    Cause(
        r"detected \"(?P<now>\w+)\" as the Docker cgroup driver|docker cgroup driver: \\?\"(?P<other>\w+)",
        "Docker and the kubelet do not use the same cgroup driver.",
        "`docker info` on that machine says which one Docker uses; something there undoes /etc/docker/daemon.json.",
    ),
    Cause(
        r"unknown service runtime\.v1\w*\.(?:Runtime|Image)Service",
        "containerd runs there without the part that the kubelet speaks to.",
        "`ctr plugins ls` on that machine shows whether `cri` is ok, `journalctl -u containerd` why not.",
    ),
    Cause(
        r"kubelet isn't running or healthy|couldn't initialize a Kubernetes cluster|waiting until the node \S+ is in",
        "The kubelet does not run, or cannot start what it should.",
        "`journalctl -u kubelet` on that machine says why, `docker ps --all` or `crictl ps --all` what it has started.",
    ),
    Cause(
        r"\"?(?P<link>[\w.-]+)\"? already has an IP address different from (?P<part>[\d./]+)",
        "The interface {link} has kept the address of an earlier network there; the node's part is {part} now.",
        "`ip link delete {link}` on that machine: the next pod makes it again.",
    ),
    Cause(
        r"waiting until the nodes are Ready",
        "A node is not Ready in time.",
        "`kubectl describe node` says why, and `journalctl -u kubelet` on that machine.",
    ),
    Cause(
        r":6443\b.*(?:refused|timeout|no route to host|unreachable|EOF|reset)|Unable to connect to the server"
        r"|context deadline exceeded|TLS handshake timeout|etcdserver: |waiting until the API server answers",
        "The API server does not answer.",
        "Is the control plane's machine up, and may this one reach it (firewall)? "
        "`journalctl -u kubelet` and `docker ps --all` or `crictl ps --all` there show how it is.",
    ),
)
_REPOSITORY = Cause(
    r"(?:Could not connect to|Temporary failure resolving|Could not resolve|Cannot initiate the connection to"
    r"|Unable to connect to) '?(?P<place>[^\s':]+)",
    "The repository at {place} cannot be reached from that machine.",
    "Is its address right? Does the machine need a proxy, or a bundle instead?",
)
CAUSES = (*_MACHINE, *_PACKAGES, *_RUNTIME, *_KUBERNETES, _REPOSITORY)
