"""OSSClient: where its settings come from."""

from __future__ import annotations

import pytest
from dflow.engine.errors import ConfigError
from dflow.plugins.oss import OSSClient
from dflow.storage import StorageClient
from dflow.testing.storage import check_client

ENDPOINT = "oss-cn-beijing.aliyuncs.com"


@pytest.fixture(autouse=True)
def _oss(stand_in):
    stand_in("oss")


def options(client):
    known = client.filesystem.storage_options
    return {name: known[name] for name in known if name != "use_listings_cache"}


def test_it_is_a_storage_client_that_keeps_its_promises():
    client = OSSClient(ENDPOINT, "me", "word", "oss-bucket")
    assert isinstance(client, StorageClient)
    assert str(client) == "oss://oss-bucket/"
    assert check_client(client, keys=20) == []


def test_arguments_go_to_ossfs_by_its_names():
    client = OSSClient(ENDPOINT, "me", "word", "b", token="t")  # noqa: S106 - opens nothing
    assert options(client) == {"endpoint": f"https://{ENDPOINT}", "key": "me", "secret": "word", "token": "t"}


def test_what_is_not_given_is_configured_when_the_client_is_made(settings):
    settings(endpoint=f"http://{ENDPOINT}", access_key="mine", secret_key="word", bucket_name="configured")  # noqa: S106 - opens nothing
    client = OSSClient()
    assert options(client) == {"endpoint": f"http://{ENDPOINT}", "key": "mine", "secret": "word"}
    assert str(client) == "oss://configured/"
    assert options(OSSClient(access_key="other"))["key"] == "other"


def test_http_is_used_where_it_is_asked_for():
    assert options(OSSClient(ENDPOINT, secure=False))["endpoint"] == f"http://{ENDPOINT}"


def test_the_settings_that_dflow_comes_with_are_not_sent_to_oss():
    assert options(OSSClient(ENDPOINT)) == {"endpoint": f"https://{ENDPOINT}", "key": None, "secret": None}
    with pytest.raises(ConfigError, match=r"needs the endpoint of a region.*DFLOW_S3_ENDPOINT"):
        OSSClient()
