"""Known causes of failures: what programs really say, and what is made of it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from provisioner.failures import AGAIN, CAUSES, UNKNOWN, hint


@dataclass(frozen=True)
class Case:
    """What a command has said, and words of the answer."""

    title: str
    said: str
    words: tuple[str, ...]


CASES = (
    Case(
        "a full disk, dpkg",
        "dpkg: error processing archive /var/cache/apt/archives/docker.io_20.10.24_amd64.deb (--unpack):\n"
        " cannot copy extracted data for './usr/sbin/dockerd' to '/usr/sbin/dockerd.dpkg-new': "
        "failed to write (No space left on device)\n",
        ("disk is full", "df -h"),
    ),
    Case("a full disk, apt", "E: You don't have enough free space in /var/cache/apt/archives/.", ("disk is full",)),
    Case(
        "a bridge of an earlier life",
        'plugin type="bridge" failed (add): failed to set bridge addr: "cni0" already has an IP address different from '
        "10.244.7.1/24",
        ("interface cni0 still has", "pod CIDR needs 10.244.7.1/24 now", "`ip link delete cni0`"),
    ),
    Case("a read-only disk", "mkdir: cannot create directory '/etc/docker': Read-only file system", ("dmesg",)),
    Case("sudo", "sudo: a password is required", ("NOPASSWD",)),
    Case("sudo wants a terminal", "sudo: sorry, you must have a tty to run sudo", ("NOPASSWD",)),
    Case(
        "a module that is not there",
        "modprobe: FATAL: Module br_netfilter not found in directory /lib/modules/6.1.0-18-amd64",
        ("br_netfilter", "linux-modules-extra"),
    ),
    Case(
        "an expired key",
        "W: GPG error: https://pkgs.k8s.io/core:/stable:/v1.27/deb  InRelease: The following signatures were invalid: "
        "EXPKEYSIG 234654DA9A296436 isv:kubernetes OBS Project <isv:kubernetes@build.opensuse.org>\n"
        "E: The repository 'https://pkgs.k8s.io/core:/stable:/v1.27/deb  InRelease' is not signed.",
        ("234654DA9A296436", "expired"),
    ),
    Case(
        "a key that apt cannot read",
        "W: http://127.0.0.1:7642/apt/./InRelease: The key(s) in the keyring /etc/provisioner/apt/bundle.asc are "
        "ignored as the file is not readable by user '_apt' executing apt-key.\n"
        "W: GPG error: the public key is not available: NO_PUBKEY 234654DA9A296436",
        ("chmod a+r /etc/provisioner/apt/bundle.asc",),
    ),
    Case(
        "an unknown key",
        "W: GPG error: https://pkgs.k8s.io/core:/stable:/v1.31/deb  InRelease: The following signatures couldn't be "
        "verified because the public key is not available: NO_PUBKEY 234654DA9A296436",
        ("234654DA9A296436", "is not configured"),
    ),
    Case(
        "an expired key, Debian 13",
        "W: OpenPGP signature verification failed: http://10.213.1.1/kubernetes/core:/stable:/v1.20/deb  InRelease: "
        "Sub-process /usr/bin/sqv returned an error code (1), error message is: Signing key on "
        "A0E86B2261690CC9112F1C665F5FB547A6DF6C12 is bad:            The primary key is not live   because: Expired on "
        "2024-07-31T00:00:00Z",
        ("A0E86B2261690CC9112F1C665F5FB547A6DF6C12", "expired"),
    ),
    Case(
        "an unknown key, Debian 13",
        "W: OpenPGP signature verification failed: http://10.213.1.1/deb  InRelease: Sub-process /usr/bin/sqv returned "
        "an error code (1), error message is: Missing key A0E86B2261690CC9112F1C665F5FB547A6DF6C12, which is needed to "
        "verify signature.",
        ("A0E86B2261690CC9112F1C665F5FB547A6DF6C12", "is not configured"),
    ),
    Case(
        "a key that apt cannot read, Debian 13",
        "W: OpenPGP signature verification failed: http://10.213.1.1/deb  InRelease: Sub-process /usr/bin/sqv returned "
        'an error code (1), error message is: Error: Failed to parse keyring "/etc/apt/keyrings/kubernetes.asc"  '
        'Caused by:     0: Reading "/etc/apt/keyrings/kubernetes.asc": Permission denied (os error 13)',
        ("chmod a+r /etc/apt/keyrings/kubernetes.asc",),
    ),
    Case(
        "a key that apt cannot read, Debian 11",
        "W: GPG error: http://10.213.2.1/deb  InRelease: Unknown error executing apt-key",
        ("/etc/apt/keyrings",),
    ),
    Case(
        "a login page instead of an index",
        "W: GPG error: http://10.213.2.1/deb  InRelease: Splitting up "
        "/var/lib/apt/lists/partial/10.213.2.1_deb_InRelease into data and signature failed",
        ("login", "proxy"),
    ),
    Case(
        "two keys for one source",
        "E: Conflicting values set for option Signed-By regarding source http://10.213.1.1/deb/ /: "
        "/etc/apt/keyrings/kubernetes.asc != /etc/apt/keyrings/other.asc\nE: The list of sources could not be read.",
        ("http://10.213.1.1/deb/", "different keys"),
    ),
    Case(
        "a tampered index",
        "W: GPG error: file:/x ./ InRelease: The following signatures were invalid: BADSIG 234654DA9A296436 Somebody",
        ("not what was signed",),
    ),
    Case(
        "a clock that is behind, apt",
        "E: Release file for http://mirror.example/debian/dists/bookworm/InRelease is not valid yet (invalid for "
        "another 3h 12min 5s). Updates for this repository will not be applied.",
        ("clock is behind",),
    ),
    Case(
        "403",
        "E: Failed to fetch https://mirror.example.org/dists/bookworm/InRelease  403  Forbidden [IP: 192.0.2.7 443]",
        ("403", "proxy"),
    ),
    Case(
        "404",
        "E: Failed to fetch http://127.0.0.1:7642/apt/./kubelet_1.20.2-1.1_amd64.deb  404  Not Found [IP: 127.0.0.1]",
        ("404", "address"),
    ),
    Case(
        "a download that is not what was promised",
        "E: Failed to fetch http://127.0.0.1:7642/images/x.tar  Hash Sum mismatch\n   Hashes of expected file:",
        ("bundle verify",),
    ),
    Case("an archive that was changed", "sha256sum: WARNING: 1 computed checksum did NOT match", ("bundle verify",)),
    Case(
        "a version that is gone",
        "E: Version '1.20.2-00' for 'kubelet' was not found",
        ("kubelet 1.20.2-00", "bundle"),
    ),
    Case(
        "a held package",
        "E: Held packages were changed and -y was used without --allow-change-held-packages.",
        ("apt-mark showhold",),
    ),
    Case("held and broken", "E: Unable to correct problems, you have held broken packages.", ("apt-mark showhold",)),
    Case(
        "the lock, apt",
        "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 812 (unattended-upgr)\n"
        "E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?",
        ("unattended-upgr (process 812)", "never remove a lock"),
    ),
    Case(
        "the lock, dpkg",
        "dpkg: error: dpkg frontend lock was locked by another process with pid 812",
        ("Another program", "never remove a lock"),
    ),
    Case(
        "dpkg interrupted",
        "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem.",
        ("the next run finishes it",),
    ),
    Case(
        "half-installed, and nobody has it",
        "E: The package foo needs to be reinstalled, but I can't find an archive for it.",
        ("--force-remove-reinstreq foo",),
    ),
    Case(
        "an image that cannot be had",
        '\t[ERROR ImagePull]: failed to pull image "k8s.gcr.io/kube-apiserver:v1.20.2": output: Error response from '
        'daemon: Get "https://k8s.gcr.io/v2/": dial tcp: lookup k8s.gcr.io: Temporary failure in name resolution\n',
        ("k8s.gcr.io/kube-apiserver:v1.20.2", "bundle show"),
    ),
    Case("an image that is no archive", "Error processing tar file(exit status 1): unexpected EOF", ("bundle verify",)),
    Case(
        "no Docker",
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
        ("journalctl -u docker",),
    ),
    Case(
        "a service that does not start",
        "Job for docker.service failed because the control process exited with error code.\n"
        'See "systemctl status docker.service" and "journalctl -xeu docker.service" for details.',
        ("journalctl -u docker.service",),
    ),
    Case(
        "a namesake",
        'error execution phase kubelet-start: a Node with name "w1" and status "Ready" already exists in the cluster. '
        "You must delete the existing Node or change the name of this new joining Node",
        ("another host of that name", "kubectl delete node w1"),
    ),
    Case(
        "a port",
        "error execution phase preflight: [preflight] Some fatal errors occurred:\n"
        "\t[ERROR Port-6443]: Port 6443 is in use",
        ("Port 6443", "ss -ltnp sport = :6443"),
    ),
    Case(
        "a clock that is behind, kubeadm",
        "couldn't validate the identity of the API Server: x509: certificate has expired or is not yet valid: current "
        "time 2026-01-01T00:00:00Z is before 2026-01-02T03:04:05Z",
        ("not valid yet", "chrony"),
    ),
    Case(
        "an expired certificate",
        "x509: certificate has expired or is not yet valid: current time 2027-02-01T00:00:00Z is after 2027-01-02T",
        ("expired", "check-expiration"),
    ),
    Case(
        "another cluster's API server",
        "couldn't validate the identity of the API Server: cluster CA found in cluster-info ConfigMap is invalid: none "
        "of the public keys are pinned",
        ("another cluster", "control_plane_endpoint"),
    ),
    Case(
        "a token that was not signed, or is gone",
        "error execution phase preflight: couldn't validate the identity of the API Server: could not find a JWS "
        'signature in the cluster-info ConfigMap for token ID "abcdef"',
        ("join token", "every run creates a new one"),
    ),
    Case(
        "an expired token",
        'token id "abcdef" is invalid for this cluster or it has expired. Use "kubeadm token create"',
        ("join token",),
    ),
    Case("a token that expired after discovery", "error uploading crisocket: Unauthorized", ("join token",)),
    Case(
        "cgroup drivers",
        '\t[WARNING IsDockerSystemdCheck]: detected "cgroupfs" as the Docker cgroup driver. The recommended driver is '
        '"systemd".\n[kubelet-check] It seems like the kubelet isn\'t running or healthy.',
        ("cgroup driver", "docker info"),
    ),
    Case(
        "containerd without the kubelet's interface",
        '[ERROR CRI]: container runtime is not running: output: E1121 10:00:00 remote_runtime.go:948] "Status from '
        'runtime service failed" err="rpc error: code = Unimplemented desc = unknown service '
        'runtime.v1.RuntimeService"',
        ("containerd runs there without", "ctr plugins ls"),
    ),
    Case(
        "a kubelet that does not start",
        "[kubelet-check] Initial timeout of 40s passed.\n[kubelet-check] It seems like the kubelet isn't running or "
        "healthy.\n[kubelet-check] The HTTP call equal to 'curl -sSL http://localhost:10248/healthz' failed: "
        'Get "http://localhost:10248/healthz": dial tcp 127.0.0.1:10248: connect: connection refused.\n'
        "error execution phase wait-control-plane: couldn't initialize a Kubernetes cluster",
        ("journalctl -u kubelet",),
    ),
    Case(
        "a node that is not Ready",
        "gave up after 300 s of waiting until the nodes are Ready: w1 w2",
        ("kubectl describe node",),
    ),
    Case(
        "a kubelet that does not start, beside an image that nobody misses",
        "\t[WARNING ImagePull]: failed to pull image k8s.gcr.io/coredns:1.7.0: output: Error response from daemon\n"
        "error execution phase wait-control-plane: couldn't initialize a Kubernetes cluster",
        ("journalctl -u kubelet",),
    ),
    Case(
        "nobody signs",
        "gave up after 60 s of waiting until the join token is signed",
        ("kube-controller-manager", "docker logs"),
    ),
    Case(
        "a node that will not go",
        "gave up after 300 s of waiting until the cluster has noticed that the old w1 is gone",
        ("kubectl delete node w1",),
    ),
    Case(
        "a node that does not come",
        "gave up after 120 s of waiting until the node w1 is in the cluster with its pod CIDR",
        ("journalctl -u kubelet",),
    ),
    Case(
        "the API server does not come",
        "gave up after 300 s of waiting until the API server answers",
        ("API server does not answer",),
    ),
    Case(
        "packages, for too long",
        "gave up after 600 s of waiting until unattended-upgr (process 812) is done with the packages",
        ("unattended-upgr (process 812)", "more than 600 s", "never remove a lock"),
    ),
    Case(
        "the API server is lost",
        "couldn't validate the identity of the API Server: Get \"https://10.0.0.11:6443/api/v1/namespaces/kube-public/"
        'configmaps/cluster-info?timeout=10s": dial tcp 10.0.0.11:6443: connect: connection refused',
        ("API server does not answer", "firewall"),
    ),
    Case(
        "the API server refuses",
        "The connection to the server 10.0.0.11:6443 was refused - did you specify the right host or port?",
        ("API server does not answer",),
    ),
    Case(
        "a repository that is out of reach",
        "E: Failed to fetch http://mirror.example/debian/dists/bookworm/InRelease  "
        "Temporary failure resolving 'mirror.example'",
        ("mirror.example cannot be reached", "proxy"),
    ),
    Case(
        "a repository whose machine is down",
        "E: Failed to fetch http://10.0.0.9/dists/x  Could not connect to 10.0.0.9:80 (10.0.0.9). - connect (111)",
        ("10.0.0.9 cannot be reached",),
    ),
)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.title) for case in CASES])
def test_what_is_made_of_it(case: Case) -> None:
    answer = hint(case.said)
    assert not [word for word in case.words if word not in answer], answer
    assert answer.lower().endswith(AGAIN)
    assert len(answer) < 400


def test_every_cause_is_met_by_words_that_no_cause_before_it_takes() -> None:
    first = {next(cause for cause in CAUSES if cause.explain(case.said)) for case in CASES}
    assert [cause.pattern for cause in CAUSES if cause not in first] == []


def test_what_is_not_known_is_not_guessed() -> None:
    assert hint("something else went wrong") == UNKNOWN
