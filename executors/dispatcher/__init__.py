"""Leaf steps as jobs that dpdispatcher's dictionaries describe, submitted and watched by our own loop."""

from __future__ import annotations

from dflow.executors.dispatcher.making import dispatcher_executor

__all__ = ["dispatcher_executor"]
