"""Known causes of failed commands: what their output says, what that means, and what to do about it.

The first cause whose pattern matches explains the failure, so special causes stand before general ones. The patterns
match messages of apt 2.2 to 3.0, dpkg 1.21, Docker 20.10, kubeadm and kubectl 1.20, and of our own scripts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

AGAIN = "run the same command again: it goes on from here."
UNKNOWN = f"The other hosts are in the desired state. Fix the cause and {AGAIN}"


@dataclass(frozen=True, slots=True)
class Cause:
    """A pattern in a command's output, what it means, and what to do; both may use the pattern's named groups.

    Without `do` there is nothing to fix: running the command again is enough.
    """

    pattern: str
    means: str
    do: str = ""

    def explain(self, output: str) -> str:
        """The meaning and what to do, in words; empty when this is not the cause."""
        found = re.search(self.pattern, output)
        if found is None:
            return ""
        words = f"{self.means} {self.do} Then {AGAIN}" if self.do else f"{self.means} {AGAIN.capitalize()}"
        return words.format_map(found.groupdict())


def hint(output: str) -> str:
    """What to do next after a command with this output."""
    return next((words for words in (cause.explain(output) for cause in CAUSES) if words), UNKNOWN)


_MACHINE = (
    Cause(
        r"No space left on device|You don't have enough free space in",
        "The disk is full.",
        "`df -h` on that host shows where: free some space (`apt-get clean`, `journalctl --vacuum-size=100M`) "
        "or give it a larger disk.",
    ),
    Cause(
        r"Read-only file system",
        "A file system is mounted read-only, most often because the disk has failed.",
        "`dmesg` on that host says why: repair the disk and mount it writable.",
    ),
    Cause(
        r"sudo: (?:a password|a terminal) is required|sudo: .*you must have a tty",
        "sudo asks for a password or a terminal.",
        "Give the login user passwordless sudo (NOPASSWD in /etc/sudoers.d), or log in as root.",
    ),
    Cause(
        r"modprobe: FATAL: Module (?P<module>\S+) not found",
        "The running kernel does not have the module {module}.",
        "Install the kernel's modules (on Ubuntu linux-modules-extra), or reboot into the installed kernel.",
    ),
)
_PACKAGES = (
    Cause(
        r"(?:EXPKEYSIG|Signing key on(?=.* Expired on)) (?P<key>\w+)",
        "The key {key} that signs the repository has expired.",
        "Replace it with the repository's new key; a bundle gets the new key when it is built again.",
    ),
    Cause(
        r"keyring \"?(?P<file>/[^\s\"]+)(?: are ignored as the file is not readable|\".*Permission denied)",
        "apt's own user cannot read the repository's key {file}.",
        "Make it and its directory readable: `chmod a+r {file}`.",
    ),
    Cause(
        r"(?:NO_PUBKEY|Missing key) (?P<key>\w+)",
        "The repository is signed with the key {key}, which is not configured for it.",
        "Compare that key with the one that its owner publishes and add it, or use the intended repository.",
    ),
    Cause(
        r"Unknown error executing apt-key",
        "apt's own user cannot read a repository's key.",
        "Make it and its directory, most often /etc/apt/keyrings, readable: `chmod a+r`, `a+rx` for the directory.",
    ),
    Cause(
        r"InRelease: Splitting up|NOSPLIT",
        "The answer is not a repository's index: it is often the login page of a proxy or a network.",
        "Open the address with curl on that host to see it; does the host need a proxy?",
    ),
    Cause(
        r"Conflicting values set for option Signed-By regarding source (?P<source>\S+)",
        "Two files in /etc/apt/sources.list.d name different keys for {source}, and apt refuses both.",
        "`grep -r` there shows them: remove the wrong one.",
    ),
    Cause(
        r"BADSIG (?P<key>\w+)",
        "The repository's index is not what was signed with {key}: it is damaged, or someone has changed it.",
        "Install nothing from it; get the repository or the bundle again.",
    ),
    Cause(
        r"Release file for .+ is not valid yet",
        "The repository's index is from the future: that host's clock is behind.",
        "Set the clock (chrony, systemd-timesyncd).",
    ),
    Cause(
        r"40[13]\s+(?:Forbidden|Unauthorized)",
        "The repository refuses that host (HTTP 403).",
        "Is its address right? Does it need a login or a proxy?",
    ),
    Cause(
        r"404\s+(?:Not Found|File not found)",
        "The repository does not have that file (HTTP 404): its address is wrong, or the file was removed.",
        "Correct the address; if the bundle was changed meanwhile, build it again.",
    ),
    Cause(
        r"Hash Sum mismatch|computed checksum did NOT match|Hashes of received file",
        "The downloaded file does not match its checksum: it was damaged on the way, or someone has changed it.",
        "`provisioner bundle verify` checks the bundle; a proxy on the way may serve old files.",
    ),
    Cause(
        r"Version '(?P<version>[^']+)' for '(?P<package>[^']+)' was not found",
        "No repository has {package} {version} (any more).",
        "Use a bundle that has it, or ask for a version that exists.",
    ),
    Cause(
        r"Held packages were changed|you have held broken packages",
        "A package that is held on that host would have to change.",
        "`apt-mark showhold` there names it; if it does not have to stay at its version, `apt-mark unhold` it.",
    ),
    Cause(
        r"[Hh]eld by process (?P<pid>\d+) \((?P<name>[^)]+)\)",
        "{name} (process {pid}) holds that host's package lock.",
        "Let it finish; never remove a lock file.",
    ),
    Cause(
        r"gave up after (?P<waited>\d+) s of waiting until (?P<who>.+) is done with the packages",
        "{who} has held that host's package lock for more than {waited} s.",
        "Let it finish, or find out why it does not; never remove a lock file.",
    ),
    Cause(
        r"dpkg frontend lock|was locked by another process|Could not get lock",
        "Another program holds that host's package lock.",
        "Let it finish; never remove a lock file.",
    ),
    Cause(r"dpkg was interrupted", "An installation was interrupted half-way; the next run finishes it first."),
    Cause(
        r"[Tt]he package (?P<package>\S+) needs to be reinstalled",
        "{package} is half-installed, and no repository of that host has it.",
        "Remove the rest of it there: `dpkg --remove --force-remove-reinstreq {package}`.",
    ),
)
_RUNTIME = (
    Cause(
        r"\[ERROR ImagePull\]: failed to pull image \"?(?P<image>[^\s\"]+)\"?",
        "The image {image} is not on that host and cannot be pulled.",
        "Hosts need no internet when the bundle contains it: `provisioner bundle show` lists its contents.",
    ),
    Cause(
        r"Error processing tar file|invalid tar header|archive/tar:",
        "An image of the bundle cannot be unpacked.",
        "`provisioner bundle verify` checks the bundle; build it again if it is damaged.",
    ),
    Cause(r"Cannot connect to the Docker daemon", "Docker is not running there.", "`journalctl -u docker` says why."),
    Cause(
        r"Job for (?P<unit>\S+?) (?:failed|canceled)",
        "The service {unit} does not start.",
        "`journalctl -u {unit}` on that host says why.",
    ),
)
_KUBERNETES = (
    Cause(
        r"a Node with name \"(?P<node>[^\"]+)\" and status \"Ready\" already exists",
        "The cluster already has a Ready node {node}: another host of that name, or this one before a reinstall.",
        "Give one of them another name; or, if the other one no longer exists, `kubectl delete node {node}`.",
    ),
    Cause(
        r"\[ERROR Port-(?P<port>\d+)\]",
        "Port {port} is in use by another program.",
        "`ss -ltnp sport = :{port}` on that host names it: stop it, or move it to another port.",
    ),
    Cause(
        r"not yet valid: current time \S+ is before",
        "A certificate is not valid yet: that host's clock is behind the cluster's.",
        "Set the clock (chrony, systemd-timesyncd).",
    ),
    Cause(
        r"not yet valid: current time \S+ is after",
        "A certificate has expired, or that host's clock is ahead.",
        "Check the clock first; then, on a control plane, `kubeadm certs check-expiration`.",
    ),
    Cause(
        r"cluster CA found in \S+ ConfigMap is invalid|x509: certificate signed by unknown authority",
        "The API server that answers there belongs to another cluster.",
        "Is control_plane_endpoint right? Does another cluster use that address?",
    ),
    Cause(
        r"could not find a JWS signature|is invalid for this cluster|\bUnauthorized\b|invalid bearer token",
        "The join token has expired, or was deleted during the join; every run creates a new one.",
    ),
    Cause(
        r"waiting until the join token is signed",
        "The controller manager does not sign the join token.",
        "`docker ps` or `crictl ps` there shows whether kube-controller-manager runs, `docker logs` why not.",
    ),
    Cause(
        r"waiting until the cluster has noticed that the old (?P<node>\S+) is gone",
        "The cluster still hears from an old {node}: another host of that name, or a kubelet that still runs there.",
        "Give one of them another name; or, if the old one is not needed, `kubectl delete node {node}`.",
    ),
    Cause(
        r"detected \"(?P<now>\w+)\" as the Docker cgroup driver|docker cgroup driver: \\?\"(?P<other>\w+)",
        "Docker and the kubelet do not use the same cgroup driver.",
        "`docker info` on that host says which one Docker uses; something there overrides /etc/docker/daemon.json.",
    ),
    Cause(
        r"unknown service runtime\.v1\w*\.(?:Runtime|Image)Service",
        "containerd runs there without its CRI plugin, which the kubelet needs.",
        "`ctr plugins ls` on that host shows whether `cri` is ok, `journalctl -u containerd` why not.",
    ),
    Cause(
        r"kubelet isn't running or healthy|couldn't initialize a Kubernetes cluster|waiting until the node \S+ is in",
        "The kubelet is not running, or cannot start its pods.",
        "`journalctl -u kubelet` on that host says why, `docker ps --all` or `crictl ps --all` what it has started.",
    ),
    Cause(
        r"\"?(?P<link>[\w.-]+)\"? already has an IP address different from (?P<part>[\d./]+)",
        "The interface {link} still has the address of an earlier network; the node's pod CIDR needs {part} now.",
        "`ip link delete {link}` on that host: the next pod creates it again.",
    ),
    Cause(
        r"waiting until the nodes are Ready",
        "A node has not become Ready in time.",
        "`kubectl describe node` says why, and `journalctl -u kubelet` on that host.",
    ),
    Cause(
        r":6443\b.*(?:refused|timeout|no route to host|unreachable|EOF|reset)|Unable to connect to the server"
        r"|context deadline exceeded|TLS handshake timeout|etcdserver: |waiting until the API server answers",
        "The API server does not answer.",
        "Is the control plane up, and can this host reach it (firewall)? "
        "`journalctl -u kubelet` and `docker ps --all` or `crictl ps --all` there show its state.",
    ),
)
_REPOSITORY = Cause(
    r"(?:Could not connect to|Temporary failure resolving|Could not resolve|Cannot initiate the connection to"
    r"|Unable to connect to) '?(?P<place>[^\s':]+)",
    "The repository at {place} cannot be reached from that host.",
    "Is its address right? Does the host need a proxy, or a bundle instead?",
)
CAUSES = (*_MACHINE, *_PACKAGES, *_RUNTIME, *_KUBERNETES, _REPOSITORY)
