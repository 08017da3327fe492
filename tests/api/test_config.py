"""Settings: every way of importing them, every variable, what is said of wrong ones."""

# ruff: noqa: S105 - made up

from __future__ import annotations

import copy
import json
import logging
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
from dflow import config, s3_config, set_config, set_s3_config

VALUES = {
    "host": ("http://h", "http://h"),
    "namespace": ("ns", "ns"),
    "token": ("t", "t"),
    "k8s_config_file": ("f", "f"),
    "k8s_api_server": ("s", "s"),
    "private_key_host_path": ("p", "p"),
    "save_path_as_parameter": ("1", True),
    "catalog_dir_name": (".c", ".c"),
    "archive_mode": ("none", None),
    "util_image": ("u", "u"),
    "util_image_pull_policy": ("Always", "Always"),
    "extender_image": ("e", "e"),
    "extender_image_pull_policy": ("Never", "Never"),
    "dispatcher_image": ("d", "d"),
    "dispatcher_image_pull_policy": ("Never", "Never"),
    "save_keys_in_global_outputs": ("true", True),
    "mode": ("default", "default"),
    "lineage": ("a.b", "a.b"),
    "register_tasks": ("yes", True),
    "http_headers": ("a:b; c:d:e", {"a": "b", "c": "d:e"}),
    "workflow_annotations": ('{"a": "b"}', {"a": "b"}),
    "overwrite_reused_artifact": ("False", False),
    "detach": ("TRUE", True),
    "debug_copy_method": ("copy", "copy"),
    "debug_save_copy_method": ("link", "link"),
    "debug_pool_workers": ("-1", -1),
    "debug_batch_size": ("5", 5),
    "debug_batch_interval": ("7", 7),
    "detect_empty_dir": ("0", False),
    "artifact_register": ('{"a": 1}', {"a": 1}),
    "debug_s3": ("on", True),
    "debug_workdir": ("/w", "/w"),
    "debug_artifact_dir": ("/a", "/a"),
    "debug_failfast": ("y", True),
    "raise_for_group": ("t", True),
    "dispatcher_debug": ("1", True),
    "dereference_symlink": ("1", True),
}
S3_VALUES = {
    "endpoint": ("e:1", "e:1"),
    "console": ("c", "c"),
    "access_key": ("a", "a"),
    "secret_key": ("s", "s"),
    "secure": ("1", True),
    "bucket_name": ("b", "b"),
    "region": ("eu", "eu"),
    "session_token": ("t", "t"),
    "repo_key": ("k", "k"),
    "repo": ('{"r": 1}', {"r": 1}),
    "repo_type": ("oss", "oss"),
    "repo_prefix": ("rp", "rp"),
    "prefix": ("p", "p"),
    "storage_client": ("m.C", "m.C"),
    "extra_prefixes": ("x;y", ["x", "y"]),
}
DEFAULTS = {
    "host": "https://127.0.0.1:2746",
    "namespace": "argo",
    "archive_mode": "tar",
    "catalog_dir_name": ".dflow",
    "util_image": "python:3.8",
    "mode": "debug",
    "overwrite_reused_artifact": True,
    "debug_copy_method": "symlink",
    "debug_save_copy_method": "symlink",
    "debug_pool_workers": None,
    "debug_batch_interval": 30,
    "detect_empty_dir": True,
    "debug_workdir": ".",
    "debug_artifact_dir": ".",
    "http_headers": {},
}


def python(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, **env}
    )


def test_every_variable_of_config_is_honoured():
    env = {f"DFLOW_{name.upper()}": text for name, (text, _) in VALUES.items()}
    found = json.loads(python("import json, dflow; print(json.dumps(dict(dflow.config)))", **env).stdout)
    assert {name: found[name] for name in VALUES} == {name: value for name, (_, value) in VALUES.items()}


def test_every_variable_of_s3_config_is_honoured():
    env = {f"DFLOW_S3_{name.upper()}": text for name, (text, _) in S3_VALUES.items()}
    found = json.loads(python("import json, dflow; print(json.dumps(dict(dflow.s3_config)))", **env).stdout)
    assert found == {name: value for name, (_, value) in S3_VALUES.items()}


def test_every_setting_of_upstream_has_a_variable_test():
    assert set(config) - set(VALUES) == {
        "dispatcher_interval",
        "durability",
        "isolation",
        "login_node",
        "nice",
        "observers",
        "progress",
        "verify",
    }
    assert set(s3_config) == set(S3_VALUES)


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("0", False), ("no", False), ("", False), ("/a/ca.pem", "/a/ca.pem")]
)
def test_verify_is_yes_no_or_a_file(text, value):
    assert python("import dflow; print([dflow.config['verify']])", DFLOW_VERIFY=text).stdout == f"{[value]}\n"
    assert config["verify"] is True


@pytest.mark.parametrize(("text", "value"), [("1", True), ("no", False), ("", None), ("None", None)])
def test_login_node_is_yes_no_or_to_be_found_out(text, value):
    assert python("import dflow; print(dflow.config['login_node'])", DFLOW_LOGIN_NODE=text).stdout == f"{value}\n"
    assert config["login_node"] is None


def test_nice_is_a_number_or_left_open():
    assert python("import dflow; print(dflow.config['nice'])", DFLOW_NICE="5").stdout == "5\n"
    assert config["nice"] is None


def test_dispatcher_debug_has_its_old_variable():
    assert python("import dflow; print(dflow.config['dispatcher_debug'])", DISPATCHER_DEBUG="1").stdout == "True\n"


def test_defaults_are_those_of_upstream():
    assert {name: config[name] for name in DEFAULTS} == DEFAULTS


@pytest.mark.parametrize(
    "code",
    [
        "from dflow import config; import dflow.config; print(config is dflow.config)",
        "import dflow.config; from dflow import config; print(config is dflow.config)",
        "from dflow.config import config; import dflow; print(config is dflow.config)",
        "import dflow; from dflow.config import config, s3_config; print(config is dflow.config)",
        "import dflow.config as c; print(c['mode'] == 'debug' and c is c.config)",
        "import sys, dflow.config; print(sys.modules['dflow.config'] is dflow.config)",
        "import importlib; c = importlib.import_module('dflow.config'); print(c['mode'] == 'debug')",
        "import dflow.config as c; c['mode'] = 'x'; from dflow import config; print(config['mode'] == 'x')",
        "from dflow import *; print(config['mode'] == 'debug' and s3_config['prefix'] == '')",
        "import dflow.workflow; from dflow import config; print(dflow.workflow.config is config)",
        "from dflow.config import set_config as s; from dflow import config as c; s(mode='x'); print(c['mode'] == 'x')",
    ],
)
def test_config_is_a_dict_and_a_module_in_any_order_of_imports(code):
    assert python(code).stdout == "True\n"


@pytest.mark.parametrize(
    ("variable", "text"), [("DFLOW_DEBUG_POOL_WORKERS", "many"), ("DFLOW_WORKFLOW_ANNOTATIONS", "{a")]
)
def test_bad_value_is_named_and_the_default_used(variable, text):
    done = python("import dflow; print(dflow.config['debug_pool_workers'])", **{variable: text})
    assert done.stdout == "None\n"
    assert variable in done.stderr
    assert text in done.stderr


def test_a_setting_can_be_set_in_every_way():
    set_config(mode="a")
    assert config["mode"] == "a"
    config["mode"] = "b"
    config.update({"host": "h"})
    set_s3_config(prefix="p")
    assert (config["mode"], config["host"], s3_config.get("prefix")) == ("b", "h", "p")


def test_unknown_setting_is_said_with_a_near_miss_and_kept(caplog):
    with caplog.at_level(logging.WARNING):
        set_config(debug_workdirr="x")
        set_s3_config(entirely_new=1)
    assert "no setting 'debug_workdirr'; did you mean 'debug_workdir'?" in caplog.text
    assert "no setting 'entirely_new'" in caplog.text
    assert config["debug_workdirr"] == "x"


def test_secrets_are_not_shown():
    config["token"] = "abc-secret"
    s3_config["secret_key"] = "def-secret"
    assert "secret" not in repr(config) + str(config) + f"{config}"
    assert "def-secret" not in repr(s3_config)
    assert config["token"] == "abc-secret"


def test_mutable_defaults_are_not_shared_between_processes_values():
    code = "import dflow.config as c; c['http_headers']['a'] = 1; print(c._SETTINGS['http_headers'][0])"
    assert python(code).stdout == "{}\n"


def test_a_name_that_looks_like_a_setting_is_said_when_it_is_set_or_asked_for(caplog, monkeypatch):
    with caplog.at_level(logging.WARNING):
        monkeypatch.setitem(config, "debug_workdirr", "x")
        monkeypatch.setitem(config, "of_another_package", 1)
    assert caplog.messages == ["there is no setting 'debug_workdirr'; did you mean 'debug_workdir'?"]
    with pytest.raises(KeyError, match=r"there is no setting 'mod'; did you mean 'mode'\?"):
        config["mod"]
    assert config.get("mod") is None


def test_every_variable_that_dflow_reads_is_known():
    """Else users would be told that it means nothing."""
    import importlib

    settings = importlib.import_module("dflow.config").__dict__
    known = {name.upper() for name in settings["_SETTINGS"]} | settings["_OTHER_VARIABLES"]
    known |= {f"S3_{name.upper()}" for name in settings["_S3_SETTINGS"]} | {"DISPATCHER_PASSWORD", "S3_", "DISPATCHER_"}
    root = Path(__file__).parents[2]
    folders = ("api", "engine", "executors", "exporters", "storage")
    files = [file for folder in folders for file in (root / folder).rglob("*.py")]
    read = {name for f in files for name in re.findall(r"[\"'$]DFLOW_([A-Z0-9_]+)\b", f.read_text(encoding="utf-8"))}
    assert "RAISE" in read
    assert read - known == set()


def pickled(settings):
    return pickle.loads(pickle.dumps(settings))  # noqa: S301 - its own


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
@pytest.mark.parametrize("settings", [config, s3_config])
def test_copies_and_pickles_are_plain_dicts(copied, settings):
    twin = copied(settings)
    assert type(twin) is dict
    assert twin == dict(settings)
    twin["new"] = 1
    assert "new" not in settings
