"""What must be true of the package sources, as the hosts have found them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace

from provisioner import failures
from provisioner.errors import Problem, Severity
from provisioner.inventory.model import Host
from provisioner.inventory.package_sources import BinariesSource, BundleSource
from provisioner.sources.choice import in_the_way, packaged
from provisioner.sources.keys import found, key_of, refused
from provisioner.sources.repository import DOCKER, DOCKER_DISTRIBUTIONS, PRODUCTS, Repository, repository
from provisioner.sources.version_lock import from_registries
from provisioner.sources.versions import is_of, nearest, newest
from provisioner.sources.wanted import Want, is_there, lacking
from provisioner.world.offers import Answer
from provisioner.world.view import View

LOCK_AGAIN = "`provisioner lock` rewrites it; without that file, the newest version that fits is used."
# The package whose version is the runtime's, by the runtime's type.
_BUNDLED = {"docker": "docker.io", "containerd": "containerd"}
# An address and what is wrong with it, in apt's words.
_TOLD = (
    r"Failed to fetch (\S+)\s+(.+?)(?: \[IP:.*)?$",
    r"(?:GPG error|OpenPGP signature verification failed): (\S+).*?Release: (.+)$",
)


def _sources(view: View) -> Iterator[Problem]:
    """One finding for all hosts with the same result."""
    same: dict[Problem, list[str]] = defaultdict(list)
    for host in view.hosts:
        for product in PRODUCTS:
            one = repository(view, host, product)
            for problem in _of(view, host, one) if one else ():
                same[replace(problem, where="")].append(problem.where)
    for problem, hosts in same.items():
        yield replace(problem, where=", ".join(hosts))


def _of(view: View, host: Host, one: Repository) -> Iterator[Problem]:
    facts = view.observed.facts[host.name]
    answer = view.observed.answers.get((host.name, one.product))
    if one.product == DOCKER and one.uri and facts.distribution not in DOCKER_DISTRIBUTIONS:
        message = f"Docker's repository has nothing for {facts.distribution} {facts.codename or facts.release}"
        yield Problem("no-packages", host.name, message, "Use `distribution` or a bundle as runtime.source.")
    elif answer is None:
        if view.materials.pinned:
            message = f"the version lock file has nothing for {facts.platform}"
            yield Problem("lock-mismatch", host.name, message, LOCK_AGAIN)
    elif answer.pinned and answer.pinned != one.place:
        message = f"the version lock file is for packages from {answer.pinned}; the inventory wants {one.place}"
        yield Problem("lock-mismatch", host.name, message, LOCK_AGAIN)
    elif _is_other_key(view, host, one, answer):
        yield _other_key(host, one, answer)
    elif answer.trouble:
        # When everything is installed already, only a newer key is needed from it.
        idle = is_there(view, host, one.product) and (not one.signed or bool(found(key_of(view, host, one))))
        yield replace(_silent(host, one, answer), severity=Severity.WARNING if idle else Severity.ERROR)
    elif not answer.offers:
        kind = "binaries" if one.binaries else "packages"
        message = f"{one.place} has none of the {kind} for {facts.architecture}"
        yield Problem("no-packages", host.name, message, "Is its address right? Another source may have them.")
    else:
        missing = lacking(view, host, one.product)
        if missing:
            yield _no_version(view, host, one, answer, missing)


def _is_other_key(view: View, host: Host, one: Repository, answer: Answer) -> bool:
    """Checked before apt's message, which only says that something is not signed correctly."""
    was_read = bool(answer.keys) or not answer.trouble
    return one.signed and was_read and not found(key_of(view, host, one))


def _silent(host: Host, one: Repository, answer: Answer) -> Problem:
    told = next(filter(None, (re.search(words, answer.trouble, re.MULTILINE) for words in _TOLD)), None)
    what = f"{told[1]}: {' '.join(told[2].split())}" if told else answer.trouble.splitlines()[-1]
    hint = failures.hint(answer.trouble).partition(" Then run the same")[0]
    if "does not have a Release file" in answer.trouble:
        hint = f"There is no repository for {one.suite} at that address: is it right, does that release still exist?"
    elif hint == failures.UNKNOWN:
        hint = "Is its address right? Does the host need a proxy (cluster.proxy), or a bundle instead?"
    return Problem("source-silent", host.name, f"the package source cannot be used: {what}", hint)


def _other_key(host: Host, one: Repository, answer: Answer) -> Problem:
    keys = ", ".join(key.fingerprint for key in found(answer.keys))
    desired = f", and it should be {one.fingerprint}" if one.fingerprint else ""
    message = f"the key of {one.place} {f'is {keys}' if keys else refused(answer.keys)}{desired}"
    if not keys:
        hint = f"Check what the host gets from {one.key_url or 'there'}: only the owner's key may be there."
        return Problem("source-key", host.name, message, hint)
    hint = "Trust it only if its owner publishes that fingerprint; then correct `fingerprint`, or the key's location."
    return Problem("source-key", host.name, message, hint)


def _no_version(view: View, host: Host, one: Repository, answer: Answer, missing: tuple[Want, ...]) -> Problem:
    names = ", ".join(f"{want.package} {want.version}".strip() for want in missing)
    first = missing[0]
    offered = answer.versions(first.package)
    unfit = bool(offered) and not first.version
    if unfit:
        names += f" that fits Kubernetes {view.cluster.settings.kubernetes_version}"
    there = nearest(offered, first.version) if first.version else tuple(filter(None, (newest(offered),)))
    has = f"it has {first.package} {', '.join(there)}" if there else f"it has no {first.package} at all"
    if answer.pinned:
        return Problem("lock-mismatch", host.name, f"the version lock file has no {names}; {has}", LOCK_AGAIN)
    hint = "Set one of these versions, or use another source."
    if unfit:
        hint = "Set its version (runtime.version) to use it anyway, or use another source."
    return Problem("no-such-version", host.name, f"{one.place} has no {names}; {has}", hint)


def _other_docker(view: View) -> Iterator[Problem]:
    """It is removed from new hosts; on a running node, that would stop all containers."""
    for host in view.hosts:
        present = in_the_way(view, host)
        if present and view.observed.states[host.name].joined:
            message = (
                f"is a node that runs with {', '.join(present)}, and the inventory wants Docker from another source"
            )
            hint = "Keep its source, or remove the node from the cluster first (drain, reset) and let it join again."
            yield Problem("runtime-change", host.name, message, hint)


def _packaged_kubernetes(view: View) -> Iterator[Problem]:
    """As with Docker: the packages are removed from new hosts; a running node would lose its kubelet."""
    for host in view.hosts:
        present = packaged(view, host)
        if present and view.observed.states[host.name].joined:
            message = f"is a node whose {', '.join(present)} are packages, and the inventory wants binaries"
            hint = (
                "Keep using packages, or remove the node from the cluster first (drain, reset) and let it join again."
            )
            yield Problem("packages-in-the-way", host.name, message, hint)


def _unprotected_checksums(view: View) -> Iterator[Problem]:
    source = view.cluster.settings.package_source
    if view.materials.pinned or not isinstance(source, BinariesSource):
        return
    for url in dict.fromkeys((source.url, source.cni_url, source.crictl_url)):
        if url.startswith("http://"):
            message = f"binaries and their checksums come from {url}, unencrypted: both can be replaced in transit"
            hint = "Use https, or let `provisioner lock` record the checksums and compare them with the owner's."
            yield Problem("unprotected-checksums", "every host", message, hint, Severity.WARNING)


def _unpinned_images(view: View) -> Iterator[Problem]:
    """The lock file has digests of images, but not of all that this inventory needs."""
    if not view.materials.image_digests:
        return
    missing = [name for name in from_registries(view) if name not in view.materials.image_digests]
    if missing:
        message = f"the version lock file has nothing for {', '.join(missing)}"
        yield Problem("lock-mismatch", "every host", message, LOCK_AGAIN)
    if view.cluster.settings.runtime.type == "cri-o" and from_registries(view):
        message = "the version lock file's image digests are not used: CRI-O gives no names to images pulled by digest"
        hint = "Compare them with `crictl images --digests`, or use images from a bundle."
        yield Problem("unpinned-images", "every host", message, hint, Severity.WARNING)


def _bundled_runtime(view: View) -> Iterator[Problem]:
    """A bundle has one version of the runtime, whatever the inventory wants."""
    settings = view.cluster.settings
    desired, package = settings.runtime.version, _BUNDLED.get(settings.runtime.type, "")
    if view.materials.bundle and desired and package and isinstance(settings.runtime_source, BundleSource):
        there = view.materials.bundle.package_version(package)
        if not is_of(there, desired):
            message = f"the bundle has {package} {there}, and the inventory wants {desired}"
            hint = "Leave runtime.version out, or use another source of the runtime (runtime.source)."
            yield Problem("no-such-version", "every host", message, hint)


RULES: tuple[Callable[[View], Iterator[Problem]], ...] = (
    _sources,
    _other_docker,
    _packaged_kubernetes,
    _bundled_runtime,
)
# These are not about what the sources have, but about how it is requested.
WARNINGS: tuple[Callable[[View], Iterator[Problem]], ...] = (_unprotected_checksums, _unpinned_images)
