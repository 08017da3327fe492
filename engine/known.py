"""Results that are there already: of an earlier attempt of the same run, or of a step of another run."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dflow.engine import leaf
from dflow.engine.artifact_values import ArtifactValue
from dflow.engine.digests import Digests
from dflow.engine.errors import LeafError
from dflow.engine.fingerprint import changes
from dflow.engine.model import SuspendTemplate
from dflow.engine.phase import Phase
from dflow.engine.reuse import read_outputs

if TYPE_CHECKING:
    from dflow.engine.leaf import LeafTemplate
    from dflow.engine.node import Node
    from dflow.engine.reuse import Reused
    from dflow.engine.settings import RunSettings

__all__ = ["KnownResults"]

_log = logging.getLogger("dflow.engine")


class KnownResults:
    """Decides whether a result may be taken, and takes it.

    Args:
        quiet: do not tell of other code; the run has succeeded, so nothing is left that could use it.
    """

    def __init__(self, settings: RunSettings, *, quiet: bool = False) -> None:
        self._settings = settings
        self._quiet = quiet
        self._told: set[tuple[str, ...]] = set()
        self._digests = Digests()

    def still_holds(self, earlier: Node, node: Node) -> bool:
        """Whether a result of an earlier attempt is one of the same inputs; other code is only told of."""
        differs = changes(earlier.fingerprint, node.fingerprint)
        if any(name.startswith("input parameter") for name in differs):
            _log.warning("step %r is run again: %s changed", node.key or node.display, ", ".join(differs))
            return False
        is_new = (node.template, *differs) not in self._told
        if differs and is_new and not self._quiet:  # of many steps of one template, the first is named
            self._told.add((node.template, *differs))
            _log.warning("step %r is kept although its %s changed", node.key or node.display, ", ".join(differs))
        return True

    def adopt(self, node: Node, earlier: Node, template: LeafTemplate | SuspendTemplate) -> bool:
        """Give a node the outcome of an earlier attempt; False when a file that it gave is gone."""
        node.started, node.finished, node.exit_code = earlier.started, earlier.finished, earlier.exit_code
        node.usage, node.host = earlier.usage, earlier.host
        node.message, node.reused = earlier.message, earlier.reused
        node.memoized = earlier.memoized
        node.phase, node.kept = Phase.RUNNING, True
        is_good = earlier.phase is Phase.SUCCEEDED
        try:
            if isinstance(template, SuspendTemplate):
                read_outputs(node, template, strict=is_good)
            elif is_good and (node.reused or node.memoized):  # its program left nothing: it did not run
                read_outputs(node, template)
            else:
                leaf.collect(node, template, self._settings, strict=is_good)
        except LeafError:
            node.kept, node.reused, node.memoized = False, None, None
        return node.kept

    def check_reuse(self, node: Node, reused: Reused) -> None:
        """Say, or refuse, when a step to be reused was made from something else.

        Raises:
            LeafError: it was, and the reuse is strict.
        """
        found = changes(reused.fingerprint, node.fingerprint)
        found += self._other_inputs(node, reused) if reused.strict else []
        differs = ", ".join(found)
        if differs and reused.strict:
            raise LeafError(
                f"step {node.key!r} of {reused.source} is not reused, as it differs in: {differs}; "
                f"leave it out of reuse_step to run the step, or take it as it is with reuse='warn'"
            )
        node.reused = reused.source
        if differs:
            _log.warning("step %r is reused from %s although it differs in: %s", node.key, reused.source, differs)

    def _other_inputs(self, node: Node, reused: Reused) -> list[str]:
        """The input artifacts whose content is not that of the step that is to be reused, or cannot be compared."""
        differs = []
        for name, path in sorted(reused.inputs.items()):
            value = node.input_artifacts.get(name)
            try:
                same = value is not None and self._digests.of(value) == self._digests.of(ArtifactValue(path))
            except (OSError, ValueError) as exc:
                differs.append(f"input artifact {name} (it cannot be compared: {exc})")
                continue
            if not same:
                differs.append(f"input artifact {name}")
        return differs
