"""The verbs that end runs, that speak with Argo, and that keep things or throw them away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli.keeping import gc_options, pack_options, unpack_options
from dflow.cli.parsing import RUN, STEP, with_json, with_script_arguments

if TYPE_CHECKING:
    from dflow.cli.parsing import Verbs

LICENSES = ("MIT", "BSD-3-Clause", "none")
"""Which licenses ``new`` can write; the first is the default."""

__all__ = ["LICENSES", "add_acting", "add_argo", "add_keeping"]


def add_acting(verbs: Verbs) -> None:
    """``suspend``, ``terminate``, ``stop``, ``delete``."""
    for name, text in (
        ("suspend", "start no more steps of a run until it is resumed"),
        ("terminate", "end a run at once, which becomes Terminated"),
        ("stop", "end a run, which becomes Failed; its exit handler runs"),
        ("delete", "delete the directory of a run"),
    ):
        with_json(verbs.of_run(name, text, f"dflow {name} train-x3k9a", does=f"acting:{name}"))


def add_argo(verbs: Verbs) -> None:
    """``export``, ``lint``, ``codegen``, ``create``."""
    export = verbs.add(
        "export",
        "write the workflow of a script as a manifest of Argo",
        "dflow export train.py -o train.yaml",
        "dflow export train.py -o train.yaml -- --epochs 3    what comes after -- is the script's",
        "dflow export train.py --kind CronWorkflow --schedule '0 2 * * *'",
        does="argo:export",
    )
    with_script_arguments(
        export, "dflow export [-o FILE] [--kind KIND] [--name NAME] [--schedule SCHEDULE] SCRIPT [-- ARGUMENT …]"
    )
    export.add_argument("script", metavar="SCRIPT", type=Path, help="a Python script; nothing of its workflow runs")
    export.add_argument(
        "-o",
        "--output",
        dest="output",
        metavar="FILE",
        type=Path,
        help="write it there, and beside it what must be uploaded",
    )
    export.add_argument("--kind", choices=("Workflow", "WorkflowTemplate", "CronWorkflow"), help="default: Workflow")
    export.add_argument("--name", help="metadata.name, in place of a generated one")
    export.add_argument("--schedule", help="of a CronWorkflow, such as '0 2 * * *'")
    lint = verbs.add(
        "lint",
        "say what is wrong with a manifest, or a script's",
        "dflow lint train.yaml",
        "dflow lint train.py --json -- --epochs 3    what comes after -- is the script's",
        does="argo:lint_file",
    )
    with_script_arguments(lint, "dflow lint [--json] FILE [-- ARGUMENT …]")
    lint.add_argument("file", metavar="FILE", type=Path, help="a manifest (.yaml, .json), or a Python script")
    with_json(lint)
    codegen = verbs.add(
        "codegen",
        "write a script that makes the workflow of a graph or run",
        "dflow codegen graph.json -o made.py",
        "dflow codegen @latest",
        does="making:codegen",
    )
    with_script_arguments(codegen, "dflow codegen [-o FILE] GRAPH [-- ARGUMENT …]")
    codegen.add_argument(
        "graph", metavar="GRAPH", help=f"what wf.to_graph_json() has written, a manifest, a script, or a run: {RUN}"
    )
    codegen.add_argument("-o", "--output", metavar="FILE", type=Path, help="write it there")
    _create(verbs)


def _create(verbs: Verbs) -> None:
    create = verbs.add(
        "create",
        "make a secret in the cluster of kubectl",
        "dflow create secret -n login - < password.txt",
        does="making:create",
    )
    create.add_argument("kind", metavar="secret", choices=("secret",), help="what to make; there is nothing else")
    create.add_argument(
        "value", metavar="VALUE", help="the value; - reads it from standard input, which others cannot see"
    )
    create.add_argument("-n", "--name", help="the name of the secret (default: a made-up one)")
    create.add_argument("-k", "--key", default="secret", help="the key in the secret (default: secret)")
    with_json(create)


def add_keeping(verbs: Verbs) -> None:
    """``download``, ``upload``, ``pack``, ``unpack``, ``gc``, ``completion``, ``new``."""
    _download(verbs)
    _upload(verbs)
    packing = verbs.of_run(
        "pack",
        "write a run, with all that it needs, into one file",
        "dflow pack train-x3k9a -o train.tar.gz",
        does="pack:pack",
    )
    pack_options(with_json(packing))
    unpacking = verbs.add(
        "unpack", "make a run of what dflow pack has written", "dflow unpack train.tar.gz", does="pack:unpack"
    )
    unpack_options(with_json(unpacking))
    cleaning = verbs.add(
        "gc",
        "delete old runs, or parts of them; shows them first",
        "dflow gc --older 30d",
        "dflow gc --artifacts --phase Succeeded --delete",
        does="gc:gc",
    )
    gc_options(with_json(cleaning))
    completion = verbs.add(
        "completion",
        "make the shell complete verbs, options, runs and steps",
        'eval "$(dflow completion bash)"      in ~/.bashrc; zsh likewise',
        "dflow completion fish > ~/.config/fish/completions/dflow.fish",
        does="completion:completion",
    )
    completion.add_argument("shell", metavar="SHELL", choices=("bash", "zsh", "fish"), help="bash, zsh or fish")
    _new(verbs)


def _new(verbs: Verbs) -> None:
    new = verbs.add(
        "new",
        "write a package of OPs, with tests, ready to be changed",
        "dflow new my-ops",
        "dflow new my-ops --name ops --license BSD-3-Clause",
        does="new:new",
    )
    new.add_argument("project", metavar="PROJECT", help="the name of the project, as pip will know it")
    new.add_argument(
        "-d", "--dir", metavar="PATH", type=Path, help="write it there (default: a directory of the project's name)"
    )
    new.add_argument("-n", "--name", metavar="MODULE", help="what Python imports (default: PROJECT with _ for -)")
    new.add_argument("--license", choices=LICENSES, default=LICENSES[0], help=f"default: {LICENSES[0]}")
    with_json(new)


def _download(verbs: Verbs) -> None:
    download = verbs.add(
        "download",
        "copy artifacts of a run, or of the artifact store",
        "dflow download @latest train -p results",
        "dflow download train-x3k9a train --name model",
        "dflow download --key upload/data.tgz",
        does="transfer:download",
    )
    download.add_argument("id", metavar="ID", nargs="?", help=f"the run: {RUN}")
    download.add_argument("step", metavar="STEP", nargs="?", help=f"{STEP} (default: the outputs of the workflow)")
    download.add_argument("-n", "--name", metavar="ARTIFACT", help="only this artifact (default: all)")
    download.add_argument("--inputs", action="store_true", help="the artifacts that the step was given")
    download.add_argument("-k", "--key", help="of the artifact store: the key of the artifact")
    download.add_argument("-u", "--urn", help="of the catalogue in config['lineage']: the URN of the artifact")
    download.add_argument(
        "-p", "--path", type=Path, default=Path(), help="the directory to copy to (default: this one)"
    )
    with_json(download)


def _upload(verbs: Verbs) -> None:
    upload = verbs.add(
        "upload",
        "make an artifact of files, and print what it is called",
        "dflow upload -p data.csv",
        "dflow upload a.xyz b.xyz",
        does="transfer:upload",
    )
    upload.add_argument("files", metavar="FILE", nargs="*", type=Path, help="files or directories")
    upload.add_argument("-p", "--path", action="append", type=Path, help="a file or directory; may be repeated")
    upload.add_argument("-n", "--namespace", help="of the catalogue in config['lineage']: register it there")
    upload.add_argument("-d", "--name", help="under this name")
    upload.add_argument("-s", "--description", help="with this description")
    upload.add_argument("-t", "--tag", action="append", help="with this tag; may be repeated")
    upload.add_argument("-r", "--property", action="append", metavar="NAME=VALUE", help="with this property")
    with_json(upload)
