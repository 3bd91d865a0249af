"""Kubernetes from Debian's source package: fetched and prepared once, then compiled for a version.

What the source needs before today's compiler can build it was found by trying (Debian 12, Go 1.19):
the vendored `reflect2` makes every binary crash at start when built by Go 1.18 or newer, so Debian's newer
one replaces it; and kube-apiserver needs a generated file that the source package leaves out.
"""

from __future__ import annotations

from pathlib import Path

from provisioner.bundle.common.workspace import Work
from provisioner.bundle.debian.recipe import PROGRAMS, SOURCE_PACKAGE, Recipe
from provisioner.bundle.debian.root import Root, work_root

# The paths are part of Go's cache keys: always the same, whatever the user's cache directory is called.
GOPATH = "/build/source"
TREE = f"{GOPATH}/src/k8s.io/kubernetes"
GO = {
    "GOPATH": GOPATH,
    "GOCACHE": "/build/go-cache",
    "CGO_ENABLED": "0",
    "GO111MODULE": "off",
    "GOFLAGS": "-trimpath",
}
# Without the code of cloud vendors, a third of what is compiled: it gives machines a vendor's disks and load balancers,
# and Kubernetes itself has moved it out since (KEP-2395). `--cloud-provider=external` stays.
TAGS = "providerless"
FETCH = f"""
apt-get source --download-only {SOURCE_PACKAGE}
dpkg-source --no-check --extract {SOURCE_PACKAGE}_*.dsc {TREE}
sed -n 's/^Version: //p' {SOURCE_PACKAGE}_*.dsc | head -n 1 > VERSION
rm {SOURCE_PACKAGE}_*
"""
PREPARE = """
rm -r vendor/github.com/modern-go/reflect2
cp -R /usr/share/gocode/src/github.com/modern-go/reflect2 vendor/github.com/modern-go/
make gen_openapi
"""
# What `kubectl version` shows comes from these two packages, set by the linker as upstream's own build does.
VERSION_PACKAGES = (
    "k8s.io/kubernetes/vendor/k8s.io/component-base/version",
    "k8s.io/kubernetes/vendor/k8s.io/client-go/pkg/version",
)


def linker_flags(kubernetes_version: str) -> str:
    """The linker's flags for a version such as 1.20.2; -s -w leave out the debugger's tables."""
    major, minor, _ = kubernetes_version.split(".")
    values = {
        "gitVersion": f"v{kubernetes_version}",
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
    }
    names = [(f"{package}.{name}", value) for package in VERSION_PACKAGES for name, value in values.items()]
    return " ".join(["-s -w", *(f"-X {name}={value}" for name, value in names)])


def make_source(work: Work) -> None:
    """The stage: the source tree, prepared, at `src/k8s.io/kubernetes`; its Debian version in `VERSION`."""
    root = _go_root(work, work.into)
    root.update()
    root.run(["mkdir", "-p", f"{GOPATH}/src/k8s.io"])
    root.shell(FETCH, GOPATH)
    root.shell(PREPARE, TREE, **GO)


def make_binaries(recipe: Recipe, work: Work) -> None:
    """The stage: all binaries, statically linked, in its directory. Go's cache is kept when it is killed."""
    root = _go_root(work, work.done["source"])
    flags = linker_flags(recipe.kubernetes_version)
    packages = [f"./cmd/{binary}" for binary in PROGRAMS]
    # -v names each package as it is compiled, which is the progress that is shown.
    root.run(["go", "build", "-v", "-tags", TAGS, "-ldflags", flags, "-o", "/build/into/", *packages], TREE, **GO)


def _go_root(work: Work, source: Path) -> Root:
    cache = work.kept / "go"
    cache.mkdir(exist_ok=True)
    return work_root(work, {"/build/source": source, "/build/go-cache": cache})
