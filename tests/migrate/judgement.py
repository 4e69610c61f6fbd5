"""When a translation is right: what its answers have to share with those that were expected."""

from collections.abc import Iterator
from typing import Any

from tests.migrate.answer import Answered
from tests.migrate.case import GAPS, Probe

_FORWARDED = ("status", "saw", "saw_origin")
_STATED = ("timing_allow_origin", "cross_origin_resource_policy")


def complaints(probe: Probe, answer: Answered) -> list[str]:
    """What is wrong with the gateway's answer to a probe."""
    expected = probe.gateway
    if expected is None:
        return []
    found = list(_against(expected, answer))
    if found and GAPS & set(probe.differs) and not list(_as_nginx(probe.nginx, answer)):
        return []
    return found


def _against(expected: Answered, answer: Answered) -> Iterator[str]:
    if expected["from"] == "gateway" and expected["status"] >= 400 and "effect" not in expected:
        yield from _own_error(answer)
        return
    if answer["from"] != expected["from"]:
        yield f"answered by {answer['from']}, not {expected['from']}"
        return
    if expected.get("effect") != answer.get("effect"):
        yield f"a browser makes {answer.get('effect')} of it, not {expected.get('effect')}"
    if expected["from"] != "gateway":
        for key in (*_FORWARDED, *(("saw_host",) if "saw_host" in expected else ())):
            if key in expected and answer.get(key) != expected[key]:
                yield f"{key} is {answer.get(key)!r}, not {expected[key]!r}"
    elif expected["status"] >= 400:
        yield from _own_error(answer)
    elif expected.get("location") != answer.get("location"):
        yield f"sent to {answer.get('location')}, not {expected.get('location')}"
    yield from _headers(expected, answer)


def _own_error(answer: Answered) -> Iterator[str]:
    if answer["from"] != "gateway":
        yield f"{answer['from']} was reached"
    elif answer["status"] < 400:
        yield f"status {answer['status']} is no error"


def _headers(expected: Answered, answer: Answered) -> Iterator[str]:
    said, given = expected.get("cors", {}), answer.get("cors", {})
    if expected.get("effect") == "refused" and not said and given:
        yield f"CORS headers for the refused: {given}"
    if "origin" in expected.get("vary", ()) and "origin" not in answer.get("vary", ()):
        yield "Vary: Origin is missing"
    for key in ("max-age",):
        if said.get(key) != given.get(key):
            yield f"{key} is {given.get(key)}, not {said.get(key)}"
    if _names(said.get("expose-headers")) != _names(given.get("expose-headers")):
        yield f"exposed are {given.get('expose-headers')}, not {said.get('expose-headers')}"
    for key in _STATED:
        if expected.get(key) != answer.get(key):
            yield f"{key} is {answer.get(key)}, not {expected.get(key)}"


def _as_nginx(nginx: Answered, answer: Answered) -> Iterator[str]:
    """Whether the gateway does what nginx did, where a hand-written translation could not."""
    if nginx["from"] != "nginx":
        if answer["from"] != nginx["from"] or answer.get("saw") != nginx.get("saw"):
            yield "another backend, or another request"
        if "effect" in nginx and nginx["effect"] != answer.get("effect"):
            yield "another effect"
    elif answer["from"] != "gateway" or answer["status"] != nginx["status"]:
        yield "another answer"
    elif "location" in nginx and nginx["location"] != answer.get("location"):
        yield "another place"


def _names(value: Any) -> set[str]:
    text = ",".join(value) if isinstance(value, list) else str(value or "")
    return {name.strip().lower() for name in text.split(",") if name.strip()}
