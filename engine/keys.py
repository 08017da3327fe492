"""Keys of steps, ids of nodes, and the names of their directories, which follow from them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dflow.engine.layout import RESERVED, is_backup

if TYPE_CHECKING:
    from collections.abc import Container

__all__ = ["fnv1a", "is_key", "is_subdomain", "name_of_key", "name_step_directory", "node_id"]

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*\Z")
_PLAIN = re.compile(r"[A-Za-z0-9][-A-Za-z0-9._]*\Z")
_NOT_PLAIN = re.compile(r"[^-A-Za-z0-9._]+")
_MAX_KEY = 253
_MAX_STEM = 200  # bytes; a hash and .bk1000 follow, and file names have at most 255
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


def is_subdomain(text: str) -> bool:
    """Whether a text can name an object of Kubernetes: a lower-case RFC 1123 subdomain."""
    return len(text) <= _MAX_KEY and _SUBDOMAIN.match(text) is not None


def is_key(text: str) -> bool:
    """Whether a text can be the key of a step: printable, with an end."""
    return 0 < len(text) <= _MAX_KEY and text.isprintable()


def name_of_key(key: str) -> str:
    """A file name for a key: itself, where it is one; else with a hash in place of what the name leaves out."""
    if _PLAIN.match(key):
        return key
    return f"{_NOT_PLAIN.sub('-', key).strip('-.') or 'key'}-{_base36(fnv1a(key))[-5:]}"


def fnv1a(text: str) -> int:
    """The 32-bit FNV-1a hash of a text's UTF-8 bytes, with which Argo makes node ids."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def node_id(workflow_id: str, node_name: str) -> str:
    """Argo's node id: the workflow's for the root, else ``<workflow id>-<hash of the node name>``."""
    return workflow_id if node_name == workflow_id else f"{workflow_id}-{fnv1a(node_name)}"


def name_step_directory(
    workflow_id: str, step_name: str, node_name: str, key: str | None, taken: Container[str]
) -> str:
    """The directory name of a node: its key, or ``<workflow id>-<step name>-<hash>``.

    A key that is reserved, looks like a set-aside directory or is taken gets ``-<hash>``; so does, with more of
    the hash, anything else that is taken.
    """
    digest = fnv1a(node_name)
    if key is not None and len(key) <= _MAX_STEM and not (key in RESERVED or is_backup(key) or key in taken):
        return key
    stem = (f"{workflow_id}-{step_name}" if key is None else key)[:_MAX_STEM].rstrip("-.")
    name = f"{stem}-{_base36(digest)[-5:]}"
    extra = 0
    while name in taken:
        extra += 1
        name = f"{stem}-{_base36(digest)}{_base36(fnv1a(f'{node_name}#{extra}'))}"
    return name


def _base36(number: int) -> str:
    digits = ""
    while number or not digits:
        number, rest = divmod(number, 36)
        digits = _BASE36[rest] + digits
    return digits.rjust(5, "0")
