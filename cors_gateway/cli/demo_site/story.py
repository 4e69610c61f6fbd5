"""What one call was and what came of it, as values: the description that the page sends, and the story it gets back.

`why.py` finds the story, `words.py` puts it into sentences.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cors_gateway.cli.demo_site.journal import Record
from cors_gateway.policy.browser import Call, Lines
from cors_gateway.policy.reason import Reason

UNINTERESTING = frozenset({"content-length", "date", "server"})
"""Fields of an answer that explain nothing."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A call that was made, and what the page knows about it."""

    call: Call
    via_gateway: bool
    calls: int
    """How often the script called, the preparing calls included."""
    status: int | None
    """What the script saw; None if it saw nothing."""


@dataclass(frozen=True, slots=True)
class Step:
    """One request of the browser and what came back."""

    kind: str
    """`preflight` or `call`."""
    request: list[str]
    answered_by: str
    """`gateway`, `backend`, `cache` or `nobody`."""
    status: int | None
    lines: list[tuple[str, str]]
    """Header lines, each marked "+" (the gateway wrote it), "-" (it removed it) or "" (as the backend sent it)."""
    fault: str | None
    """What the browser dislikes about the answer; None if it passes."""
    reached_backend: bool


@dataclass(frozen=True, slots=True)
class Story:
    """The whole of one call."""

    causes: list[str]
    """Why the browser asked first; empty if it did not."""
    steps: list[Step]
    readable: bool
    sentence: str
    advice: str | None
    reason: Reason | None = None
    """The gateway's word for its decision; None past the gateway."""


def preflight_lines(call: Call) -> list[str]:
    """The preflight as the browser sends it, as far as CORS is concerned."""
    lines = [
        f"OPTIONS {call.path}",
        f"Origin: {call.origin}",
        f"Access-Control-Request-Method: {call.method}",
    ]
    if call.unsafe_headers:
        lines.append(f"Access-Control-Request-Headers: {','.join(call.unsafe_headers)}")
    return lines


def call_lines(call: Call, record: Record | None) -> list[str]:
    """The call itself, with the cookie that arrived if its arrival was recorded."""
    lines = [f"{call.method} {call.path}", f"Origin: {call.origin}"]
    lines += [f"{name}: {value}" for name, value in call.headers]
    if record is not None and call.credentials:
        lines += [f"Cookie: {value}" for name, value in record.request if name.lower() == "cookie"]
    return lines


def marked(mark: str, lines: Lines) -> list[tuple[str, str]]:
    """Header lines to show, each with its mark."""
    return [(mark, f"{name}: {value}") for name, value in lines if name.lower() not in UNINTERESTING]


def last_preflight(records: Sequence[Record]) -> Record | None:
    """The newest preflight that arrived."""
    return next((record for record in reversed(records) if _is_preflight(record)), None)


def actual_calls(records: Sequence[Record]) -> list[Record]:
    """Everything that arrived but preflights, oldest first."""
    return [record for record in records if not _is_preflight(record)]


def _is_preflight(record: Record) -> bool:
    return record.method == "OPTIONS" and any(
        name.lower() == "access-control-request-method" for name, _ in record.request
    )
