"""https upstreams: verified unless told otherwise, by name, with a certificate of our own if they ask for one."""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.proxy.stage import LIMIT, Starter, listening, request, upstream
from tests.wire.listeners import stop_accepting
from tests.wire.raw_backend import RawBackend, accept_websocket
from tests.wire.strict_http import Response


@dataclass
class Authority:
    """A certificate authority, with the files it issues."""

    ca: trustme.CA
    directory: Path

    @property
    def file(self) -> str:
        """What `tls.ca` names."""
        path = self.directory / "ca.pem"
        self.ca.cert_pem.write_to_path(path)
        return str(path)

    def server(self, *names: str, clients: "Authority | None" = None) -> ssl.SSLContext:
        """The TLS of a server with those names; one that asks its clients for certificates of `clients`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names).configure_cert(context)
        if clients is not None:
            clients.ca.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client(self, name: str = "gateway") -> dict[str, str]:
        """A certificate and key for `tls`."""
        issued = self.ca.issue_cert(name)
        certificate, key = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        issued.cert_chain_pems[0].write_to_path(certificate)
        issued.private_key_pem.write_to_path(key)
        return {"certificate": str(certificate), "key": str(key)}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The one that the gateway is told to trust."""
    return Authority(trustme.CA(), tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Another one, that nobody here trusts."""
    return Authority(trustme.CA(), tmp_path_factory.mktemp("ca"))


async def asked(serving: Starter, backend: RawBackend, tls: dict[str, object]) -> Response:
    """The answer to one request through an https upstream with this `tls` section."""
    async with listening(backend), serving(upstream(backend, tls=tls)) as stage:
        return await stage.ask("POST /", body=b"hello")


def assert_refused(answer: Response, backend: RawBackend) -> None:
    """The backend got nothing, and the client learns no more than what went wrong."""
    assert (answer.status, backend.requests) == (502, [])
    assert b"upstream_tls" in answer.body


async def test_a_certificate_of_the_named_authority_is_accepted(
    serving: Starter, backend: RawBackend, authority: Authority
) -> None:
    backend.tls = authority.server("127.0.0.1")
    answer = await asked(serving, backend, {"ca": authority.file})

    assert (answer.status, answer.body) == (200, b"hello")


async def test_a_certificate_of_another_authority_is_refused(
    serving: Starter, backend: RawBackend, authority: Authority, stranger: Authority
) -> None:
    backend.tls = stranger.server("127.0.0.1")

    assert_refused(await asked(serving, backend, {"ca": authority.file}), backend)


async def test_without_a_named_authority_that_of_the_system_decides(
    serving: Starter, backend: RawBackend, authority: Authority
) -> None:
    backend.tls = authority.server("127.0.0.1")

    assert_refused(await asked(serving, backend, {}), backend)


@pytest.mark.parametrize("names", [("other.test",), ("127.0.0.2",), ("*.0.0.1",)], ids=str)
async def test_a_certificate_for_another_name_is_refused(
    serving: Starter, backend: RawBackend, authority: Authority, names: tuple[str, ...]
) -> None:
    backend.tls = authority.server(*names)

    assert_refused(await asked(serving, backend, {"ca": authority.file}), backend)


@pytest.mark.parametrize(
    ("wanted", "is_right"),
    [("backend.test", True), ("www.backend.test", True), ("other.test", False), ("a.b.backend.test", False)],
)
async def test_the_server_name_is_what_is_asked_for_and_verified(
    serving: Starter, backend: RawBackend, authority: Authority, wanted: str, is_right: bool
) -> None:
    backend.tls = authority.server("backend.test", "*.backend.test")
    heard: list[str | None] = []
    backend.tls.set_servername_callback(lambda _, name, __: heard.append(name))
    answer = await asked(serving, backend, {"ca": authority.file, "server_name": wanted})

    assert heard == [wanted]
    if is_right:
        assert answer.status == 200
    else:
        assert_refused(answer, backend)


async def test_verification_can_be_turned_off(
    serving: Starter, backend: RawBackend, stranger: Authority
) -> None:
    backend.tls = stranger.server("other.test")
    answer = await asked(serving, backend, {"verify": False})

    assert (answer.status, answer.body) == (200, b"hello")


async def test_a_backend_that_asks_for_a_certificate_gets_ours(
    serving: Starter, backend: RawBackend, authority: Authority
) -> None:
    backend.tls = authority.server("127.0.0.1", clients=authority)
    answer = await asked(serving, backend, {"ca": authority.file, **authority.client()})

    assert answer.status == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda v: v.name)
@pytest.mark.parametrize("has_certificate", [False, True], ids=["none", "of a stranger"])
async def test_a_backend_that_wants_another_certificate_is_502(
    serving: Starter,
    backend: RawBackend,
    authority: Authority,
    stranger: Authority,
    version: ssl.TLSVersion,
    has_certificate: bool,
) -> None:
    """With TLS 1.3 it says so only after the handshake, when the request is on its way."""
    context = authority.server("127.0.0.1", clients=authority)
    context.maximum_version = version
    tls: dict[str, object] = {"ca": authority.file}
    if has_certificate:
        tls |= stranger.client()
    backend.sock.listen()
    url = "https://{}:{}".format(*backend.address)
    async with serving(upstream(url, tls=tls)) as stage:
        # In a thread, because servers of asyncio do not say why they end a handshake.
        refusing = asyncio.create_task(asyncio.to_thread(_refuse, backend.sock, context))
        answer = await stage.ask("POST /", body=b"hello")
        await refusing

    assert_refused(answer, backend)


def _refuse(sock: socket.socket, context: ssl.SSLContext) -> None:
    client, _ = sock.accept()
    client.settimeout(LIMIT)
    with client, pytest.raises(ssl.SSLError), context.wrap_socket(client, server_side=True) as wrapped:
        wrapped.recv(1)


async def test_a_backend_that_speaks_no_tls_is_502(
    serving: Starter, backend: RawBackend, authority: Authority
) -> None:
    class Plain(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            transport.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    server = await asyncio.get_running_loop().create_server(Plain, sock=backend.sock.dup())
    url = "https://{}:{}".format(*backend.address)
    async with serving(upstream(url, tls={"ca": authority.file})) as stage:
        assert_refused(await stage.ask("POST /"), backend)
    await stop_accepting(server)


async def test_a_backend_that_never_shakes_hands_is_504(
    serving: Starter, backend: RawBackend, authority: Authority
) -> None:
    url = "https://{}:{}".format(*backend.address)
    backend.sock.listen()  # the kernel accepts; nobody answers
    section = upstream(url, tls={"ca": authority.file}, timeouts={"connect": "100ms"})
    async with serving(section) as stage:
        answer = await stage.ask("POST /")

    assert (answer.status, b"upstream_connect_timeout" in answer.body) == (504, True)


async def test_a_connection_over_tls_is_kept_and_used_again(
    serving: Starter, backend: RawBackend, authority: Authority
) -> None:
    backend.tls = authority.server("127.0.0.1")
    async with listening(backend), serving(upstream(backend, tls={"ca": authority.file})) as stage:
        sizes = [
            len((await stage.ask("POST /", body=bytes(size))).body) for size in (0, 1, 70_000, 3_000_000)
        ]

    assert (sizes, len(backend.connections)) == ([0, 1, 70_000, 3_000_000], 1)


async def test_a_server_whose_certificate_is_refused_is_passed_over(
    serving: Starter, backend: RawBackend, other: RawBackend, authority: Authority, stranger: Authority
) -> None:
    backend.tls, other.tls = stranger.server("127.0.0.1"), authority.server("127.0.0.1")
    section = upstream(backend, other, tls={"ca": authority.file})
    async with listening(backend, other), serving(section) as stage:
        statuses = [(await stage.ask("POST /")).status for _ in range(6)]

    assert (statuses, len(backend.requests)) == ([200] * 6, 0)


async def test_a_renewed_client_certificate_is_used_after_a_reload(
    serving: Starter, backend: RawBackend, authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    """The configuration says the same; only the files changed."""
    backend.tls = authority.server("127.0.0.1", clients=authority)
    files = {"certificate": tmp_path / "c.pem", "key": tmp_path / "c.key"}

    def install(issued: dict[str, str]) -> None:
        for name, path in files.items():
            path.write_bytes(Path(issued[name]).read_bytes())

    install(stranger.client("old"))
    section = upstream(backend, tls={"ca": authority.file, **{k: str(p) for k, p in files.items()}})
    async with listening(backend), serving(section) as stage:
        before = await stage.ask("POST /")
        install(authority.client("new"))
        stage.swap(section)
        pool = stage.pool
        after = await stage.ask("POST /")
        stage.swap(section)
        is_kept = stage.pool is pool

    assert (before.status, after.status, is_kept) == (502, 200, True)


async def test_a_websocket_over_tls_carries_bytes_both_ways(
    serving: Starter, backend: RawBackend, authority: Authority
) -> None:
    backend.tls = authority.server("127.0.0.1")
    backend.script = accept_websocket
    fields = (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    async with (
        listening(backend),
        serving(upstream(backend, tls={"ca": authority.file})) as stage,
        await stage.connect() as client,
    ):
        await client.send(request("GET /", fields))
        assert (await client.read_response()).status == 101
        message = bytes(300_000)
        await client.send(message)
        assert await client.read_bytes(len(message)) == message
