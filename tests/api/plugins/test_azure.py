"""AzureClient: where its settings come from."""

from __future__ import annotations

import pytest
from dflow.plugins.azure import AzureClient
from dflow.storage import StorageClient
from dflow.testing.storage import check_client


@pytest.fixture(autouse=True)
def _azure(stand_in):
    stand_in("abfs")


def options(client):
    known = client.filesystem.storage_options
    return {name: known[name] for name in known if name != "use_listings_cache"}


def test_it_is_a_storage_client_that_keeps_its_promises():
    client = AzureClient(access_key="me", secret_key="word", bucket_name="azure-container")  # noqa: S106 - opens nothing
    assert isinstance(client, StorageClient)
    assert str(client) == "abfs://azure-container/"
    assert check_client(client, keys=20) == []


def test_arguments_go_to_adlfs_by_its_names():
    client = AzureClient("https://me.blob.example.org/", "me", "word", "c", max_concurrency=4)
    assert options(client) == {
        "account_name": "me",
        "account_key": "word",
        "account_host": "me.blob.example.org",
        "max_concurrency": 4,
    }


def test_what_is_not_given_is_configured_when_the_client_is_made(settings):
    settings(access_key="mine", secret_key="word", bucket_name="configured")  # noqa: S106 - opens nothing
    assert options(AzureClient()) == {"account_name": "mine", "account_key": "word"}
    assert str(AzureClient()) == "abfs://configured/"


def test_a_connection_string_says_all(settings):
    settings(access_key="mine", secret_key="word", endpoint="https://elsewhere")  # noqa: S106 - opens nothing
    assert options(AzureClient(connection_string="…")) == {"connection_string": "…"}


@pytest.mark.parametrize("name", ["sas_token", "credential", "anon", "client_id"])
def test_other_credentials_take_the_place_of_the_key(settings, name):
    settings(access_key="mine", secret_key="word")  # noqa: S106 - opens nothing
    assert options(AzureClient(**{name: "x"})) == {"account_name": "mine", name: "x"}


def test_the_settings_that_dflow_comes_with_are_not_sent_to_azure():
    assert options(AzureClient(secure=True)) == {"account_name": None, "account_key": None}
