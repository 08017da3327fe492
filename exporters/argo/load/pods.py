"""How leaf templates are run: command, environment, time limits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dflow.engine.durations import seconds_of
from dflow.engine.model import Literal, Pod, Value
from dflow.exporters.argo.load.ports import annotations_of
from dflow.exporters.argo.load.retries import retry_of
from dflow.exporters.argo.load.texts import has_tag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.exporters.argo.load.context import Context

__all__ = ["expanded", "limit_of", "pod_of"]

_PROGRESS = "workflows.argoproj.io/progress"
_VARIABLE = re.compile(r"\$(\$|\(([A-Za-z_][-.\w]*)\))")

Fields = dict[str, Any]


def pod_of(template: Fields, container: Fields, command: tuple[str, ...], context: Context) -> Pod:
    """How a leaf template wants to be run; ``container`` is the part with image and environment."""
    env, secret = _environment(container.get("env", []), context)
    return Pod(
        image=container.get("image") or None,
        command=expanded(command, env),
        env=tuple(env.items()),
        timeout=limit_of(template, context),
        retry=retry_of(template.get("retryStrategy"), context),
        progress=annotations_of(template).get(_PROGRESS),
        secret_env=secret,
    )


def expanded(words: tuple[str, ...], env: Mapping[str, str]) -> tuple[str, ...]:
    """Words with ``$(NAME)`` of their variables replaced, as a cluster does; ``$$`` is a ``$``."""

    def replaced(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return env.get(match[2], match[0])

    return tuple(_VARIABLE.sub(replaced, word) if "$(" in word else word for word in words)


def _environment(rows: list[Fields], context: Context) -> tuple[dict[str, str], tuple[tuple[str, str, str], ...]]:
    """The variables with their texts, and those that a cluster keeps."""
    env: dict[str, str] = {}
    secret: list[tuple[str, str, str]] = []
    for row in rows:
        name, source = row.get("name", ""), row.get("valueFrom", {})
        with context.book.at(f"environment variable {name!r}"):
            if "secretKeyRef" in source:
                selector = source["secretKeyRef"]
                secret.append((name, selector.get("name", ""), selector.get("key", "")))
                context.book.note(f"the secret for {name} is in a cluster; set the variable before the run")
            elif "configMapKeyRef" in source:
                _from_config_map(name, source["configMapKeyRef"], env, context)
            elif source:
                context.book.note(f"the variable {name} is not set, a cluster takes it from {next(iter(source))}")
            else:
                env[name] = expanded((row.get("value", ""),), env)[0]
    return env, tuple(secret)


def _from_config_map(name: str, selector: Fields, env: dict[str, str], context: Context) -> None:
    text = context.from_config_map(selector)
    if text is not None:
        env[name] = text
    elif not selector.get("optional"):
        found = selector.get("name", "")
        context.book.problem(f"it is in the ConfigMap {found!r}, which is not among the documents; give it as well")


def limit_of(template: Fields, context: Context) -> Value | None:
    """Seconds that a leaf may take: the shorter of its two limits (TM-01, TM-02)."""
    limits = [_limit(template, name, context) for name in ("activeDeadlineSeconds", "timeout")]
    given = [value for value in limits if value is not None]
    texts = [value.text for value in given if isinstance(value, Literal)]
    if len(given) == len(texts) == 2:
        return Literal(min(texts, key=float))
    if len(given) == 2:
        context.book.problem("activeDeadlineSeconds and timeout, one of them with a tag; leave one of them out")
    return given[0] if given else None


def _limit(template: Fields, name: str, context: Context) -> Value | None:
    text = context.known(str(template.get(name, ""))).strip()
    if not text:
        return None
    if has_tag(text):
        return context.value(text)
    seconds = seconds_of(text)
    if seconds is None:
        context.book.problem(f"{name} is {text!r}; it must be a time such as 90s, 10m or 1h30m")
        return None
    return Literal(_text(seconds)) if seconds > 0 else None


def _text(seconds: float) -> str:
    return f"{seconds:.9f}".rstrip("0").rstrip(".")
