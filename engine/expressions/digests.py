"""Encodings and checksums of texts."""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib

from dflow.engine.errors import ExpressionError

__all__ = ["adler32", "digest", "from_base32", "from_base64", "to_base32", "to_base64"]


def octets(text: str) -> bytes:
    """``text`` in UTF-8."""
    return text.encode("utf-8", "surrogatepass")


def to_base64(text: str) -> str:
    """``text`` in base64."""
    return base64.b64encode(octets(text)).decode("ascii")


def to_base32(text: str) -> str:
    """``text`` in base32."""
    return base64.b32encode(octets(text)).decode("ascii")


def from_base64(text: str) -> str:
    """The text that a base64 text stands for.

    Raises:
        ExpressionError: it stands for none.
    """
    try:
        return base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError) as exc:
        raise ExpressionError(f"not base64: {exc}") from exc


def from_base32(text: str) -> str:
    """The text that a base32 text stands for.

    Raises:
        ExpressionError: it stands for none.
    """
    try:
        return base64.b32decode(text).decode("utf-8", "replace")
    except (binascii.Error, ValueError) as exc:
        raise ExpressionError(f"not base32: {exc}") from exc


def digest(name: str, text: str) -> str:
    """The checksum ``name`` of a text, in hexadecimal digits."""
    return hashlib.new(name, octets(text)).hexdigest()


def adler32(text: str) -> str:
    """The Adler-32 checksum of a text, as a number."""
    return str(zlib.adler32(octets(text)))
