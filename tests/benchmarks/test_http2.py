"""The probe's one exchange of HTTP/2, against a server of the same library over real TLS."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator

import pytest
import trustme
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded

from tests.benchmarks import messages
from tests.benchmarks.http2 import exchange, translated

_AUTHORITY = trustme.CA()


def _serve(listener: socket.socket, context: ssl.SSLContext) -> None:
    """One connection: says how many bytes it got, in two fields of one name; resets what asks for `/reset`."""
    plain, _ = listener.accept()
    plain.settimeout(10)
    # A client that wants no more closes, whatever was on its way to it.
    with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
        state = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        state.initiate_connection()
        received = 0
        connection.sendall(state.data_to_send())
        while data := connection.recv(65536):
            for event in state.receive_data(data):
                if isinstance(event, RequestReceived) and (":path", "/reset") in (event.headers or ()):
                    state.reset_stream(1)
                    break
                if isinstance(event, DataReceived):
                    received += len(event.data or b"")
                    state.acknowledge_received_data(event.flow_controlled_length or 0, 1)
                elif isinstance(event, StreamEnded):
                    state.send_headers(1, [(":status", "201"), ("vary", "Origin"), ("vary", str(received))])
                    state.send_data(1, b"stored", end_stream=True)
            connection.sendall(state.data_to_send())


@pytest.fixture
def connection(request: pytest.FixtureRequest) -> Iterator[ssl.SSLSocket]:
    """To a server that agrees on the protocol that the test asks for."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.set_alpn_protocols([request.param])
    _AUTHORITY.issue_cert("localhost").configure_cert(serving)
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asking.set_alpn_protocols(["h2", "http/1.1"])
    _AUTHORITY.configure_trust(asking)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, serving))
        thread.start()
        plain = socket.create_connection(listener.getsockname(), 10)
        with asking.wrap_socket(plain, server_hostname="localhost") as client:
            yield client
        thread.join()


@pytest.mark.parametrize("connection", ["h2"], indirect=True)
@pytest.mark.parametrize("size", [0, 1, 300_000])
def test_a_body_of_any_size_goes_through_the_windows(connection: ssl.SSLSocket, size: int) -> None:
    status, fields, length = exchange(connection, translated(messages.post("/sink/upload", "x" * size)))
    assert (status, length) == (201, len("stored"))
    assert fields.get_all("Vary") == ["Origin", str(size)]


@pytest.mark.parametrize("connection", ["h2"], indirect=True)
def test_a_stream_that_is_reset_is_no_answer(connection: ssl.SSLSocket) -> None:
    with pytest.raises(ConnectionError, match="StreamReset"):
        exchange(connection, translated(messages.get("/reset")))


@pytest.mark.parametrize("connection", ["http/1.1"], indirect=True)
def test_nothing_is_asked_where_http2_was_not_agreed_on(connection: ssl.SSLSocket) -> None:
    with pytest.raises(ConnectionError, match="not agreed on"):
        exchange(connection, translated(messages.get("/api/json")))
