"""Why an upstream could not answer: one closed set of words, each with the status the client gets.

The same word stands in the problem document, the access log and the metric. Exceptions of the network are mapped to
it here and nowhere else. What the client is not told, and the operator is, is the `Trouble` that goes with it.
"""

import socket
import ssl
from enum import StrEnum

from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.observe.trouble import Trouble

MAX_DETAIL = 200
"""Characters of what the system says of an error."""


class UpstreamFailure(StrEnum):
    """Cause class of a failed exchange with an upstream. Says nothing about addresses or internals."""

    REFUSED = "upstream_refused"
    UNREACHABLE = "upstream_unreachable"
    NAME_UNKNOWN = "upstream_name_unknown"
    TLS = "upstream_tls"
    RESET = "upstream_reset"
    INVALID_RESPONSE = "upstream_invalid_response"
    CONNECT_TIMEOUT = "upstream_connect_timeout"
    RESPONSE_TIMEOUT = "upstream_response_timeout"
    UNAVAILABLE = "upstream_unavailable"

    @property
    def status(self) -> int:
        if self in {UpstreamFailure.CONNECT_TIMEOUT, UpstreamFailure.RESPONSE_TIMEOUT}:
            return 504
        return 503 if self is UpstreamFailure.UNAVAILABLE else 502

    @property
    def detail(self) -> str:
        """One sentence for the problem document."""
        return _DETAILS[self]


_DETAILS = {
    UpstreamFailure.REFUSED: "The upstream refused the connection.",
    UpstreamFailure.UNREACHABLE: "The upstream could not be reached.",
    UpstreamFailure.NAME_UNKNOWN: "The upstream's name could not be resolved.",
    UpstreamFailure.TLS: "The TLS handshake with the upstream failed.",
    UpstreamFailure.RESET: "The upstream closed the connection before it answered.",
    UpstreamFailure.INVALID_RESPONSE: "The upstream's answer was not valid HTTP/1.1.",
    UpstreamFailure.CONNECT_TIMEOUT: "The upstream did not accept a connection in time.",
    UpstreamFailure.RESPONSE_TIMEOUT: "The upstream did not answer in time.",
    UpstreamFailure.UNAVAILABLE: "No server of the upstream is healthy.",
}


def trouble_of(failure: UpstreamFailure, error: BaseException | None = None) -> Trouble:
    """A failure for log, event and metric; `error` is what led to it, as far as known.

    A response that is not HTTP has the cause that its fault has: the failure alone would not say what to mend.
    """
    if isinstance(error, ProtocolFault):
        return Trouble("upstream_failed", error.cause, error.where, failure)
    if isinstance(error, ssl.SSLError):
        detail = getattr(error, "verify_message", "") or error.reason or str(error)
    elif isinstance(error, OSError):
        detail = error.strerror or str(error)
    else:
        detail = ""
    return Trouble("upstream_failed", failure, detail[:MAX_DETAIL], failure)


def classify_loss(error: Exception | None) -> UpstreamFailure:
    """The failure that the loss of an open connection means; without an error it was closed in order."""
    match error:
        case ssl.SSLError():  # in TLS 1.3 a server refuses a client's certificate after the handshake
            return UpstreamFailure.TLS
        case TimeoutError():
            return UpstreamFailure.RESPONSE_TIMEOUT
        case _:
            return UpstreamFailure.RESET


def classify_connecting(error: BaseException) -> UpstreamFailure:
    """The failure that an exception of connecting means."""
    match error:
        case TimeoutError():
            return UpstreamFailure.CONNECT_TIMEOUT
        case ConnectionRefusedError() | FileNotFoundError():
            return UpstreamFailure.REFUSED
        case socket.gaierror():
            return UpstreamFailure.NAME_UNKNOWN
        case ssl.SSLError():
            return UpstreamFailure.TLS
        case ConnectionError():
            return UpstreamFailure.RESET
        case _:
            return UpstreamFailure.UNREACHABLE
