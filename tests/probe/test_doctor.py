"""The doctor finds each mistake, by its name, and nothing at servers that make none."""

import pytest

from cors_gateway.explain.described_request import parse_target
from cors_gateway.policy.reason import Reason
from cors_gateway.probe.asking import Manner, endpoint
from cors_gateway.probe.enquiry import Enquiry, plan_for
from cors_gateway.probe.examination import examine
from cors_gateway.probe.finding import Defect, Finding
from cors_gateway.probe.question import SAFE_METHODS
from tests.probe import servers
from tests.probe.servers import ADMIN, APP, PATH, Server, admitting, running

ENQUIRY = Enquiry((APP, ADMIN), ("GET", "PUT"), (("X-CSRF-Token", None),), credentials=True)
WITHOUT_COOKIES = Enquiry((APP,), ("GET", "PUT"), (("X-CSRF-Token", None),))
NOBODY_LISTED = Enquiry()

MANNER = Manner(timeout=20, pause=0)

LISTED = (APP, ADMIN)

RIGHT = [
    ("exact origins", servers.right, ENQUIRY),
    ("exact origins, one of two asked for", servers.right, WITHOUT_COOKIES),
    ("exact origins, none named", servers.right, NOBODY_LISTED),
    ("a star", servers.public, WITHOUT_COOKIES),
    ("a constant", servers.constant, Enquiry((APP,), credentials=True)),
    (
        "names below a domain",
        admitting(lambda origin: origin.startswith("https://") and origin.endswith(".example.com")),
        ENQUIRY,
    ),
    (
        "a page during development",
        admitting(lambda origin: origin.startswith("http://localhost:")),
        Enquiry(("http://localhost:5173",)),
    ),
]

BROKEN: list[tuple[str, Server, Enquiry, set[Defect]]] = [
    ("reflects", admitting(lambda _: True), ENQUIRY, {Defect.REFLECTS_ANY_ORIGIN}),
    ("reflects, nobody listed", admitting(lambda _: True), NOBODY_LISTED, {Defect.REFLECTS_ANY_ORIGIN}),
    (
        "forgets the end",
        admitting(lambda origin: origin.startswith(LISTED)),
        ENQUIRY,
        {Defect.LOOK_ALIKE_ALLOWED},
    ),
    (
        "forgets the dot in front",
        admitting(lambda origin: origin.startswith("https://") and origin.endswith("example.com")),
        ENQUIRY,
        {Defect.LOOK_ALIKE_ALLOWED},
    ),
    (
        "a dot for any letter",
        admitting(lambda origin: origin in (*LISTED, "https://appxexample.com")),
        ENQUIRY,
        {Defect.LOOK_ALIKE_ALLOWED},
    ),
    (
        "compares hosts only",
        admitting(lambda origin: origin.partition("://")[2] in ("app.example.com", "admin.example.com")),
        ENQUIRY,
        {Defect.INSECURE_ORIGIN_ALLOWED},
    ),
    ("null", admitting(lambda origin: origin in (*LISTED, "null")), ENQUIRY, {Defect.NULL_ALLOWED}),
    (
        "left from development",
        admitting(lambda origin: origin in (*LISTED, "http://localhost:3000")),
        ENQUIRY,
        {Defect.LOCAL_ORIGIN_ALLOWED},
    ),
    (
        "star with cookies",
        servers.with_field("Access-Control-Allow-Origin", "*"),
        ENQUIRY,
        {Defect.STAR_WITH_CREDENTIALS},
    ),
    (
        "two writers",
        servers.adding(("Access-Control-Allow-Origin", "*")),
        ENQUIRY,
        {Defect.DOUBLE_HEADERS},
    ),
    (
        "a list for a value",
        servers.with_field("Access-Control-Allow-Origin", f"{APP}, {ADMIN}"),
        ENQUIRY,
        {Defect.DOUBLE_HEADERS},
    ),
    (
        "two writers of credentials",
        servers.adding(("Access-Control-Allow-Credentials", "true")),
        ENQUIRY,
        {Defect.DOUBLE_HEADERS},
    ),
    (
        "a slash at the end",
        servers.with_field("Access-Control-Allow-Origin", f"{APP}/"),
        ENQUIRY,
        {Defect.ALLOW_ORIGIN_MALFORMED},
    ),
    (
        "a pattern",
        servers.with_field("Access-Control-Allow-Origin", "https://*.example.com"),
        ENQUIRY,
        {Defect.ALLOW_ORIGIN_MALFORMED},
    ),
    (
        "True",
        servers.with_field("Access-Control-Allow-Credentials", "True"),
        ENQUIRY,
        {Defect.CREDENTIALS_MISSPELT},
    ),
    (
        "star for headers",
        servers.with_field("Access-Control-Allow-Headers", "*"),
        ENQUIRY,
        {Defect.STAR_IN_LIST_WITH_CREDENTIALS},
    ),
    (
        "lower case",
        servers.with_field("Access-Control-Allow-Methods", "get, put"),
        ENQUIRY,
        {Defect.METHOD_CASE},
    ),
    (
        "ten minutes",
        servers.with_field("Access-Control-Max-Age", "10m"),
        ENQUIRY,
        {Defect.MAX_AGE_UNUSABLE},
    ),
    (
        "a year",
        servers.with_field("Access-Control-Max-Age", "31536000"),
        ENQUIRY,
        {Defect.MAX_AGE_UNUSABLE},
    ),
    ("a login", servers.preflights(401), ENQUIRY, {Defect.PREFLIGHT_NEEDS_LOGIN}),
    (
        "a login that knows CORS",
        servers.preflights(401, *servers.grant(APP)),
        NOBODY_LISTED,
        {Defect.PREFLIGHT_NEEDS_LOGIN},
    ),
    (
        "a slash added",
        servers.preflights(301, ("Location", f"{PATH}/")),
        ENQUIRY,
        {Defect.PREFLIGHT_REDIRECTED},
    ),
    ("no OPTIONS", servers.preflights(405), ENQUIRY, {Defect.NOT_GRANTED}),
    (
        "no such header",
        servers.with_field("Access-Control-Allow-Headers", "content-type"),
        ENQUIRY,
        {Defect.NOT_GRANTED},
    ),
    ("one of two forgotten", admitting(lambda origin: origin == APP), ENQUIRY, {Defect.NOT_GRANTED}),
    ("a login page", servers.login_redirect, ENQUIRY, {Defect.REQUEST_REDIRECTED}),
    ("errors", servers.bare_errors, ENQUIRY, {Defect.ERRORS_WITHOUT_GRANT}),
    ("no Vary", servers.without("Vary"), ENQUIRY, {Defect.VARY_ORIGIN_MISSING}),
    ("a cache", servers.CacheWithoutVary(), ENQUIRY, {Defect.CACHE_IGNORES_VARY}),
    ("Origin removed", servers.origin_stripped, ENQUIRY, {Defect.ORIGIN_STRIPPED}),
]


async def examined(server: Server, enquiry: Enquiry) -> list[Finding]:
    async with running(server) as served:
        target = parse_target(served.url + PATH)
        questions = plan_for(target, enquiry, None, "k3x").questions
        async with endpoint(target, MANNER) as asked:
            findings = examine(await asked.ask(questions))
    assert all(request.split()[0] in SAFE_METHODS for request in served.requests)
    assert all(len(request.split()) == 2 for request in served.requests)
    assert len(served.requests) == len(questions) <= enquiry.most
    return findings


@pytest.mark.parametrize(("server", "enquiry"), [case[1:] for case in RIGHT], ids=[case[0] for case in RIGHT])
async def test_nothing_is_found_at_a_right_server(server: Server, enquiry: Enquiry) -> None:
    assert await examined(server, enquiry) == []


@pytest.mark.parametrize(
    ("server", "enquiry", "defects"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN]
)
async def test_each_mistake_is_found_and_nothing_else(
    server: Server, enquiry: Enquiry, defects: set[Defect]
) -> None:
    findings = await examined(server, enquiry)

    assert {finding.defect for finding in findings} == defects, findings
    assert all(finding.shown_by.curl.startswith("curl -i ") for finding in findings)


async def test_a_defect_is_shown_by_a_page_that_suffers_from_it() -> None:
    def twice(request: servers.Request) -> servers.Reply:
        status, fields = servers.public(request)
        return servers.Reply(status, [*fields, ("Access-Control-Allow-Origin", "*")])

    (finding,) = await examined(twice, WITHOUT_COOKIES)

    assert finding.defect is Defect.DOUBLE_HEADERS
    assert finding.shown_by.question.request.origin == APP
    assert finding.reason is Reason.ORIGIN_NOT_ALLOWED
