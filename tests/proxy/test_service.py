"""What a configuration may change about a request on its way: its target, its Host, what is said about its client."""

import asyncio
from pathlib import Path

import pytest

from cors_gateway.observe.metrics import Metrics
from cors_gateway.proxy.gateway import Gateway
from tests.proxy.stage import Starter, listening, snapshot, upstream
from tests.wire.raw_backend import RawBackend
from tests.wire.strict_http import Request


async def seen(
    serving: Starter, backend: RawBackend, line: str, fields: str = "", **options: object
) -> Request:
    """The request that reaches the backend."""
    section = upstream(backend, **options.pop("upstream", {}))  # type: ignore[arg-type]
    async with listening(backend), serving(section, **options) as stage:
        assert (await stage.ask(line, fields)).status == 200
    return backend.requests[-1][1]


# -- paths


@pytest.mark.parametrize(
    ("prefix", "target", "expected"),
    [
        ("/api", "/api", "/"),
        ("/api", "/api/", "/"),
        ("/api", "/api/x", "/x"),
        ("/api/", "/api/x", "/x"),
        ("/api", "/api?q=1", "/?q=1"),
        ("/api", "/api?", "/?"),
        ("/api", "/api/x/?/api/y", "/x/?/api/y"),
        ("/api", "/%61pi/x", "/x"),
        ("/api", "/a%70%69?%61pi", "/?%61pi"),
        ("/api/v1", "/api/v1/x", "/x"),
        ("/api/v1", "/%61pi/%76%31/%41%2F?%zz", "/%41%2F?%zz"),
        ("/caf%C3%A9", "/caf%c3%a9/menu", "/menu"),
        ("/", "/x/y?z", "/x/y?z"),
    ],
)
async def test_a_prefix_is_removed_however_it_is_spelt_and_the_rest_stays(
    serving: Starter, backend: RawBackend, prefix: str, target: str, expected: str
) -> None:
    got = await seen(serving, backend, f"GET {target}", route={"path": prefix, "strip_prefix": True})

    assert got.target == expected
    assert got.values("x-forwarded-prefix") == ([prefix.rstrip("/")] if prefix != "/" else [])


async def test_without_strip_prefix_the_target_is_what_came(serving: Starter, backend: RawBackend) -> None:
    got = await seen(serving, backend, "GET /%61pi/x?", route={"path": "/api"})

    assert (got.target, got.values("x-forwarded-prefix")) == ("/%61pi/x?", [])


# -- who is asked


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("http://backend", b"backend"),
        ("http://backend:80", b"backend"),
        ("http://backend:8080", b"backend:8080"),
        ("http://backend:443", b"backend:443"),
        ("https://backend", b"backend"),
        ("https://backend:443", b"backend"),
        ("https://backend:80", b"backend:80"),
        ("http://[::1]", b"[::1]"),
        ("http://[::1]:8080", b"[::1]:8080"),
        ("unix:/run/app.sock", b"localhost"),
    ],
)
async def test_the_backend_may_be_asked_by_its_own_name(tmp_path: Path, server: str, expected: bytes) -> None:
    served = snapshot(tmp_path, upstream(server, host="upstream"))
    loop = asyncio.get_running_loop()
    active = Gateway(served, loop=loop, instance_id="x", metrics=Metrics()).active
    route = active.host(b"gateway.test").read_line(b"GET / HTTP/1.1").route
    assert route is not None
    assert route.host_field == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [("preserve", "gateway.test"), ("upstream", None), ("Other.Example:8443", "other.example:8443")],
)
async def test_the_backend_sees_the_host_that_the_upstream_says(
    serving: Starter, backend: RawBackend, host: str, expected: str | None
) -> None:
    got = await seen(serving, backend, "GET /", upstream={"host": host})
    own = "{}:{}".format(*backend.address)

    assert got.values("host") == [expected or own]
    assert got.values("x-forwarded-host") == ["gateway.test"]


# -- who asked

CLAIMS = (
    "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\n"
    "X-Real-IP: 203.0.113.7\r\nForwarded: for=203.0.113.7;proto=https\r\n"
)


async def test_what_a_stranger_says_about_others_is_removed(serving: Starter, backend: RawBackend) -> None:
    got = await seen(serving, backend, "GET /", CLAIMS)

    assert {
        name: got.values(name)
        for name in ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-real-ip", "forwarded")
    } == {
        "x-forwarded-for": ["127.0.0.1"],
        "x-forwarded-proto": ["http"],
        "x-forwarded-host": ["gateway.test"],
        "x-real-ip": ["127.0.0.1"],
        "forwarded": [],
    }


@pytest.mark.parametrize("trusted", ["loopback", "127.0.0.0/8", "127.0.0.1"])
async def test_what_a_trusted_proxy_says_is_continued(
    serving: Starter, backend: RawBackend, trusted: str
) -> None:
    got = await seen(serving, backend, "GET /", CLAIMS, server={"trusted_proxies": [trusted]})

    assert got.values("x-forwarded-for") == ["203.0.113.7, 127.0.0.1"]
    assert got.values("x-forwarded-proto") == ["https"]
    assert got.values("x-forwarded-host") == ["shop.example"]
    assert got.values("forwarded") == [
        'for=203.0.113.7;proto=https, for=127.0.0.1;proto=http;host="gateway.test"'
    ]


async def test_trust_is_given_to_networks_and_not_to_whoever_claims_to_be_in_one(
    serving: Starter, backend: RawBackend
) -> None:
    fields = "X-Forwarded-For: 10.0.0.1\r\n"
    got = await seen(serving, backend, "GET /", fields, server={"trusted_proxies": ["10.0.0.0/8"]})

    assert got.values("x-forwarded-for") == ["127.0.0.1"]
