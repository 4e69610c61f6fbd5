"""Heads as they go on: a request's fields for the backend, a response's head for the client.

The backend's own Access-Control fields never leave here on a route that the gateway governs; Vary is merged; the
grant is written last, after hop-by-hop removal, so that nothing a backend nominates can take it away.
"""

from collections.abc import Sequence

from cors_gateway.http1.request import CHUNKED, NO_BODY, RequestHead
from cors_gateway.http1.response import CHUNKED as CHUNKED_BODY
from cors_gateway.http1.response import ResponseHead
from cors_gateway.policy.grant import Grant
from cors_gateway.policy.vary import merge_vary

CONNECTION_CLOSE = b"Connection: close\r\n"
_EXPOSE_HEADERS = b"access-control-expose-headers"


def request_fields(
    head: RequestHead,
    *,
    host: bytes,
    strip_origin: bool,
    added: Sequence[bytes],
) -> bytes:
    """The header section for the backend, each line with its CRLF, without X-Request-Id and the empty line.

    `added` are the gateway's own lines, each with its CRLF: about forwarding, or for a WebSocket handshake.
    """
    lines = [b"Host: %b\r\n" % host, *head.kept_lines(without_origin=strip_origin), *added]
    if head.framing == CHUNKED:
        lines.append(b"Transfer-Encoding: chunked\r\n")
    elif head.framing != NO_BODY:
        lines.append(b"Content-Length: %d\r\n" % head.content_length)
    return b"".join(lines)


def response_head(
    response: ResponseHead,
    grant: Grant,
    *,
    is_head_request: bool,
    is_http11: bool,
    closes: bool,
    date_line: bytes,
) -> bytes:
    """The complete head for the client, with the empty line.

    `is_http11` is the client's version: a body without a length goes out chunked to 1.1 and until close to 1.0.
    """
    parts = [response.start_line]
    if response.has_policy_fields:
        parts += _with_policy(response, grant)
    else:
        parts += [field.line for field in response.fields]
        if grant.rewrite:
            parts += (grant.vary_line, grant.lines)
    if not response.has_date:
        parts.append(date_line)
    if response.has_no_body or is_head_request:
        if response.content_length is not None and response.status not in {101, 204}:
            parts.append(b"Content-Length: %d\r\n" % response.content_length)
        elif response.length == CHUNKED_BODY and is_head_request and is_http11:
            parts.append(b"Transfer-Encoding: chunked\r\n")
    elif response.content_length is not None:
        parts.append(b"Content-Length: %d\r\n" % response.content_length)
    elif is_http11:
        parts.append(b"Transfer-Encoding: chunked\r\n")
    if closes:
        parts.append(CONNECTION_CLOSE)
    parts.append(b"\r\n")
    return b"".join(parts)


def interim_head(response: ResponseHead, grant: Grant) -> bytes:
    """An interim (1xx) response for the client: its fields without those of the Access-Control family."""
    lines = [field.line for field in response.fields if not (grant.rewrite and field.is_cors)]
    return b"".join([response.start_line, *lines, b"\r\n"])


def stripped_fields(response: ResponseHead) -> int:
    """How many Access-Control fields the backend sent, to be counted where they are removed."""
    return sum(field.is_cors for field in response.fields) if response.has_policy_fields else 0


def _with_policy(response: ResponseHead, grant: Grant) -> list[bytes]:
    if not grant.rewrite:
        return [field.line for field in response.fields]
    vary = [field.value for field in response.fields if field.is_vary]
    parts = [
        field.line
        for field in response.fields
        if not (field.is_cors or field.is_vary or field.name in grant.strip)
    ]
    merged = merge_vary(vary, grant.vary)
    if merged:
        parts.append(b"Vary: " + merged + b"\r\n")
    if grant.merge_expose:
        offered = [field.value for field in response.fields if field.name == _EXPOSE_HEADERS]
        parts.append(grant.lines_with_expose(offered))
    else:
        parts.append(grant.lines)
    return parts
