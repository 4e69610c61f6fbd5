"""What the request corpus expects, and whether a gateway did it: preferred, tolerated or wrong."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.wire.corpus import Case
from tests.wire.raw_backend import Seen
from tests.wire.raw_client import Conversation
from tests.wire.strict_http import Request, Response, parse_requests, values_of

PROBES = {"/alive", "/barrier"}


@dataclass(frozen=True, slots=True)
class Observation:
    """Both ends of one run of a case."""

    client: Conversation
    backend: Seen

    @property
    def requests(self) -> list[Request]:
        """The complete requests the backend saw, without those of the harness."""
        return [request for request in self.backend.requests if request.target not in PROBES]


def signature(case: Case, seen: Observation) -> tuple[object, ...]:
    """What must not depend on how the bytes were cut."""
    is_closed = None if case.expect["close"] == "any" else seen.client.is_closed
    return seen.client.statuses, is_closed, [request.identity for request in seen.requests]


def responses_due(case: Case) -> int:
    """How many responses the client should wait for."""
    expect = case.expect
    upstream = expect["upstream_requests"]
    if "count" in expect:
        return int(expect["count"])
    if expect["class"] == "forward_then_reject":
        return int(upstream) + 1
    if expect["class"] == "answer_locally":
        return 1 + (upstream if isinstance(upstream, int) else 0)
    if expect["class"] == "forward":
        return int(str(upstream)[-1])
    return 1


def methods_of(case: Case) -> list[str]:
    """The methods the responses answer, as far as they can be read."""
    requests, _ = parse_requests(case.data)
    methods = [request.method for request in requests]
    due = responses_due(case)
    return (methods + ["GET"] * due)[:due]


def complaints(case: Case, seen: Observation) -> list[str]:
    """Everything that is not as preferred; empty when the case passes."""
    return [*violations(case, seen), *_client_complaints(case, seen), *_backend_complaints(case, seen)]


def tolerated(case: Case, seen: Observation) -> str:
    """The weaker alternative of `also` that was seen, or an empty string."""
    if violations(case, seen):
        return ""
    statuses = seen.client.statuses
    for alternative in case.expect.get("also", []):
        if isinstance(alternative, int):
            if statuses == [alternative] and not seen.requests:
                return str(alternative)
        elif ALTERNATIVES[alternative](seen):
            return str(alternative)
    return ""


def violations(case: Case, seen: Observation) -> list[str]:
    """What no outcome excuses."""
    found = [f"backend got malformed bytes: {fault}" for fault in seen.backend.faults]
    if seen.client.fault:
        found.append(f"client got malformed bytes: {seen.client.fault}")
    found += [
        f"backend executed {request.target}" for request in seen.requests if "/smuggled" in request.target
    ]
    for text in case.expect.get("never", []):
        if not text.startswith("/") and text.encode("latin-1").lower() in seen.backend.received.lower():
            found.append(f"backend saw {text!r}")
    is_old = b" HTTP/1.0\r\n" in case.data
    if is_old and (seen.client.interim or any(r.framing == "chunked" for r in seen.client.responses)):
        found.append("an HTTP/1.0 client got an interim or chunked response")
    return found


def _client_complaints(case: Case, seen: Observation) -> list[str]:
    expect, client = case.expect, seen.client
    found = []
    accepted = expect["status"]
    due = responses_due(case)
    if due > 1 and len(accepted) == due:
        if client.statuses != accepted:
            found.append(f"statuses {client.statuses}, expected {accepted}")
    elif not client.statuses:
        if 0 not in accepted:
            found.append(f"no response, expected one of {accepted}")
    elif not set(client.statuses) <= set(accepted):
        found.append(f"status {client.statuses}, expected one of {accepted}")
    elif len(client.statuses) < due and isinstance(expect["upstream_requests"], int):
        found.append(f"{len(client.statuses)} of {due} responses")
    if expect["close"] is True and not client.is_closed:
        found.append("connection was not closed")
    if expect["close"] is False and not client.is_alive:
        found.append("connection did not answer a further request")
    found += [f"incomplete {r.status} response" for r in client.responses if not r.complete]
    if case.id == "ex-100" and [r.status for r in client.interim] != [100]:
        found.append("no 100 Continue")
    if expect["class"] in ("no_cors_or_400", "route_strict_or_400"):
        found += [f"{name}: {value}" for r in client.responses for name, value in _allowances(r)]
    return found


def _backend_complaints(case: Case, seen: Observation) -> list[str]:
    expect, requests = case.expect, seen.requests
    found = []
    allowed = {int(number) for number in re.findall(r"\d+", str(expect["upstream_requests"]))}
    if len(requests) not in allowed:
        found.append(f"backend saw {len(requests)} complete requests, expected {expect['upstream_requests']}")
    if not requests:
        return found
    first = requests[0]
    if "target" in expect and first.target != expect["target"]:
        found.append(f"target {first.target!r}")
    if "method" in expect and first.method != expect["method"]:
        found.append(f"method {first.method!r}")
    if "body" in expect and first.body != expect["body"].encode("latin-1"):
        found.append(f"body {first.body!r}")
    for name, wanted in expect.get("has", {}).items():
        if not _has(first, name, wanted):
            found.append(f"{name}: {first.values(name)}, expected {wanted!r}")
    found += [f"{name} reached the backend" for name in expect.get("lacks", []) if first.values(name)]
    found += [f"{name} was lost" for name in _nominated(case) if not first.values(name)]
    return found


def _has(request: Request, name: str, wanted: str | list[str]) -> bool:
    if isinstance(wanted, list):
        return request.values(name) == wanted
    return fnmatchcase(", ".join(request.values(name)), wanted.replace("[", "[[]"))


def _nominated(case: Case) -> list[str]:
    """End-to-end fields that the client named in Connection and that must not be lost."""
    if case.expect["class"] not in ("protect", "reject_or_protect"):
        return []
    request = parse_requests(case.data)[0][0]
    tokens = [token.strip() for value in request.values("connection") for token in value.split(",")]
    return [token for token in tokens if values_of(request.fields, token)]


def _allowances(response: Response) -> list[tuple[str, str]]:
    return [(k, v) for k, v in response.fields if k.lower().startswith("access-control-allow-")]


def _is_forwarded(seen: Observation) -> bool:
    return bool(seen.requests) and seen.client.statuses[:1] == [200]


def _is_timeout(seen: Observation) -> bool:
    return seen.client.is_closed and seen.client.statuses in ([], [408]) and not seen.requests


def _is_rejected_later(seen: Observation) -> bool:
    return seen.client.statuses == [200, 400] and seen.client.is_closed


def _grants_nothing(seen: Observation) -> bool:
    return not any(_allowances(response) for response in seen.client.responses)


ALTERNATIVES: dict[str, Callable[[Observation], bool]] = {
    "forward": _is_forwarded,
    "forward_normalized": _is_forwarded,
    "forward_stripped": _is_forwarded,
    "forward_drop_trailer": _is_forwarded,
    "forward_te_only_and_close": _is_forwarded,
    "forward_and_close": _is_forwarded,
    "forward_open_ok": _is_forwarded,
    "drop_header": _is_forwarded,
    "forward_then_reject": _is_rejected_later,
    "timeout": _is_timeout,
    "no_cors_or_400": _grants_nothing,
}
