"""Who may ask the server of the page: its own page and programs, by its own names."""

from argparse import ArgumentTypeError

import pytest

for module in ("fastapi", "uvicorn"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install 'dah[serve]'")

from starlette.datastructures import Headers  # noqa: E402

from dah.commands.arguments import host_name, port  # noqa: E402
from dah.web.guard import hosts_of, is_loopback, why_refused  # noqa: E402

OWN = hosts_of("127.0.0.1")


def status(hosts=OWN, host="127.0.0.1:8000", method="GET", path="/api/indexes", **headers):
    """The status of a refusal; None where there is none."""
    given = {"host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
    refusal = why_refused(method, path, Headers(given), hosts)
    return None if refusal is None else refusal[0]


def test_a_server_of_this_machine_has_the_names_of_this_machine():
    """With any port, in any case, with brackets; no other name and no other address."""
    names = "127.0.0.1", "127.0.0.1:9", "localhost", "LOCALHOST:8000", "[::1]", "[::1]:8000"
    assert [status(host=name) for name in names] == [None] * 6
    others = "evil.example", "localhost.evil.example", "192.168.1.2:8000", "", "[", "127.0.0.1@evil"
    assert [status(host=name) for name in others] == [400] * 6


def test_the_check_stays_on_for_other_addresses():
    """A listener to all addresses answers to each number and to the machine's name alone."""
    for address in ("0.0.0.0", "::"):
        hosts = hosts_of(address)
        assert status(hosts, "192.168.1.2:8000") is None
        assert status(hosts, "localhost:8000") is None
        assert status(hosts, "evil.example") == 400
    named = hosts_of("photos.lan")
    assert (status(named, "Photos.lan:8000"), status(named, "evil.example")) == (None, 400)


def test_a_proxy_is_allowed_by_name():
    """Its name as host, or its page as origin where it sends ours as host; nothing else."""
    hosts = hosts_of("127.0.0.1", ["Photos.example.org"])
    assert status(hosts, "photos.example.org") is None
    origin = "https://photos.example.org"
    assert status(hosts, "photos.example.org", "POST", origin=origin) is None
    assert status(hosts, method="POST", origin=origin) is None
    assert status(hosts, method="POST", origin="https://evil.example") == 403
    assert status(hosts, "evil.example") == 400
    assert status(method="POST", origin=origin) == 403


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_pages_may_not_ask(method):
    """Nor one of another port of this machine, nor a file or a sandbox, which is origin null."""
    assert status(method=method) is None
    assert status(method=method, sec_fetch_site="same-origin") is None
    assert status(method=method, sec_fetch_site="none") is None
    assert status(method=method, origin="http://127.0.0.1:8000") is None
    for site in ("cross-site", "same-site", "anything"):
        assert status(method=method, sec_fetch_site=site) == 403
    for origin in ("http://127.0.0.1:9000", "http://localhost:8000", "null", "https://evil", "::"):
        assert status(method=method, origin=origin) == 403
    port_80 = {"host": "127.0.0.1", "origin": "http://127.0.0.1"}
    assert status(method=method, **port_80) is None


def test_a_link_from_another_page_opens_the_page_alone():
    """The user follows it; pictures and answers stay closed."""
    followed = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert status(path="/", **followed) is None
    assert status(path="/", method="POST", **followed) == 403
    assert status(path="/api/picture/0/0", **followed) == 403
    assert status(path="/", sec_fetch_site="cross-site", sec_fetch_mode="no-cors") == 403


def test_loopback_addresses():
    """Anything else is reached from other machines."""
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost")] == [True] * 3
    assert [is_loopback(host) for host in ("0.0.0.0", "192.168.1.2", "example.org")] == [False] * 3


def test_ports_and_names_are_checked():
    """Before a model is read."""
    assert (port("0"), port("65535")) == (0, 65535)
    for value in ("65536", "-1", "http", ""):
        with pytest.raises(ArgumentTypeError, match="expected"):
            port(value)
    assert (host_name("a.example"), host_name("[::1]"), host_name("::1")) == (
        "a.example",
        "::1",
        "::1",
    )
    for value in ("", "https://a.example", "a.example:80", "*", "a b"):
        with pytest.raises(ArgumentTypeError, match=r"expected a name like photos\.example"):
            host_name(value)
