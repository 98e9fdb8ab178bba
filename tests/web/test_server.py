"""The server of the page under load: what it waits for, whom it turns away, how it ends."""

import socket
import time

import pytest
from browser import wait_for
from serving import running

from dah.errors import UserError

for module in ("fastapi", "uvicorn"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install 'dah[serve]'")

from starlette.requests import ClientDisconnect, Request  # noqa: E402
from starlette.responses import Response  # noqa: E402

from dah.web import server  # noqa: E402
from dah.web.upload import received  # noqa: E402

HEAD = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n"
ASK = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def connected(port):
    """A connection of a client that waits for at most 10 seconds."""
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def everything(connection):
    """All that comes until the server closes."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


class Uploads:
    """An application that reads uploads, and remembers how they ended."""

    def __init__(self):
        self.ends = []

    async def __call__(self, scope, receive, send):
        request = Request(scope, receive)
        try:
            data = await received(request.stream())
        except ClientDisconnect:
            self.ends.append("broken off")
            return
        self.ends.append(len(data))
        await Response(b"read")(scope, receive, send)


def test_an_upload_that_is_broken_off_is_let_go(capfd):
    """Its task ends at once, without a word, and the next is answered."""
    app = Uploads()
    with running(app) as (port, of):
        for _ in range(3):
            with connected(port) as client:
                client.sendall(HEAD % 1000 + bytes(999))
        wait_for(lambda: app.ends == ["broken off"] * 3, 10)
        wait_for(lambda: not of.server_state.tasks, 10)
        with connected(port) as client:
            client.sendall(HEAD % 5 + b"bytes")
            assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
        assert app.ends[-1] == 5
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("sent", [b"", b"GET / HT", HEAD % 1000 + b"x"])
def test_a_client_that_sends_no_more_is_left(monkeypatch, sent):
    """Before, within and after a request's head."""
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(server, "BODY_SECONDS", 0.3)
    with running(Uploads()) as (port, _), connected(port) as client:
        client.sendall(sent)
        start = time.monotonic()
        assert everything(client) == b""
        assert time.monotonic() - start < 5


def test_drops_do_not_keep_a_connection(monkeypatch):
    """The clock is set once for a head and once for a body, not at each byte."""
    monkeypatch.setattr(server, "BODY_SECONDS", 0.5)
    with running(Uploads()) as (port, _), connected(port) as client:
        client.sendall(HEAD % 1000)
        with pytest.raises(OSError, match=r"reset|pipe"):  # noqa: PT012
            for _ in range(100):
                client.sendall(b"x")
                time.sleep(0.05)


def test_connections_are_limited(monkeypatch):
    """One more than allowed is told to come again, and may once another has gone."""
    monkeypatch.setattr(server, "CONNECTIONS", 2)
    with running(Uploads()) as (port, of):
        held = [connected(port), connected(port)]
        wait_for(lambda: len(of.server_state.connections) == 2)
        with connected(port) as third:
            assert everything(third).startswith(b"HTTP/1.1 503 ")
        for client in held:
            client.close()
        wait_for(lambda: not of.server_state.connections)
        with connected(port) as client:
            client.sendall(ASK)
            assert client.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_it_ends_with_an_upload_open(capfd):
    """Within a second or two, not when the client likes."""
    with running(Uploads()) as (port, of):
        client = connected(port)
        client.sendall(HEAD % 1000 + b"x")
        wait_for(lambda: of.server_state.tasks)
        start = time.monotonic()
    assert time.monotonic() - start < 3
    client.close()
    assert "Traceback" not in capfd.readouterr().err


def test_a_place_that_cannot_be_listened_to_is_told():
    """Taken, not of this machine, no name: each with the remedy."""
    with server.listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(UserError, match=rf"127\.0\.0\.1, port {port}: .* another --port"):
            server.listening("127.0.0.1", port)
    with pytest.raises(UserError, match="no address of this machine; give another --host"):
        server.listening("192.0.2.1", 0)
    with pytest.raises(UserError, match="give another --host or --port"):
        server.listening("no.such.name.invalid", 0)
