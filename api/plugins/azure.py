"""Azure Blob Storage as the object store."""

from __future__ import annotations

from typing import Any, Optional

from dflow.config import s3_config
from dflow.plugins.defaults import configured
from dflow.storage.filesystems import FsspecClient

__all__ = ["AzureClient"]

_IN_PLACE_OF_A_KEY = ("anon", "client_id", "credential", "sas_token")


class AzureClient(FsspecClient):
    """The object store in a container of Azure Blob Storage, through ``adlfs`` (``pip install 'pydflow[azure]'``).

    What is not given is taken from ``s3_config``, and then, by ``adlfs``, from ``AZURE_STORAGE_…`` variables.

    Args:
        endpoint: the host, where it is not ``ACCOUNT.blob.core.windows.net``.
        access_key: the name of the storage account.
        secret_key: the key of the account.
        bucket_name: the container.
        kwargs: more options of ``adlfs.AzureBlobFileSystem``: ``connection_string``, ``sas_token``, ``credential`` …,
            which are used in place of a key.
    """

    def __init__(
        self,
        endpoint: Optional[str] = None,
        access_key: Optional[str] = None,
        secret_key: Optional[str] = None,
        bucket_name: Optional[str] = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("secure", None)
        options = dict(kwargs)
        if "connection_string" not in kwargs:
            host = configured("endpoint", endpoint)
            options.setdefault("account_name", configured("access_key", access_key))
            if host is not None:
                options.setdefault("account_host", host.rpartition("://")[2].rstrip("/"))
            if not any(name in kwargs for name in _IN_PLACE_OF_A_KEY):
                options.setdefault("account_key", configured("secret_key", secret_key))
        super().__init__(f"abfs://{bucket_name or s3_config['bucket_name']}", options=options)
