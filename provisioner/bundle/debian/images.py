"""The container images of a bundle, each as small as possible: only static binaries, or, where Debian's
binaries are needed, only those with the libraries they load. Their names are those that kubeadm itself asks for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from provisioner.bundle.common.image_archive import Directory, Entry, File, Image, Link, write
from provisioner.bundle.common.images import IMAGE_ROLES, PROBE_IMAGE, file_name, serve_name, short_name
from provisioner.bundle.common.manifest import Role
from provisioner.bundle.common.workspace import Work
from provisioner.bundle.debian.recipe import NOT_IN_DEBIAN, Recipe
from provisioner.bundle.debian.root import Root, work_root

INDEX = "index.json"
PAUSE = "pause"
MERGED = ("bin", "sbin", "lib", "lib64")
PAUSE_SOURCE = "/build/source/src/k8s.io/kubernetes/build/pause/linux/pause.c"
# What kube-proxy runs: the iptables of the nodes' own release (nft), the legacy one under its own name.
PROXY_TOOLS = (
    "usr/sbin/xtables-nft-multi",
    "usr/sbin/xtables-legacy-multi",
    "usr/sbin/conntrack",
    "usr/sbin/ipset",
    "usr/bin/kmod",
)
ETCD = ("usr/bin/etcd", "usr/bin/etcdctl")
ACTIONS = ("", "-save", "-restore")
XTABLES = tuple(f"{family}{action}" for family in ("iptables", "ip6tables") for action in ACTIONS)


@dataclass(frozen=True, slots=True)
class Built:
    """An image of the index: its archive's file name, full reference, version, origin and the roles that need it."""

    file: str
    reference: str
    version: str
    origin: str
    roles: tuple[Role, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """An image before it is written: what is in it and where that comes from."""

    entries: tuple[Entry, ...]
    origin: str
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


def make_images(recipe: Recipe, work: Work) -> None:
    """The stage: all archives, and `index.json` with the images and the references of what is missing."""
    root = work_root(work, {"/build/source": work.done["source"], "/build/programs": work.done["programs"]})
    drafts = _drafts(root, work)
    wanted = {name: short_name(name) for name in wanted_references(root, recipe.kubernetes_version)}
    known = {reference: drafts[name] for reference, name in wanted.items() if name in drafts}
    built = [_write(reference, draft, recipe, work) for reference, draft in known.items()]
    (work.into / PAUSE).unlink()
    index = {
        "images": [asdict(image) for image in built],
        "missing": [reference for reference in wanted if reference not in known],
    }
    (work.into / INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")


def read_index(stage: Path) -> tuple[list[Built], dict[str, str]]:
    """The images of a finished stage, and of each missing reference the reason."""
    raw = json.loads((stage / INDEX).read_text(encoding="utf-8"))
    images = [Built(**(image | {"roles": tuple(image["roles"])})) for image in raw["images"]]
    return images, {reference: f"{short_name(reference)} is {NOT_IN_DEBIAN}" for reference in raw["missing"]}


def wanted_references(root: Root, kubernetes_version: str) -> list[str]:
    """What kubeadm of this build would pull, and our probe."""
    kubeadm = ["/build/programs/kubeadm", "config", "images", "list"]
    listed = root.read([*kubeadm, "--kubernetes-version", f"v{kubernetes_version}"]).split()
    return [*listed, PROBE_IMAGE]


def merged(path: str) -> str:
    """A path of a merged-/usr root without its symbolic links: lib/x.so becomes usr/lib/x.so."""
    relative = path.lstrip("/")
    return f"usr/{relative}" if relative.split("/")[0] in MERGED else relative


def libraries(ldd_output: str) -> list[str]:
    """The libraries that ldd(1) lists, each once, as paths of a merged-/usr root."""
    found = re.findall(r"^\t(?:\S+ => )?(/\S+) \(0x", ldd_output, re.MULTILINE)
    return sorted({merged(path) for path in found})


def _drafts(root: Root, work: Work) -> dict[str, Draft]:
    binaries = work.done["programs"]
    servers = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
    compiled = {name: (File(f"usr/local/bin/{name}", binaries / name),) for name in (*servers, "kube-proxy")}
    source = f"Debian kubernetes {(work.done['source'] / 'VERSION').read_text(encoding='utf-8').strip()}"
    return {
        **{name: Draft(compiled[name], source) for name in servers},
        "kube-proxy": Draft((*compiled["kube-proxy"], *_proxy_tools(root)), source),
        "pause": Draft((File("pause", _pause(root, work)),), source, entrypoint=("/pause",)),
        "etcd": Draft(_with_libraries(root, ETCD), _origin(root, "etcd-server")),
        "probe": _probe(root),
    }


def _write(reference: str, draft: Draft, recipe: Recipe, work: Work) -> Built:
    image = Image(reference, recipe.architecture, draft.entries, draft.entrypoint, draft.command)
    write(image, work.into / file_name(reference))
    version = reference.rpartition(":")[2]
    return Built(file_name(reference), reference, version, draft.origin, IMAGE_ROLES[short_name(reference)])


def _pause(root: Root, work: Work) -> Path:
    # Compiled beside the archives, and removed by `make_images` when it is in one of them.
    root.run(["gcc", "-Os", "-Wall", "-static", "-s", "-o", f"/build/into/{PAUSE}", PAUSE_SOURCE])
    return work.into / PAUSE


def _proxy_tools(root: Root) -> tuple[Entry, ...]:
    plugins = sorted(path for path in root.path.glob("usr/lib/*/xtables/*.so"))
    extensions = [path.relative_to(root.path).as_posix() for path in plugins]
    links = [Link(f"usr/sbin/{name}", "xtables-nft-multi") for name in XTABLES]
    older = [name.replace("tables", "tables-legacy") for name in XTABLES]
    links += [Link(f"usr/sbin/{name}", "xtables-legacy-multi") for name in older]
    modprobe = Link("usr/sbin/modprobe", "../bin/kmod")
    return (*_with_libraries(root, (*PROXY_TOOLS, *extensions)), *links, modprobe)


def _with_libraries(root: Root, paths: Iterable[str]) -> tuple[Entry, ...]:
    binaries = tuple(paths)
    loaded = libraries(root.read(["ldd", *(f"/{path}" for path in binaries)]))
    links = [Link(name, f"usr/{name}") for name in MERGED]
    return (*links, *_files(root, (*binaries, *loaded)), Directory("tmp", 0o1777))


def _files(root: Root, paths: tuple[str, ...]) -> list[File]:
    # Symbolic links are followed as the root sees them, not as this machine does.
    real = root.read(["realpath", "--canonicalize-existing", *(f"/{path}" for path in paths)]).split()
    return [File(path, root.path / target.lstrip("/")) for path, target in zip(paths, real, strict=True)]


def _probe(root: Root) -> Draft:
    applets = [name for name in root.read(["busybox", "--list"]).split() if name != "busybox"]
    entries: tuple[Entry, ...] = (
        File("bin/busybox", root.path / "usr/bin/busybox"),
        *(Link(f"bin/{name}", "busybox") for name in applets),
        File("bin/serve-name", serve_name().encode()),
        Directory("tmp", 0o1777),
    )
    return Draft(entries, _origin(root, "busybox-static"), command=("/bin/serve-name",))


def _origin(root: Root, package: str) -> str:
    return f"Debian {package} {root.read(['dpkg-query', '-W', '-f=${Version}', package])}"
