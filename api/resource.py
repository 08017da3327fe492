"""Objects of a Kubernetes cluster that complete a step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, List

__all__ = ["Resource"]


class Resource(ABC):
    """A step is completed by an object of a cluster, such as a Job: ``Step(..., use_resource=…)``.

    The manifest is given to the cluster; then the object is watched until one of the conditions is met. Conditions are
    requirements with commas between them, such as ``"status.succeeded > 0, status.phase in (Done, Ready)"``: it has
    succeeded when all of the first are met, and failed when any of the second is. Without conditions the step is done
    when the cluster has taken the manifest.

    Output parameters of the template are fields of the object: ``OutputParameter(value_from_path="{.status.phase}")``.

    Attributes:
        action: ``"create"``, ``"apply"``, ``"replace"``, ``"patch"``, ``"delete"`` or ``"get"``.
        success_condition, failure_condition: what is waited for.
        flags: more arguments for kubectl.
    """

    action: str | None = None
    success_condition: str | None = None
    failure_condition: str | None = None
    flags: List[str] | None = None

    @abstractmethod
    def get_manifest(self, template: Any) -> Any:
        """The manifest, as YAML text or as a dict, for a step of this template.

        Args:
            template: a copy of the step's template, with its concrete ``script``, ``command`` and ``image``. Tags such
                as ``{{inputs.parameters.n}}`` may stand in the manifest; their values are put in as they are.
        """
