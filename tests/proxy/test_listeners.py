"""Traffic through every kind of listener, as a process serves it: families, files, TLS, reloads."""

import asyncio
import contextlib
import http.client
import os
import signal
import socket
import ssl
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from cors_gateway.proxy import client_transport as client_module
from tests.proxy.stage import LIMIT, Starter, connect, listening, request, until, upstream
from tests.wire.gateway_process import GatewayProcess, free_port, running_gateway
from tests.wire.raw_backend import Answer, RawBackend, bound_socket
from tests.wire.raw_client import RawClient

SIZE = 1 << 20


@dataclass
class Served:
    """A gateway process that listens in four ways."""

    process: GatewayProcess
    backend: RawBackend
    client_tls: ssl.SSLContext
    ipv6: tuple[str, int]
    tls: tuple[str, int]
    unix: str

    async def connect(self, kind: str) -> RawClient:
        """A client of the listener of this kind."""
        if kind == "tls":
            return await connect(self.tls, tls=self.client_tls, server_name="localhost")
        addresses: dict[str, tuple[str, int] | str] = {
            "ipv4": self.process.address,
            "ipv6": self.ipv6,
            "unix": self.unix,
        }
        return await connect(addresses[kind])


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def install(authority: trustme.CA, directory: Path) -> bytes:
    """Issue a certificate for the TLS listener into its files; the certificate."""
    issued = authority.issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(directory / "certificate.pem")
    issued.private_key_pem.write_to_path(directory / "key.pem")
    return ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Iterator[Served]:
    with _serving(tmp_path_factory.mktemp("listeners"), authority, {}) as served:
        yield served


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Iterator[Served]:
    """The same, and soon weary of those who say nothing."""
    with _serving(tmp_path_factory.mktemp("hasty"), authority, {"request_head": "1s"}) as served:
        yield served


@contextlib.contextmanager
def _serving(directory: Path, authority: trustme.CA, timeouts: dict[str, str]) -> Iterator[Served]:
    install(authority, directory)
    client_tls = ssl.create_default_context()
    authority.configure_trust(client_tls)
    ports = [free_port() for _ in range(3)]
    unix = str(directory / "gateway.sock")
    tls = {"certificate": str(directory / "certificate.pem"), "key": str(directory / "key.pem")}
    with bound_socket() as sock:
        configuration: dict[str, object] = {
            "server": {
                "listen": [
                    f"127.0.0.1:{ports[0]}",
                    f"[::1]:{ports[1]}",
                    {"address": f"127.0.0.1:{ports[2]}", "tls": tls},
                    {"address": f"unix:{unix}", "mode": "0620"},
                ],
                "timeouts": timeouts,
            },
            "upstreams": {"backend": {"servers": ["http://{}:{}".format(*sock.getsockname())]}},
            "routes": [{"name": "all", "path": "/", "upstream": "backend", "cors": "disabled"}],
        }
        with running_gateway(directory, configuration) as process:
            yield Served(
                process,
                RawBackend(sock),
                client_tls,
                ("::1", ports[1]),
                ("127.0.0.1", ports[2]),
                unix,
            )


KINDS = pytest.mark.parametrize("kind", ["ipv4", "ipv6", "unix", "tls"])


@KINDS
async def test_requests_and_large_bodies_pass_through_every_listener(served: Served, kind: str) -> None:
    body = os.urandom(SIZE)
    async with listening(served.backend), await served.connect(kind) as client:
        for size in (0, 1, SIZE):
            await client.send(request("POST /", body=body[:size]))
            answer = await client.read_response("POST")
            assert (answer.status, answer.body == body[:size]) == (200, True)


@KINDS
async def test_the_backend_learns_who_asked_and_how(served: Served, kind: str) -> None:
    address, scheme = {
        "ipv4": ("127.0.0.1", "http"),
        "ipv6": ("::1", "http"),
        "unix": ("unknown", "http"),
        "tls": ("127.0.0.1", "https"),
    }[kind]
    async with listening(served.backend), await served.connect(kind) as client:
        await client.send(request())
        await client.read_response()
        _, seen = served.backend.requests[-1]

    assert (seen.values("x-forwarded-for"), seen.values("x-forwarded-proto")) == ([address], [scheme])


@KINDS
async def test_a_refused_request_is_answered_and_closed(served: Served, kind: str) -> None:
    async with await served.connect(kind) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        answer = await client.read_response()
        ended = await client.wait_closed()

    assert (answer.status, bool(ended)) == (400, True)


HALF = b"GET / HTTP/1.1\r\nHo"


@pytest.fixture(scope="module")
def last_words(hasty: Served) -> dict[tuple[str, bytes], bytes]:
    """What comes until the end, to clients of every listener that send nothing, or half a head; all wait together."""

    async def hear_out(kind: str, sent: bytes) -> bytes:
        async with await hasty.connect(kind) as client:
            await client.send(sent)
            assert await client.wait_closed()
            return bytes(client.received)

    async def hear_all() -> list[bytes]:
        return await asyncio.gather(*[hear_out(*each) for each in cases])

    cases = [(kind, sent) for kind in KINDS.args[1] for sent in (b"", HALF)]
    return dict(zip(cases, asyncio.run(hear_all()), strict=True))


@KINDS
def test_a_client_that_sends_nothing_is_closed_without_a_word(
    last_words: dict[tuple[str, bytes], bytes], kind: str
) -> None:
    assert last_words[kind, b""] == b""


@KINDS
def test_a_client_that_stays_half_way_in_a_head_is_told(
    last_words: dict[tuple[str, bytes], bytes], kind: str
) -> None:
    assert last_words[kind, HALF].startswith(b"HTTP/1.1 408 ")


def test_the_socket_file_has_its_mode(served: Served) -> None:
    assert stat.S_IMODE(Path(served.unix).stat().st_mode) == 0o620


def test_who_never_begins_a_handshake_is_closed(hasty: Served) -> None:
    with socket.create_connection(hasty.tls, LIMIT) as silent:
        assert silent.recv(1) == b""


def test_who_speaks_no_tls_is_closed_and_others_are_served(hasty: Served) -> None:
    with socket.create_connection(hasty.tls, LIMIT) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        while plain.recv(4096):
            pass
    assert _certificate(hasty)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=lambda v: v.name)
def test_old_versions_of_tls_are_refused(served: Served, version: ssl.TLSVersion) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSVersion"):
        context.minimum_version = context.maximum_version = version
    with socket.create_connection(served.tls, LIMIT) as plain, pytest.raises(OSError):
        context.wrap_socket(plain)


def _certificate(served: Served) -> bytes:
    """What the TLS listener shows now."""
    with (
        socket.create_connection(served.tls, LIMIT) as plain,
        served.client_tls.wrap_socket(plain, server_hostname="localhost") as wrapped,
    ):
        return wrapped.getpeercert(binary_form=True) or b""


async def test_a_new_certificate_is_taken_up_while_requests_are_in_progress(
    served: Served, authority: trustme.CA
) -> None:
    """On a signal; the connection under way keeps its own and gets its whole answer."""
    served.backend.script = lambda _: Answer(
        [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE, bytes(SIZE)]
    )
    async with listening(served.backend), await served.connect("tls") as client:
        client.stop_reading()
        await client.send(request())
        await served.backend.until(lambda: served.backend.requests)
        before = await asyncio.to_thread(_certificate, served)
        renewed = install(authority, served.process.directory)
        served.process.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + LIMIT
        while (shown := await asyncio.to_thread(_certificate, served)) != renewed:
            assert (shown, time.monotonic() < deadline) == (before, True)
            await asyncio.sleep(0.05)
        client.start_reading()
        first = await client.read_response()
        await client.send(request())
        second = await client.read_response()

    assert [len(answer.body) for answer in (first, second)] == [SIZE, SIZE]


def test_an_ordinary_https_client_is_served(served: Served) -> None:
    client = http.client.HTTPSConnection("localhost", served.tls[1], timeout=LIMIT, context=served.client_tls)
    client.request("GET", "/")  # nobody listens behind: the gateway answers itself
    assert client.getresponse().status == 502
    client.close()


def both_ends(authority: trustme.CA) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts for a server at localhost and a client that trusts it."""
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    return server, client


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (request(fields="Connection: close\r\n"), 200),
        (b"GET / HTTP/1.0\r\nHost: a\r\n\r\n", 200),
        (b"nonsense\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ],
)
async def test_the_last_answer_over_tls_ends_the_connection_at_once(
    serving: Starter,
    backend: RawBackend,
    authority: trustme.CA,
    monkeypatch: pytest.MonkeyPatch,
    asked: bytes,
    status: int,
) -> None:
    monkeypatch.setattr(client_module, "LINGER", 3600.0)
    server_tls, client_tls = both_ends(authority)
    async with (
        listening(backend),
        serving(upstream(backend), tls=server_tls) as stage,
        await stage.connect(tls=client_tls, server_name="localhost") as client,
    ):
        await client.send(asked)
        answer = await client.read_response()
        ended = await client.wait_closed()

    assert (answer.status, ended) == (status, "fin")


async def test_a_slow_reader_over_tls_gets_everything(
    serving: Starter, backend: RawBackend, authority: trustme.CA
) -> None:
    """What is held back inside the TLS layer counts as well."""
    size = 8 << 20
    backend.script = lambda _: Answer([b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size, bytes(size)])
    server_tls, client_tls = both_ends(authority)
    section = upstream(backend)
    async with (
        listening(backend),
        serving(section, tls=server_tls, server={"timeouts": {"send": "10s"}}) as stage,
        await stage.connect(tls=client_tls, server_name="localhost") as client,
    ):
        await client.send(request())
        while len(client.received) < size and not client.ended:
            client.stop_reading()
            stage.pass_time(1)
            client.start_reading()
            before = len(client.received)
            await until(lambda before=before: len(client.received) != before or client.ended)
        answer = await client.read_response()

    assert (len(answer.body), answer.complete) == (size, True)
