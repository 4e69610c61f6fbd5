"""What a browser demands of an answer, as the demo judges it."""

import pytest

from cors_gateway.cli.demo_site.browser import (
    Call,
    cors_fault,
    preflight_causes,
    preflight_fault,
    readable_headers,
)

PAGE = "https://page.example"
GET = Call(PAGE, "GET", "/")
WITH_COOKIES = Call(PAGE, "GET", "/", credentials=True)
PUT = Call(PAGE, "PUT", "/", headers=(("X-Token", "1"), ("Authorization", "Bearer x")))

ORIGIN = ("Access-Control-Allow-Origin", PAGE)
STAR = ("Access-Control-Allow-Origin", "*")
CREDENTIALS = ("access-control-allow-credentials", "true")


@pytest.mark.parametrize(
    ("call", "answer", "passes"),
    [
        (GET, [ORIGIN], True),
        (GET, [STAR], True),
        (GET, [], False),
        (GET, [STAR, STAR], False),
        (GET, [("Access-Control-Allow-Origin", f"{PAGE}/")], False),
        (GET, [("Access-Control-Allow-Origin", "null")], False),
        (WITH_COOKIES, [ORIGIN, CREDENTIALS], True),
        (WITH_COOKIES, [ORIGIN], False),
        (WITH_COOKIES, [STAR, CREDENTIALS], False),
        (WITH_COOKIES, [ORIGIN, ("Access-Control-Allow-Credentials", "True")], False),
    ],
)
def test_the_cors_check(call: Call, answer: list[tuple[str, str]], passes: bool) -> None:
    assert (cors_fault(call, answer) is None) == passes


@pytest.mark.parametrize(
    ("call", "status", "answer", "passes"),
    [
        (GET, 204, [ORIGIN], True),
        (GET, 405, [ORIGIN], False),
        (GET, 204, [], False),
        (PUT, 200, [ORIGIN, ("Access-Control-Allow-Methods", "GET, PUT"), ("Access-Control-Allow-Headers", "x-token,Authorization")], True),
        (PUT, 200, [ORIGIN, ("Access-Control-Allow-Methods", "put"), ("Access-Control-Allow-Headers", "x-token,Authorization")], False),
        (PUT, 200, [ORIGIN, ("Access-Control-Allow-Methods", "PUT"), ("Access-Control-Allow-Headers", "authorization")], False),
        (PUT, 200, [ORIGIN, ("Access-Control-Allow-Methods", "*"), ("Access-Control-Allow-Headers", "*,authorization")], True),
        (PUT, 200, [ORIGIN, ("Access-Control-Allow-Methods", "*"), ("Access-Control-Allow-Headers", "*")], False),
    ],
)  # fmt: skip
def test_the_preflight_check(call: Call, status: int, answer: list[tuple[str, str]], passes: bool) -> None:
    assert (preflight_fault(call, status, answer) is None) == passes


def test_stars_are_names_when_credentials_are_included() -> None:
    call = Call(PAGE, "PUT", "/", credentials=True)

    fault = preflight_fault(call, 204, [ORIGIN, CREDENTIALS, ("Access-Control-Allow-Methods", "*")])

    assert fault == "Access-Control-Allow-Methods does not list PUT"


@pytest.mark.parametrize(
    ("method", "headers", "causes"),
    [
        ("GET", (), []),
        ("POST", (("Content-Type", "text/plain;charset=utf-8"), ("Accept", "*/*")), []),
        ("DELETE", (), ["the method is DELETE"]),
        (
            "POST",
            (("Content-Type", "application/json"),),
            ["the Content-Type is none that an HTML form can send"],
        ),
        ("GET", (("authorization", "x"),), ["it carries the header Authorization"]),
    ],
)
def test_what_makes_a_browser_ask_first(
    method: str, headers: tuple[tuple[str, str], ...], causes: list[str]
) -> None:
    assert preflight_causes(Call(PAGE, method, "/", headers)) == causes


@pytest.mark.parametrize(
    ("call", "exposed", "readable"),
    [
        (GET, [], ["content-type"]),
        (GET, [("Access-Control-Expose-Headers", "x-a, Set-Cookie")], ["content-type", "x-a"]),
        (GET, [("Access-Control-Expose-Headers", "*")], ["content-type", "x-a", "x-b", "access-control-expose-headers"]),
        (WITH_COOKIES, [("Access-Control-Expose-Headers", "*")], ["content-type"]),
    ],
)  # fmt: skip
def test_which_headers_a_script_may_read(
    call: Call, exposed: list[tuple[str, str]], readable: list[str]
) -> None:
    answer = [("Content-Type", "text/plain"), ("X-A", "1"), ("X-B", "2"), ("Set-Cookie", "a=b"), *exposed]

    assert readable_headers(call, answer) == readable
