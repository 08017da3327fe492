"""Settings. ``dflow.config`` is a mapping and a module at once, so every way of importing it works::

    from dflow import config
    from dflow.config import config, s3_config
    import dflow.config

Each setting has an environment variable ``DFLOW_<NAME>`` (``DFLOW_S3_<NAME>`` for storage) that is read when this
module is first imported.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Any, Callable, Dict

from dflow.tracebacks import called_by_users

__all__ = ["config", "s3_config", "set_config", "set_s3_config"]

_log = logging.getLogger("dflow")


def _text(value: str) -> str:
    return value


def _nullable(value: str) -> str | None:
    return None if value.lower() in ("", "none", "null") else value


def _boolean(value: str) -> bool:
    return value.strip().lower() in ("1", "true", "yes", "on", "y", "t")


def _boolean_or_none(value: str) -> bool | None:
    text = _nullable(value.strip())
    return None if text is None else _boolean(text)


def _boolean_or_path(value: str) -> bool | str:
    text = value.strip()
    if text.lower() in ("", "0", "false", "no", "off", "n", "f"):
        return False
    return True if _boolean(text) else text


def _number(value: str) -> int | None:
    text = _nullable(value)
    return None if text is None else int(text)


def _json(value: str) -> Any:
    return json.loads(value) if value.strip() else {}


def _headers(value: str) -> dict[str, str]:
    pairs = (item.partition(":") for item in value.split(";") if ":" in item)
    return {name.strip(): text.strip() for name, _, text in pairs}


def _list(value: str) -> list[str]:
    return [item for item in value.split(";") if item]


_SETTINGS: dict[str, tuple[Any, Callable[[str], Any]]] = {
    "host": ("https://127.0.0.1:2746", _text),
    "namespace": ("argo", _text),
    "token": (None, _nullable),
    "verify": (True, _boolean_or_path),
    "k8s_config_file": (None, _nullable),
    "k8s_api_server": (None, _nullable),
    "private_key_host_path": (None, _nullable),
    "save_path_as_parameter": (False, _boolean),
    "catalog_dir_name": (".dflow", _text),
    "archive_mode": ("tar", _nullable),
    "util_image": ("python:3.8", _text),
    "util_image_pull_policy": (None, _nullable),
    "extender_image": ("dptechnology/dflow-extender", _text),
    "extender_image_pull_policy": (None, _nullable),
    "dispatcher_image": ("dptechnology/dpdispatcher", _text),
    "dispatcher_image_pull_policy": (None, _nullable),
    "save_keys_in_global_outputs": (False, _boolean),
    "mode": ("debug", _text),
    "lineage": (None, _nullable),
    "observers": ([], _list),
    "register_tasks": (False, _boolean),
    "http_headers": ({}, _headers),
    "workflow_annotations": ({}, _json),
    "overwrite_reused_artifact": (True, _boolean),
    "detach": (False, _boolean),
    "debug_copy_method": ("symlink", _text),
    "debug_save_copy_method": ("symlink", _text),
    "debug_pool_workers": (None, _number),
    "debug_batch_size": (None, _number),
    "debug_batch_interval": (30, _number),
    "detect_empty_dir": (True, _boolean),
    "artifact_register": ({}, _json),
    "debug_s3": (False, _boolean),
    "debug_workdir": (".", _text),
    "debug_artifact_dir": (".", _text),
    "debug_failfast": (False, _boolean),
    "raise_for_group": (False, _boolean),
    "dispatcher_debug": (False, _boolean),
    "dispatcher_interval": (30, _number),
    "dereference_symlink": (False, _boolean),
    "isolation": ("fork", _text),
    "durability": ("kill", _text),
    "login_node": (None, _boolean_or_none),
    "nice": (None, _number),
    "progress": ("auto", _text),
}

_S3_SETTINGS: dict[str, tuple[Any, Callable[[str], Any]]] = {
    "endpoint": ("127.0.0.1:9000", _text),
    "console": ("http://127.0.0.1:9001", _text),
    "access_key": ("admin", _nullable),
    "secret_key": ("password", _nullable),
    "secure": (False, _boolean),
    "bucket_name": ("my-bucket", _text),
    "region": (None, _nullable),
    "session_token": (None, _nullable),
    "repo_key": (None, _nullable),
    "repo": (None, _json),
    "repo_type": ("s3", _text),
    "repo_prefix": ("", _text),
    "prefix": ("", _text),
    "storage_client": (None, _nullable),
    "extra_prefixes": ([], _list),
}

_PREFIX = "DFLOW_"
_OTHER_VARIABLES = frozenset(
    (
        *("EMAIL_FROM", "EMAIL_PASSWORD", "EMAIL_SERVER", "EMAIL_TO", "EMAIL_USER", "EVENTS_FILE"),
        *("WEBHOOK_TOKEN", "WEBHOOK_URL"),
        *("AT", "CONTAINER", "HTTP_HEADERS", "KEPT_SECRETS", "KEY", "LINEAGE", "LOG", "ORDERS", "PACKAGES", "PDB"),
        *(
            "OFFLINE",
            "POD",
            "RAISE",
            "SLICE",
            "SSH_PASSWORD",
            "STACKED",
            "STEP_PATH",
            "TEMPDIR",
            "TRACEBACK",
            "USAGE",
            "VERIFY",
            "WORKFLOW",
        ),
    )
)
"""Variables that are no settings, without ``DFLOW_``."""
_OTHER_NAMES = {"dispatcher_debug": "DISPATCHER_DEBUG"}
_SECRETS = ("token", "secret_key", "session_token")
_SHORT_SECRET = 8
_MODES = {"debug": False, "argo": True, "default": True}


def _from_environment(settings: dict[str, tuple[Any, Callable[[str], Any]]], prefix: str) -> dict[str, Any]:
    """Defaults, replaced by what the environment says; a text that cannot be read is named and passed over."""
    values = {}
    for name, (default, read) in settings.items():
        variable = prefix + name.upper()
        text = os.environ.get(variable, os.environ.get(_OTHER_NAMES.get(name, variable)))
        values[name] = type(default)(default) if isinstance(default, (dict, list)) else default
        if text is not None:
            try:
                values[name] = read(text)
            except ValueError:
                _log.warning("%s is %r, which cannot be read; %r is used", variable, text, default)
    return values


class _Settings(Dict[str, Any]):
    """A dict that can stand in ``sys.modules``: attributes are those of the module."""

    __hash__ = object.__hash__  # type: ignore[assignment]  # a module can be hashed, and tools rely on that

    @called_by_users
    def __missing__(self, name: str) -> Any:
        from dflow.engine.errors import WrongName
        from dflow.engine.near import near

        raise WrongName(f"there is no setting {name!r}{near(name, self)}")

    def __setitem__(self, name: str, value: Any) -> None:
        """Set it; a name that looks like another one is said, for it may be a slip."""
        if name not in self:
            from dflow.engine.near import alike

            for meant in alike(name, self, most=1, cutoff=0.8):
                _log.warning("there is no setting %r; did you mean %r?", name, meant)
        super().__setitem__(name, value)

    def __reduce__(self) -> Any:
        """Copies and pickles are plain dicts: they are no modules, and change nothing here."""
        return dict, (dict(self),)

    def __repr__(self) -> str:
        return repr({name: "***" if name in _SECRETS and value else value for name, value in self.items()})


def _obey_other_variables() -> None:
    """``LOG_LEVEL`` for our log, ``DFLOW_LOG`` to see it too, ``DFLOW_TEMPDIR`` for temporary files."""
    folder = os.environ.get("DFLOW_TEMPDIR")
    for variable in ("LOG_LEVEL", "DFLOW_LOG"):
        level = os.environ.get(variable)
        try:
            if level:
                _log.setLevel(level.upper())
        except ValueError:
            _log.warning("%s is %r, which is no level", variable, level)
            continue
        if level and variable == "DFLOW_LOG":
            handler = logging.StreamHandler()
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
            _log.addHandler(handler)
    if folder:
        import tempfile

        tempfile.tempdir = folder


_obey_other_variables()


def _warn_of_slips() -> None:
    """Name variables of the environment that look like one of dflow, and are none."""
    known = {name.upper() for name in _SETTINGS} | {f"S3_{name.upper()}" for name in _S3_SETTINGS} | _OTHER_VARIABLES
    for variable in os.environ:
        name = variable[len(_PREFIX) :]
        if variable.startswith(_PREFIX) and name not in known and not name.startswith("DISPATCHER_"):
            from dflow.engine.near import alike

            for meant in alike(name, known, most=1, cutoff=0.8):
                _log.warning("%s means nothing to dflow; did you mean %s?", variable, _PREFIX + meant)


config = _Settings(_from_environment(_SETTINGS, "DFLOW_"))
s3_config = _Settings(_from_environment(_S3_SETTINGS, "DFLOW_S3_"))
_warn_of_slips()


def configured_secrets() -> list[str]:
    """What is configured and must not stand in a manifest.

    Short texts, such as the default password of a store, stand in many manifests by chance.
    """
    given = (config["token"], s3_config["secret_key"], s3_config["session_token"])
    return [str(text) for text in given if text and len(str(text)) > _SHORT_SECRET]


def is_remote(mode: str | None = None) -> bool:
    """Whether workflows are sent to a server; ``mode`` is that of ``config`` unless given.

    Raises:
        UnsupportedError: there is no such mode.
    """
    chosen = config["mode"] if mode is None else mode
    if chosen not in _MODES:
        from dflow.engine.errors import UnsupportedError

        raise UnsupportedError(
            f"config['mode'] is {chosen!r}; use 'debug' to run workflows on this machine, or 'argo' (also called "
            "'default') to send them to an Argo server"
        )
    return _MODES[chosen]


def set_config(**kwargs: Any) -> None:
    """Set several settings at once, as ``config[name] = value`` does; a name that is not known is said once."""
    _set(config, _SETTINGS, kwargs)


def set_s3_config(**kwargs: Any) -> None:
    """Set several storage settings at once, as ``s3_config[name] = value`` does."""
    _set(s3_config, _S3_SETTINGS, kwargs)


def _set(target: dict[str, Any], known: dict[str, Any], values: dict[str, Any]) -> None:
    for name in values:
        if name not in known:
            from dflow.engine.near import near

            _log.warning("there is no setting %r%s", name, near(name, known))
    target.update(values)


def _stand_in_for_module() -> None:
    """Make the mapping what ``import dflow.config`` gives."""
    module = sys.modules[__name__]
    for name, value in vars(module).items():
        if not name.startswith("__") or name in (
            "__name__",
            "__spec__",
            "__file__",
            "__loader__",
            "__package__",
            "__doc__",
            "__all__",
        ):
            setattr(config, name, value)
    sys.modules[__name__] = config  # type: ignore[assignment]


_stand_in_for_module()
