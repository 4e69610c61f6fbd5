"""The verdict on a request and the steps to it."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.explain.beyond_cors import REDIRECTED
from cors_gateway.explain.described_request import DescriptionFault, describe, describe_parts
from cors_gateway.explain.document import as_document
from cors_gateway.explain.explanation import Entry, Explanation, Verdict
from cors_gateway.explain.text import render_text
from cors_gateway.policy.engines import Browser
from cors_gateway.policy.reason import Kind, Reason
from tests.explain.situations import explain, explainer
from tests.policy.strategies import origins

API = "https://api.example.com"
APP = "https://app.example.com"
ALLOWED, REFUSED, UNKNOWN = Verdict.ALLOWED, Verdict.REFUSED, Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("described", "credentials", "verdict", "reason"),
    [
        ((f"{API}/api/x",), False, ALLOWED, Reason.ALLOWED),
        ((f"{API}/api/x",), True, ALLOWED, Reason.ALLOWED),
        ((f"{API}/api/x", "http://localhost:3000", "PUT", ["content-type"]), True, ALLOWED, Reason.ALLOWED),
        ((f"{API}/api/x", "https://other.example"), False, REFUSED, Reason.ORIGIN_NOT_ALLOWED),
        ((f"{API}/api/x", "https://app.example.com:443"), False, REFUSED, Reason.ORIGIN_MALFORMED),
        ((f"{API}/api/x", APP, "patch"), False, REFUSED, Reason.METHOD_NOT_ALLOWED),
        ((f"{API}/api/x", APP, "GET", ["X-A"]), False, REFUSED, Reason.HEADER_NOT_ALLOWED),
        ((f"{API}/api/x", APP, "GET", ["Accept", "Cookie"]), False, ALLOWED, Reason.ALLOWED),
        ((f"{API}/api/x", APP, "GET", ["X" * 5000]), False, REFUSED, Reason.REQUEST_MALFORMED),
        ((f"{API}/api/x", APP, "trace"), False, REFUSED, Reason.METHOD_NOT_ALLOWED),
        ((f"{API}/nowhere", APP, "CONNECT"), False, REFUSED, Reason.NO_ROUTE),
        ((f"{API}/api/x", API, "DELETE"), True, ALLOWED, Reason.SAME_ORIGIN),
        ((f"{API}/api/x", API, "GET", ["X-A"]), False, ALLOWED, Reason.SAME_ORIGIN),
        ((f"{API}/admin/x", API, "POST"), False, ALLOWED, Reason.SAME_ORIGIN),
        (("http://intranet/admin/x", "http://intranet", "POST"), False, REFUSED, Reason.ORIGIN_NOT_ALLOWED),
        (("http://intranet/admin/x", "http://intranet", "GET"), False, ALLOWED, Reason.SAME_ORIGIN),
        (("/admin/x", API, "PUT"), False, ALLOWED, Reason.SAME_ORIGIN),
        (("http://localhost/admin/x", API, "GET"), False, REFUSED, Reason.SAME_ORIGIN),
        ((f"{API}/admin/x", "https://other.example"), False, REFUSED, Reason.ORIGIN_NOT_ALLOWED),
        ((f"{API}/fonts/x", "https://any.example"), False, ALLOWED, Reason.ALLOWED),
        ((f"{API}/fonts/x", "null"), False, ALLOWED, Reason.ALLOWED),
        ((f"{API}/fonts/x", "no origin at all"), False, ALLOWED, Reason.ALLOWED),
        ((f"{API}/fonts/x", "https://any.example"), True, REFUSED, Reason.ALLOWED),
        ((f"{API}/fonts/x", "https://any.example", "POST"), False, REFUSED, Reason.NO_ROUTE),
        ((f"{API}/fonts/x", "https://any.example", "HEAD"), False, ALLOWED, Reason.ALLOWED),
        ((f"{API}/partner/x", "https://partner.example", "PUT"), True, REFUSED, Reason.METHOD_NOT_ALLOWED),
        ((f"{API}/partner/x", "https://partner.example", "POST"), True, REFUSED, Reason.ALLOWED),
        ((f"{API}/sandbox/x", "null"), False, ALLOWED, Reason.ALLOWED),
        ((f"{API}/api/x", "null"), False, REFUSED, Reason.ORIGIN_NOT_ALLOWED),
        ((f"{API}/trial/x", APP), False, ALLOWED, Reason.ALLOWED),
        ((f"{API}/trial/x", "https://other.example", "PUT"), False, REFUSED, Reason.ORIGIN_NOT_ALLOWED),
        ((f"{API}/own/x", APP, "PUT"), False, UNKNOWN, Reason.PASSTHROUGH),
        ((f"{API}/own/x", API, "PUT"), False, ALLOWED, Reason.SAME_ORIGIN),
        ((f"{API}/closed/x", APP), False, REFUSED, Reason.CORS_DISABLED),
        ((f"{API}/closed/x", APP, "PUT"), False, REFUSED, Reason.CORS_DISABLED),
        ((f"{API}/closed/x", API, "PUT"), False, ALLOWED, Reason.SAME_ORIGIN),
        ((f"{API}/nowhere", APP), False, REFUSED, Reason.NO_ROUTE),
        ((f"{API}/nowhere", APP, "PUT"), False, REFUSED, Reason.NO_ROUTE),
        ((f"{API}/nowhere", API), False, REFUSED, Reason.NO_ROUTE),
        (("https://www.example.com/named/x", APP), False, ALLOWED, Reason.ALLOWED),
        (("https://www.example.com:8443/named/x", APP), False, ALLOWED, Reason.ALLOWED),
        (("/named/x", APP), False, REFUSED, Reason.NO_ROUTE),
        ((f"{API}/api/../closed/x", APP), False, REFUSED, Reason.CORS_DISABLED),
        ((f"{API}/api/..%2fclosed/x", APP), False, REFUSED, None),
        ((f"{API}/api/%zz", APP, "PUT"), False, REFUSED, None),
        ((f"{API}/{'x' * 40000}", APP), False, REFUSED, None),
        (("wss://api.example.com/api/x", "https://other.example"), False, ALLOWED, Reason.ORIGIN_NOT_ALLOWED),
        (("wss://api.example.com/api/x", APP), False, ALLOWED, Reason.ALLOWED),
        (("wss://api.example.com/admin/x", "https://other.example"), False, REFUSED, Reason.ORIGIN_NOT_ALLOWED),
        (("wss://api.example.com/admin/x", API), False, ALLOWED, Reason.SAME_ORIGIN),
        (("wss://api.example.com/admin/x", "https://admin.example.com"), False, ALLOWED, Reason.ALLOWED),
        (("wss://api.example.com/own/x", APP), False, ALLOWED, Reason.PASSTHROUGH),
        (("wss://api.example.com/closed/x", APP), False, ALLOWED, Reason.CORS_DISABLED),
        (("ws://intranet/admin/x", "http://intranet"), False, REFUSED, Reason.ORIGIN_NOT_ALLOWED),
        (("wss://api.example.com/nowhere", APP), False, REFUSED, Reason.NO_ROUTE),
    ],
)  # fmt: skip
def test_the_verdict(
    described: tuple[Any, ...], credentials: bool, verdict: Verdict, reason: Reason | None
) -> None:
    explanation = explain(*described, credentials=credentials)

    assert (explanation.verdict, explanation.reason) == (verdict, reason)
    assert explanation.is_allowed == (verdict is ALLOWED)


def test_a_preflight_comes_first_and_ends_it_if_it_is_refused() -> None:
    refused = explain(f"{API}/api/x", APP, "DELETE")

    assert refused.causes == ("the method is DELETE",)
    assert refused.preflight is not None
    assert (refused.preflight.status, refused.preflight.reason, refused.preflight.detail) == (
        403,
        Reason.METHOD_NOT_ALLOWED,
        "DELETE",
    )
    assert refused.actual is None


def test_the_requests_are_those_of_a_browser() -> None:
    explanation = explain(f"{API}/api/x?y", APP, "PUT", ["content-type: application/json", "Accept", "Host: z"], credentials=True)  # fmt: skip

    assert [exchange.request for exchange in explanation.exchanges] == [
        (
            "OPTIONS /api/x?y",
            "Host: api.example.com",
            f"Origin: {APP}",
            "Access-Control-Request-Method: PUT",
            "Access-Control-Request-Headers: content-type",
        ),
        (
            "PUT /api/x?y",
            "Host: api.example.com",
            f"Origin: {APP}",
            "content-type: application/json",
            "Accept: …",
            "Cookie: …",
        ),
    ]


def test_the_answers_are_those_of_the_policy() -> None:
    preflight, actual = explain(f"{API}/api/x", APP, "PUT").exchanges

    assert (preflight.answered_by, preflight.status, actual.answered_by, actual.status) == (
        "gateway",
        204,
        "backend",
        None,
    )
    assert preflight.headers == (
        ("Access-Control-Allow-Origin", APP),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Allow-Methods", "GET,POST,PUT"),
        ("Access-Control-Allow-Headers", "content-type,authorization"),
        ("Access-Control-Max-Age", "600"),
        ("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
    )
    assert actual.headers == (
        ("Vary", "Origin"),
        ("Access-Control-Allow-Origin", APP),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Expose-Headers", "x-request-id"),
    )


@pytest.mark.parametrize(
    ("described", "readable", "every"),
    [
        ((f"{API}/api/x",), {"x-request-id", "content-type", "expires"}, False),
        ((f"{API}/partner/x", "https://partner.example"), {"content-type"}, False),
        ((f"{API}/fonts/x", "https://any.example"), set(), True),
        ((f"{API}/api/x", API), set(), True),
        ((f"{API}/api/x", "https://other.example"), set(), False),
    ],
)  # fmt: skip
def test_the_headers_that_may_be_read(described: tuple[Any, ...], readable: set[str], every: bool) -> None:
    explanation = explain(*described)

    assert readable <= set(explanation.readable)
    assert explanation.reads_every_header == every
    assert bool(explanation.readable) == (explanation.is_allowed and not every)


@pytest.mark.parametrize(
    ("described", "entry", "line"),
    [
        ((f"{API}/api/x", "https://x.tenant.example.com"), "https://*.tenant.example.com", 11),
        ((f"{API}/api/x", "https://x.tenant.example.com", "DELETE"), None, 0),
        ((f"{API}/fonts/x", "https://any.example"), "*", 24),
        ((f"{API}/sandbox/x", "null"), "dangerously_allow_null_origin", 34),
        ((f"{API}/api/x", "https://other.example"), None, 0),
        (("wss://api.example.com/admin/x", "https://admin.example.com"), "https://admin.example.com", 19),
    ],
)  # fmt: skip
def test_the_deciding_entry_has_a_place_in_the_file(
    described: tuple[Any, ...], entry: str | None, line: int
) -> None:
    found = explain(*described).entry

    assert (found.text if found else None) == entry
    assert (found.location.line if found and found.location else 0) == line


def test_an_entry_without_a_place_is_still_named() -> None:
    assert Entry("*", None).text == "*"


@pytest.mark.parametrize(
    ("described", "note"),
    [
        ((f"{API}/trial/x",), "report_only"),
        ((f"{API}/fonts/x", "HTTPS://any.example"), "no browser sends the origin"),
        ((f"{API}/api/x", APP, "GET", ["Cookie: a", "Host", "Cookie: b"]), "scripts cannot set Cookie and Host:"),
        (("http://api.example.com/api/x",), "mixed content"),
    ],
)  # fmt: skip
def test_what_else_is_worth_knowing(described: tuple[Any, ...], note: str) -> None:
    (found,) = _particular(explain(*described))

    assert note in found


@pytest.mark.parametrize(
    ("header", "browser", "asks", "note"),
    [
        ("Save-Data: on", None, True, "Chromium does not ask first for Save-Data"),
        ("Save-Data: on", Browser.CHROMIUM, False, None),
        ("Save-Data: off", Browser.CHROMIUM, True, None),
        ("Save-Data: on", Browser.WEBKIT, True, None),
        ("DPR", Browser.CHROMIUM, False, None),
        ("ECT: fast", Browser.CHROMIUM, True, None),
        ("User-Agent: x", None, True, "Chromium leaves out User-Agent and does not ask first"),
        ("User-Agent: x", Browser.CHROMIUM, False, "browsers leave it out"),
        ("User-Agent: x", Browser.FIREFOX, True, None),
    ],
)
def test_engines_that_go_other_ways(
    header: str, browser: Browser | None, asks: bool, note: str | None
) -> None:
    explanation = explainer().explain(describe(f"{API}/api/x", origin=APP, headers=[header], browser=browser))

    assert bool(explanation.causes) is asks
    assert note in " ".join(explanation.notes) if note is not None else _particular(explanation) == ()


@pytest.mark.parametrize("url", [f"{API}/api/x", "/api/x"])
def test_of_a_grant_where_nothing_is_odd_only_that_it_may_lead_elsewhere_is_noted(url: str) -> None:
    assert explain(url).notes == (REDIRECTED,)


def _particular(explanation: Explanation) -> tuple[str, ...]:
    """The notes without the one that every grant has."""
    return tuple(note for note in explanation.notes if note != REDIRECTED)


def test_a_request_without_origin_is_nothing_of_cors() -> None:
    explanation = explainer().explain(describe_parts("/api/x", host=None, origin=None, method="DELETE"))

    assert (explanation.verdict, explanation.reason) == (ALLOWED, Reason.NOT_CORS)
    assert [exchange.kind for exchange in explanation.exchanges] == [Kind.NOT_CORS]
    assert [exchange.request for exchange in explanation.exchanges] == [("DELETE /api/x",)]


def test_a_watched_upload_is_preceded_by_a_preflight() -> None:
    request = replace(describe(f"{API}/api/x", origin=APP, method="POST"), asks_first=True)

    explanation = explainer().explain(request)

    assert [exchange.kind for exchange in explanation.exchanges] == [Kind.PREFLIGHT, Kind.ACTUAL]


@given(
    url=st.text() | st.builds("https://{}/{}".format, st.sampled_from(["a", "www.example.com", "[::1]"]), st.text()),
    origin=st.text() | origins,
    method=st.text() | st.sampled_from(["GET", "put", "TRACE"]),
    headers=st.lists(st.text() | st.sampled_from(["X-A", "Content-Type: text/plain", "Accept: ("]), max_size=3),
    credentials=st.booleans(),
)  # fmt: skip
def test_whatever_can_be_described_can_be_explained(
    url: str, origin: str, method: str, headers: list[str], credentials: bool
) -> None:
    try:
        request = describe(url, origin=origin, method=method, headers=headers, credentials=credentials)
    except DescriptionFault:
        return
    explanation = explainer().explain(request)
    server = explainer().snapshot.server

    assert render_text(explanation, server).startswith(explanation.verdict.upper())
    assert json.dumps(as_document(explanation, server))


def test_explaining_needs_neither_yaml_nor_pydantic() -> None:
    script = "import sys, cors_gateway.explain.explainer, cors_gateway.explain.text; print(*sys.modules)"
    root = Path(__file__).parent.parent.parent
    loaded = subprocess.run(
        [sys.executable, "-c", script], cwd=root, check=True, capture_output=True, text=True, timeout=60
    ).stdout.split()

    assert not {"aiohttp", "pydantic", "yaml", "uvloop", "asyncio"} & set(loaded)
