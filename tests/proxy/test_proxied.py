"""Listeners with the PROXY protocol: whom balancers speak for, who may say so, and what may follow."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest
import trustme

from cors_gateway.http1.proxy_protocol import MAX_VERSION_1
from cors_gateway.snapshot import Http2
from tests.http2.client import Http2Client
from tests.proxy.stage import Address, Stage, Starter, listening, request, until, upstream
from tests.wire.gateway_process import free_port, running_gateway
from tests.wire.raw_backend import RawBackend
from tests.wire.raw_client import NoResponseError, RawClient
from tests.wire.strict_http import Response

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
VERSION_1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n"
TRUSTED: dict[str, Any] = {"trusted_proxies": ["loopback"]}


def version_2(source: str | None = "192.0.2.7", tlv: bytes = b"") -> bytes:
    """A header of version 2; without a source it is that of a balancer's own check (LOCAL)."""
    if source is None:
        return SIGNATURE + b"\x20\x00\x00\x00"
    if ":" in source:
        addresses, family = IPv6Address(source).packed + IPv6Address("::1").packed, b"\x21"
    else:
        addresses, family = IPv4Address(source).packed + IPv4Address("198.51.100.1").packed, b"\x11"
    body = addresses + b"\x12\x67\x01\xbb" + tlv
    return SIGNATURE + b"\x21" + family + len(body).to_bytes(2, "big") + body


@contextlib.asynccontextmanager
async def accepting(
    stage: Stage, context: ssl.SSLContext | None = None, http2: Http2 = Http2.OFF
) -> AsyncIterator[tuple[str, int]]:
    """The stage serves a second address, on which a PROXY header comes first."""
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    server = stage.gateway.accept_proxied(sock, context, http2=http2)
    try:
        yield sock.getsockname()
    finally:
        server.close()


async def open_client(address: Address) -> RawClient:
    _, client = await asyncio.get_running_loop().create_connection(RawClient, *address[:2])
    return client


async def ask(address: Address, header: bytes, fields: str = "", cuts: tuple[int, ...] = ()) -> Response:
    """One request behind this header, which arrives in these pieces."""
    async with await open_client(address) as client:
        data = header + request(fields=fields)
        for start, end in zip((0, *cuts), (*cuts, len(data)), strict=True):
            await client.send(data[start:end])
            if end < len(data):
                await asyncio.sleep(0.005)
        return await client.read_response()


def told(backend: RawBackend) -> list[str]:
    return backend.requests[-1][1].values("x-forwarded-for")


@pytest.mark.parametrize(
    ("header", "client"),
    [
        (VERSION_1, "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 ::1 1 2\r\n", "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        (version_2(), "192.0.2.7"),
        (version_2("2001:db8::7"), "2001:db8::7"),
        (version_2(tlv=b"\x04\x00\x03abc"), "192.0.2.7"),
        (version_2(None), "127.0.0.1"),
    ],
    ids=["1 IPv4", "1 IPv6", "1 unknown", "2 IPv4", "2 IPv6", "2 with a TLV", "2 local"],
)
@pytest.mark.parametrize("cuts", [(), (1,), (5, 9, 13), (16, 30)], ids=str)
async def test_the_client_is_who_the_balancer_says(
    serving: Starter, backend: RawBackend, header: bytes, client: str, cuts: tuple[int, ...]
) -> None:
    async with (
        listening(backend),
        serving(upstream(backend), server=TRUSTED) as stage,
        accepting(stage) as here,
    ):
        answer = await ask(here, header, cuts=tuple(cut for cut in cuts if cut < len(header)))

    assert (answer.status, told(backend)) == (200, [client])


@pytest.mark.parametrize("header", [VERSION_1, version_2()], ids=["1", "2"])
async def test_http_2_may_follow(serving: Starter, backend: RawBackend, header: bytes) -> None:
    async with (
        listening(backend),
        serving(upstream(backend), server=TRUSTED) as stage,
        accepting(stage, http2=Http2.CLEARTEXT) as here,
        await Http2Client.connect(here, first=header) as client,
    ):
        answer = await client.ask()
        plain = await ask(here, header)

    assert [answer.status, plain.status] == [200, 200]
    assert [one.values("x-forwarded-for") for _, one in backend.requests] == [["192.0.2.7"]] * 2


async def test_what_the_client_says_about_others_is_not_believed_for_that(
    serving: Starter, backend: RawBackend
) -> None:
    """The balancer is trusted; whom it speaks for is not. A proxy behind it that is trusted is."""
    server = {"trusted_proxies": ["loopback", "203.0.113.0/24"]}
    async with (
        listening(backend),
        serving(upstream(backend), server=server) as stage,
        accepting(stage) as here,
    ):
        await ask(here, version_2(), "X-Forwarded-For: 10.9.9.9\r\n")
        assert told(backend) == ["192.0.2.7"]
        await ask(here, version_2("203.0.113.5"), "X-Forwarded-For: 10.9.9.9\r\n")
        assert told(backend) == ["10.9.9.9, 203.0.113.5"]


async def test_anybody_else_is_disconnected_and_it_is_said_once(
    serving: Starter, backend: RawBackend, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "cors_gateway")
    server = {"trusted_proxies": ["192.0.2.0/24"]}
    async with (
        listening(backend),
        serving(upstream(backend), server=server) as stage,
        accepting(stage) as here,
    ):
        for _ in range(5):
            with pytest.raises(NoResponseError):
                await ask(here, VERSION_1)
        assert stage.gateway.metrics.connections_refused == 5

    assert backend.connections == []
    assert [record.message for record in caplog.records].count("proxy_header_refused") == 1


@pytest.mark.parametrize(
    "bad",
    [
        request(),
        b"PROXY TCP4 nonsense\r\n" + request(),
        b"PROXY TCP4 " + b"1" * MAX_VERSION_1,
        SIGNATURE + b"\x31\x11\x00\x0c" + bytes(12),
        b"\x16\x03\x01\x02\x00\x01",
    ],
    ids=["no header", "malformed", "endless", "version 3", "TLS at once"],
)
async def test_a_bad_header_ends_the_connection(serving: Starter, backend: RawBackend, bad: bytes) -> None:
    async with (
        listening(backend),
        serving(upstream(backend), server=TRUSTED) as stage,
        accepting(stage) as here,
    ):
        async with await open_client(here) as client:
            await client.send(bad)
            assert await client.wait_closed()
            assert client.received == b""
        assert not stage.gateway.service.connections

    assert backend.connections == []


async def test_a_balancer_that_only_looks_whether_somebody_listens_leaves_no_trace(
    serving: Starter, backend: RawBackend
) -> None:
    async with serving(upstream(backend), server=TRUSTED) as stage, accepting(stage) as here:
        async with await open_client(here):
            await until(lambda: stage.gateway.service.connections)
        await until(lambda: not stage.gateway.service.connections)
        assert stage.gateway.metrics.connections_refused == 0


async def test_a_header_has_as_much_time_as_a_request_head(serving: Starter, backend: RawBackend) -> None:
    server = {**TRUSTED, "timeouts": {"request_head": "100ms"}}
    async with (
        serving(upstream(backend), server=server) as stage,
        accepting(stage) as here,
        await open_client(here) as client,
    ):
        await client.send(VERSION_1[:9])
        assert await client.wait_closed()


async def test_those_who_wait_for_their_header_count_as_connections(
    serving: Starter, backend: RawBackend
) -> None:
    server = {**TRUSTED, "limits": {"connections": 2}}
    async with (
        listening(backend),
        serving(upstream(backend), server=server) as stage,
        accepting(stage) as here,
    ):
        waiting = [await open_client(here) for _ in range(2)]
        await until(lambda: len(stage.gateway.service.connections) == 2)
        with pytest.raises(NoResponseError):
            await ask(here, VERSION_1)
        for client in waiting:
            client.close()
        await until(lambda: not stage.gateway.service.connections)

        assert (await ask(here, VERSION_1)).status == 200


async def test_tls_may_follow_the_header(serving: Starter, backend: RawBackend) -> None:
    """In one segment with the header, too: the header is taken from the bare socket, and nothing beyond it."""
    authority = trustme.CA()
    context, client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(client_context)

    def ask_over_tls(address: Any, header: bytes) -> bytes:
        with socket.create_connection(address) as sock:
            sock.sendall(header)
            with client_context.wrap_socket(sock, server_hostname="localhost") as tls:
                tls.sendall(request(fields="Connection: close\r\n"))
                return b"".join(iter(lambda: tls.recv(4096), b""))

    async with (
        listening(backend),
        serving(upstream(backend), server=TRUSTED) as stage,
        accepting(stage, context) as here,
    ):
        for header in (VERSION_1, version_2()):
            answer = await asyncio.to_thread(ask_over_tls, here, header)
            assert answer.startswith(b"HTTP/1.1 200 ")
            seen = backend.requests[-1][1]
            assert (told(backend), seen.values("x-forwarded-proto")) == (["192.0.2.7"], ["https"])
        with contextlib.suppress(OSError):
            await asyncio.to_thread(ask_over_tls, here, VERSION_1 + b"no handshake")
        await until(lambda: not stage.gateway.service.connections)


@pytest.mark.parametrize("trusts_unix", [True, False])
async def test_the_peer_of_a_unix_socket_is_trusted_if_it_says_so(
    serving: Starter, backend: RawBackend, tmp_path: Path, trusts_unix: bool
) -> None:
    server = {"trusted_proxies": ["unix"] if trusts_unix else ["loopback"]}
    async with listening(backend), serving(upstream(backend), server=server) as stage:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(str(tmp_path / "s"))
            sock.listen()
            sock.setblocking(False)
            accepting_here = stage.gateway.accept_proxied(sock.dup(), None)
            _, client = await asyncio.get_running_loop().create_unix_connection(
                RawClient, str(tmp_path / "s")
            )
            await client.send(VERSION_1 + request())
            if trusts_unix:
                assert (await client.read_response()).status == 200
                assert told(backend) == ["192.0.2.7"]
            else:
                assert await client.wait_closed()
            client.close()
            accepting_here.close()


async def test_who_was_accepted_is_served_after_the_listener_is_gone(
    serving: Starter, backend: RawBackend
) -> None:
    async with listening(backend), serving(upstream(backend), server=TRUSTED) as stage:
        async with accepting(stage) as here:
            client = await open_client(here)
            await until(lambda: stage.gateway.service.connections)
        await client.send(VERSION_1 + request())
        assert (await client.read_response()).status == 200
        client.close()


async def test_a_process_serves_such_a_listener_beside_others(backend: RawBackend, tmp_path: Path) -> None:
    plain, proxied = free_port(), free_port()
    configuration: dict[str, Any] = {
        "server": {
            "listen": [f"127.0.0.1:{plain}", {"address": f"127.0.0.1:{proxied}", "proxy_protocol": True}],
            **TRUSTED,
        },
        "upstreams": {"app": upstream(backend)},
        "routes": [{"name": "all", "path": "/", "upstream": "app", "cors": "disabled"}],
    }
    with running_gateway(tmp_path, configuration):
        async with listening(backend):
            assert (await ask(("127.0.0.1", proxied), VERSION_1)).status == 200
            assert told(backend) == ["192.0.2.7"]
            assert (await ask(("127.0.0.1", plain), b"")).status == 200
            assert told(backend) == ["127.0.0.1"]
            with pytest.raises(NoResponseError):
                await ask(("127.0.0.1", proxied), b"")
