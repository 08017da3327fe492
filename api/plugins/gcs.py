"""Google Cloud Storage as the object store."""

from __future__ import annotations

from typing import Any, Optional

from dflow.config import s3_config
from dflow.engine.errors import ConfigError
from dflow.plugins.defaults import configured, with_scheme
from dflow.storage.filesystems import FsspecClient

__all__ = ["GCSClient"]


class GCSClient(FsspecClient):
    """The object store in a bucket of Google Cloud Storage, through ``gcsfs`` (``pip install 'pydflow[gcs]'``).

    Credentials are those that Google's tools use on this machine, unless ``token`` is given: the path of a service
    account's file, its content as a dict, or ``"anon"``.

    Args:
        endpoint: where it is not Google's; from ``s3_config`` unless given.
        access_key: not for this client, nor is ``secret_key``: HMAC keys are for the S3 client.
        bucket_name: from ``s3_config`` unless given.
        kwargs: more options of ``gcsfs.GCSFileSystem``: ``token``, ``project`` …

    Raises:
        ConfigError: HMAC keys are given.
    """

    def __init__(
        self,
        endpoint: Optional[str] = None,
        access_key: Optional[str] = None,
        secret_key: Optional[str] = None,
        bucket_name: Optional[str] = None,
        **kwargs: Any,
    ) -> None:
        if access_key is not None or secret_key is not None:
            raise ConfigError(
                "GCSClient takes no access_key and secret_key: give token=… (the file of a service account), or use "
                "the S3 client with the endpoint 'storage.googleapis.com' and these keys"
            )
        secure = kwargs.pop("secure", True)
        endpoint = configured("endpoint", endpoint)
        if endpoint is not None:
            kwargs.setdefault("endpoint_url", with_scheme(endpoint, secure))
        super().__init__(f"gs://{bucket_name or s3_config['bucket_name']}", options=kwargs)
