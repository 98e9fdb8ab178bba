"""The server: how many may be connected, how long they may take, and how it ends."""

import asyncio
import errno
import os
import socket
from contextlib import suppress
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from dah.errors import UserError

CONNECTIONS = 256
HEAD_SECONDS = 10  # for a request's head, the first and each one after it
BODY_SECONDS = 60  # for an upload
CLOSING_SECONDS = 5  # for what is under way when the server ends, and for a last answer to be read
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\n"
    b"connection: close\r\n\r\n"
)


class Protocol(H11Protocol):
    """HTTP by uvicorn, with limits that it lacks."""

    deadline: asyncio.TimerHandle | None = None
    awaited: tuple[Any, Any] = (None, None)
    refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Take a connection, or turn it away where there are too many."""
        if len(self.connections) >= CONNECTIONS:
            self.refused = True
            transport.write(BUSY)
            transport.close()
            return
        super().connection_made(transport)
        self.watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        if self.deadline is not None:
            self.deadline.cancel()
        if not self.refused:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if not self.refused:
            super().data_received(data)
            self.watch()

    def on_response_complete(self) -> None:
        """Be ready for the next request."""
        super().on_response_complete()
        self.watch()

    def watch(self) -> None:
        """Set the clock for what the client is to send next, once for each head and body."""
        state = self.conn.their_state
        awaited = state, self.cycle
        if awaited == self.awaited:
            return
        self.awaited = awaited
        if self.deadline is not None:
            self.deadline.cancel()
        seconds = {h11.IDLE: HEAD_SECONDS, h11.SEND_BODY: BODY_SECONDS}.get(state)
        self.deadline = None if seconds is None else self.loop.call_later(seconds, self.too_late)

    def too_late(self) -> None:
        """Close a connection; what its client does not read is dropped."""
        self.transport.close()
        self.loop.call_later(CLOSING_SECONDS, self.transport.abort)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection on which nothing more comes."""
        super().timeout_keep_alive_handler()
        self.loop.call_later(CLOSING_SECONDS, self.transport.abort)

    def shutdown(self) -> None:
        """End: answers under way are waited for, uploads are not."""
        if self.conn.their_state is h11.SEND_BODY:
            self.transport.close()
        else:
            super().shutdown()


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens; raises ``UserError`` where that cannot be."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=CONNECTIONS)
    except OSError as error:
        advice = {
            errno.EADDRINUSE: "another program listens there; give another --port",
            errno.EACCES: "only root may listen there; give a --port above 1023",
            errno.EADDRNOTAVAIL: "it is no address of this machine; give another --host",
        }.get(error.errno, "give another --host or --port")
        reason = os.strerror(error.errno) if error.errno in errno.errorcode else error.strerror
        raise UserError(f"{host}, port {port}: cannot listen: {reason}; {advice}") from error


def server_of(app: ASGIApp) -> uvicorn.Server:
    """uvicorn's server of an application, with the limits of this module."""
    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="off",
        log_level="error",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=CLOSING_SECONDS,
    )
    return uvicorn.Server(config)


def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Answer until interrupted."""
    with suppress(KeyboardInterrupt):  # uvicorn raises the signal again when it has ended
        server_of(app).run(sockets=[listener])
