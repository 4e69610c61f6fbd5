"""docs/causes.md, made from the three sets of causes and what to do about each: `python -m tests.causes_page` writes it."""

from collections.abc import Iterator
from pathlib import Path

from cors_gateway.http1.cause import Cause
from cors_gateway.http2.cause import ConnectionCause
from cors_gateway.observe.remedies import REMEDIES
from cors_gateway.observe.trouble import Notice
from cors_gateway.proxy.failure import UpstreamFailure
from tests.docs import meanings

DOCUMENT = Path(__file__).parent.parent / "docs" / "causes.md"

INTRODUCTION = """\
# Causes

What is not a decision about CORS has a cause: a request that is refused, an upstream that fails, a field that is dropped,
a redirect that leads a script astray. The word is the same everywhere:

| where | how |
|---|---|
| access log | `cause`, and `detail`: which field, which line, which limit, which origin. `failure` stands beside it if an upstream failed |
| events | `request_refused`, `upstream_failed`, `fields_dropped`, `redirected`, `origin_removed` and `forwarding_ignored`, with `route`, `cause` and `detail`; each cause at once on each route, then at most once a minute (and worker) |
| metrics | `cors_gateway_causes_total{route, cause}` |
| problem document | `cause`, where the client's own request is at fault; never what went wrong behind the gateway |

A refused request is answered like any other of its route as soon as its path, its `Host` and its `Origin` can be read:
with the CORS fields that the policy grants, so that a page sees the status, and a console does not blame CORS for a
cookie that is too large.

Why CORS came out as it did is a *reason*, and has a [page of its own](decisions.md).
"""


def causes() -> str:
    """The whole document."""
    sections = [INTRODUCTION]
    for title, rows in (
        ("Messages that are not taken", _of_messages()),
        ("Upstreams that fail", _of_upstreams()),
        ("HTTP/2 connections that are ended", _of_connections()),
        ("Requests that got their answer, and something to know about them", meanings(Notice)),
    ):
        table = ["| cause | what it is | what to do |", "|---|---|---|"]
        table += [f"| `{word}` | {what} | {REMEDIES[word]} |" for word, what in rows]
        sections.append(f"## {title}\n\n" + _note(title) + "\n".join(table) + "\n")
    return "\n".join(sections)


def _note(title: str) -> str:
    if title.startswith("HTTP/2"):
        return (
            "They are in the event `http2_connection_ended`, with `client` and, where the library ended it, its error code\n"
            "and words in `detail`; in the metric `cors_gateway_http2_connections_ended_total{cause}`; and in the log lines\n"
            "of the requests that were cut off. The client is told by GOAWAY, with `ENHANCE_YOUR_CALM` or, where it broke a\n"
            "rule of HTTP/2, the error code of that.\n\n"
        )
    if not title.startswith("Messages"):
        return ""
    return (
        "The same words for requests and for responses. In a response they are a 502 with the failure\n"
        "`upstream_invalid_response`; in a request the status is the one given.\n\n"
    )


def _of_messages() -> Iterator[tuple[str, str]]:
    for cause in Cause:
        status = "" if cause.status == 502 else f" ({cause.status})"
        yield cause.value, cause.sentence[0].upper() + cause.sentence[1:] + status


def _of_connections() -> Iterator[tuple[str, str]]:
    for cause in ConnectionCause:
        yield cause.value, cause.sentence[0].upper() + cause.sentence[1:]


def _of_upstreams() -> Iterator[tuple[str, str]]:
    for failure in UpstreamFailure:
        yield failure.value, f"{failure.detail} ({failure.status})"


if __name__ == "__main__":
    DOCUMENT.write_text(causes(), encoding="utf-8")
