"""The build as a sequence of stages. A stage's inputs are the recipe's data that its code uses; when the
code itself changes the result, its number in REVISIONS goes up.
"""

from __future__ import annotations

from functools import partial

from provisioner.bundle.common.images import IMAGE_ROLES, PROBE_IMAGE, serve_name
from provisioner.bundle.common.manifest import FORMAT
from provisioner.bundle.common.mirror import AptSource
from provisioner.bundle.common.workspace import Stage
from provisioner.bundle.debian.assembly import make_bundle
from provisioner.bundle.debian.binaries import FETCH, GO, PREPARE, TAGS, linker_flags, make_binaries, make_source
from provisioner.bundle.debian.debs import cni_deb, kubernetes_debs, make_debs
from provisioner.bundle.debian.images import PROXY_TOOLS, make_images
from provisioner.bundle.debian.recipe import BUILD_TOOLS, CRI_TOOLS, IMAGE_SOURCES, PROGRAMS, Recipe
from provisioner.bundle.debian.repository import INDEX_AND_SIGN, from_debian, make_repository
from provisioner.bundle.debian.root import APT_SETTINGS, make_root

REVISIONS = {"root": 1, "source": 1, "programs": 1, "debs": 1, "images": 1, "repository": 1, "bundle": 1}


def stages(recipe: Recipe, sources: tuple[AptSource, ...] = ()) -> tuple[Stage, ...]:
    """Every stage, each after those it needs; the last is the bundle. The mirror is not part of any key."""
    root = Stage(
        "root",
        f"make a Debian {recipe.release} to build in (about a minute)",
        partial(make_root, recipe, sources),
        (REVISIONS["root"], recipe.release, recipe.architecture, BUILD_TOOLS, IMAGE_SOURCES, APT_SETTINGS),
    )
    source = Stage(
        "source",
        "fetch and prepare the source of Kubernetes (about a minute)",
        make_source,
        (REVISIONS["source"], FETCH, PREPARE, GO),
        (root,),
    )
    binaries = Stage(
        "programs",
        f"compile Kubernetes {recipe.kubernetes_version} (about 7 minutes from scratch)",
        partial(make_binaries, recipe),
        (REVISIONS["programs"], TAGS, linker_flags(recipe.kubernetes_version), PROGRAMS),
        (root, source),
    )
    return root, source, binaries, *_results(recipe, root, source, binaries)


def _results(recipe: Recipe, root: Stage, source: Stage, binaries: Stage) -> tuple[Stage, ...]:
    debs = Stage(
        "debs",
        "make the packages of Kubernetes",
        partial(make_debs, recipe),
        (REVISIONS["debs"], recipe.package_version, kubernetes_debs(), cni_deb([])),
        (root, binaries),
    )
    images = Stage(
        "images",
        "write the container images",
        partial(make_images, recipe),
        (REVISIONS["images"], PROXY_TOOLS, PROBE_IMAGE, serve_name(), sorted(IMAGE_ROLES.items())),
        (root, source, binaries),
    )
    repository = Stage(
        "repository",
        "fetch the packages nodes need and sign the repository",
        partial(make_repository, recipe),
        (REVISIONS["repository"], from_debian(), INDEX_AND_SIGN),
        (root, debs),
    )
    bundle = Stage(
        f"debian-{recipe.release}-{recipe.kubernetes_version}-{recipe.architecture}",
        "put the bundle together",
        partial(make_bundle, recipe),
        (REVISIONS["bundle"], FORMAT, CRI_TOOLS),
        (source, images, repository),
    )
    return debs, images, repository, bundle
