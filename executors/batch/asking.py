"""What the template of a step asks a cluster of Kubernetes for, as what its job asks a scheduler for."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

from dflow.executors.quantities import amount_of

if TYPE_CHECKING:
    from fractions import Fraction

    from dflow.engine.ports import Job
    from dflow.executors.batch.options import Resources

__all__ = ["completed"]

_GPU = "/gpu"
_REQUESTS, _LIMITS = "requests", "limits"


def completed(resources: Resources, job: Job) -> Resources:
    """What a job asks for, where that is left open as far as the template of its step says it.

    - Cores: the request, or else the limit, rounded up. A scheduler keeps the cores that it gives for the job alone, so
      it is asked for what the step needs, not for what it could use if nobody else wanted it.
    - Memory: the limit, or else the request, rounded up to whole MiB and written as ``"2048M"``. A scheduler ends a job
      that takes more than it has asked for, as Kubernetes ends one that takes more than its limit.
    - Devices: the limits of all names that end with ``/gpu``, or else the requests; Kubernetes wants the two to be the
      same.

    Zero leaves it open. An argument of the executor always wins, also over what is no quantity.

    Raises:
        LeafError: what the template says is no quantity.
    """
    cpus, memory, gpus = resources.cpus, resources.memory, resources.gpus
    if cpus is None:
        cpus = _whole(_asked(job, "cpu", _REQUESTS, _LIMITS))
    if memory is None:
        size = _asked(job, "memory", _LIMITS, _REQUESTS)
        memory = f"{ceil(size / (1 << 20))}M" if size else None
    if gpus is None:
        names = sorted({name for kind in (_LIMITS, _REQUESTS) for name in job.resources.get(kind, ())})
        gpus = sum(_whole(_asked(job, name, _LIMITS, _REQUESTS)) or 0 for name in names if name.endswith(_GPU)) or None
    return replace(resources, cpus=cpus, memory=memory, gpus=gpus)


def _asked(job: Job, name: str, *kinds: str) -> Fraction | None:
    """The amount that the template says for a name, in the first of these places that has one; None for nothing."""
    for kind in kinds:
        text = job.resources.get(kind, {}).get(name)
        if text is not None:
            return amount_of(str(text), f"{kind.removesuffix('s')} of {name}") or None
    return None


def _whole(amount: Fraction | None) -> int | None:
    return None if amount is None else ceil(amount)
