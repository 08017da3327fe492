"""The parser of the command line: verbs in groups, examples for each, and what was meant by a word that is none."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.engine.errors import ConfigError
from dflow.engine.near import near_aside

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "RUN",
    "STEP",
    "TopParser",
    "Verbs",
    "WrongOption",
    "options_of",
    "with_code",
    "with_directory",
    "with_json",
    "with_script_arguments",
]

RUN = "its id, the beginning of it, the path of its directory, or @latest"
STEP = "its key, its name, or its id"
_COLUMN = 13


class WrongOption(ConfigError):
    """A command that cannot be meant: an option has a value that it cannot have, or options do not go together."""


class TopParser(argparse.ArgumentParser):
    """The parser of ``dflow``: its help shows the verbs in groups.

    Attributes:
        groups: titles with the verbs below them, each with a line of help.
    """

    def __init__(self, *, description: str, examples: str) -> None:
        super().__init__(prog="dflow", description=description, usage="dflow VERB …")
        self.groups: dict[str, dict[str, str]] = {}
        self._examples = examples
        self._of_verbs = self.add_subparsers(
            dest="verb", metavar="VERB", prog="dflow", parser_class=argparse.ArgumentParser
        )

    @property
    def verbs(self) -> dict[str, argparse.ArgumentParser]:
        """The parser of each verb."""
        return dict(self._of_verbs.choices)

    def add_verb(self, group: str, name: str, text: str, examples: Sequence[str]) -> argparse.ArgumentParser:
        """A verb of a group, with its line of help and with examples."""
        self.groups.setdefault(group, {})[name] = text
        return self._of_verbs.add_parser(
            name,
            description=text[0].upper() + text[1:] + ".",
            epilog="\n".join(["examples:", *(f"  {example}" for example in examples)]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def format_help(self) -> str:
        """Usage, the verbs by group, examples."""
        lines = [f"usage: {self.usage}", "", str(self.description)]
        width = max(60, min(shutil.get_terminal_size().columns, 120)) - _COLUMN - 5
        for group, verbs in self.groups.items():
            lines += ["", f"{group}:"]
            for name, text in verbs.items():
                first, *more = _wrapped(text, width)
                lines += [f"    {name:<{_COLUMN}}{first}", *(" " * (_COLUMN + 4) + line for line in more)]
        lines += ["", "    -h, --help, --version"]
        return "\n".join([*lines, "", self._examples])

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """The options; exits with 2, and with a word that was perhaps meant, where they are wrong."""
        first = next((word for word in arguments if not word.startswith("-")), None)
        if first is not None and first not in self.verbs and not (arguments and arguments[0] in ("-h", "--help")):
            self.exit(2, f"dflow: there is no verb {first!r}{near_aside(first, self.verbs)}; see: dflow --help\n")
        parser = self.verbs.get(str(first), self)
        takes_script = parser.get_default("arguments") is not None
        of_script: Sequence[str] = ()
        if takes_script and "--" in arguments:  # argparse takes the word away, and not in all versions alike
            end = list(arguments).index("--")
            arguments, of_script = arguments[:end], arguments[end + 1 :]
        options, extras = self.parse_known_args(arguments)
        extras = _late_words(parser, options, extras)
        if extras:
            hints = [near_aside(word.partition("=")[0], options_of(parser)) for word in extras]
            where = "; what is meant for the script stands behind --" if takes_script else ""
            parser.error(f"unrecognized arguments: {' '.join(extras)}{next(filter(None, hints), where)}")
        if of_script:
            options.arguments = [*options.arguments, "--", *of_script] if options.arguments else list(of_script)
        return options


class Verbs:
    """Adds the verbs of one group.

    Args:
        late: makes the function of a verb from the module and the name of what does it.
    """

    def __init__(
        self, parser: TopParser, group: str, late: Callable[[str, str], Callable[[argparse.Namespace], int | None]]
    ) -> None:
        self._parser = parser
        self._group = group
        self._late = late

    def add(self, name: str, text: str, *examples: str, does: str) -> argparse.ArgumentParser:
        """A verb.

        Args:
            text: what it does, in a line of small letters.
            examples: whole commands.
            does: ``module:function`` in ``dflow.cli``.
        """
        parser = self._parser.add_verb(self._group, name, text, examples)
        module, _, function = does.partition(":")
        parser.set_defaults(function=self._late(module, function))
        return parser

    def of_run(self, name: str, text: str, *examples: str, does: str) -> argparse.ArgumentParser:
        """A verb that is told a run."""
        parser = self.add(name, text, *examples, does=does)
        parser.add_argument("id", metavar="ID", help=f"the run: {RUN}")
        return parser

    def of_any_run(self, name: str, text: str, *examples: str, does: str) -> argparse.ArgumentParser:
        """A verb that looks at a run: the latest one when it is told none."""
        parser = self.add(name, text, *examples, does=does)
        parser.add_argument("id", metavar="ID", nargs="?", help=f"the run: {RUN} (default: @latest)")
        return parser


def with_json(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The option for programs that read what is printed."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def with_script_arguments(parser: argparse.ArgumentParser, usage: str) -> None:
    """Have what stands behind ``--`` be the ``arguments`` of the script that the verb is told."""
    parser.usage = usage
    parser.set_defaults(arguments=[])


def with_code(parser: argparse.ArgumentParser) -> None:
    """Which modules of OPs a run goes on with."""
    parser.add_argument(
        "--code",
        choices=("current", "recorded"),
        default="current",
        help="modules of OPs as they are now (default), or as their files were at submit",
    )


def with_directory(parser: argparse.ArgumentParser, *names: str) -> None:
    """Where runs are looked for."""
    parser.add_argument(
        *(names or ("--dir",)),
        dest="dir",
        metavar="PATH",
        type=Path,
        help="another directory (default: $DFLOW_DEBUG_WORKDIR, or this one)",
    )


def _late_words(parser: argparse.ArgumentParser, options: argparse.Namespace, extras: list[str]) -> list[str]:
    """Give optional words that come after an option to where they belong; argparse does not. What is left over."""
    for action in parser._actions:
        is_free = not action.option_strings and action.nargs == "?" and getattr(options, action.dest, None) is None
        if is_free and extras and not extras[0].startswith("-"):
            setattr(options, action.dest, extras[0])
            extras = extras[1:]
    return extras


def options_of(parser: argparse.ArgumentParser) -> list[str]:
    """All option words of a parser, the long ones first."""
    words = [word for action in parser._actions for word in action.option_strings]
    return sorted(words, key=lambda word: not word.startswith("--"))


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
