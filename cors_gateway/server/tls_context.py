"""TLS of the listeners: a context made from a certificate and its key.

A context is never changed after it was made: renewed certificates come with a reload, which makes new ones. What can be
wrong with the two files is explained by `config.tls`; here they can only have changed since.

Who speaks plain HTTP to such a listener is told so, in plain HTTP.
"""

import ssl
from collections.abc import Callable
from typing import Any

from cors_gateway.proxy.answers import problem, render
from cors_gateway.server.startup_error import StartupError
from cors_gateway.snapshot import ServerTls

_ANSWER = render(
    problem(400, "plain_http_on_tls_port", "This port speaks TLS: ask with https instead of http."),
    date_line=b"",
    closes=True,
)
_LOOKED_AT = 8192


def make_server_context(
    tls: ServerTls, on_plain_http: Callable[[], None] = lambda: None, *, http2: bool = False
) -> ssl.SSLContext:
    """TLS 1.2 or later, for HTTP/1.1 and, if so asked, HTTP/2. Reads the two files; raises StartupError.

    `on_plain_http` is called for each connection that began with a request instead of a handshake.
    """
    context = _ServerContext(ssl.PROTOCOL_TLS_SERVER)
    context.on_plain_http = on_plain_http
    context.sslobject_class = _ServerHandshake
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])
    try:
        # Without a password OpenSSL would ask for one on the terminal.
        context.load_cert_chain(tls.certificate, tls.key, password="")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StartupError(
            f'cannot use the certificate "{tls.certificate}" with the key "{tls.key}": {reason}'
        ) from None
    return context


class _ServerHandshake(ssl.SSLObject):
    """Answers plain HTTP where a handshake was expected. What follows the answer is dropped."""

    incoming: ssl.MemoryBIO
    outgoing: ssl.MemoryBIO
    on_plain_http: Callable[[], None]
    _is_answered = False

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except ssl.SSLError as error:
            if not self._is_answered:
                # OpenSSL has taken the first bytes, and knows only four methods; the rest of a request says enough.
                rest = self.incoming.read(_LOOKED_AT)
                self._is_answered = error.reason == "HTTP_REQUEST" or b"HTTP/1." in rest.partition(b"\n")[0]
                if self._is_answered:
                    self.outgoing.write(_ANSWER)
                    self.on_plain_http()
            if not self._is_answered:
                raise
            self.incoming.read()
            # As if the handshake went on: that sends the answer. The client closes, or the time for a handshake is up.
            raise ssl.SSLWantReadError from None


class _ServerContext(ssl.SSLContext):
    """Lets its handshakes see both directions."""

    on_plain_http: Callable[[], None]

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *options: Any, **named: Any) -> Any:
        handshake: Any = super().wrap_bio(incoming, outgoing, *options, **named)
        handshake.incoming, handshake.outgoing = incoming, outgoing
        handshake.on_plain_http = self.on_plain_http
        return handshake
