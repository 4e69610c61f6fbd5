"""What a browser asks before a request, and what it demands of an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.policy.browser import (
    Call,
    cors_fault,
    exposed_names,
    is_safelisted_request_header,
    preflight_causes,
    preflight_fault,
    readable_headers,
    sends_origin,
)
from cors_gateway.policy.fetch import is_forbidden_method, is_forbidden_request_header, normalise_method

PAGE = "https://page.example"
GET = Call(PAGE, "GET", "/")
WITH_COOKIES = Call(PAGE, "GET", "/", credentials=True)
PUT = Call(PAGE, "PUT", "/", headers=(("X-Token", "1"), ("Authorization", "Bearer x")))
WATCHED = Call(PAGE, "POST", "/", asks_first=True)

ORIGIN = ("Access-Control-Allow-Origin", PAGE)
STAR = ("Access-Control-Allow-Origin", "*")
CREDENTIALS = ("access-control-allow-credentials", "true")


@pytest.mark.parametrize(
    ("method", "sent"),
    [("put", "PUT"), ("Delete", "DELETE"), ("get", "GET"), ("patch", "patch"), ("PATCH", "PATCH"), ("query", "query")],
)  # fmt: skip
def test_browsers_correct_the_case_of_six_methods_only(method: str, sent: str) -> None:
    assert normalise_method(method) == sent


@pytest.mark.parametrize(
    ("method", "forbidden"), [("TRACE", True), ("connect", True), ("Track", True), ("PUT", False)]
)
def test_some_methods_are_never_sent(method: str, forbidden: bool) -> None:
    assert is_forbidden_method(method) == forbidden


@pytest.mark.parametrize(
    ("name", "value", "forbidden"),
    [
        ("Cookie", None, True),
        ("Sec-Fetch-Site", None, True),
        ("proxy-authorization", None, True),
        ("Access-Control-Request-Method", None, True),
        ("X-HTTP-Method-Override", "PUT, trace", True),
        ("X-HTTP-Method-Override", "PUT", False),
        ("X-Method-Override", None, False),
        ("Authorization", None, False),
        ("User-Agent", None, False),
        ("Secret", None, False),
    ],
)
def test_some_headers_are_left_out_without_a_word(name: str, value: str | None, forbidden: bool) -> None:
    assert is_forbidden_request_header(name, value) == forbidden


@pytest.mark.parametrize(
    ("name", "value", "safelisted"),
    [
        ("Accept", "application/json", True),
        ("Accept", None, True),
        ("Accept", "a" * 128, True),
        ("Accept", "a" * 129, False),
        ("Accept", "a\x01", False),
        ("Accept", 'text/html;level="1"', False),
        ("accept", "text/html\tx", True),
        ("Accept-Language", "de, en;q=0.5", True),
        ("Accept-Language", "de_DE", False),
        ("Content-Language", "*", True),
        ("Content-Type", None, False),
        ("Content-Type", "text/plain", True),
        ("Content-Type", " TEXT/Plain ;charset=utf-8", True),
        ("Content-Type", "multipart/form-data; boundary=x", True),
        ("Content-Type", 'multipart/form-data; boundary="x"', False),
        ("Content-Type", "application/x-www-form-urlencoded", True),
        ("Content-Type", "application/json", False),
        ("Content-Type", "text/plain, application/json", False),
        ("Content-Type", "text", False),
        ("Content-Type", "", False),
        ("Range", None, False),
        ("Range", "bytes=0-", True),
        ("Range", "bytes=0-99", True),
        ("Range", "bytes=9-1", False),
        ("Range", "bytes=-5", False),
        ("Range", "bytes=0-1,3-4", False),
        ("Range", "bytes = 0-", False),
        ("Range", "bytes=٠-", False),
        ("X-Anything", "1", False),
        ("Authorization", "Bearer x", False),
    ],
)
def test_which_headers_need_no_preflight(name: str, value: str | None, safelisted: bool) -> None:
    assert is_safelisted_request_header(name, value) == safelisted


@pytest.mark.parametrize(
    ("method", "headers", "causes"),
    [
        ("GET", (), []),
        ("HEAD", (), []),
        ("POST", (("Content-Type", "text/plain;charset=utf-8"), ("Accept", "*/*")), []),
        ("DELETE", (), ["the method is DELETE"]),
        ("patch", (), ["the method is patch"]),
        (
            "POST",
            (("Content-Type", "application/json"),),
            ["the Content-Type is none that an HTML form can send"],
        ),
        ("GET", (("authorization", "x"),), ["it carries the header authorization"]),
        ("GET", (("X-B", "1"), ("X-A", "1"), ("x-b", "2")), ["it carries the header X-A", "it carries the header X-B"]),
        ("GET", (("Cookie", "a=b"),), []),
        (
            "POST",
            (("Content-Type", None),),
            ["it carries Content-Type, whose value is taken for one that has to be asked for"],
        ),
        ("GET", (("Range", "bytes=-1"),), ["the Range is not a single range with a beginning"]),
        ("GET", (("Accept", "(a)"),), ["the value of Accept is long or has unusual characters"]),
        ("GET", (("Range", "x" * 200),), ["the value of Range is long or has unusual characters"]),
    ],
)  # fmt: skip
def test_what_makes_a_browser_ask_first(
    method: str, headers: tuple[tuple[str, str], ...], causes: list[str]
) -> None:
    assert preflight_causes(Call(PAGE, method, "/", headers)) == causes


def test_a_watched_upload_asks_first_whatever_it_is() -> None:
    assert preflight_causes(WATCHED) == ["the upload is watched or streamed"]


def test_many_simple_values_together_have_to_be_asked_for() -> None:
    accepted = tuple(("Accept", "a" * 128) for _ in range(8))

    assert Call(PAGE, "GET", "/", accepted).unsafe_headers == ()
    assert Call(PAGE, "GET", "/", (*accepted, ("Accept-Language", "de"))).unsafe_headers == (
        "accept",
        "accept-language",
    )


def test_the_names_asked_for_are_lower_case_sorted_and_unique() -> None:
    call = Call(PAGE, "GET", "/", (("X-B", "1"), ("Authorization", "1"), ("x-b", "2"), ("Host", "h")))

    assert call.unsafe_headers == ("authorization", "x-b")


@pytest.mark.parametrize(
    ("method", "cross_origin", "sent"),
    [("GET", True, True), ("POST", True, True), ("GET", False, False), ("HEAD", False, False), ("POST", False, True)],
)  # fmt: skip
def test_same_origin_requests_carry_an_origin_too_unless_they_read(
    method: str, cross_origin: bool, sent: bool
) -> None:
    assert sends_origin(method, cross_origin=cross_origin) == sent


@pytest.mark.parametrize(
    ("call", "answer", "passes"),
    [
        (GET, [ORIGIN], True),
        (GET, [STAR], True),
        (GET, [], False),
        (GET, [STAR, STAR], False),
        (GET, [("Access-Control-Allow-Origin", f"{PAGE}/")], False),
        (GET, [("Access-Control-Allow-Origin", "null")], False),
        (Call("null", "GET", "/"), [("Access-Control-Allow-Origin", "null")], True),
        (WITH_COOKIES, [ORIGIN, CREDENTIALS], True),
        (WITH_COOKIES, [ORIGIN], False),
        (WITH_COOKIES, [STAR, CREDENTIALS], False),
        (WITH_COOKIES, [ORIGIN, CREDENTIALS, CREDENTIALS], False),
        (WITH_COOKIES, [ORIGIN, ("Access-Control-Allow-Credentials", "True")], False),
    ],
)
def test_the_cors_check(call: Call, answer: list[tuple[str, str]], passes: bool) -> None:
    assert (cors_fault(call, answer) is None) == passes


@pytest.mark.parametrize(
    ("call", "status", "answer", "passes"),
    [
        (GET, 204, [ORIGIN], True),
        (GET, 299, [ORIGIN], True),
        (GET, 300, [ORIGIN], False),
        (GET, 405, [ORIGIN], False),
        (GET, 204, [], False),
        (WATCHED, 204, [ORIGIN], True),
        (GET, 204, [ORIGIN, ("Access-Control-Allow-Methods", "GET PUT")], False),
        (GET, 204, [ORIGIN, ("Access-Control-Allow-Headers", "x-a; x-b")], False),
        (GET, 204, [ORIGIN, ("Access-Control-Allow-Methods", ",, PUT ,")], True),
        (PUT, 200, [ORIGIN, ("Access-Control-Allow-Methods", "GET, PUT"), ("Access-Control-Allow-Headers", "x-token,Authorization")], True),
        (PUT, 200, [ORIGIN, ("Access-Control-Allow-Methods", "PUT"), ("Access-Control-Allow-Headers", "x-token"), ("Access-Control-Allow-Headers", "authorization")], True),
        (PUT, 200, [ORIGIN, ("Access-Control-Allow-Methods", "put"), ("Access-Control-Allow-Headers", "x-token,Authorization")], False),
        (PUT, 200, [ORIGIN, ("Access-Control-Allow-Methods", "PUT"), ("Access-Control-Allow-Headers", "authorization")], False),
        (PUT, 200, [ORIGIN, ("Access-Control-Allow-Methods", "*"), ("Access-Control-Allow-Headers", "*,authorization")], True),
        (PUT, 200, [ORIGIN, ("Access-Control-Allow-Methods", "*"), ("Access-Control-Allow-Headers", "*")], False),
    ],
)  # fmt: skip
def test_the_preflight_check(call: Call, status: int, answer: list[tuple[str, str]], passes: bool) -> None:
    assert (preflight_fault(call, status, answer) is None) == passes


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ([("Access-Control-Allow-Methods", "*")], "Access-Control-Allow-Methods does not list PUT"),
        (
            [("Access-Control-Allow-Methods", "PUT"), ("Access-Control-Allow-Headers", "*")],
            "Access-Control-Allow-Headers does not list x-a",
        ),
    ],
)
def test_stars_are_names_when_credentials_are_included(answer: list[tuple[str, str]], fault: str) -> None:
    call = Call(PAGE, "PUT", "/", (("X-A", "1"),), credentials=True)

    assert preflight_fault(call, 204, [ORIGIN, CREDENTIALS, *answer]) == fault


@pytest.mark.parametrize(
    ("call", "exposed", "readable"),
    [
        (GET, [], ["content-type"]),
        (GET, [("Access-Control-Expose-Headers", "x-a, Set-Cookie")], ["content-type", "x-a"]),
        (GET, [("Access-Control-Expose-Headers", "x-a x-b")], ["content-type"]),
        (GET, [("Access-Control-Expose-Headers", "*")], ["content-type", "x-a", "x-b", "access-control-expose-headers"]),
        (WITH_COOKIES, [("Access-Control-Expose-Headers", "*")], ["content-type"]),
    ],
)  # fmt: skip
def test_which_headers_a_script_may_read(
    call: Call, exposed: list[tuple[str, str]], readable: list[str]
) -> None:
    answer = [("Content-Type", "text/plain"), ("X-A", "1"), ("X-B", "2"), ("Set-Cookie", "a=b"), *exposed]

    assert readable_headers(call, answer) == readable


def test_what_may_be_read_is_known_before_the_answer_is() -> None:
    named = exposed_names(GET, [("Access-Control-Expose-Headers", "X-A, set-cookie")])

    assert named is not None
    assert {"x-a", "content-type", "expires"} <= named
    assert "set-cookie" not in named
    assert exposed_names(GET, [("Access-Control-Expose-Headers", "*")]) is None


@given(st.text(), st.text(), st.lists(st.tuples(st.text(), st.none() | st.text()), max_size=4), st.booleans())
def test_nothing_raises(
    origin: str, method: str, headers: list[tuple[str, str | None]], credentials: bool
) -> None:
    call = Call(origin, method, "/", tuple(headers), credentials)
    answer = [(name, value or "") for name, value in headers]

    assert bool(preflight_causes(call)) == (
        bool(call.unsafe_headers) or method not in ("GET", "HEAD", "POST")
    )
    assert preflight_fault(call, 204, answer) or cors_fault(call, answer) is None
    readable_headers(call, answer)
