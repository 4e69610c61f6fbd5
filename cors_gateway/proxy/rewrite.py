"""Heads as they go on: a request's framing for the backend, a response's head for the client.

The backend's own Access-Control fields never leave here on a route that the gateway governs; Vary is merged; the
grant is written last, after hop-by-hop removal, so that nothing a backend nominates can take it away.
"""

from itertools import compress

from cors_gateway.http1.request import CHUNKED, NO_BODY, RequestHead
from cors_gateway.http1.response import CHUNKED as CHUNKED_BODY
from cors_gateway.http1.response import ResponseHead, ResponseSection
from cors_gateway.policy.grant import Grant
from cors_gateway.policy.vary import merge_vary

CONNECTION_CLOSE = b"Connection: close\r\n"

# What a response head depends on besides itself and its grant, as bits of one number.
CLOSES = 1
"""The client connection ends with the response."""
IS_HTTP11 = 2
"""So is the client: a body without a length goes out chunked to 1.1 and until close to 1.0."""
IS_HEAD_REQUEST = 4

_EXPOSE_HEADERS = b"access-control-expose-headers"


def framing_line(head: RequestHead) -> bytes:
    """How the body of a request is framed for the backend, as a line with its CRLF; nothing if there is none."""
    if head.framing == NO_BODY:
        return b""
    if head.framing == CHUNKED:
        return b"Transfer-Encoding: chunked\r\n"
    return b"Content-Length: %d\r\n" % head.content_length


class ResponseRewriter:
    """Writes the heads of responses for clients, one after the other from one backend connection.

    What only depends on what a head says, on the grant and on the client is made once and kept; the same head for the
    same grant is not even read again.
    """

    __slots__ = (
        *("received", "rewritten", "section", "stripped"),
        *("_date_line", "_ending", "_grant", "_is_passed_on", "_variant"),
    )

    def __init__(self) -> None:
        self.received = b""
        """The last head as it came, without its empty line."""
        self.section: ResponseSection | None = None
        """What that was."""
        self.rewritten = b""
        """What it became, with the empty line."""
        self.stripped = 0
        """How many Access-Control fields of the backend were removed from it."""
        self._grant: Grant | None = None
        self._variant = -1
        self._date_line: bytes | None = None
        self._is_passed_on: list[bool] = []
        self._ending = b""

    def is_same(self, received: bytes, grant: Grant, variant: int, date_line: bytes) -> bool:
        """Whether `rewritten` is what these become, as the last ones did."""
        return (
            received == self.received
            and grant is self._grant
            and variant == self._variant
            and (self._date_line is None or self._date_line is date_line)
        )

    def rewrite(
        self, received: bytes, section: ResponseSection, grant: Grant, variant: int, date_line: bytes
    ) -> bool:
        """Set `rewritten`. Gives whether `section` says something else than the last, or to another grant."""
        head = section.head
        before = self.section
        is_new = before is None or head is not before.head or grant is not self._grant
        if is_new or section.layout is not before.layout:  # type: ignore[union-attr]  # a first one is new
            self._is_passed_on = _passed_on(section, grant)
            self.stripped = sum(field.is_cors for field in head.policy_fields) if grant.rewrite else 0
        if (
            is_new
            or variant != self._variant
            or not (self._date_line is None or self._date_line is date_line)
        ):
            self._date_line = None if head.has_date else date_line
            self._ending = _ending(head, grant, variant, date_line)
        self._grant = grant
        self._variant = variant
        self.received = received
        self.section = section
        lines = compress(section.lines, self._is_passed_on)
        self.rewritten = b"\r\n".join((head.start_line, *lines, self._ending))
        return is_new


def interim_head(section: ResponseSection, grant: Grant, added: bytes = b"") -> bytes:
    """An interim (1xx) response for the client: its fields without those of the Access-Control family.

    `added` are complete lines.
    """
    is_passed_on = [
        is_end_to_end and not (grant.rewrite and field.is_cors)
        for is_end_to_end, field in zip(section.layout.is_end_to_end, section.fields, strict=True)
    ]
    lines = compress(section.lines, is_passed_on)
    return b"\r\n".join((section.head.start_line, *lines, added + b"\r\n"))


def _passed_on(section: ResponseSection, grant: Grant) -> list[bool]:
    """For each line of a response whether it goes on to the client under a grant."""
    is_end_to_end = section.layout.is_end_to_end
    if not (grant.rewrite and section.head.policy_fields):
        return is_end_to_end
    return [
        is_kept and not (field.is_cors or field.is_vary or field.name in grant.strip)
        for is_kept, field in zip(is_end_to_end, section.fields, strict=True)
    ]


def _ending(head: ResponseHead, grant: Grant, variant: int, date_line: bytes) -> bytes:
    """What follows the lines that go on: policy, date, framing, the empty line."""
    parts = list(_policy_lines(head, grant)) if grant.rewrite else []
    if not head.has_date:
        parts.append(date_line)
    is_http11 = variant & IS_HTTP11
    if head.has_no_body or variant & IS_HEAD_REQUEST:
        if head.content_length is not None and head.status not in {101, 204}:
            parts.append(b"Content-Length: %d\r\n" % head.content_length)
        elif head.length == CHUNKED_BODY and variant & IS_HEAD_REQUEST and is_http11:
            parts.append(b"Transfer-Encoding: chunked\r\n")
    elif head.content_length is not None:
        parts.append(b"Content-Length: %d\r\n" % head.content_length)
    elif is_http11:
        parts.append(b"Transfer-Encoding: chunked\r\n")
    if variant & CLOSES:
        parts.append(CONNECTION_CLOSE)
    parts.append(b"\r\n")
    return b"".join(parts)


def _policy_lines(head: ResponseHead, grant: Grant) -> tuple[bytes, bytes]:
    """Vary, merged with the backend's, and the grant."""
    if not head.policy_fields:
        return grant.vary_line, grant.lines
    merged = merge_vary([field.value for field in head.policy_fields if field.is_vary], grant.vary)
    lines = grant.lines
    if grant.merge_expose:
        offered = [field.value for field in head.policy_fields if field.name == _EXPOSE_HEADERS]
        lines = grant.lines_with_expose(offered)
    return b"Vary: " + merged + b"\r\n" if merged else b"", lines
