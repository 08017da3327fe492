"""Machines on which commands are run: this one, and those that are reached by SSH."""

from __future__ import annotations

from dflow.executors.hosts.here import Here
from dflow.executors.hosts.ports import Host, Said, Unanswered, Unreachable

__all__ = ["Here", "Host", "Said", "Unanswered", "Unreachable"]
