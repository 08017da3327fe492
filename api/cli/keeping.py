"""What the verbs can be told that delete, pack and unpack runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

__all__ = ["gc_options", "pack_options", "unpack_options"]


def gc_options(parser: argparse.ArgumentParser) -> None:
    """What ``dflow gc`` can be told."""
    parser.add_argument("--delete", action="store_true", help="delete it; otherwise nothing is changed")
    which = parser.add_argument_group("which runs")
    which.add_argument("--older", metavar="TIME", help="that ended so long ago: 30d, 2w, 12h")
    which.add_argument("--phase", metavar="PHASE[,…]", help="of these phases; unfinished ones only so")
    which.add_argument("--keep-last", type=int, metavar="N", help="but for the newest N")
    which.add_argument("--size", metavar="SIZE", help="the oldest, until all that are left fit into 10G")
    which.add_argument("--force", action="store_true", help="also those whose outputs other runs refer to")
    what = parser.add_argument_group("what of them (default: the whole runs)")
    what.add_argument("--runs", action="store_true", help="the whole runs, together with what else is named here")
    what.add_argument("--artifacts", action="store_true", help="artifacts and working directories; the rest stays")
    what.add_argument(
        "--backups", action="store_true", help="directories of earlier attempts (.bk1 …), and of dflow debug"
    )
    what.add_argument("--uploads", action="store_true", help="uploads that no run refers to, after a day or --older")
    what.add_argument("--cache", action="store_true", help="outputs kept by memoize_key: useless ones, or --older")
    parser.add_argument("--dir", type=Path, help="another directory (default: $DFLOW_DEBUG_WORKDIR, or this one)")


def pack_options(parser: argparse.ArgumentParser) -> None:
    """What ``dflow pack`` can be told."""
    parser.add_argument(
        "-o", dest="output", metavar="FILE", type=Path, help="default: ID.tar.gz; a .tar is not compressed"
    )
    parser.add_argument(
        "--no-uploads", dest="uploads", action="store_false", help="without files outside of the run that it links to"
    )
    parser.add_argument("--with-uploads", dest="uploads", action="store_true", help="with them (default)")
    parser.add_argument(
        "--running", action="store_true", help="also when the run is running: it may be packed in halves"
    )
    parser.set_defaults(uploads=True)


def unpack_options(parser: argparse.ArgumentParser) -> None:
    """What ``dflow unpack`` can be told."""
    parser.add_argument("file", type=Path, help="what dflow pack has written")
    parser.add_argument(
        "-d", "--dir", type=Path, help="put the run there (default: $DFLOW_DEBUG_WORKDIR, or this directory)"
    )
    parser.add_argument("--any-size", action="store_true", help="also when it becomes very much larger than the file")
