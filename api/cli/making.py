"""The verbs ``codegen`` and ``create``."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from dflow.cli.graph import read_graph
from dflow.cli.parsing import WrongOption
from dflow.cli.show import print_json, say
from dflow.code_gen import gen_code
from dflow.config import config
from dflow.engine.errors import ClusterError, ConfigError
from dflow.engine.keys import is_subdomain
from dflow.engine.kubectl import why_no_cluster
from dflow.utils import randstr

if TYPE_CHECKING:
    import argparse

__all__ = ["codegen", "create"]

_TIME = 60


def codegen(options: argparse.Namespace) -> None:
    """Print, or write, a script that makes the workflow of a graph."""
    text = gen_code(read_graph(options.graph, options.arguments)[0])
    if options.output is None:
        sys.stdout.write(text)
        return
    try:
        options.output.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"cannot write {options.output}: {exc.strerror}") from exc


def create(options: argparse.Namespace) -> None:
    """Make a secret in a cluster; ``kubectl`` reads its value, so that no list of processes shows it."""
    name = options.name or f"dflow-{randstr()}"
    if not is_subdomain(name):
        raise WrongOption(f"--name {name}: it must consist of lower-case letters, digits, '-' and '.'")
    reason = why_no_cluster()
    if reason is not None:
        raise ClusterError(
            f"cannot make a secret: {reason}. Workflows on this machine need none: they take a variable from the "
            "environment, under its own name"
        )
    value = sys.stdin.read().rstrip("\n") if options.value == "-" else options.value
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": config["namespace"] or "default"},
        "stringData": {options.key: value},
    }
    try:
        done = subprocess.run(
            ["kubectl", "create", "-f", "-"],
            input=json.dumps(manifest),
            capture_output=True,
            text=True,
            timeout=_TIME,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as exc:
        raise ClusterError(f"kubectl cannot be asked: {exc}") from None
    if done.returncode != 0:
        raise ClusterError(f"kubectl create: {done.stderr.strip() or f'exit code {done.returncode}'}")
    if options.json:
        print_json({"kind": "secret", "name": name, "key": options.key})
        return
    say(name)
    sys.stderr.write(f"in a script: Secret(name={name!r}, key={options.key!r})\n")
