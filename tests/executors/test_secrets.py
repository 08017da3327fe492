"""Passwords are kept in processes alone."""

from __future__ import annotations

import os

import pytest
from dflow.executors import secrets


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch):
    monkeypatch.setattr(secrets, "_kept", {})


def test_what_is_kept_is_found_and_added_to():
    secrets.keep("me@host:22", {"password": "a"})
    secrets.keep("me@host:22", {"passphrase": "b"})
    assert secrets.find("me@host:22") == {"password": "a", "passphrase": "b"}
    assert secrets.find("other") == {}


def test_a_process_that_goes_on_gets_them_and_those_that_it_starts_do_not(monkeypatch):
    assert secrets.pass_on() == {}
    secrets.keep("me@host:22", {"password": "a"})
    for name, value in secrets.pass_on().items():
        monkeypatch.setenv(name, value)
    secrets._kept.clear()
    secrets.take_over()
    assert secrets.find("me@host:22") == {"password": "a"}
    assert secrets.VARIABLE not in os.environ
