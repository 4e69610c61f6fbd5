"""The TLS of listeners: what it speaks, and what is said when the files cannot be used."""

import ssl
from pathlib import Path

import pytest
import trustme

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
