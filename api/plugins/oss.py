"""Alibaba Cloud OSS as the object store."""

from __future__ import annotations

from typing import Any, Optional

from dflow.config import s3_config
from dflow.engine.errors import ConfigError
from dflow.plugins.defaults import configured, with_scheme
from dflow.storage.filesystems import FsspecClient

__all__ = ["OSSClient"]


class OSSClient(FsspecClient):
    """The object store in a bucket of Alibaba Cloud OSS, through ``ossfs`` (``pip install 'pydflow[oss]'``).

    There is no emulator of OSS: this client is tested against a small server of the project's own, not against OSS.

    Args:
        endpoint: of the region, such as ``oss-cn-beijing.aliyuncs.com``; HTTPS unless it begins with ``http://``.
        access_key: the AccessKey id.
        secret_key: the AccessKey secret.
        bucket_name: as ``endpoint`` and the keys: ``s3_config`` says it, unless given.
        kwargs: more options of ``ossfs.OSSFileSystem``, such as ``token``.
    """

    def __init__(
        self,
        endpoint: Optional[str] = None,
        access_key: Optional[str] = None,
        secret_key: Optional[str] = None,
        bucket_name: Optional[str] = None,
        **kwargs: Any,
    ) -> None:
        endpoint = configured("endpoint", endpoint)
        if endpoint is None:
            raise ConfigError(
                "OSSClient needs the endpoint of a region, such as 'oss-cn-beijing.aliyuncs.com': give endpoint=…, or "
                "set s3_config['endpoint'] (DFLOW_S3_ENDPOINT)"
            )
        options = {
            "endpoint": with_scheme(endpoint, kwargs.pop("secure", True)),
            "key": configured("access_key", access_key),
            "secret": configured("secret_key", secret_key),
            **kwargs,
        }
        super().__init__(f"oss://{bucket_name or s3_config['bucket_name']}", options=options)
