"""The clients of Azure, Google Cloud Storage and OSS against something that speaks their protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.emulators, pytest.mark.slow, pytest.mark.timeout(900)]

KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key of every Azurite."""
OTHER_KEY = "T3RoZXJLZXlPdGhlcktleU90aGVyS2V5T3RoZXJLZXk="
AZURE = """\
from dflow.plugins.azure import AzureClient
client = AzureClient(bucket_name="box", connection_string=(
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={key};BlobEndpoint={url}/devstoreaccount1;"
))
"""
MAKE = """\
if not client.filesystem.exists("box"):
    client.filesystem.mkdir("box")
"""
GCS = """\
from dflow.plugins.gcs import GCSClient
client = GCSClient("{url}", bucket_name="box", token="anon")
"""
OSS = """\
from dflow.plugins.oss import OSSClient
from oss_server import OSSTestServer
server = OSSTestServer().__enter__()
client = OSSClient(server.url, "me", "word", "bucket")
"""
SAME_NAME = """\
from mine import client
for key in ("same/a", "same/a/b", "same/a/c/d", "same/ab"):
    client.upload(key, "mine.py")
assert client.list("same/a/") == ["same/a/b", "same/a/c/"], client.list("same/a/")
assert client.list("same/a/", recursive=True) == ["same/a/b", "same/a/c/d"]
assert client.list("same/a") == ["same/a", "same/a/", "same/ab"]
assert client.list("same/a", recursive=True) == ["same/a", "same/a/b", "same/a/c/d", "same/ab"]
assert client.list("same/ab/") == []
"""
SUM = """\
import hashlib
from mine import client
client.upload("sum", "mine.py")
assert client.get_md5("sum") == hashlib.md5(open("mine.py", "rb").read()).hexdigest()
assert client.parallel == 8
"""


@pytest.fixture(scope="module")
def adlfs(environment: Callable[..., Any]) -> Any:
    return environment("adlfs")


@pytest.fixture(scope="module")
def gcsfs(environment: Callable[..., Any]) -> Any:
    return environment("gcsfs", "gcp-storage-emulator")


@pytest.fixture(scope="module")
def gcs_server(gcsfs: Any, serve: Callable[..., Any]) -> Any:
    program = str(gcsfs.bin / "gcp-storage-emulator")
    return serve([program, "start", "--host", "127.0.0.1", "--port", "PORT", "--in-memory", "--default-bucket", "box"])


def test_azure_keeps_every_promise(adlfs: Any, azurite: str) -> None:
    text = AZURE.format(url=azurite, key=KEY) + MAKE
    assert adlfs.check(text, "--keys", "5100") == []  # it lists 5000 at once
    for more in (SAME_NAME, SUM):
        done = adlfs.run("-c", more)
        assert done.returncode == 0, done.stderr


def test_a_wrong_key_of_azure_is_a_storage_error_that_does_not_show_it(adlfs: Any, azurite: str) -> None:
    text = AZURE.format(url=azurite, key=OTHER_KEY) + "client.upload('k', __file__)\n"
    (adlfs.folder / "wrong.py").write_text(text)
    done = adlfs.run("wrong.py")
    assert "StorageError: cannot store the file" in done.stderr
    assert "abfs://box/" in done.stderr
    assert OTHER_KEY not in done.stderr


GCSFS_SETTINGS = {"GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}  # it would ask by gRPC, which no emulator speaks


def test_google_cloud_storage_keeps_every_promise(gcsfs: Any, gcs_server: str) -> None:
    """But for ``;`` in keys: the emulator ends a path at it, which Google does not."""
    failed = gcsfs.check(GCS.format(url=gcs_server), "--keys", "1100", **GCSFS_SETTINGS)  # it lists 1000 at once
    assert failed == ["keys_with_signs"]
    for more in (SAME_NAME, SUM):
        done = gcsfs.run("-c", more, **GCSFS_SETTINGS)
        assert done.returncode == 0, done.stderr


def test_oss_keeps_every_promise_with_a_server_of_ours(environment: Callable[..., Any]) -> None:
    assert environment("ossfs").check(OSS) == []
