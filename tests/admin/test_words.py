"""Policies, reasons, numbers and times as people read them."""

from dataclasses import replace

import pytest

from cors_gateway.admin.page import words
from cors_gateway.admin.page.chart import REASON_CLASSES
from cors_gateway.observe.refusals import RefusedOrigin
from cors_gateway.policy.pattern import OriginPattern, parse_pattern
from cors_gateway.policy.policy import DISABLED, PASSTHROUGH, Policy
from cors_gateway.policy.reason import Outcome, Reason
from cors_gateway.snapshot import CookieEdits, FieldEdits, Redirect, Refusal, Route, RoutePolicy, SetField


def _pattern(text: str) -> OriginPattern:
    pattern = parse_pattern(text)
    assert isinstance(pattern, OriginPattern)
    return pattern


APP = Policy(allow_origins=(_pattern("https://a.example"),), allow_methods=("GET", "PUT"))


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        (
            APP,
            "Pages of https://a.example may use GET, HEAD, POST and PUT and no headers but the simple ones",
        ),
        (replace(APP, allow_credentials=True), "the simple ones, with cookies."),
        (APP, "the simple ones, without cookies."),
        (replace(APP, any_method=True), "may use any method and"),
        (replace(APP, any_header=True), "any header but Authorization, without"),
        (replace(APP, any_header=True, allow_headers=("authorization",)), "and any header, without"),
        (replace(APP, any_header=True, allow_credentials=True), "and any header, with cookies"),
        (replace(APP, allow_headers=("x-a",)), "and the header x-a, without"),
        (replace(APP, allow_headers=("x-a", "x-b")), "and the headers x-a and x-b, without"),
        (replace(APP, allow_null_origin=True), "https://a.example and null (pages without an origin) may"),
        (replace(APP, allow_origins=(), any_origin=True), "Pages of any origin may"),
        (replace(APP, allow_origins=()), "No page of another origin may use"),
        (replace(APP, expose_headers=("x-id",)), "Scripts also read x-id."),
        (replace(APP, expose_any=True), "Scripts read every response header."),
        (APP, "Requests of other pages reach the backend, but they cannot read the answer."),
        (replace(APP, reject_disallowed_request=True), "Requests of other pages get 403"),
        (APP, "remember a permission for 5 s, as max_age is not set."),
        (replace(APP, max_age=600), "remember a permission for up to 10 min."),
        (replace(APP, max_age=0), "Browsers ask anew before every such call."),
        (replace(APP, websocket_origin_check=True), "WebSockets of other pages are refused."),
        (replace(APP, allow_private_network=True), "Public pages may call it inside a private network."),
        (replace(APP, strip_origin=True), "The backend does not see Origin."),
        (replace(APP, report_only=True), "Report only: "),
        (DISABLED, "No page of another origin may read anything."),
        (PASSTHROUGH, "CORS is left to the backend: "),
    ],
)
def test_a_policy_is_told_in_sentences(policy: Policy, sentence: str) -> None:
    assert sentence in " ".join(words.policy_words(policy))


def test_nobody_is_refused_where_any_origin_may_read() -> None:
    told = " ".join(words.policy_words(replace(APP, allow_origins=(), any_origin=True)))

    assert "other pages" not in told


def test_of_many_origins_the_first_are_named() -> None:
    origins = tuple(_pattern(f"https://{number}.example.com") for number in range(10_000))
    told = next(words.policy_words(replace(APP, allow_origins=origins)))

    assert "https://5.example.com and 9,994 more may use" in told
    assert "https://6.example.com" not in told


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (list("abcdefg"), "a, b, c, d, e, f and 1 more"),
    ],
)
def test_names_are_listed(names: list[str], text: str) -> None:
    assert words.enumerated(names) == text


@pytest.mark.parametrize(
    ("route", "text"),
    [
        (Route("r", "/", "u", APP), "/…"),
        (Route("r", "/api", "u", APP), "/api/…"),
        (Route("r", "/api", "u", APP, hosts=("*.a.example",)), "*.a.example/api/…"),
        (Route("r", "/api", "u", APP, methods=frozenset({"PUT", "GET"})), "GET, PUT /api/…"),
        (
            Route("r", "/api", "u", APP, hosts=("a.example", "b.example"), is_exact=True),
            "a.example, b.example/api",
        ),
        (Route("r", "/", "u", APP, extensions=frozenset({"js", "css"})), "/….css|.js"),
    ],
)
def test_a_route_is_told_by_what_it_serves(route: Route, text: str) -> None:
    assert words.match_words(route) == text


@pytest.mark.parametrize(
    ("route", "text"),
    [
        (Route("r", "/api", "u", APP), "to u"),
        (Route("r", "/api", "u", APP, replace_prefix="/v1"), "to u, below /v1"),
        (Route("r", "/api", "", APP, answer=Refusal(404)), "refused with 404"),
        (
            Route("r", "/api", "", APP, answer=Redirect("https://a.example", 308)),
            "redirected to https://a.example with 308",
        ),
        (Route("r", "/api", "", APP, answer=Redirect("", 301)), "redirected to this host with 301"),
    ],
)
def test_a_route_is_told_by_where_it_leads(route: Route, text: str) -> None:
    assert words.destination_words(route) == text


def test_what_a_route_changes_is_told_without_values() -> None:
    route = Route(
        "r",
        "/",
        "u",
        APP,
        request_headers=FieldEdits((SetField("X-Api-Key", "s3cret"),), ("cookie",)),
        response_headers=FieldEdits((), ("server",)),
        cookies=CookieEdits(secure=True),
        request_body=1024,
    )

    assert list(words.edit_words(route)) == [
        "Requests get X-Api-Key.",
        "Requests lose cookie.",
        "Answers lose server.",
        "The backend's cookies get other attributes.",
        "Request bodies may be up to 1,024 bytes.",
    ]


def test_the_policies_of_a_route_are_told_in_their_order() -> None:
    several = Route("r", "/", "u", APP, policy_name="own", further_policies=(RoutePolicy(APP, "partners"),))

    assert words.policy_names(several) == "own, then partners"
    assert words.policy_names(Route("r", "/", "u", APP)) == "its own"
    assert words.policy_names(Route("r", "/", "u", DISABLED)) == "disabled"


@pytest.mark.parametrize(
    ("refusal", "text"),
    [
        (RefusedOrigin("r", "o", "method_not_allowed", "preflight", method="PATCH"), "does not cover PATCH"),
        (RefusedOrigin("r", "o", "method_not_allowed", "preflight"), "does not cover the method"),
        (RefusedOrigin("r", "o", "header_not_allowed", "preflight", headers="x-a"), "does not cover x-a"),
        (
            RefusedOrigin("r", "o", "header_not_allowed", "preflight", headers="x-a,x-b"),
            "does not cover all of x-a and x-b",
        ),
        (RefusedOrigin("r", "o", "origin_malformed", "actual"), "not an origin as browsers write it"),
    ],
)
def test_a_refusal_is_told_with_its_detail(refusal: RefusedOrigin, text: str) -> None:
    assert words.reason_words(refusal).endswith(text)


def test_every_reason_to_refuse_has_words_and_a_colour() -> None:
    refusing = {reason for reason in Reason if reason.outcome is Outcome.REFUSED}

    assert set(words.REASONS) == set(REASON_CLASSES) == refusing
    assert len(set(REASON_CLASSES.values())) == len(refusing)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3725, "1 h 2 min"),
        (86_400 * 3 + 60, "3 d"),
        (86_400 * 3 + 7200, "3 d 2 h"),
        (-5, "0 s"),
    ],
)
def test_spans_have_two_units(seconds: float, text: str) -> None:
    assert words.span(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "just now"), (0.4, "just now"), (12, "12 s ago"), (119, "1 min ago"), (7200, "2 h ago")],
)
def test_moments_have_one(seconds: float, text: str) -> None:
    assert words.ago(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.04, "<0.1"), (0.25, "0.2"), (9.94, "9.9"), (12345.6, "12,346")]
)
def test_rates_can_be_read_at_a_glance(value: float, text: str) -> None:
    assert words.rate(value) == text


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (0.00123, "1.2 ms"), (1.5, "1,500 ms")])
def test_durations_are_in_milliseconds(value: float | None, text: str) -> None:
    assert words.milliseconds(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0 errors"), (1, "1 error"), (1200, "1,200 errors")])
def test_nouns_follow_their_number(value: int, text: str) -> None:
    assert words.counted(value, "error") == text
