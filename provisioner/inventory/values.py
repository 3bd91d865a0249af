"""Small values that the inventory and all later parts use: versions, endpoints, taints, secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, GetCoreSchemaHandler, StringConstraints, WithJsonSchema
from pydantic_core import CoreSchema, core_schema


class _Text:
    """A value that is text in an inventory: pydantic reads it through `parse`, JSON shows `str`."""

    pattern = ""
    example = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the value; ValueError says what is expected."""
        raise ValueError(text)

    @classmethod
    def _read(cls, value: object) -> Self:
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            raise ValueError(f'expected text in quotes, such as "{cls.example}"')
        return cls.parse(value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate through `parse`, describe as a string with the pattern, serialise with `str`."""
        return core_schema.json_or_python_schema(
            json_schema=core_schema.no_info_after_validator_function(
                cls._read, core_schema.str_schema(pattern=cls.pattern or None)
            ),
            python_schema=core_schema.no_info_plain_validator_function(cls._read),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )


@dataclass(frozen=True, slots=True, order=True)
class Version(_Text):
    """A Kubernetes version such as 1.20.2; `str` gives it without the leading v."""

    major: int
    minor: int
    patch: int

    pattern = r"^v?\d+\.\d+\.\d+$"
    example = "1.20.2"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Accept `1.20.2` and `v1.20.2`; anything else is a ValueError."""
        match = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)", text)
        if not match:
            raise ValueError(f"{text!r} is not a full version such as 1.20.2")
        return cls(*(int(part) for part in match.groups()))

    def __str__(self) -> str:
        """`1.20.2`."""
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def series(self) -> str:
        """The minor release, `1.20`."""
        return f"{self.major}.{self.minor}"


@dataclass(frozen=True, slots=True)
class Endpoint(_Text):
    """Where the API server is reached, `host:port`; the port is 6443 when it is left out."""

    host: str
    port: int = 6443

    pattern = r"^[A-Za-z0-9.-]+(:\d+)?$"
    example = "api.example:6443"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Accept `api.example` and `10.0.0.5:8443`; anything else is a ValueError."""
        match = re.fullmatch(r"([A-Za-z0-9][A-Za-z0-9.-]*)(?::(\d{1,5}))?", text)
        if not match or not 0 < int(match[2] or 6443) < 65536:
            raise ValueError(f"{text!r} is not an endpoint such as api.example:6443")
        return cls(match[1], int(match[2] or 6443))

    def __str__(self) -> str:
        """`host:port`."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, order=True)
class Taint(_Text):
    """A node taint, written `key=value:Effect` or `key:Effect`."""

    key: str
    value: str
    effect: str

    pattern = r"^[^=:]+(=[^:]*)?:(NoSchedule|PreferNoSchedule|NoExecute)$"
    example = "dedicated=db:NoSchedule"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read kubectl's notation; anything else is a ValueError."""
        match = re.fullmatch(r"([^=:\s]+)(?:=([^:\s]*))?:(NoSchedule|PreferNoSchedule|NoExecute)", text)
        if not match:
            raise ValueError(f"{text!r} is not a taint such as dedicated=db:NoSchedule")
        return cls(match[1], match[2] or "", match[3])

    def __str__(self) -> str:
        """`key=value:Effect`, without `=` when there is no value."""
        return f"{self.key}={self.value}:{self.effect}" if self.value else f"{self.key}:{self.effect}"


@dataclass(frozen=True, slots=True)
class Secret:
    """Text that only `reveal` returns; when it is printed, `label` says what it is."""

    _text: str = field(repr=False)
    label: str = "secret"

    def reveal(self) -> str:
        """The text itself; only transports and files with mode 0600 may see it."""
        return self._text

    def __str__(self) -> str:
        """The mask."""
        return f"<{self.label}>"

    def __repr__(self) -> str:
        """The mask."""
        return str(self)

    def __format__(self, spec: str) -> str:
        """The mask, in f-strings too."""
        return str(self)


# A number of nodes or a percentage, as Kubernetes writes it in `maxUnavailable`.
COUNT = r"^([1-9][0-9]{0,3}|([1-9][0-9]?|100)%)$"


def _count(value: object) -> object:
    return str(value).lower() if isinstance(value, int | float) else value


MaxUnavailable = Annotated[
    str,
    BeforeValidator(_count),
    StringConstraints(pattern=COUNT),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 9999}, {"type": "string", "pattern": COUNT}]}
    ),
]
