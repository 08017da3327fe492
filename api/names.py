"""Which names are allowed, and what to say of those that are not."""

from __future__ import annotations

import re

from dflow.engine.layout import is_key

__all__ = ["check_key", "check_label", "check_step_name", "check_template_name", "check_workflow_name"]

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
        raise ValueError(
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
    """A lower-case RFC 1123 subdomain.

    Raises:
        ValueError: it is not.
    """
    if not is_key(key):
        raise ValueError(
            f"the key {key!r} must consist of lower-case letters, digits, '-' and '.', and start and end "
            "with a letter or digit, such as 'iter-0.train'"
        )
    return key


def check_step_name(name: str, what: str = "step") -> str:
    """Letters, digits and ``-``, with a letter or digit first.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(name, str) or not _STEP.match(name):
        raise ValueError(
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
        raise ValueError(f"the {what} name {name[:20]!r}… has {len(name)} characters; it can have {_MAX_LABEL}")
    if not isinstance(name, str) or not _LABEL.match(name):
        raise ValueError(f"the {what} name {name!r} must consist of letters, digits, '_' and '-', such as 'my_param_1'")
    return name
