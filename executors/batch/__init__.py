"""Leaf steps as jobs of a batch scheduler: any number of them from one process, asked for with one query at a time."""

from __future__ import annotations

from dflow.executors.batch.executor import BatchExecutor
from dflow.executors.batch.options import BatchOptions, Resources
from dflow.executors.batch.schedulers import scheduler_named

__all__ = ["BatchExecutor", "BatchOptions", "Resources", "scheduler_named"]
