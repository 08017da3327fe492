"""What the clients of object stores take from ``s3_config`` where no argument says it."""

from __future__ import annotations

from typing import Any

from dflow.config import _S3_SETTINGS, s3_config

__all__ = ["configured", "with_scheme"]


def configured(name: str, given: Any = None) -> Any:
    """An argument, else the setting; None where that is what dflow comes with, which is a MinIO on this machine."""
    if given is not None:
        return given
    return None if s3_config[name] == _S3_SETTINGS[name][0] else s3_config[name]


def with_scheme(endpoint: str, secure: bool = True) -> str:
    """An endpoint as an address; HTTPS unless it says otherwise."""
    return endpoint if "://" in endpoint else f"{'https' if secure else 'http'}://{endpoint}"
