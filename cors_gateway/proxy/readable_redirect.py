"""Redirects of a backend to another origin, told to scripts as something that they can read.

A login proxy answers an expired session with a redirect to the login page of another site. A browser that follows it for
`fetch` asks there with `Origin: null`, is refused, and the script sees a CORS error. A policy can have such a redirect
made a 401 with the target in it (`cross_origin_redirects: unauthorized`): the script may send its user there.
"""

import re
from collections.abc import Callable

from cors_gateway.http1.redirect import other_origin
from cors_gateway.http1.request import HeaderSection
from cors_gateway.http1.response import ResponseSection
from cors_gateway.policy.grant import Grant
from cors_gateway.proxy.answers import OwnAnswer, problem, under
from cors_gateway.proxy.response_rules import ResponseRules
from cors_gateway.proxy.roles import ResponseSink
from cors_gateway.proxy.splice import NOWHERE, End

REASON = "cross_origin_redirect"

_DETAIL = "The backend redirects to another origin, where a script cannot follow; its user probably has to log in there."
# As the backend was told it, which is the scheme that is believed.
_IS_HTTPS = re.compile(rb"\r\nX-Forwarded-Proto: *https\r\n", re.IGNORECASE)


def readable(
    location: bytes,
    rules: ResponseRules,
    section: HeaderSection,
    request: bytes,
    grant: Grant,
    request_id: bytes,
) -> OwnAnswer | None:
    """What to answer in place of a redirect to `location`; None if a browser can follow it.

    `section` is that of the client's request, `request` the head that the backend got.
    """
    if section.values_of(b"sec-fetch-mode") != [b"cors"]:
        return None
    scheme = b"https" if _IS_HTTPS.search(request) else b"http"
    own = ((scheme, section.head.host or b""), *rules.own_places)
    if not all(other_origin(location, *place) for place in own):
        return None
    text = location.decode("utf-8", "backslashreplace")
    return under(grant, problem(401, REASON, _DETAIL, request_id=request_id, location=text))


class InsteadSink:
    """Takes a response, and sends an answer of the gateway's own in its place. A `roles.ResponseSink`."""

    __slots__ = ("_answer", "_replaced", "_sink")

    def __init__(self, sink: ResponseSink, answer: OwnAnswer, replaced: Callable[[int, bool], None]) -> None:
        """`replaced` is told the status that was sent, and whether the response that was not is complete."""
        self._sink = sink
        self._answer = answer
        self._replaced = replaced

    @property
    def bytes_out(self) -> int:
        return self._sink.bytes_out

    def begin(self, head: bytes, body: bytes, *, is_sized: bool, is_last: bool) -> None:
        self._sink.answer(self._answer)
        self._replaced(self._answer.status, is_last)

    def go_on(self, body: bytes | memoryview, *, is_last: bool) -> None:
        """Drop it."""

    def outlet(self) -> End:
        return NOWHERE

    def moved(self, size: int) -> None: ...

    def interim(self, section: ResponseSection, grant: Grant) -> None:
        self._sink.interim(section, grant)

    def answer(self, answer: OwnAnswer) -> None:
        self._sink.answer(answer)
