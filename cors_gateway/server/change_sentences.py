"""How two policies differ, in the words of an operator: phrases for the log, the admin page and `reload`.

The differences themselves are found in `policy/difference.py`.
"""

from collections.abc import Iterable, Iterator, Sequence

from cors_gateway.policy.difference import PolicyDifference, Statement

MAX_NAMED = 5
"""Entries that a sentence names; the rest is a number."""

_LISTS = {
    "allow_origins": "origins",
    "allow_methods": "methods",
    "allow_headers": "request headers",
    "expose_headers": "exposed headers",
    "public_origins": "own origins",
}
_ACCESS = {
    "cors": "CORS is left to the backend",
    "report_only": "CORS is left to the backend",
    "allow_credentials": "credentials",
    "allow_private_network": "private network access",
    "timing_allow_origin": "timing details",
    "on_disallowed_request": "requests of other origins reach the backend",
    "websocket_origin_check": "WebSockets of other origins reach the backend",
    "upstream_expose": "headers that the backend exposes",
}
"""What a switch gives or takes."""
_SPECIAL_ORIGINS = {"*": "any", "null": "null"}
"""Each is said apart: it is more than one name among many."""


def access_phrases(statements: Iterable[Statement]) -> Iterator[str]:
    """What was given or taken: `origins: https://a.example`, `credentials`."""
    for statement in statements:
        entries = statement.gained or statement.lost
        if not entries:
            yield _ACCESS.get(statement.key) or _was_is(statement)
            continue
        what = _LISTS[statement.key]
        special = [entry for entry in entries if what == "origins" and entry in _SPECIAL_ORIGINS]
        others = [entry for entry in entries if entry not in special]
        if others:
            yield f"{what}: {named(others)}"
        yield from (f"{what}: {_SPECIAL_ORIGINS[entry]}" for entry in special)


def other_phrases(difference: PolicyDifference) -> Iterator[str]:
    """What changed besides access."""
    for statement in difference.changed:
        if statement.gained or statement.lost:
            verb = "gained" if statement.gained else "lost"
            yield f"{statement.key} {verb} {named(statement.gained or statement.lost)}, in reports only"
        elif statement.old == statement.new:
            yield f"{statement.key} is written differently, to the same effect"
        elif statement.old == "passthrough" or (statement.key, statement.old) == ("report_only", True):
            yield "CORS is no longer left to the backend"
        else:
            yield _was_is(statement)


def memory_sentence(difference: PolicyDifference) -> str:
    """How long browsers may go by what was granted before; empty if that does not matter."""
    times = ", ".join(f"{browser} {seconds} s" for browser, seconds in difference.remembered)
    return f"browsers may go by preflight answers they remember: {times}" if times else ""


def named(entries: Sequence[str]) -> str:
    """The first few entries, and how many more there are."""
    more = f" and {len(entries) - MAX_NAMED} more" if len(entries) > MAX_NAMED else ""
    return f"{', '.join(entries[:MAX_NAMED])}{more}"


def _was_is(statement: Statement) -> str:
    return f"{statement.key} was {_value(statement.old)}, is {_value(statement.new)}"


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
