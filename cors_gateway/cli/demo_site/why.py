"""Finds out why a call of the demo page ended as it did.

The gateway's part is asked from the same policy engine that answers the traffic; the backend's part is what its journal
recorded; the verdict is the browser's own rule (`policy.browser`). No outcome is written down here.
"""

from collections.abc import Sequence

from cors_gateway.cli.demo_site import words
from cors_gateway.cli.demo_site.journal import Record
from cors_gateway.cli.demo_site.story import (
    Seen,
    Step,
    Story,
    actual_calls,
    call_lines,
    last_preflight,
    marked,
    preflight_lines,
)
from cors_gateway.explain.served import served_routes
from cors_gateway.policy.browser import (
    Call,
    Lines,
    cors_fault,
    preflight_causes,
    preflight_fault,
    readable_headers,
)
from cors_gateway.policy.compiled import CompiledPolicy
from cors_gateway.policy.reason import Reason
from cors_gateway.snapshot import Route, Snapshot


class Engine:
    """Explains calls under one configuration, of one gateway (`host`, as in the Host field)."""

    def __init__(self, snapshot: Snapshot, host: str) -> None:
        self._routes = served_routes(snapshot.routes).for_host(host.encode())

    def explain(self, seen: Seen, records: Sequence[Record]) -> Story:
        """Tell what happened to a call. `records` is what the backend's journal has of it.

        Raises LookupError if no route serves the path.
        """
        found = self._routes.select(seen.call.path.encode(), seen.call.method.encode())
        if found is None:
            raise LookupError(f"no route serves {seen.call.method} {seen.call.path}")
        route, policy = found
        if seen.via_gateway:
            return _through_gateway(seen, records, route, policy)
        return _straight_to_backend(seen, records, policy)


def _through_gateway(seen: Seen, records: Sequence[Record], route: Route, policy: CompiledPolicy) -> Story:
    call = seen.call
    causes = preflight_causes(call)
    steps = []
    if causes:
        asked_headers = [",".join(call.unsafe_headers).encode()] if call.unsafe_headers else []
        asked = policy.preflight([call.origin.encode()], [call.method.encode()], asked_headers, [])
        lines = _parse(asked.lines)
        fault = preflight_fault(call, asked.status, lines)
        steps.append(
            Step(
                "preflight", preflight_lines(call), "gateway", asked.status, marked("+", lines), fault, False
            )
        )
        if fault is not None:
            advice = words.remedy(asked.reason, call, asked.detail, route)
            return Story(causes, steps, False, words.preflight_refused(asked.detail), advice, asked.reason)

    decision = policy.actual([call.origin.encode()])
    arrived = actual_calls(records)
    record = arrived[-1] if arrived else None
    answered = record is not None and record.status is not None and seen.status in (record.status, None)
    sent = record.answer if record is not None and answered else []
    removed = [line for line in sent if line[0].lower().startswith("access-control-")]
    kept = [line for line in sent if line not in removed]
    written = _parse(decision.grant.lines + decision.grant.vary_line)
    fault = cors_fault(call, [*kept, *written])
    steps.append(
        Step(
            kind="call",
            request=call_lines(call, record),
            answered_by="backend" if answered else "gateway",
            status=record.status if record is not None and answered else seen.status,
            lines=[*marked("-", removed), *marked("", kept), *marked("+", written)],
            fault=fault,
            reached_backend=record is not None,
        )
    )
    advice = None
    if fault is not None:
        sentence = words.withheld(call)
        advice = words.remedy(decision.reason, call, "", route)
    elif answered:
        sentence = words.granted(len(removed), any(not _has_origin(other) for other in arrived))
        advice = words.exposed_by(_hidden(call, [*kept, *written]), route)
    else:
        sentence = words.answered_instead(seen.status)
    return Story(causes, steps, fault is None, sentence, advice, decision.reason)


def _straight_to_backend(seen: Seen, records: Sequence[Record], policy: CompiledPolicy) -> Story:
    call = seen.call
    causes = preflight_causes(call)
    steps = []
    asked = last_preflight(records)
    if causes and asked is not None and asked.status is not None:
        fault = preflight_fault(call, asked.status, asked.answer)
        answer = marked("", asked.answer)
        steps.append(Step("preflight", preflight_lines(call), "backend", asked.status, answer, fault, True))
        if fault is not None:
            return Story(causes, steps, False, words.preflight_failed(fault), words.BEHIND_THE_GATEWAY)

    arrived = actual_calls(records)
    record = arrived[-1] if arrived else None
    if record is None or record.status is None:
        steps.append(Step("call", call_lines(call, None), "nobody", None, [], "there is no answer", False))
        return Story(causes, steps, False, words.NOTHING_ANSWERS, words.AN_ANSWER_AFTER_ALL)

    from_cache = len(arrived) < seen.calls
    answered_by = "cache" if from_cache else "backend"
    fault = cors_fault(call, record.answer)
    answer = marked("", record.answer)
    steps.append(
        Step("call", call_lines(call, record), answered_by, record.status, answer, fault, not from_cache)
    )
    if fault is not None:
        sentence = words.stale_copy(fault) if from_cache else words.failed_check(record.status, fault)
        return Story(causes, steps, False, sentence, words.send_it_right(call))
    hidden = _hidden(call, record.answer)
    if policy.actual([call.origin.encode()]).reason is not Reason.ALLOWED:
        return Story(causes, steps, True, words.open_to_all(call), None)
    return Story(causes, steps, True, words.passed(hidden), words.expose(hidden))


def _hidden(call: Call, answer: Lines) -> list[str]:
    """The backend's own fields that the script may not read."""
    readable = set(readable_headers(call, answer))
    return [name for name, _ in answer if name.lower().startswith("x-") and name.lower() not in readable]


def _has_origin(record: Record) -> bool:
    return any(name.lower() == "origin" for name, _ in record.request)


def _parse(block: bytes) -> list[tuple[str, str]]:
    fields = (line.partition(":") for line in block.decode("latin-1").split("\r\n") if line)
    return [(name, value.strip()) for name, _, value in fields]
