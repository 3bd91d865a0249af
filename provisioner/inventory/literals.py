"""Values in INI inventories: Python literals (numbers, quoted text, lists, mappings, True), anything else is text.

That is Ansible's rule (https://docs.ansible.com/ansible/latest/collections/ansible/builtin/ini_inventory.html). Pure.
"""

from __future__ import annotations

import ast
import warnings

from provisioner.inventory import plain_values


class NotReadableError(ValueError):
    """A literal that cannot be the value of a variable, such as a mapping with a list as key."""


def read(text: str) -> object:
    """The value of a text; NotReadableError says what is wrong."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of a backslash in text
            value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    except (TypeError, MemoryError, RecursionError) as error:
        raise NotReadableError(str(error) or "it is nested too deep") from error
    if too_much := plain_values.excess(value):
        raise NotReadableError(too_much)
    return _plain(value)


def _plain(value: object) -> object:
    """The value with only the types that YAML has too."""
    match value:
        case list() | tuple() | set():
            return [_plain(entry) for entry in value]
        case dict():
            return {key: _plain(entry) for key, entry in value.items()}
        case bytes():
            return value.decode(errors="replace")
        case complex():
            return str(value)
        case _:
            return "..." if value is ... else value
