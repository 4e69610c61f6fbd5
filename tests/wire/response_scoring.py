"""What the response corpus expects, and whether a gateway did it: preferred, tolerated or wrong."""

import contextlib

from tests.wire.corpus import Case
from tests.wire.raw_backend import fingerprint
from tests.wire.response_runs import FOLLOW_UP, ORIGIN, Observation, method_of
from tests.wire.strict_http import IncompleteError, MalformedError, Response, parse_request, parse_response

MERGED = {"access-control-allow-origin": [ORIGIN], "set-cookie": []}
"""Fields that must be the gateway's own, or absent, whatever trailers and Connection options say."""


def complaints(case: Case, seen: Observation) -> list[str]:
    """Everything that is not as preferred; empty when the case passes."""
    return [*violations(case, seen), *_status_complaints(case, seen), *_content_complaints(case, seen)]


def tolerated(case: Case, seen: Observation) -> str:
    """The weaker alternative of `also` that was seen, or an empty string."""
    if violations(case, seen):
        return ""
    for alternative in case.expect.get("also", []):
        if seen.client.statuses == [200 if alternative == "te_wins_close" else alternative]:
            return str(alternative)
    return ""


def violations(case: Case, seen: Observation) -> list[str]:
    """What no outcome excuses: foreign bytes, a lie about completeness, a poisoned connection."""
    client, found = seen.client, [f"backend got malformed bytes: {fault}" for fault in seen.backend.faults]
    if client.fault:
        found.append(f"client got malformed bytes: {client.fault}")
    found += _follow_up_complaints(seen)
    is_old = b" HTTP/1.0\r\n" in case.request
    if is_old and (client.interim or any(r.framing == "chunked" for r in client.responses)):
        found.append("an HTTP/1.0 client got an interim or chunked response")
    for response in client.responses:
        is_truncation = case.expect["class"] == "truncate" and response.status == 200
        if is_truncation and response.complete and response.framing != "eof":
            found.append("a truncated body was presented as complete")
        if response.status >= 500 and response.status != 999:
            found += _own_answer_complaints(response)
    return found


def _follow_up_complaints(seen: Observation) -> list[str]:
    if seen.follow_up is None:
        return ["the next request got no valid answer"]
    expected = fingerprint(parse_request(FOLLOW_UP)[0])
    if seen.follow_up.values("x-echo") != [expected]:
        return [f"the next request got {seen.follow_up}"]
    return []


def _own_answer_complaints(response: Response) -> list[str]:
    """A browser must be able to tell an outage from a CORS error."""
    found = []
    if response.values("access-control-allow-origin") != [ORIGIN]:
        found.append(f"{response.status} without the CORS headers of its route")
    if "origin" not in ", ".join(response.values("vary")).lower():
        found.append(f"{response.status} without Vary: Origin")
    if not response.body:
        found.append(f"{response.status} without a body")
    return found


def _status_complaints(case: Case, seen: Observation) -> list[str]:
    expect, client = case.expect, seen.client
    found = []
    interim = [status for status in expect["status"] if 100 < status < 200]
    if not client.statuses:
        found.append("no response")
    elif interim:
        if [r.status for r in client.interim] + client.statuses != expect["status"]:
            found.append(f"statuses {[r.status for r in client.interim] + client.statuses}")
    elif client.statuses[0] not in expect["status"]:
        found.append(f"status {client.statuses[0]}, expected one of {expect['status']}")
    if expect.get("client_close") and not client.is_closed:
        found.append("the client connection was not closed")
    if "reuse" in expect and case.then == "keep" and seen.is_reused != expect["reuse"]:
        found.append(f"upstream connection {'was' if seen.is_reused else 'was not'} reused")
    return found


def _content_complaints(case: Case, seen: Observation) -> list[str]:
    if not seen.client.responses:
        return []
    expect, response = case.expect, seen.client.responses[0]
    found = []
    body = _expected_body(case)
    if expect["class"] == "truncate" and body is not None:
        body = body[: len(response.body)]
    if body is not None and response.status in (200, 413) and response.body != body:
        found.append(f"body {response.body[:60]!r}, expected {body[:60]!r}")
    if response.status != 502 and response.complete == (expect["class"] == "truncate"):
        found.append("complete" if response.complete else "incomplete")
    for name, wanted in expect.get("has", {}).items():
        values = response.values(name)
        if values != (wanted if isinstance(wanted, list) else [wanted]):
            found.append(f"{name}: {values}, expected {wanted!r}")
    found += [f"{name} reached the client" for name in expect.get("lacks", []) if response.values(name)]
    for name, values in MERGED.items():
        is_tried = f"{name}:".encode() in case.data.lower() and name not in expect.get("has", {})
        if is_tried and response.values(name) != values:
            found.append(f"{name}: {response.values(name)}")
    return found


def _expected_body(case: Case) -> bytes | None:
    """The body named by the case, or the one in its bytes when they are a well-formed response."""
    if "body" in case.expect:
        return str(case.expect["body"]).encode("latin-1")
    with contextlib.suppress(MalformedError, IncompleteError):
        response, end = parse_response(case.data, method_of(case), at_end=case.then == "close")
        if response.complete and response.status >= 200 and end == len(case.data):
            return response.body
    return None
