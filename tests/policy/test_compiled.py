"""What a compiled policy decides and writes. Tables name the complete header sets."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.policy.compiled import ActualDecision, CompiledPolicy
from cors_gateway.policy.origin import MAX_ORIGIN_LENGTH
from cors_gateway.policy.origin_memory import MAX_REMEMBERED, OriginMemory
from cors_gateway.policy.policy import Policy
from cors_gateway.policy.reason import Kind, Reason
from tests.policy.strategies import almost_origins, origins, pattern_texts, tokens
from tests.policy.written import policy

APP = b"https://app.example.com"
STRANGER = b"https://evil.example"
OWN = b"https://gateway.example.com"

BASIC: dict[str, Any] = {
    "allow_origins": ["https://app.example.com", "https://*.tenant.example.com"],
    "allow_methods": ["GET", "PUT"],
    "allow_headers": ["Content-Type", "X-A"],
    "expose_headers": ["X-Total-Count"],
    "max_age": 600,
}
CREDENTIALS = {**BASIC, "allow_credentials": True}
ANY = {"allow_origins": ["*"], "expose_headers": ["*"], "allow_headers": ["*"], "max_age": 0}
REJECT = {**BASIC, "on_disallowed_request": "reject", "public_origins": [OWN.decode()]}
SOCKETS = {**BASIC, "websocket_origin_check": True, "public_origins": [OWN.decode()]}
MANAGED = {
    **BASIC,
    "timing_allow_origin": "same-as-origins",
    "cross_origin_resource_policy": "same-site",
}
DIAGNOSE = {**CREDENTIALS, "preflight_failure": "diagnose", "preflight_status": 200}

ACAO, ACAC = "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"
ACAM, ACAH = "Access-Control-Allow-Methods", "Access-Control-Allow-Headers"
ACMA, ACEH = "Access-Control-Max-Age", "Access-Control-Expose-Headers"
ACAPN = "Access-Control-Allow-Private-Network"
PREFLIGHT_VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
APP_TEXT = APP.decode()


def fields(lines: bytes) -> dict[str, str]:
    """The lines as a mapping; every line must be complete and no name may come twice."""
    assert lines == b"" or lines.endswith(b"\r\n")
    pairs = [line.partition(": ") for line in lines.decode("ascii").split("\r\n")[:-1]]
    result = {name: value for name, _, value in pairs}
    assert len(result) == len(pairs)
    return result


@dataclass(frozen=True)
class Actual:
    what: str
    policy: dict[str, Any] | str
    origin: tuple[bytes, ...]
    reason: Reason
    headers: dict[str, str]
    vary: tuple[bytes, ...] = (b"Origin",)
    rejected: bool = False
    entry: int | None = None
    site: tuple[bytes, ...] = ()


BASIC_GRANT = {ACAO: APP_TEXT, ACEH: "x-total-count"}
ANY_GRANT = {ACAO: "*", ACEH: "*"}
BOTH = (b"Origin", b"Sec-Fetch-Site")

ACTUALS = [
    Actual("listed origin", BASIC, (APP,), Reason.ALLOWED, BASIC_GRANT, entry=0),
    Actual(
        "subdomain",
        BASIC,
        (b"https://a.tenant.example.com",),
        Reason.ALLOWED,
        {**BASIC_GRANT, ACAO: "https://a.tenant.example.com"},
        entry=1,
    ),
    Actual("credentials", CREDENTIALS, (APP,), Reason.ALLOWED, {**BASIC_GRANT, ACAC: "true"}, entry=0),
    Actual("no origin", BASIC, (), Reason.NOT_CORS, {}),
    Actual("stranger", BASIC, (STRANGER,), Reason.ORIGIN_NOT_ALLOWED, {}),
    Actual("null", BASIC, (b"null",), Reason.ORIGIN_NOT_ALLOWED, {}),
    Actual("empty origin", BASIC, (b"",), Reason.ORIGIN_MALFORMED, {}),
    Actual("not an origin", BASIC, (b"garbage",), Reason.ORIGIN_MALFORMED, {}),
    Actual("default port", BASIC, (APP + b":443",), Reason.ORIGIN_MALFORMED, {}),
    Actual("two origins", BASIC, (APP, APP), Reason.ORIGIN_MALFORMED, {}),
    Actual("over-long origin", BASIC, (b"https://" + b"a" * 8000,), Reason.ORIGIN_MALFORMED, {}),
    Actual(
        "null by permission",
        {**BASIC, "dangerously_allow_null_origin": True},
        (b"null",),
        Reason.ALLOWED,
        {**BASIC_GRANT, ACAO: "null"},
    ),
    Actual(
        "null by permission, a stranger without",
        {**BASIC, "dangerously_allow_null_origin": True},
        (STRANGER,),
        Reason.ORIGIN_NOT_ALLOWED,
        {},
    ),
    Actual("any origin", ANY, (STRANGER,), Reason.ALLOWED, ANY_GRANT, vary=()),
    Actual("any origin, none sent", ANY, (), Reason.NOT_CORS, ANY_GRANT, vary=()),
    Actual("any origin, nonsense", ANY, (b"", b"\xff"), Reason.ALLOWED, ANY_GRANT, vary=()),
    Actual("disabled", "disabled", (APP,), Reason.CORS_DISABLED, {}),
    Actual("disabled, none sent", "disabled", (), Reason.NOT_CORS, {}),
    Actual("passthrough", "passthrough", (APP,), Reason.PASSTHROUGH, {}, vary=()),
    Actual("passthrough, none sent", "passthrough", (), Reason.NOT_CORS, {}, vary=()),
    Actual("report only", {**BASIC, "report_only": True}, (APP,), Reason.ALLOWED, {}, vary=(), entry=0),
    Actual(
        "report only does not reject",
        {**REJECT, "report_only": True},
        (STRANGER,),
        Reason.ORIGIN_NOT_ALLOWED,
        {},
        vary=(),
    ),
    Actual("rejected stranger", REJECT, (STRANGER,), Reason.ORIGIN_NOT_ALLOWED, {}, BOTH, rejected=True),
    Actual("rejected null", REJECT, (b"null",), Reason.ORIGIN_NOT_ALLOWED, {}, BOTH, rejected=True),
    Actual("rejected nonsense", REJECT, (b"x",), Reason.ORIGIN_MALFORMED, {}, BOTH, rejected=True),
    Actual("rejected pair", REJECT, (APP, APP), Reason.ORIGIN_MALFORMED, {}, BOTH, rejected=True),
    Actual("reject lets no origin pass", REJECT, (), Reason.NOT_CORS, {}, BOTH),
    Actual("reject lets the listed pass", REJECT, (APP,), Reason.ALLOWED, BASIC_GRANT, BOTH, entry=0),
    Actual("reject lets its own pages pass", REJECT, (OWN,), Reason.SAME_ORIGIN, {}, BOTH),
    Actual(
        "own host, other scheme",
        REJECT,
        (OWN.replace(b"https", b"http"),),
        Reason.ORIGIN_NOT_ALLOWED,
        {},
        BOTH,
        rejected=True,
    ),
    Actual(
        "browser says same origin",
        REJECT,
        (b"null",),
        Reason.SAME_ORIGIN,
        {},
        BOTH,
        site=(b"same-origin",),
    ),
    Actual(
        "browser says same origin of one that is listed",
        REJECT,
        (APP,),
        Reason.ALLOWED,
        BASIC_GRANT,
        BOTH,
        entry=0,
        site=(b"same-origin",),
    ),
    *(
        Actual(
            f"browser says {site}", REJECT, (STRANGER,), Reason.ORIGIN_NOT_ALLOWED, {}, BOTH, True, site=site
        )
        for site in [
            (b"cross-site",),
            (b"same-site",),
            (b"none",),
            (b"Same-Origin",),
            (b"same-origin", b"same-origin"),
            (b"same-origin, cross-site",),
        ]
    ),
    Actual(
        "timing and resource policy",
        MANAGED,
        (APP,),
        Reason.ALLOWED,
        {**BASIC_GRANT, "Timing-Allow-Origin": APP_TEXT, "Cross-Origin-Resource-Policy": "same-site"},
        entry=0,
    ),
    Actual(
        "timing and resource policy for a stranger",
        MANAGED,
        (STRANGER,),
        Reason.ORIGIN_NOT_ALLOWED,
        {"Cross-Origin-Resource-Policy": "same-site"},
    ),
    Actual(
        "timing and resource policy without origin",
        MANAGED,
        (),
        Reason.NOT_CORS,
        {"Cross-Origin-Resource-Policy": "same-site"},
    ),
    Actual(
        "timing for anyone",
        {**ANY, "timing_allow_origin": "same-as-origins"},
        (),
        Reason.NOT_CORS,
        {**ANY_GRANT, "Timing-Allow-Origin": "*"},
        vary=(),
    ),
]


@pytest.mark.parametrize("case", ACTUALS, ids=lambda case: case.what)
def test_an_actual_request_gets(case: Actual) -> None:
    compiled = CompiledPolicy(policy(case.policy))
    decision = compiled.actual(case.origin, case.site)

    assert decision.reason is case.reason
    assert decision.kind is (Kind.ACTUAL if case.origin else Kind.NOT_CORS)
    assert fields(decision.grant.lines) == case.headers
    assert decision.grant.vary == case.vary
    assert decision.rejected is case.rejected
    assert decision.entry == case.entry
    assert decision == compiled.actual(list(case.origin), list(case.site)), "a second time"


def test_the_vary_line_says_what_the_tokens_say() -> None:
    lines = [CompiledPolicy(policy(written)).actual([]).grant.vary_line for written in (BASIC, REJECT, ANY)]
    assert lines == [b"Vary: Origin\r\n", b"Vary: Origin, Sec-Fetch-Site\r\n", b""]


@pytest.mark.parametrize(
    ("written", "strip", "rewrite"),
    [
        (BASIC, set(), True),
        ("disabled", set(), True),
        (MANAGED, {b"timing-allow-origin", b"cross-origin-resource-policy"}, True),
        ("passthrough", set(), False),
        ({**MANAGED, "report_only": True}, set(), False),
    ],
)
@pytest.mark.parametrize("origin", [(), (APP,), (STRANGER,), (b"", b"")])
def test_what_the_gateway_manages_is_removed_from_every_answer(
    written: Any, strip: set[bytes], rewrite: bool, origin: tuple[bytes, ...]
) -> None:
    grant = CompiledPolicy(policy(written)).actual(origin).grant
    assert grant.strip == strip
    assert grant.rewrite is rewrite


def test_the_backends_exposed_names_join_granted_answers_only() -> None:
    compiled = CompiledPolicy(policy({**CREDENTIALS, "upstream_expose": "merge"}))
    granted, refused = compiled.actual([APP]).grant, compiled.actual([STRANGER]).grant

    assert granted.merge_expose
    assert not refused.merge_expose
    expected = {ACAO: APP_TEXT, ACAC: "true", ACEH: "x-total-count,x-trace"}
    assert fields(granted.lines_with_expose([b"X-Trace, X-Total-Count"])) == expected
    assert granted.lines_with_expose([]) == granted.lines
    assert not CompiledPolicy(policy(BASIC)).actual([APP]).grant.merge_expose


def test_without_configured_names_only_the_backends_are_exposed() -> None:
    grant = (
        CompiledPolicy(policy({"allow_origins": [APP_TEXT], "upstream_expose": "merge"})).actual([APP]).grant
    )
    assert fields(grant.lines_with_expose([b"ETag"])) == {ACAO: APP_TEXT, ACEH: "etag"}
    assert fields(grant.lines_with_expose([])) == {ACAO: APP_TEXT}


@pytest.mark.parametrize(
    ("what", "written", "origin", "site", "reason", "rejected"),
    [
        ("no check", BASIC, (STRANGER,), (), Reason.ORIGIN_NOT_ALLOWED, False),
        ("requests of strangers are rejected", REJECT, (STRANGER,), (), Reason.ORIGIN_NOT_ALLOWED, True),
        ("native client", SOCKETS, (), (), Reason.NOT_CORS, False),
        ("listed", SOCKETS, (APP,), (), Reason.ALLOWED, False),
        ("own page", SOCKETS, (OWN,), (), Reason.SAME_ORIGIN, False),
        ("own page by metadata", SOCKETS, (b"null",), (b"same-origin",), Reason.SAME_ORIGIN, False),
        ("stranger", SOCKETS, (STRANGER,), (), Reason.ORIGIN_NOT_ALLOWED, True),
        ("stranger by metadata", SOCKETS, (STRANGER,), (b"cross-site",), Reason.ORIGIN_NOT_ALLOWED, True),
        ("null", SOCKETS, (b"null",), (), Reason.ORIGIN_NOT_ALLOWED, True),
        ("nonsense", SOCKETS, (b"x",), (), Reason.ORIGIN_MALFORMED, True),
        ("repeated", SOCKETS, (APP, APP), (), Reason.ORIGIN_MALFORMED, True),
        ("anyone", {**ANY, "websocket_origin_check": True}, (STRANGER,), (), Reason.ALLOWED, False),
        ("report only", {**SOCKETS, "report_only": True}, (STRANGER,), (), Reason.ORIGIN_NOT_ALLOWED, False),
        ("disabled", "disabled", (STRANGER,), (), Reason.CORS_DISABLED, False),
        ("passthrough", "passthrough", (STRANGER,), (), Reason.PASSTHROUGH, False),
    ],
)
def test_a_websocket_handshake_is_checked_if_the_policy_says_so(
    what: str,
    written: Any,
    origin: tuple[bytes, ...],
    site: tuple[bytes, ...],
    reason: Reason,
    rejected: bool,
) -> None:
    decision = CompiledPolicy(policy(written)).websocket(origin, site)
    assert (decision.kind, decision.reason, decision.rejected) == (Kind.WEBSOCKET, reason, rejected)


def test_a_refused_handshake_varies_on_all_that_was_looked_at() -> None:
    assert CompiledPolicy(policy(SOCKETS)).websocket([STRANGER]).grant.vary == BOTH


@dataclass(frozen=True)
class Preflight:
    what: str
    policy: dict[str, Any] | str
    headers: dict[str, str]
    reason: Reason = Reason.ALLOWED
    origin: tuple[bytes, ...] = (APP,)
    method: tuple[bytes, ...] = (b"PUT",)
    asked: tuple[bytes, ...] = ()
    private: tuple[bytes, ...] = ()
    status: int = 204
    detail: str = ""
    entry: int | None = 0
    forward: bool = False
    vary: str = PREFLIGHT_VARY


LISTS = {ACAM: "GET,PUT", ACAH: "content-type,x-a"}
BASIC_ANSWER = {ACAO: APP_TEXT, **LISTS, ACMA: "600"}
STARS = {"allow_methods": ["*"], "allow_headers": ["*"]}
CREDENTIAL_STARS = {"allow_origins": [APP_TEXT], "allow_credentials": True, **STARS}
ANY_VARY = PREFLIGHT_VARY.removeprefix("Origin, ")
PRIVATE = {"allow_origins": [APP_TEXT], "allow_methods": ["PUT"], "allow_private_network": True}
PRIVATE_VARY = f"{PREFLIGHT_VARY}, Access-Control-Request-Private-Network"


def refused(what: str, written: Any, reason: Reason, **rest: Any) -> Preflight:
    return Preflight(what, written, {}, reason, **{"status": 403, "entry": None, **rest})


PREFLIGHTS = [
    Preflight("listed method", BASIC, BASIC_ANSWER),
    Preflight("listed headers", BASIC, BASIC_ANSWER, asked=(b"X-A , content-type", b"x-a")),
    Preflight("credentials", CREDENTIALS, {**BASIC_ANSWER, ACAC: "true"}),
    Preflight("safelisted method joins", BASIC, {**BASIC_ANSWER, ACAM: "GET,PUT,POST"}, method=(b"POST",)),
    Preflight("listed safelisted method", BASIC, BASIC_ANSWER, method=(b"GET",)),
    Preflight(
        "defaults",
        {"allow_origins": [APP_TEXT]},
        {ACAO: APP_TEXT, ACAM: "GET,HEAD,POST"},
        method=(b"GET",),
    ),
    Preflight(
        "anyone",
        ANY,
        {ACAO: "*", ACAM: "GET,HEAD,POST", ACAH: "*", ACMA: "0"},
        origin=(b"nonsense",),
        method=(b"GET",),
        asked=(b"x-anything",),
        entry=None,
        vary=ANY_VARY,
    ),
    Preflight(
        "anyone and authorization",
        {"allow_origins": ["*"], "allow_methods": ["*"], "allow_headers": ["*", "Authorization", "X-A"]},
        {ACAO: "*", ACAM: "*", ACAH: "*,authorization"},
        asked=(b"authorization",),
        entry=None,
        vary=ANY_VARY,
    ),
    Preflight(
        "stars with credentials name what was asked",
        CREDENTIAL_STARS,
        {ACAO: APP_TEXT, ACAC: "true", ACAM: "purge", ACAH: "x-b,authorization"},
        method=(b"purge",),
        asked=(b"X-B,Authorization,x-b",),
    ),
    Preflight(
        "stars with credentials and no header asked",
        CREDENTIAL_STARS,
        {ACAO: APP_TEXT, ACAC: "true", ACAM: "PUT"},
        asked=(b"",),
    ),
    Preflight(
        "star with credentials names what was asked, listed or not",
        {**CREDENTIAL_STARS, "allow_headers": ["*", "X-A"]},
        {ACAO: APP_TEXT, ACAC: "true", ACAM: "POST", ACAH: "x-a"},
        method=(b"POST",),
        asked=(b"x-a",),
    ),
    Preflight(
        "private network",
        PRIVATE,
        {ACAO: APP_TEXT, ACAM: "PUT", ACAPN: "true"},
        private=(b"true",),
        vary=PRIVATE_VARY,
    ),
    *(
        Preflight(
            f"private network {private}",
            PRIVATE,
            {ACAO: APP_TEXT, ACAM: "PUT"},
            private=private,
            vary=PRIVATE_VARY,
        )
        for private in [(), (b"1",), (b"True",), (b"true", b"true")]
    ),
    Preflight("private network when off", BASIC, BASIC_ANSWER, private=(b"true",)),
    Preflight("other status", {**BASIC, "preflight_status": 200}, BASIC_ANSWER, status=200),
    Preflight("report only", {**BASIC, "report_only": True}, BASIC_ANSWER, forward=True),
    refused("stranger", BASIC, Reason.ORIGIN_NOT_ALLOWED, origin=(STRANGER,)),
    refused("null", BASIC, Reason.ORIGIN_NOT_ALLOWED, origin=(b"null",)),
    refused("own page", REJECT, Reason.ORIGIN_NOT_ALLOWED, origin=(OWN,)),
    refused("malformed origin", BASIC, Reason.ORIGIN_MALFORMED, origin=(b"x",)),
    refused("empty origin", BASIC, Reason.ORIGIN_MALFORMED, origin=(b"",)),
    refused("two origins", BASIC, Reason.ORIGIN_MALFORMED, origin=(APP, APP)),
    refused("two methods", BASIC, Reason.REQUEST_MALFORMED, method=(b"GET", b"PUT")),
    refused("no method", BASIC, Reason.REQUEST_MALFORMED, method=(b"",)),
    refused("list of methods", CREDENTIAL_STARS, Reason.REQUEST_MALFORMED, method=(b"GET, PUT",)),
    refused("header that is no token", CREDENTIAL_STARS, Reason.REQUEST_MALFORMED, asked=(b"a;b",)),
    refused("comma bomb", BASIC, Reason.REQUEST_MALFORMED, asked=(b"," * 7900,)),
    refused(
        "endless list of listed names", BASIC, Reason.REQUEST_MALFORMED, asked=(b"x-a," * 1100 + b"x-a",)
    ),
    refused("form before origin", BASIC, Reason.REQUEST_MALFORMED, origin=(STRANGER,), method=(b"",)),
    refused("origin before method", BASIC, Reason.ORIGIN_NOT_ALLOWED, origin=(STRANGER,), method=(b"PURGE",)),
    refused(
        "method before header",
        BASIC,
        Reason.METHOD_NOT_ALLOWED,
        method=(b"PURGE",),
        asked=(b"x-b",),
        detail="PURGE",
        entry=0,
    ),
    refused("header", BASIC, Reason.HEADER_NOT_ALLOWED, asked=(b"x-a,X-B,x-c",), detail="x-b", entry=0),
    refused(
        "authorization under a bare star",
        ANY,
        Reason.HEADER_NOT_ALLOWED,
        method=(b"GET",),
        asked=(b"AUTHORIZATION",),
        detail="authorization",
        vary=ANY_VARY,
    ),
    refused(
        "forbidden method under a star",
        CREDENTIAL_STARS,
        Reason.METHOD_NOT_ALLOWED,
        method=(b"trace",),
        detail="trace",
        entry=0,
    ),
    refused(
        "private network does not survive a refusal",
        PRIVATE,
        Reason.METHOD_NOT_ALLOWED,
        method=(b"DELETE",),
        private=(b"true",),
        detail="DELETE",
        entry=0,
        vary=PRIVATE_VARY,
    ),
    refused("disabled", "disabled", Reason.CORS_DISABLED),
    refused("disabled and malformed", "disabled", Reason.CORS_DISABLED, origin=(), method=(b"", b"")),
    Preflight(
        "passthrough", "passthrough", {}, Reason.PASSTHROUGH, status=0, entry=None, forward=True, vary=""
    ),
    refused(
        "report only refusal",
        {**BASIC, "report_only": True},
        Reason.ORIGIN_NOT_ALLOWED,
        origin=(STRANGER,),
        forward=True,
    ),
    Preflight(
        "diagnosed method",
        DIAGNOSE,
        {ACAO: APP_TEXT, ACAC: "true", **LISTS},
        Reason.METHOD_NOT_ALLOWED,
        method=(b"PURGE",),
        status=200,
        detail="PURGE",
    ),
    Preflight(
        "diagnosed header",
        DIAGNOSE,
        {ACAO: APP_TEXT, ACAC: "true", **LISTS, ACAM: "GET,PUT,POST"},
        Reason.HEADER_NOT_ALLOWED,
        method=(b"POST",),
        asked=(b"x-b",),
        status=200,
        detail="x-b",
    ),
    refused("undiagnosed stranger", DIAGNOSE, Reason.ORIGIN_NOT_ALLOWED, origin=(STRANGER,)),
    refused("undiagnosed nonsense", DIAGNOSE, Reason.REQUEST_MALFORMED, method=(b"a b",)),
]


@pytest.mark.parametrize("case", PREFLIGHTS, ids=lambda case: case.what)
def test_a_diagnosis_is_what_the_policy_would_answer_under_diagnose(case: Preflight) -> None:
    arguments = (case.origin, case.method, case.asked, case.private)
    told = CompiledPolicy(policy(case.policy)).diagnosis(*arguments)

    diagnosing = replace(policy(case.policy), diagnose_preflight_failure=True)
    assert told == CompiledPolicy(diagnosing).preflight(*arguments)


@pytest.mark.parametrize("case", PREFLIGHTS, ids=lambda case: case.what)
def test_a_preflight_gets(case: Preflight) -> None:
    compiled = CompiledPolicy(policy(case.policy))
    arguments = (case.origin, case.method, case.asked, case.private)
    decision = compiled.preflight(*arguments)

    expected = {**case.headers, "Vary": case.vary} if case.vary else case.headers
    assert fields(decision.lines) == expected
    assert decision.reason is case.reason
    assert decision.allowed is (case.reason is Reason.ALLOWED)
    assert decision.status == case.status
    assert decision.detail == case.detail
    assert decision.entry == case.entry
    assert decision.forward is case.forward
    assert decision == compiled.preflight(*map(list, arguments)), "a second time"


written_policies = st.fixed_dictionaries(
    {"allow_origins": st.one_of(st.just(["*"]), st.lists(pattern_texts, min_size=1, max_size=3))},
    optional={
        "allow_methods": st.lists(st.sampled_from(["*", "GET", "PUT", "put", "PURGE"]), min_size=1),
        "allow_headers": st.lists(st.sampled_from(["*", "X-A", "authorization"])),
        "expose_headers": st.lists(st.sampled_from(["*", "ETag"])),
        "max_age": st.sampled_from([0, 600]),
        "allow_private_network": st.booleans(),
        "preflight_failure": st.sampled_from(["strict", "diagnose"]),
        "on_disallowed_request": st.sampled_from(["forward", "reject"]),
        "timing_allow_origin": st.sampled_from([None, "same-as-origins"]),
        "dangerously_allow_null_origin": st.booleans(),
        "websocket_origin_check": st.booleans(),
    },
)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Any policy that the configuration accepts."""
    plain = policy(draw(written_policies))
    may_have_credentials = not (plain.any_origin or plain.expose_any or plain.allow_null_origin)
    return replace(plain, allow_credentials=may_have_credentials and draw(st.booleans()))


received_origins = st.lists(st.one_of(almost_origins, origins.map(str.encode)), max_size=2)
received_methods = st.lists(st.one_of(tokens, st.binary(max_size=8), st.just(b"TRACE")), max_size=2)
received_headers = st.lists(st.one_of(st.lists(tokens).map(b",".join), st.binary(max_size=8)), max_size=2)


def hold(policy: Policy, lines: bytes, origin: list[bytes], *, is_granted: bool) -> None:
    """The invariants of every answer."""
    family = {name: value for name, value in fields(lines).items() if name.startswith("Access-Control-")}
    if not is_granted:
        assert family == {}
        return
    assert family[ACAO] == ("*" if policy.any_origin else origin[0].decode())
    assert policy.any_origin or len(origin) == 1
    assert family.get(ACAC) == ("true" if policy.allow_credentials else None)
    assert not (policy.allow_credentials and "*" in family.values())


@given(policies(), received_origins, st.lists(st.sampled_from([b"same-origin", b"cross-site"]), max_size=2))
def test_actual_requests_never_get_more_than_they_may(
    policy: Policy, origin: list[bytes], site: list[bytes]
) -> None:
    compiled = CompiledPolicy(policy)
    for decision in (compiled.actual(origin, site), compiled.websocket(origin, site)):
        is_granted = decision.reason is Reason.ALLOWED or (policy.any_origin and not origin)
        hold(policy, decision.grant.lines, origin, is_granted=is_granted)
        assert (b"Origin" in decision.grant.vary) is not policy.any_origin
        assert not (decision.rejected and is_granted)


@given(
    policies(), received_origins, received_methods, received_headers, st.lists(st.just(b"true"), max_size=2)
)
def test_preflights_never_get_more_than_they_may(
    policy: Policy, origin: list[bytes], method: list[bytes], headers: list[bytes], private: list[bytes]
) -> None:
    decision = CompiledPolicy(policy).preflight(origin, method, headers, private)
    diagnosed = policy.diagnose_preflight_failure and decision.detail != ""
    hold(policy, decision.lines, origin, is_granted=decision.allowed or diagnosed)
    answer = fields(decision.lines)
    assert ("Origin" in answer["Vary"].split(", ")) is not policy.any_origin
    assert (decision.status == 403) is not (decision.allowed or diagnosed)
    assert ACEH not in answer
    if decision.allowed:
        assert method[0].upper() not in {b"TRACE", b"CONNECT", b"TRACK"}
        listed = answer.get(ACAM, "").split(",")
        assert method[0].decode() in listed or ("*" in listed and not policy.allow_credentials)
    else:
        assert ACMA not in answer
        assert ACAPN not in answer


asked_lists = st.lists(st.sampled_from([b"x-a", b"X-A", b"authorization", b"x-b", b"", b" "]), max_size=4)


@given(
    policies(), st.sampled_from([b"GET", b"PUT", b"PURGE", b"put"]), asked_lists.map(b",".join), st.booleans()
)
def test_the_form_of_the_question_does_not_change_the_answer(
    policy: Policy, method: bytes, headers: bytes, is_null: bool
) -> None:
    """A list as browsers send it, in capitals with blanks, and over several lines ask the same."""
    compiled = CompiledPolicy(policy)
    origin = [b"null" if is_null or policy.any_origin else policy.allow_origins[0].text.encode()]
    forms = [[headers], [headers.replace(b",", b" ,\t").upper()], [*headers.split(b","), b""]]
    first, *others = [compiled.preflight(origin, [method], form, ()) for form in forms]
    assert others == [first, first]


def test_what_clients_choose_is_remembered_within_bounds() -> None:
    compiled = CompiledPolicy(policy(BASIC))
    bound = MAX_REMEMBERED + len(compiled.policy.allow_origins)
    for number in range(2 * bound):
        origin = (b"https://a%d.tenant.example.com" % number,)
        assert fields(compiled.actual(origin).grant.lines)[ACAO] == origin[0].decode()
        assert compiled.preflight(origin, (b"PUT",), (), ()).allowed
        assert 0 < compiled.remembered <= bound
    compiled.actual((APP,))
    before = compiled.remembered
    for number in range(10):
        compiled.actual((b"x%d" % number * 400,))
    assert compiled.remembered == before


@pytest.mark.parametrize(("length", "is_remembered"), [(MAX_ORIGIN_LENGTH, 1), (MAX_ORIGIN_LENGTH + 1, 0)])
def test_only_what_may_be_an_origin_is_remembered(length: int, is_remembered: int) -> None:
    compiled = CompiledPolicy(policy(BASIC))
    for _ in range(2):
        compiled.actual((b"x" * length,))

    assert compiled.remembered == is_remembered


def test_many_policies_remember_no_more_than_one() -> None:
    memory = OriginMemory()
    policies = [CompiledPolicy(policy(BASIC), memory) for _ in range(8)]
    most = 0
    for number in range(MAX_REMEMBERED):
        for compiled in policies:
            compiled.actual((b"https://a%d.tenant.example.com" % number,))
        most = max(most, sum(compiled.remembered for compiled in policies))

    assert MAX_REMEMBERED // 2 < most <= MAX_REMEMBERED + 8 * len(BASIC["allow_origins"])


def test_all_listed_origins_are_remembered_at_once() -> None:
    listed = [f"https://a{number}.example" for number in range(MAX_REMEMBERED + 100)]
    compiled = CompiledPolicy(policy({**BASIC, "allow_origins": listed}))
    first = [compiled.actual((origin.encode(),)) for origin in listed]
    assert all(
        compiled.actual((origin.encode(),)) is kept for origin, kept in zip(listed, first, strict=True)
    )


def test_the_same_origin_gets_the_very_same_decision() -> None:
    compiled = CompiledPolicy(policy(BASIC))
    first: ActualDecision = compiled.actual((APP,))
    assert compiled.actual([bytes(bytearray(APP))]) is first
