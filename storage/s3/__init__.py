"""Stores that speak the protocol of Amazon S3."""

from __future__ import annotations

from dflow.storage.s3.client import S3Client
from dflow.storage.s3.settings import S3Settings

__all__ = ["S3Client", "S3Settings"]
