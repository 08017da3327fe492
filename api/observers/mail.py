"""An observer that sends e-mail."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from dflow.observers.events import Event, Observer, RunEnded
from dflow.observers.shipped import setting

if TYPE_CHECKING:
    from email.message import EmailMessage

__all__ = ["Email"]

_TIMEOUT = 10.0
_LISTED = 20
_HERE = ("localhost", "127.0.0.1", "::1")


class Email(Observer):
    """Sends a message when a run has ended.

    Args:
        to: one address, or several with commas; ``DFLOW_EMAIL_TO`` unless given.
        server: ``host`` or ``host:port`` of an SMTP server; ``DFLOW_EMAIL_SERVER`` unless given, else ``localhost``.
            Port 465 speaks TLS from the start, others change to it where the server offers that.
        sender: ``DFLOW_EMAIL_FROM`` unless given, else the first of ``to``.
        only_failures: not of runs that succeed.

    Who the server wants to know logs in with ``DFLOW_EMAIL_USER`` and ``DFLOW_EMAIL_PASSWORD``; they are read when they
    are needed, and never written down. A password is not sent to another machine without TLS.
    """

    def __init__(
        self, to: str | None = None, server: str | None = None, sender: str | None = None, only_failures: bool = False
    ) -> None:
        self.to = to or setting("DFLOW_EMAIL_TO", "the address for e-mail", "Email(to)")
        self.server = server or os.environ.get("DFLOW_EMAIL_SERVER") or "localhost"
        self.sender = sender or os.environ.get("DFLOW_EMAIL_FROM") or self.to.partition(",")[0].strip()
        self.only_failures = only_failures

    def notify(self, event: Event) -> None:
        """Send a message of the end of a run."""
        import smtplib
        import ssl

        if not isinstance(event, RunEnded) or (self.only_failures and event.phase == "Succeeded"):
            return
        host, _, port = self.server.partition(":")
        number = int(port or 25)
        kind: Any = smtplib.SMTP_SSL if number == smtplib.SMTP_SSL_PORT else smtplib.SMTP
        with kind(host, number, timeout=_TIMEOUT) as server:
            is_safe = kind is smtplib.SMTP_SSL or host in _HERE
            server.ehlo()
            if kind is smtplib.SMTP and server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
                is_safe = True
            user, password = os.environ.get("DFLOW_EMAIL_USER"), os.environ.get("DFLOW_EMAIL_PASSWORD")
            if user and password:
                if not is_safe:
                    raise OSError(f"{host} offers no TLS, so the password is not sent to it")
                server.login(user, password)
            server.send_message(self.message(event))

    def message(self, event: RunEnded) -> EmailMessage:
        """What is sent."""
        from email.message import EmailMessage

        counts = ", ".join(f"{count} {phase}" for phase, count in (event.steps or {}).items())
        lines = [event.text, "", f"directory: {event.path}", f"steps: {counts or 'none'}", ""]
        lines += [f"- {step.text}" for step in event.failures[:_LISTED]]
        if len(event.failures) > _LISTED:
            lines.append(f"- and {len(event.failures) - _LISTED} more")
        message = EmailMessage()
        message["Subject"] = f"[dflow] {event.run} {event.phase}"
        message["From"], message["To"] = self.sender, self.to
        message.set_content("\n".join(lines).encode("utf-8", "replace").decode())
        return message

    def __repr__(self) -> str:
        return f"Email({self.to!r})"
