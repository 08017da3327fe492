"""Who asks, when the settings do not say: what other programs of the user have been told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.engine.errors import StorageError

if TYPE_CHECKING:
    from minio.credentials.credentials import Credentials
    from minio.credentials.providers import Provider

__all__ = ["from_elsewhere"]


def from_elsewhere(endpoint: str) -> Provider:
    """The environment (``AWS_*``, ``MINIO_*``), ``~/.aws/credentials``, or the configuration of ``mc``: the first.

    The provider raises a ``StorageError`` when there is none.
    """
    from minio.credentials import providers as credentials  # noqa: PLC0415 - takes long to load

    class _Chain(credentials.ChainedProvider):
        def retrieve(self) -> Credentials:
            try:
                return super().retrieve()
            except (ValueError, OSError) as error:
                raise StorageError(
                    f"there are no keys for the S3 server at {endpoint}: not in s3_config['access_key'] and "
                    "s3_config['secret_key'] (DFLOW_S3_ACCESS_KEY, DFLOW_S3_SECRET_KEY), not in AWS_ACCESS_KEY_ID "
                    "and AWS_SECRET_ACCESS_KEY, not in ~/.aws/credentials, and not in the configuration of mc; set "
                    "one of them"
                ) from error

    return _Chain(
        [
            credentials.EnvAWSProvider(),
            credentials.EnvMinioProvider(),
            credentials.AWSConfigProvider(),
            credentials.MinioClientConfigProvider(),
        ]
    )
