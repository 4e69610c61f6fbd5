"""The TLS of listeners: what it speaks, and what is said when the files cannot be used."""

import asyncio
import contextlib
import ssl
from pathlib import Path

import pytest
import trustme
import uvloop

from cors_gateway.server.startup_error import StartupError
from cors_gateway.server.tls_context import make_server_context
from cors_gateway.snapshot import ServerTls

AUTHORITY = trustme.CA()


def _files(directory: Path) -> ServerTls:
    issued = AUTHORITY.issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(directory / "certificate.pem")
    issued.private_key_pem.write_to_path(directory / "key.pem")
    return ServerTls(str(directory / "certificate.pem"), str(directory / "key.pem"))


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> ssl.SSLObject:
    """Both ends in memory; returns the client's."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client_side = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    server_side = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for side in (client_side, server_side):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return client_side


def _client() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def test_it_speaks_http_1_1_over_modern_tls(tmp_path: Path) -> None:
    connection = _handshake(make_server_context(_files(tmp_path)), _client())

    assert (connection.version(), connection.selected_alpn_protocol()) == ("TLSv1.3", "http/1.1")


def test_it_speaks_http_2_where_that_is_wanted(tmp_path: Path) -> None:
    connection = _handshake(make_server_context(_files(tmp_path), http2=True), _client())

    assert connection.selected_alpn_protocol() == "h2"


def test_tls_1_1_is_refused(tmp_path: Path) -> None:
    assert make_server_context(_files(tmp_path)).minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    tls = _files(tmp_path)
    Path(tls.key).unlink()
    with pytest.raises(StartupError, match=r'with the key ".*/key.pem": no such file or directory'):
        make_server_context(tls)


def test_files_that_do_not_belong_together(tmp_path: Path) -> None:
    tls = _files(tmp_path)
    AUTHORITY.issue_cert("localhost").private_key_pem.write_to_path(tls.key)
    with pytest.raises(StartupError, match="cannot use the certificate"):
        make_server_context(tls)


# -- plain HTTP


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE", "PATCH", "QUERY", "CONNECT", "M"]
)
def test_plain_http_is_told_that_this_is_tls(tmp_path: Path, method: str) -> None:
    reports: list[None] = []
    context = make_server_context(_files(tmp_path), lambda: reports.append(None))
    head = f"{method} /a HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n".encode()
    for data in (head, head + bytes(20000)):
        answer = _told(context, data)
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b"\r\nConnection: close\r\n" in answer
        assert b'"reason": "plain_http_on_tls_port"' in answer

    assert len(reports) == 2


@pytest.mark.parametrize("data", [b"SSH-2.0-x\r\n", bytes(range(200)), b"GETTING THERE\r\n\r\n"])
def test_what_is_neither_tls_nor_http_gets_no_answer(tmp_path: Path, data: bytes) -> None:
    reports: list[None] = []
    context = make_server_context(_files(tmp_path), lambda: reports.append(None))

    assert not _told(context, data).startswith(b"HTTP")
    assert reports == []


def _told(context: ssl.SSLContext, data: bytes) -> bytes:
    """What a client gets that sends this and reads to the end of an answer; on the loop of production."""

    async def ask() -> bytes:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0, ssl=context)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(data)
        try:
            return await reader.readuntil(b"}\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        finally:
            writer.close()
            server.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(ask())
