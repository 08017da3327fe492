"""Which names are allowed, and what to say of those that are not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Dict, List

from dflow.engine.errors import WrongType, WrongValue
from dflow.engine.keys import is_key

__all__ = [
    "by_name",
    "check_key",
    "check_label",
    "check_step_name",
    "check_template_name",
    "check_workflow_name",
    "listed",
    "text_of",
]

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_STEP = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*\Z")
_LABEL = re.compile(r"[A-Za-z0-9_-]+\Z")
MAX_NAME = 57
_MAX_LABEL = 200


def check_workflow_name(name: str, what: str = "workflow") -> str:
    """A lower-case RFC 1123 subdomain of at most 57 characters.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(name, str) or not _SUBDOMAIN.match(name) or len(name) > MAX_NAME:
        raise WrongValue(
            f"the {what} name {name!r} must consist of lower-case letters, digits, '-' and '.', start and end "
            f"with a letter or digit, and have at most {MAX_NAME} characters, such as 'my-name'"
        )
    return name


def check_template_name(name: str) -> str:
    """Like a workflow's name; upper-case letters are made lower-case ones.

    Raises:
        ValueError: it is not.
    """
    return check_workflow_name(name.lower() if isinstance(name, str) else name, "template")


def check_key(key: str) -> str:
    """A printable text of 1 to 253 characters.

    Raises:
        ValueError: it is not.
    """
    if not is_key(key):
        raise WrongValue(f"the key {key!r} must consist of 1 to 253 printable characters, such as 'iter-0.train'")
    return key


def check_step_name(name: str, what: str = "step") -> str:
    """Letters, digits and ``-``, with a letter or digit first.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(name, str) or not _STEP.match(name):
        raise WrongValue(
            f"the {what} name {name!r} must consist of letters, digits and '-', and start with a letter or digit, "
            "such as 'My-name1-2'"
        )
    return name


def check_label(name: str, what: str = "parameter") -> str:
    """Letters, digits, ``_`` and ``-``; not more than fit into the name of a file.

    Raises:
        ValueError: it is not.
    """
    if isinstance(name, str) and len(name) > _MAX_LABEL:
        raise WrongValue(f"the {what} name {name[:20]!r}… has {len(name)} characters; it can have {_MAX_LABEL}")
    if not isinstance(name, str) or not _LABEL.match(name):
        raise WrongValue(f"the {what} name {name!r} must consist of letters, digits, '_' and '-', such as 'my_param_1'")
    return name


def by_name(given: Any, what: str) -> Dict[str, Any]:
    """Arguments by name, as a dict of its own; nothing is an empty one.

    Raises:
        TypeError: it is no dict.
    """
    if given is None:
        return {}
    if isinstance(given, (dict, Mapping)):
        return dict(given)
    raise WrongType(f"{what} must be a dict by name, such as {{'name': …}}, not {given!r}")


def listed(given: Any, what: str) -> List[Any]:
    """Several things as a list of its own; nothing is an empty one.

    Raises:
        TypeError: it is one thing, or a text.
    """
    if given is None:
        return []
    if isinstance(given, Iterable) and not isinstance(given, (str, bytes)):
        return list(given)
    raise WrongType(f"{what} must be a list, such as [{given!r}], not {given!r}")


def text_of(given: Any, what: str) -> str:
    """A text, as it is.

    Raises:
        TypeError: it is none.
    """
    if isinstance(given, str):
        return given
    raise WrongType(f"{what} must be a text, not {given!r}")
