"""What a reload says of a route whose requests or edits changed."""

from dataclasses import replace

import pytest

from cors_gateway.policy.policy import DISABLED, Policy
from cors_gateway.server.changes import compare
from cors_gateway.server.route_changes import route_phrases
from cors_gateway.snapshot import (
    CookieEdits,
    FieldEdits,
    Redirect,
    Refusal,
    Route,
    RoutePolicy,
    Server,
    SetField,
    Snapshot,
)
from tests.policy.written import patterns

ROUTE = Route("r", "/api", "b", Policy(), policy_name="own")
ONE, TWO = (FieldEdits((SetField("X-Key", value),)) for value in ("s3cret-1", "s3cret-2"))


@pytest.mark.parametrize(
    ("old", "new", "phrases"),
    [
        ({}, {}, []),
        ({}, {"hosts": ("a.example", "b.example")}, ["hosts were any, are a.example b.example"]),
        ({}, {"path": "/v1"}, ["path was /api, is /v1"]),
        ({}, {"is_exact": True}, ["match was prefix, is exact"]),
        ({}, {"extensions": frozenset({"js", "css"})}, ["extensions were any, are css js"]),
        ({}, {"methods": frozenset({"GET"})}, ["methods were any, are GET"]),
        ({}, {"replace_prefix": "/"}, ["replace_prefix was none, is /"]),
        ({}, {"upstream": "c"}, ["upstream was b, is c"]),
        ({}, {"answer": Refusal(404), "upstream": ""}, ["upstream was b, is none", "answer was the upstream's, is 404"]),
        ({"answer": Redirect("", 301)}, {"answer": Redirect("https://a.example", 308)}, ["answer was 301 to /, is 308 to https://a.example"]),
        ({}, {"request_headers": ONE}, ["request_headers sets x-key"]),
        ({"request_headers": ONE}, {"request_headers": TWO}, ["request_headers sets x-key"]),
        ({"request_headers": ONE}, {"request_headers": FieldEdits((), ("x-key",))}, ["request_headers removes x-key"]),
        ({"response_headers": ONE}, {}, ["response_headers leaves x-key alone"]),
        ({}, {"cookies": CookieEdits(secure=True)}, ["cookies changed"]),
        ({}, {"request_body": 5}, ["limits.request_body was the server's, is 5 bytes"]),
        ({"request_body": 5}, {"request_body": 0}, ["limits.request_body was 5 bytes, is unlimited"]),
        ({}, {"further_policies": (RoutePolicy(Policy(), "partners"),)}, ["cors was own, is own, partners"]),
    ],
)  # fmt: skip
def test_every_change_has_its_words(
    old: dict[str, object], new: dict[str, object], phrases: list[str]
) -> None:
    before, after = replace(ROUTE, **old), replace(ROUTE, **new)  # type: ignore[arg-type]

    assert list(route_phrases(before, after)) == phrases


APP, PARTNER = (Policy(allow_origins=patterns(f"https://{name}.example")) for name in ("app", "partner"))


def _lines(old: Route, new: Route) -> tuple[str, ...]:
    before, after = (Snapshot(Server(()), None, {}, (route,)) for route in (old, new))
    return compare(before, after).lines


def test_a_policy_that_is_added_to_a_route_widens_it() -> None:
    alone = replace(ROUTE, policy=APP)
    both = replace(alone, further_policies=(RoutePolicy(PARTNER, "partners"),))

    added, removed = _lines(alone, both), _lines(both, alone)

    assert "route r: access widened, origins: https://partner.example" in added
    assert "route r: access narrowed, origins: https://partner.example" in removed
    assert not any("app.example" in line for line in (*added, *removed))


def test_policies_of_a_route_are_compared_by_name() -> None:
    both = replace(ROUTE, policy=APP, further_policies=(RoutePolicy(PARTNER, "partners"),))
    swapped = replace(
        ROUTE, policy=PARTNER, policy_name="partners", further_policies=(RoutePolicy(APP, "own"),)
    )

    assert _lines(both, swapped) == ("route r: cors was own, partners, is partners, own",)
    assert _lines(both, both) == ()


def test_what_all_policies_of_a_route_change_is_said_once() -> None:
    old = replace(ROUTE, policy=APP, further_policies=(RoutePolicy(PARTNER, "partners"),))
    app, partner = (replace(policy, cross_origin_redirects="unauthorized") for policy in (APP, PARTNER))
    new = replace(ROUTE, policy=app, further_policies=(RoutePolicy(partner, "partners"),))

    assert _lines(old, new) == ("route r: cross_origin_redirects was forward, is unauthorized",)


def test_a_route_that_closes_narrows() -> None:
    lines = _lines(replace(ROUTE, policy=APP), replace(ROUTE, policy=DISABLED, policy_name=None))

    assert "route r: access narrowed, origins: https://app.example" in lines
