"""GCSClient: where its settings come from."""

from __future__ import annotations

import pytest
from dflow.engine.errors import ConfigError
from dflow.plugins.gcs import GCSClient
from dflow.storage import StorageClient
from dflow.testing.storage import check_client


@pytest.fixture(autouse=True)
def _gcs(stand_in):
    stand_in("gs")


def options(client):
    known = client.filesystem.storage_options
    return {name: known[name] for name in known if name != "use_listings_cache"}


def test_it_is_a_storage_client_that_keeps_its_promises():
    client = GCSClient(bucket_name="gcs-bucket")
    assert isinstance(client, StorageClient)
    assert str(client) == "gs://gcs-bucket/"
    assert check_client(client, keys=20) == []


def test_arguments_go_to_gcsfs_by_its_names():
    client = GCSClient("storage.example.org", bucket_name="b", token="anon", project="p")  # noqa: S106 - opens nothing
    assert options(client) == {"endpoint_url": "https://storage.example.org", "token": "anon", "project": "p"}


def test_what_is_not_given_is_configured_when_the_client_is_made(settings):
    settings(endpoint="http://127.0.0.1:4443", bucket_name="configured")
    assert options(GCSClient()) == {"endpoint_url": "http://127.0.0.1:4443"}
    assert str(GCSClient()) == "gs://configured/"


def test_the_endpoint_that_dflow_comes_with_is_not_google():
    assert options(GCSClient(secure=False)) == {}


def test_hmac_keys_are_for_the_s3_client():
    with pytest.raises(ConfigError, match="GCSClient takes no access_key"):
        GCSClient(access_key="me", secret_key="word")  # noqa: S106 - opens nothing
