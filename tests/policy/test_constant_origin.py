"""`constant_origin`: one origin in every answer, for caches that ignore Vary; and the names that a response exposes."""

import pytest

from cors_gateway.policy.compiled import CompiledPolicy
from cors_gateway.policy.reason import Reason
from cors_gateway.policy.vary import exposable
from tests.policy.written import policy

APP = "https://app.example"
NAMED = b"Access-Control-Allow-Origin: https://app.example\r\nAccess-Control-Allow-Credentials: true\r\n"
KEYS = {"allow_origins": [APP], "allow_credentials": True, "constant_origin": True}
CONSTANT = CompiledPolicy(policy(KEYS))


@pytest.mark.parametrize(
    ("origin", "reason"),
    [
        ((), Reason.NOT_CORS),
        ((APP.encode(),), Reason.ALLOWED),
        ((b"https://stranger.example",), Reason.ORIGIN_NOT_ALLOWED),
        ((b"null",), Reason.ORIGIN_NOT_ALLOWED),
        ((b"https://app.example/",), Reason.ORIGIN_MALFORMED),
        ((APP.encode(), APP.encode()), Reason.ORIGIN_MALFORMED),
    ],
)
def test_every_answer_is_the_same_to_the_byte(origin: tuple[bytes, ...], reason: Reason) -> None:
    """A browser refuses the answer to anybody else, because another origin is named in it (Fetch, CORS check)."""
    decision = CONSTANT.actual(origin)

    assert decision.reason is reason
    assert (decision.grant.lines, decision.grant.vary, decision.grant.vary_line) == (NAMED, (), b"")


def test_a_preflight_is_decided_as_ever() -> None:
    allowed = CONSTANT.preflight((APP.encode(),), (b"GET",), (), ())
    refused = CONSTANT.preflight((b"https://stranger.example",), (b"GET",), (), ())

    assert (allowed.reason, refused.reason) == (Reason.ALLOWED, Reason.ORIGIN_NOT_ALLOWED)
    for answer in (allowed, refused):
        assert b"Vary: Access-Control-Request-Method, Access-Control-Request-Headers\r\n" in answer.lines
    assert b"Allow-Origin" not in refused.lines


def test_a_policy_that_only_reports_leaves_answers_alone() -> None:
    grant = CompiledPolicy(policy({**KEYS, "report_only": True})).actual(()).grant

    assert (grant.lines, grant.rewrite) == (b"", False)


@pytest.mark.parametrize(
    ("value", "merges", "exposes_all"), [("drop", False, False), ("merge", True, False), ("all", True, True)]
)
def test_a_grant_says_whose_names_are_exposed(value: str, merges: bool, exposes_all: bool) -> None:
    written = {"allow_origins": [APP], "expose_headers": ["x-total"], "upstream_expose": value}
    grant = CompiledPolicy(policy(written)).actual((APP.encode(),)).grant

    assert (grant.merge_expose, grant.exposes_all) == (merges, exposes_all)


def test_all_names_are_those_that_a_script_cannot_read_otherwise() -> None:
    names = [
        b"etag",
        b"content-type",
        b"set-cookie",
        b"x-a",
        b"access-control-max-age",
        b"cache-control",
        b"vary",
    ]

    assert list(exposable(names)) == [b"etag", b"x-a", b"vary"]
