"""What is wrong with Argo manifests: what the server refuses, and what it accepts and breaks when it runs.

Nothing is asked of a cluster. Each rule has an id; ``docs`` and messages use the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dflow.exporters.argo.lint.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = ["Finding", "Severity", "lint", "lint_text"]


def lint(documents: Mapping[str, object] | Iterable[object], *, secrets: Collection[str] = ()) -> list[Finding]:
    """What is wrong with one manifest or with several that belong together.

    Args:
        documents: a manifest, or several; a ``templateRef`` must lead to one of them. Objects that are not Argo's,
            such as Secrets, are passed over.
        secrets: values that must not stand in a manifest, such as configured passwords.

    Returns:
        The findings in the order of the documents; none when all is well.
    """
    from dflow.exporters.argo.lint.check import run  # noqa: PLC0415 - the checks are many, and not always used

    return run([documents] if isinstance(documents, Mapping) else documents, secrets, ())


def lint_text(text: str, *, secrets: Collection[str] = ()) -> list[Finding]:
    """What is wrong with the manifests of a YAML or JSON text, with line numbers; ``secrets`` is that of ``lint``."""
    from dflow.exporters.argo.lint.check import run  # noqa: PLC0415
    from dflow.exporters.argo.lint.yamltext import TextError, load  # noqa: PLC0415

    try:
        parts = load(text)
    except TextError as exc:
        return [Finding("DOC-02", Severity.ERROR, "", f"this is no YAML: {exc}", line=exc.line)]
    repeated = [
        Finding("DOC-01", Severity.ERROR, path, "this field is given twice; remove one", index, part.lines.get(path))
        for index, part in enumerate(parts)
        for path in part.repeated
    ]
    return repeated + run([part.value for part in parts], secrets, [part.lines for part in parts])
