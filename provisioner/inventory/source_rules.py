"""Rules about the sources of packages. Pure, like `rules`, which includes these."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from provisioner.errors import Severity
from provisioner.inventory.findings import Finding, KeyPath
from provisioner.inventory.model import Cluster
from provisioner.inventory.package_sources import DockerMirrorSource, LegacySource, MirrorSource, Source, UpstreamSource

# The first minor release at pkgs.k8s.io; older ones were never moved there.
FIRST_UPSTREAM_MINOR = 24

_KUBERNETES: KeyPath = ("settings", "package_source")
_RUNTIME: KeyPath = ("settings", "runtime", "source")


def _sources(cluster: Cluster) -> Iterator[tuple[KeyPath, Source]]:
    yield _KUBERNETES, cluster.settings.package_source
    if cluster.settings.runtime.source:
        yield _RUNTIME, cluster.settings.runtime.source


def _too_old_for_upstream(cluster: Cluster) -> Iterator[Finding]:
    version = cluster.settings.kubernetes_version
    if isinstance(cluster.settings.package_source, UpstreamSource) and version.minor < FIRST_UPSTREAM_MINOR:
        yield Finding(
            "no-packages",
            (*_KUBERNETES, "type"),
            f"pkgs.k8s.io has no packages before 1.{FIRST_UPSTREAM_MINOR}, and this is Kubernetes {version}",
            "use the binaries themselves (`binaries`), a mirror that has it (`legacy` or `mirror`), or a bundle",
            needs=((*_KUBERNETES, "type"), ("settings", "kubernetes_version")),
        )


def _two_bundles(cluster: Cluster) -> Iterator[Finding]:
    paths = tuple(dict.fromkeys(source.path for source in cluster.settings.bundles))
    if len(paths) > 1:
        message = f"a cluster has one bundle, but these are two: {paths[0]} and {paths[1]}"
        yield Finding("two-bundles", (*_RUNTIME, "path"), message, "use the same path in both places, or leave one out")


def _unprotected_key(cluster: Cluster) -> Iterator[Finding]:
    for path, source in _sources(cluster):
        if not isinstance(source, MirrorSource | LegacySource | DockerMirrorSource) or source.fingerprint:
            continue
        key = source.key or source.url
        if key.startswith("http://"):
            yield Finding(
                "unprotected-key",
                path,
                f"the key comes from {key}, unencrypted, and without a fingerprint it is not checked",
                "add its `fingerprint`, or name a file with the key",
                Severity.WARNING,
            )


def _repository_beside_bundle(cluster: Cluster) -> Iterator[Finding]:
    settings = cluster.settings
    if settings.image_repository and settings.images_in_bundle:
        yield Finding(
            "no-images",
            ("settings", "image_repository"),
            "images come from the bundle, where they have the names of their own registries",
            "leave it out, or add `images: registry`",
        )


RULES: tuple[Callable[[Cluster], Iterator[Finding]], ...] = (
    _too_old_for_upstream,
    _two_bundles,
    _unprotected_key,
    _repository_beside_bundle,
)
