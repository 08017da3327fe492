"""A proxy between a client and an HTTP server that breaks what passes, in ways that a test sets."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["FaultyProxy"]

BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/xml\r\nconnection: close\r\ncontent-length: 46\r\n"
    b"\r\n<Error><Code>ServiceUnavailable</Code></Error>"
)


class FaultyProxy:
    """Passes bytes on; a context manager.

    Attributes:
        drops_up: after how many bytes from the client each following connection is reset; one entry is used for each.
        drops_down: the same, for bytes from the server.
        truncations: after how many bytes from the server a connection is closed as if that were all.
        busy: how many requests are answered with status 503.
        delay: seconds before anything from the server is passed on.
        sent, received: bytes that have passed, from the client and to it.
    """

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self.drops_up: list[int] = []
        self.drops_down: list[int] = []
        self.truncations: list[int] = []
        self.busy, self.delay = 0, 0.0
        self.sent = self.received = self.connections = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.endpoint = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with self._lock:
            busy = self.busy > 0
            self.busy -= busy
            up, down = (faults.pop(0) if faults else None for faults in (self.drops_up, self.drops_down))
            cut = self.truncations.pop(0) if self.truncations else None
        if busy:
            self._refuse(client)
            return
        with suppress(OSError):
            server = socket.create_connection(self._target)
            there = threading.Thread(target=self._pass, args=(client, server, up, None), daemon=True)
            there.start()
            self._pass(server, client, down, cut)
            there.join(0.1)
        client.close()

    def _refuse(self, client: socket.socket) -> None:
        data = b""
        with suppress(OSError):
            while b"\r\n\r\n" not in data:
                data += client.recv(1 << 16)
            head, _, body = data.partition(b"\r\n\r\n")
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            left = int(lengths[0].partition(b":")[2]) - len(body) if lengths else 0
            while left > 0:
                left -= len(client.recv(1 << 16)) or left
            client.sendall(BUSY)
        client.close()

    def _pass(self, source: socket.socket, target: socket.socket, drop: int | None, cut: int | None) -> None:
        """Pass bytes on until the source ends, or a fault comes; an empty end is passed on too."""
        count, is_answer = 0, source.getpeername() == self._target
        with suppress(OSError):
            while data := source.recv(1 << 16):
                limit = min((each for each in (drop, cut) if each is not None), default=None)
                if limit is not None and count + len(data) > limit:
                    data = data[: limit - count]
                if is_answer and self.delay:
                    time.sleep(self.delay)
                target.sendall(data)
                count += len(data)
                with self._lock:
                    self.sent, self.received = (
                        self.sent + len(data) * (not is_answer),
                        self.received + len(data) * is_answer,
                    )
                if limit is not None and count >= limit:
                    break
        if drop is not None and count >= drop:
            for end in (source, target):
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for end in (target, source):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for end in (target, source):
            end.close()
