"""Rules for `allow_headers`."""

import pytest

from tests.config.lint.said import findings, hint, said

FORBIDDEN = [
    "Accept-Charset",
    "Accept-Encoding",
    "Access-Control-Request-Headers",
    "Access-Control-Request-Method",
    "Connection",
    "Access-Control-Request-Private-Network",
    "Content-Length",
    "Cookie",
    "Cookie2",
    "Date",
    "DNT",
    "Expect",
    "Host",
    "Keep-Alive",
    "Origin",
    "Referer",
    "Set-Cookie",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Via",
    "Proxy-Authorization",
    "proxy-x",
    "Sec-Fetch-Site",
    "sec-",
]

MISPLACED = [
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Credentials",
    "access-control-allow-headers",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Private-Network",
    "Access-Control-Expose-Headers",
    "Access-Control-Max-Age",
]

PROHIBITED = [
    "Timing-Allow-Origin",
    "Vary",
    "Cross-Origin-Resource-Policy",
    "Set-Cookie2",
]

CASES: list[tuple[str, list[str] | None, set[str]]] = [
    ("the key may be absent", None, set()),
    ("no header is the default", [], set()),
    ("ordinary headers", ["Content-Type", "authorization", "X-CSRF-Token", "Range"], set()),
    ("an underscore", ["X_Token"], {"warning allow_headers.underscore at allow_headers[0]"}),
    ("a request id", ["x-request-id"], {"warning allow_headers.request_id at allow_headers[0]"}),
    *(
        (name, ["X-A", name], {"error allow_headers.undeliverable at allow_headers[1]"})
        for name in (
            *(
                "X_Forwarded_For",
                "X.Forwarded.For",
                "Content_Type",
                "X-Forwarded-For",
                "X-Real-IP",
                "Forwarded",
            ),
            *("X-Original-URL", "Proxy", "X-Request_Id"),
        )
    ),
    ("a space", ["X A"], {"error allow_headers.invalid at allow_headers[0]"}),
    ("a colon", ["X-A:"], {"error allow_headers.invalid at allow_headers[0]"}),
    ("not ASCII", ["X-A", "X-é"], {"error allow_headers.invalid at allow_headers[1]"}),
    ("a line break", ["X-A\r\nX-B"], {"error allow_headers.invalid at allow_headers[0]"}),
    ("a pattern", ["X-*"], {"error allow_headers.invalid at allow_headers[0]"}),
    (
        "a pattern beside the star",
        ["*", "X-*", "Authorization"],
        {"error allow_headers.invalid at allow_headers[1]"},
    ),
    ("empty", [""], {"error allow_headers.invalid at allow_headers[0]"}),
    (
        "method override",
        ["X-HTTP-Method-Override", "x-method-override"],
        {
            "warning allow_headers.method_override at allow_headers[0]",
            "warning allow_headers.method_override at allow_headers[1]",
        },
    ),
    ("safelisted", ["Accept"], {"warning allow_headers.safelisted at allow_headers[0]"}),
    ("the same name in another case", ["X-A", "x-a"], set()),
    ("the same name twice", ["X-A", "X-A"], {"warning allow_headers.redundant at allow_headers[1]"}),
    ("the star and Authorization", ["*", "Authorization"], set()),
    (
        "the star without Authorization",
        ["*"],
        {"warning allow_headers.wildcard_no_authorization at allow_headers[0]"},
    ),
    (
        "the star and others",
        ["X-A", "*", "Accept", "authorization"],
        {
            "warning allow_headers.redundant at allow_headers[0]",
            "warning allow_headers.redundant at allow_headers[2]",
        },
    ),
]


@pytest.mark.parametrize(("names", "expected"), [pytest.param(n, e, id=i) for i, n, e in CASES])
def test_request_headers(names: list[str] | None, expected: set[str]) -> None:
    assert said(allow_headers=names) == expected


@pytest.mark.parametrize("name", FORBIDDEN)
def test_names_that_browsers_keep_to_themselves(name: str) -> None:
    assert said(allow_headers=[name, name.upper()]) == {
        "error allow_headers.forbidden at allow_headers[0]",
        "error allow_headers.forbidden at allow_headers[1]",
    }


@pytest.mark.parametrize("name", PROHIBITED)
def test_names_that_only_responses_have(name: str) -> None:
    assert said(allow_headers=[name]) == {"error allow_headers.prohibited at allow_headers[0]"}


@pytest.mark.parametrize("name", MISPLACED)
def test_what_a_confused_front_end_sends_can_be_granted(name: str) -> None:
    assert said(allow_headers=[name]) == {"warning allow_headers.prohibited at allow_headers[0]"}


def test_the_star_with_credentials_works_by_echo_only() -> None:
    assert said(allow_headers=["*"], allow_credentials=True) == {
        "warning allow_headers.wildcard_credentials at allow_headers[0]"
    }


def test_hints_say_what_to_write() -> None:
    assert "2 entries: X-A, X-B" in hint("allow_headers.invalid", allow_headers=["X-A, X-B"])
    assert "allow_credentials" in hint("allow_headers.forbidden", allow_headers=["cookie"])


def test_what_cannot_be_printed_is_escaped() -> None:
    message = findings(allow_headers=["X-A\r\nX-B\x1b"])[0].message
    assert message.isprintable()
    assert r"X-A\r\nX-B\x1b" in message
