"""The files that are put on machines live in `templates/`, by subject; here they are found and filled in."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


@cache
def _root() -> Path:
    package = Path(__file__).parent
    # Inside a wheel the templates lie in the package, in a checkout beside it.
    return next(place for place in (package / "templates", package.parent / "templates") if place.is_dir())


def path(name: str) -> Path:
    """The template file of that name, such as `lab/entry.sh`."""
    return _root() / name


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_root()),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - configuration files, not HTML
    )
    # JSON is YAML, and quoted as it must be.
    environment.filters["quoted"] = json.dumps
    return environment


def render(name: str, **values: object) -> str:
    """The template with its values; a value that is missing raises jinja2.UndefinedError."""
    return _environment().get_template(name).render(values)
