"""Who may ask: requests for this server's own names, by its own page or by no page at all.

A browser sends what any web page asks of any address, this machine's own included. Each of three
marks is enough to refuse: a `Host` that is not ours (another name that was pointed here), a
`Sec-Fetch-Site` of another page, an `Origin` that is not ours. Programs that are no browser send
none of the last two.
"""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE = "/"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
PORTS = {"http": 80, "https": 443}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class Hosts:
    """The names that this server answers to.

    ``own``: its own; ``proxies``: those of servers before it, whose pages may ask too;
    ``addresses``: whether it answers to any number too, which no site can be pointed at.
    """

    own: frozenset[str] = LOOPBACK
    proxies: frozenset[str] = frozenset()
    addresses: bool = False

    def answers(self, name: str) -> bool:
        """Whether a request's host is meant."""
        return name in self.own | self.proxies or (self.addresses and _is_address(name))


def hosts_of(host: str, allowed: Iterable[str] = ()) -> Hosts:
    """The names of a server that listens to an address; `allowed` are those of proxies."""
    proxies = frozenset(name.lower() for name in allowed)
    if is_loopback(host):
        return Hosts(LOOPBACK | {host.lower()}, proxies)
    own = {host.lower()}
    if host in {"0.0.0.0", "::", ""}:
        own |= LOOPBACK | {socket.gethostname().lower(), socket.getfqdn().lower()}
    return Hosts(frozenset(own), proxies, addresses=True)


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    return ip_address(host).is_loopback if _is_address(host) else host == "localhost"


class Guard:
    """The application behind its checks, all answers with the headers of ``HEADERS``."""

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it with one line."""
        if scope["type"] != "http":
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()]
                message = message | {"headers": [*message.get("headers", []), *extra]}
            await send(message)

        refusal = why_refused(scope["method"], scope["path"], Headers(scope=scope), self.hosts)
        answer = self.app if refusal is None else JSONResponse({"detail": refusal[1]}, refusal[0])
        await answer(scope, receive, secured)


def why_refused(method: str, path: str, headers: Headers, hosts: Hosts) -> tuple[int, str] | None:
    """The status and the reason for which a request is refused; None where it is not."""
    given = headers.getlist("host")
    name, port = _split(f"//{given[0]}") if len(given) == 1 else ("", None)
    if not hosts.answers(name):
        return 400, "this server has another name; --allow-host NAME adds one"
    followed = method == "GET" and path == PAGE and headers.get("sec-fetch-mode") == "navigate"
    sites = set(headers.getlist("sec-fetch-site"))
    if not sites <= {"same-origin", "none"} and not followed:
        return 403, "another web page may not ask here"
    for origin in headers.getlist("origin"):
        other, its_port = _split(origin)
        default = PORTS.get(urlsplit(origin).scheme)
        same = other == name and (its_port or default) == (port or default)
        if not same and other not in hosts.proxies:
            return (
                403,
                "a page of another origin may not ask here; --allow-host NAME allows a proxy",
            )
    return None


def _split(url: str) -> tuple[str, int | None]:
    """The host in lower case, without brackets, and the port of an URL; an empty one if none."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.port
    except ValueError:
        return "", None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
