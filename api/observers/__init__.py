"""Being told what happens in a run: observers, and those that come with dflow.

``config["observers"]`` (or ``DFLOW_OBSERVERS``) is a list of observers; each is an object with a method ``notify``, a
function, a class that is made without arguments, the import path of one of these, or the name of an installed one
(entry points of the group ``dflow.observers``). They are told in threads of their own, from the journal of the run: a
slow or a broken one never holds up or fails a run.
"""

from __future__ import annotations

from dflow.observers.events import Event, Observer, RunEnded, RunStarted, StepEnded, StepNoted, StepStarted
from dflow.observers.mail import Email
from dflow.observers.shipped import JsonLines, Webhook

__all__ = [
    "Email",
    "Event",
    "JsonLines",
    "Observer",
    "RunEnded",
    "RunStarted",
    "StepEnded",
    "StepNoted",
    "StepStarted",
    "Webhook",
]
