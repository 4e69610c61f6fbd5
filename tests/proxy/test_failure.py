"""What operators are told of a failure, and clients are not."""

import errno
import socket
import ssl

import pytest

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.proxy.failure import MAX_DETAIL, UpstreamFailure, trouble_of


def expired() -> ssl.SSLError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "certificate has expired"
    return error


@pytest.mark.parametrize(
    ("failure", "error", "cause", "detail"),
    [
        (
            UpstreamFailure.INVALID_RESPONSE,
            ProtocolFault(Cause.HEAD_TOO_LARGE, limit=5),
            *(Cause.HEAD_TOO_LARGE, "limit 5"),
        ),
        (UpstreamFailure.TLS, expired(), UpstreamFailure.TLS, "certificate has expired"),
        (
            UpstreamFailure.REFUSED,
            ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
            *(UpstreamFailure.REFUSED, "Connection refused"),
        ),
        (
            UpstreamFailure.NAME_UNKNOWN,
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            *(UpstreamFailure.NAME_UNKNOWN, "Name or service not known"),
        ),
        (UpstreamFailure.UNREACHABLE, OSError("x" * 5000), UpstreamFailure.UNREACHABLE, "x" * MAX_DETAIL),
        (UpstreamFailure.CONNECT_TIMEOUT, TimeoutError(), UpstreamFailure.CONNECT_TIMEOUT, ""),
        (UpstreamFailure.UNAVAILABLE, None, UpstreamFailure.UNAVAILABLE, ""),
    ],
)
def test_a_failure_has_the_finest_cause_and_what_the_system_says(
    failure: UpstreamFailure, error: BaseException | None, cause: str, detail: str
) -> None:
    told = trouble_of(failure, error)

    assert (told.event, told.cause, told.detail, told.failure) == ("upstream_failed", cause, detail, failure)
