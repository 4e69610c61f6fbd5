"""Checks that a proxy answers as it should before a row is measured: a fast wrong answer must not count."""

import http.client
import socket
import ssl
from dataclasses import dataclass
from typing import Literal

from h2.exceptions import ProtocolError

from tests.benchmarks.http2 import exchange, translated
from tests.benchmarks.messages import MARK
from tests.benchmarks.site import METHODS, ORIGIN, STRANGER, Site

_SECONDS = 10.0


class WrongAnswerError(Exception):
    """What was wrong, in a few words."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """A request and what must come back: for its listed origin full CORS headers, each once, and none of the
    backend's; a stranger is not allowed."""

    request: str
    body_bytes: int
    kind: Literal["actual", "preflight", "upgrade"] = "actual"
    statuses: frozenset[int] = frozenset({200, 204})


def check(site: Site, expectation: Expectation) -> None:
    """Raises WrongAnswerError."""
    request = expectation.request.replace(MARK, "1")
    try:
        answer = _answer(site, request)
        _check_message(answer, expectation)
        # A handshake is no CORS request: its Origin is the backend's to judge.
        if expectation.kind != "upgrade":
            _check_listed(answer, expectation)
            _check_stranger(_answer(site, request.replace(ORIGIN, STRANGER)))
    except (OSError, http.client.HTTPException, ProtocolError) as error:
        raise WrongAnswerError(f"{type(error).__name__}: {error}") from error


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    fields: http.client.HTTPMessage
    body_bytes: int


def _answer(site: Site, request: str) -> _Answer:
    with socket.create_connection(("127.0.0.1", site.port), _SECONDS) as plain:
        connection = _trusting(site).wrap_socket(plain) if site.certificate else plain
        with connection:
            if site.shape.http2:
                return _Answer(*exchange(connection, translated(request)))
            connection.sendall(request.encode("latin-1"))
            response = http.client.HTTPResponse(connection, method=request.partition(" ")[0])
            response.begin()
            return _Answer(response.status, response.msg, len(response.read()))


def _trusting(site: Site) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if site.shape.http2:
        context.set_alpn_protocols(["h2"])
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _check_message(answer: _Answer, expectation: Expectation) -> None:
    if answer.status not in expectation.statuses:
        raise WrongAnswerError(f"status {answer.status}")
    if answer.body_bytes != expectation.body_bytes:
        raise WrongAnswerError(f"body of {answer.body_bytes} bytes instead of {expectation.body_bytes}")


def _check_listed(answer: _Answer, expectation: Expectation) -> None:
    expected = {"Access-Control-Allow-Origin": ORIGIN, "Access-Control-Allow-Credentials": "true"}
    for name, value in expected.items():
        if answer.fields.get_all(name) != [value]:
            raise WrongAnswerError(f"{name}: {answer.fields.get_all(name)}")
    if expectation.kind == "actual" and "origin" not in ", ".join(answer.fields.get_all("Vary", [])).lower():
        raise WrongAnswerError("no Vary: Origin")
    if expectation.kind == "preflight":
        methods = answer.fields.get("Access-Control-Allow-Methods", "")
        if not all(method in methods for method in METHODS):
            raise WrongAnswerError(f"Access-Control-Allow-Methods: {methods!r}")
        if not answer.fields.get("Access-Control-Max-Age"):
            raise WrongAnswerError("no Access-Control-Max-Age")


def _check_stranger(answer: _Answer) -> None:
    # Without this field the others mean nothing to a browser, and Envoy sends some of them.
    if answer.fields.get("Access-Control-Allow-Origin"):
        raise WrongAnswerError("Access-Control-Allow-Origin for an origin that is not listed")
