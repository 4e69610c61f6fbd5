"""Heads as they go on: a request's framing for the backend, a response's head for the client.

The backend's own Access-Control fields never leave here on a route that the gateway governs; Vary is merged; the
grant is written last, after hop-by-hop removal, so that nothing a backend nominates can take it away.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import compress
from typing import Protocol

from cors_gateway.http1.fields import CRLF
from cors_gateway.http1.request import CHUNKED, NO_BODY, RequestHead
from cors_gateway.http1.response import CHUNKED as CHUNKED_BODY
from cors_gateway.http1.response import ResponseHead, ResponseReader, ResponseSection
from cors_gateway.policy.grant import Grant
from cors_gateway.policy.vary import exposable, merge_vary
from cors_gateway.proxy.response_rules import PLACES, REDIRECTS, ResponseRules

CONNECTION_CLOSE = b"Connection: close\r\n"

# The form of a response head: what it depends on besides itself and its grant, as bits of one number.
CLOSES = 1
"""The client connection ends with the response."""
IS_HTTP11 = 2
"""So is the client: a body without a length goes out chunked to 1.1 and until close to 1.0."""
IS_HEAD_REQUEST = 4
IS_STREAM = 8
"""The client gets it on a stream of HTTP/2, which frames bodies by itself and knows no fields of a connection."""

READER = ResponseReader()
"""Of all connections to backends."""
_EXPOSE_HEADERS = b"access-control-expose-headers"


class Asker(Protocol):
    """Whoever a response is for: the request that it answers."""

    @property
    def head(self) -> RequestHead: ...

    def redirects_to(self, location: bytes, rules: ResponseRules) -> None:
        """The response, which begins next, sends the client to `location`, and the route tells scripts instead."""


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
        *("_changes", "_date_line", "_ending", "_form", "_framing", "_grant", "_is_passed_on", "_is_once"),
        *("_rules", "_select", "_vary_line"),
    )

    def __init__(self, rules: ResponseRules | None = None) -> None:
        """`rules` are those of the upstream, for grants that carry none of a route."""
        self.received = b""
        """The last head as it came, with its empty line."""
        self.section: ResponseSection | None = None
        """What that was."""
        self.rewritten = b""
        """What it became, with the empty line."""
        self.stripped = 0
        """How many Access-Control fields of the backend were removed from it."""
        self._grant: Grant | None = None
        self._form = -1
        self._date_line: bytes | None = None
        self._is_passed_on: list[bool] = []
        self._vary_line = b""
        """Also the lines that the route sets."""
        self._rules = rules
        self._select: Callable[[ResponseSection, list[bool]], bytes] = ResponseSection.kept
        """Gives the lines that are passed on, each with its CRLF."""
        self._changes: list[tuple[int, Callable[[bytes], bytes]]] = []
        """Which of them are changed, and how, if `_select` is `_select_changed`."""
        self._is_once = False
        """Whether a change depends on the request, so that it cannot be kept."""
        self._framing = b""
        self._ending = b""
        """What follows the lines that are passed on: Vary, the grant, date and framing, the empty line."""

    def known(self, data: bytes, grant: Grant, form: int, date_line: bytes) -> ResponseHead | None:
        """What the head says that `data` begins with, if that is the last one, and `rewritten` what it becomes."""
        if (
            data.startswith(self.received)
            and grant is self._grant
            and form == self._form
            and (self._date_line is None or self._date_line is date_line)
            and self.section is not None
        ):
            return self.section.head
        return None

    def read(self, head: bytes) -> ResponseSection:
        """What a head is without its last CRLF and the empty line, read as a variation of the last. Raises ProtocolFault."""
        return READER.read(head, self.section)

    def rewrite(
        self,
        received: bytes,
        section: ResponseSection,
        grant: Grant,
        form: int,
        date_line: bytes,
        asker: Asker,
    ) -> bool:
        """Set `rewritten` to what a head becomes that came as `received`. Gives whether `section` says something else than the last, or to another grant."""
        head, before = section.head, self.section
        is_same = (
            before is not None
            and head is before.head
            and section.layout is before.layout
            and grant is self._grant
            and form == self._form
            and (self._date_line is None or self._date_line is date_line)
        )
        is_new = not is_same and self._prepare(section, grant, form, date_line, asker)
        self.received = received
        self.section = section
        lines = self._select(section, self._is_passed_on)
        self.rewritten = b"".join((head.start_line, CRLF, lines, self._ending))
        return is_new

    def _prepare(
        self, section: ResponseSection, grant: Grant, form: int, date_line: bytes, asker: Asker
    ) -> bool:
        """Set what is kept for heads like this one, where it is not that for the last. Gives what `rewrite` does."""
        head, layout = section.head, section.layout
        before, last = self.section, self._grant
        is_other_head = before is None or head is not before.head
        is_other_layout = before is None or is_other_head or layout is not before.layout
        is_other_rule = grant is not last and (last is None or not _has_same_rules(grant, last))
        if is_other_layout or is_other_rule:
            self._is_passed_on = _passed_on(section, grant)
            self._vary_line = _vary_line(head, grant)
            self.stripped = sum(field.is_cors for field in head.policy_fields) if grant.rewrite else 0
            self._select = ResponseSection.kept
            if grant.rules is not None or head.policy_fields:
                self._apply_rules(section, grant, asker)
        is_other_time = not (self._date_line is None or self._date_line is date_line)
        if is_other_layout or is_other_time or form != self._form:
            self._date_line = None if layout.has_date else date_line
            self._framing = _framing(head, self._date_line, form)
        self._ending = self._vary_line + self._grant_lines(section, grant) + self._framing
        self._grant = grant
        self._form = form
        return is_other_head or grant is not last

    def _apply_rules(self, section: ResponseSection, grant: Grant, asker: Asker) -> None:
        """Find out what the route, or else the upstream, wants changed in heads like this one."""
        rules = grant.rules if isinstance(grant.rules, ResponseRules) else self._rules
        if rules is None:
            return
        names = [field.name for field in section.fields]
        if rules.edits is not None:
            self._is_passed_on = rules.passed_on(names, self._is_passed_on)
            self._vary_line += rules.edits.lines
        self._changes = rules.changes(names, self._is_passed_on, asker.head.host or b"")
        self._is_once = rules.depends_on_request and any(names[at] in PLACES for at, _ in self._changes)
        if self._changes:
            self._select = self._select_changed
        if rules.tells_scripts and section.head.status in REDIRECTS:
            for at, change in self._changes:
                if names[at] == b"location":
                    asker.redirects_to(change(section.lines[at]).partition(b": ")[2], rules)

    def _select_changed(self, section: ResponseSection, is_passed_on: list[bool]) -> bytes:
        lines = section.lines
        changed = lines.copy()
        for at, change in self._changes:
            changed[at] = change(lines[at])
        if self._is_once:
            self._grant = None  # so the next response is not taken for a repetition
        return b"".join([line + b"\r\n" for line in compress(changed, is_passed_on)])

    def _grant_lines(self, section: ResponseSection, grant: Grant) -> bytes:
        if not grant.merge_expose:
            return grant.lines
        if not grant.exposes_all:
            fields = section.head.policy_fields
            return grant.lines_with_expose([field.value for field in fields if field.name == _EXPOSE_HEADERS])
        names = [field.name for field in compress(section.fields, self._is_passed_on)]
        added = self._vary_line + grant.lines + (self._date_line or b"")
        return exposing(grant, [*names, *names_in(added)])


def exposing(grant: Grant, names: Iterable[bytes]) -> bytes:
    """The lines of a grant that exposes all fields of a response, whose lower-case names these are."""
    return grant.lines_with_expose([b",".join(exposable(names))])


def names_in(lines: bytes) -> Iterator[bytes]:
    """The lower-case names of complete lines."""
    for line in lines.split(b"\r\n")[:-1]:
        yield line.partition(b":")[0].lower()


def interim_head(section: ResponseSection, grant: Grant, added: bytes = b"") -> bytes:
    """An interim (1xx) response for the client: its fields without those of the Access-Control family.

    `added` are complete lines. Routes change nothing about it, unless it is a 101: that one is the last word in HTTP.
    """
    is_passed_on = [
        is_end_to_end and not (grant.rewrite and field.is_cors)
        for is_end_to_end, field in zip(section.layout.is_end_to_end, section.fields, strict=True)
    ]
    lines = section.lines
    if section.head.status == 101 and isinstance(grant.rules, ResponseRules):
        rules, names = grant.rules, [field.name for field in section.fields]
        is_passed_on = rules.passed_on(names, is_passed_on)
        lines = lines.copy()
        for at, change in rules.changes(names, is_passed_on, b""):
            lines[at] = change(lines[at])
        added += b"" if rules.edits is None else rules.edits.lines
    return b"\r\n".join((section.head.start_line, *compress(lines, is_passed_on), added + b"\r\n"))


def _passed_on(section: ResponseSection, grant: Grant) -> list[bool]:
    """For each line of a response whether it goes on to the client under a grant."""
    is_end_to_end = section.layout.is_end_to_end
    if not (grant.rewrite and section.head.policy_fields):
        return is_end_to_end
    return [
        is_kept and not (field.is_cors or field.is_vary or field.name in grant.strip)
        for is_kept, field in zip(is_end_to_end, section.fields, strict=True)
    ]


def _has_same_rules(grant: Grant, other: Grant) -> bool:
    """Whether two grants are of one policy, or as good as: they differ in what they write, not in what they remove."""
    return (
        grant.strip is other.strip
        and grant.vary is other.vary
        and grant.rewrite is other.rewrite
        and grant.merge_expose is other.merge_expose
        and grant.rules is other.rules
    )


def _vary_line(head: ResponseHead, grant: Grant) -> bytes:
    """The backend's Vary and the grant's in one line."""
    if not (grant.rewrite and head.policy_fields):
        return grant.vary_line
    merged = merge_vary([field.value for field in head.policy_fields if field.is_vary], grant.vary)
    return b"Vary: " + merged + b"\r\n" if merged else b""


def _framing(head: ResponseHead, date_line: bytes | None, form: int) -> bytes:
    """The end of a head: a date to add, framing of the body, the empty line."""
    parts = [] if date_line is None else [date_line]
    is_http11 = form & IS_HTTP11
    if head.has_no_body or form & IS_HEAD_REQUEST:
        if head.content_length is not None and head.status not in {101, 204}:
            parts.append(b"Content-Length: %d\r\n" % head.content_length)
        elif head.length == CHUNKED_BODY and form & IS_HEAD_REQUEST and is_http11:
            parts.append(b"Transfer-Encoding: chunked\r\n")
    elif head.content_length is not None:
        parts.append(b"Content-Length: %d\r\n" % head.content_length)
    elif is_http11:
        parts.append(b"Transfer-Encoding: chunked\r\n")
    if (
        head.status == 426 and head.upgrade is not None and not form & IS_STREAM
    ):  # RFC 9110 15.5.22: what to upgrade to is the answer
        parts.append(b"Connection: upgrade\r\nUpgrade: %b\r\n" % head.upgrade)
    if form & CLOSES:
        parts.append(CONNECTION_CLOSE)
    parts.append(b"\r\n")
    return b"".join(parts)
