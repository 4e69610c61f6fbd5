"""Which questions a policy leads to, and what the doctor makes of an endpoint that is not what the policy says."""

import re
from pathlib import Path

import pytest

from cors_gateway.config.load import load
from cors_gateway.explain.described_request import parse_target
from cors_gateway.policy.policy import Policy
from cors_gateway.policy.reason import Reason
from cors_gateway.probe.asking import Manner, endpoint
from cors_gateway.probe.enquiry import Enquiry, plan_for
from cors_gateway.probe.examination import examine
from cors_gateway.probe.finding import Defect
from cors_gateway.probe.pages import ANYBODY, IMITATIONS, Role, listed_pages, other_pages
from cors_gateway.probe.plan import Plan
from cors_gateway.probe.question import SAFE_METHODS, Kind
from cors_gateway.snapshot import Snapshot
from tests.policy.written import patterns
from tests.probe import servers
from tests.probe.servers import APP, PATH, Reply, Server, admitting, running

CONFIGURATION = """\
version: 1
upstreams: {backend: {servers: [http://127.0.0.1:9]}}
policies:
  app:
    allow_origins: [https://app.example.com, https://admin.example.com, "https://*.tenant.example.com:*", {regex: 'https://pr-\\d+\\.example\\.net'}]
    allow_methods: [GET, PUT]
    allow_headers: [Content-Type, X-CSRF-Token]
    allow_credentials: true
    max_age: 10m
routes:
  - {name: items, path: /api/items, upstream: backend, cors: app}
  - {name: hooks, path: /hooks, methods: [POST], upstream: backend, cors: app}
  - {name: open, path: /open, upstream: backend, cors: passthrough}
  - {name: trial, path: /trial, upstream: backend, cors: {allow_origins: [https://app.example.com], report_only: true}}
  - {name: closed, path: /closed, upstream: backend, cors: disabled}
  - {name: named, host: api.example.com, path: /, upstream: backend, cors: app}
tests:
  - {origin: https://app.example.com, method: PUT, path: /api/items, headers: [X-CSRF-Token], expect: allow}
  - {origin: https://evil.example, path: /api/items, expect: deny, reason: origin_not_allowed}
"""
MANNER = Manner(timeout=20, pause=0)
EVERYTHING = Enquiry(most=500)


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    return loaded(CONFIGURATION, tmp_path)


def loaded(text: str, directory: Path) -> Snapshot:
    file = directory / "gateway.yaml"
    file.write_text(text)
    found = load(file, {}).snapshot
    assert found is not None
    return found


def planned(snapshot: Snapshot | None, url: str, enquiry: Enquiry = EVERYTHING) -> Plan:
    return plan_for(parse_target(url), enquiry, snapshot, "k3x")


def test_an_address_without_a_path_stands_for_every_route_of_its_host(snapshot: Snapshot) -> None:
    addresses = {question.address for question in planned(snapshot, "http://127.0.0.1/").questions}
    named = {question.address for question in planned(snapshot, "http://api.example.com").questions}

    assert addresses == {"/api/items/", "/api/items", "/hooks/", "/open/", "/trial/", "/closed/"}
    assert named == {"/", "/api/items"}


def test_an_address_with_a_path_stands_for_itself(snapshot: Snapshot) -> None:
    questions = planned(snapshot, "http://127.0.0.1/api/items").questions

    assert {question.address for question in questions} == {"/api/items"}
    assert sum(question.is_test for question in questions) == 2


def test_a_host_without_routes_is_told(snapshot: Snapshot) -> None:
    routes = tuple(route for route in snapshot.routes if route.hosts)
    alone = Snapshot(snapshot.server, None, snapshot.upstreams, routes)

    made = planned(alone, "http://127.0.0.1/")

    assert made.questions == ()
    assert made.notes == ("no route serves 127.0.0.1; name the public host by --host",)


def test_each_policy_of_a_route_is_asked_about(tmp_path: Path) -> None:
    everyone = "policies:\n  everyone: {allow_origins: ['*'], allow_methods: [GET, PATCH]}\n"
    text = CONFIGURATION.replace("policies:\n", everyone)
    text = text.replace("cors: app}\n", "cors: [app, everyone]}\n", 1)
    for url in ("http://127.0.0.1/", "http://127.0.0.1/api/items"):
        questions = planned(loaded(text, tmp_path), url).questions
        asked = {
            (question.page.origin, question.request.method, question.request.credentials)
            for question in questions
            if question.kind is Kind.PREFLIGHT and question.address.startswith("/api/items")
        }

        assert {(APP, "PUT", True), (ANYBODY, "PATCH", False)} <= asked
        assert all(
            question.expected.allowed
            for question in questions
            if question.page.origin == ANYBODY and question.kind is Kind.ACTUAL
        )


def test_a_route_for_ends_of_paths_is_asked_about(tmp_path: Path) -> None:
    fonts = "  - {name: fonts, path: /open, extensions: [woff2], upstream: backend, cors: app}\ntests:\n"
    snapshot = loaded(CONFIGURATION.replace("tests:\n", fonts), tmp_path)

    addresses = {question.address for question in planned(snapshot, "http://127.0.0.1/").questions}

    assert {"/open/cors-probe.woff2", "/open/"} <= addresses


def test_every_kind_of_entry_is_asked_for(snapshot: Snapshot) -> None:
    policy = snapshot.routes[0].policy
    pages = [page.origin or "" for page in listed_pages(policy)]

    assert pages[:2] == [APP, "https://sample.tenant.example.com:8443"]
    assert pages[2].startswith("https://pr-")


def test_a_whole_scheme_has_a_sample() -> None:
    policy = Policy(allow_origins=patterns("moz-extension://*", "file://"))

    pages = [page.origin for page in listed_pages(policy)]

    assert pages == ["moz-extension://sample", "file://"]


def test_what_is_promised_is_what_the_policy_says(snapshot: Snapshot) -> None:
    asked = planned(snapshot, "http://127.0.0.1/").questions
    by_page: dict[tuple[str, Role], set[bool | None]] = {}
    for question in asked:
        if question.kind is Kind.ACTUAL and not question.is_test:
            key = question.address, question.page.role
            by_page.setdefault(key, set()).add(question.expected.allowed)

    assert by_page["/api/items/", Role.LISTED] == {True}
    assert by_page["/api/items/", Role.STRANGER] == {False}
    assert by_page["/closed/", Role.STRANGER] == {False}
    assert by_page["/open/", Role.STRANGER] == by_page["/trial/", Role.LISTED] == {None}
    assert ("/hooks/", Role.LISTED) not in by_page
    refused = {question.expected.reason for question in asked if question.kind is Kind.PREFLIGHT}
    assert refused >= {Reason.METHOD_NOT_ALLOWED, Reason.HEADER_NOT_ALLOWED, Reason.ORIGIN_NOT_ALLOWED}


def test_only_safe_methods_are_sent_unless_told_otherwise(snapshot: Snapshot) -> None:
    careful = planned(snapshot, "http://127.0.0.1/")
    bold = planned(snapshot, "http://127.0.0.1/", Enquiry(is_unsafe=True, most=500))

    assert {question.method for question in careful.questions} <= SAFE_METHODS
    assert {question.method for question in bold.questions} == {*SAFE_METHODS, "PUT", "POST"} - {"HEAD"}
    assert any("--unsafe" in note for note in careful.notes)
    assert not any("--unsafe" in note for note in bold.notes)


def test_no_more_is_asked_than_allowed_and_what_was_left_out_is_told(snapshot: Snapshot) -> None:
    made = planned(snapshot, "http://127.0.0.1/", Enquiry(most=30))

    assert len(made.questions) <= 30
    assert any("/closed/" in note for note in made.notes)


@pytest.mark.parametrize(
    ("listed", "roles"),
    [
        ("https://app.example.com", {*IMITATIONS, Role.PLAIN_HTTP, Role.LOCAL}),
        ("http://app.example.com", {*IMITATIONS, Role.LOCAL}),
        ("http://localhost:5173", {Role.BEGINS_LIKE}),
        ("https://192.0.2.7", {Role.BEGINS_LIKE, Role.PLAIN_HTTP, Role.LOCAL}),
        ("capacitor://localhost", set()),
    ],
)
def test_a_listed_page_is_imitated_as_far_as_a_site_can_be(listed: str, roles: set[Role]) -> None:
    pages = other_pages([listed])

    assert {page.role for page in pages} == {Role.STRANGER, Role.NULL} | roles
    assert listed not in {page.origin for page in pages}


def test_the_end_that_is_imitated_is_what_somebody_registered() -> None:
    ends = [
        page.origin
        for listed in ("https://a.b.example.com", "https://shop.example.co.uk", "https://intra.corp")
        for page in other_pages([listed])
        if page.role is Role.ENDS_LIKE
    ]

    assert ends == [
        "https://strangerexample.com",
        "https://strangerexample.co.uk",
        "https://strangerintra.corp",
    ]


ENTRIES = re.compile(
    r"https://(app|admin)\.example\.com|https://.+\.tenant\.example\.com(:\d+)?|https://pr-\d+\.example\.net"
)
AS_THE_POLICY_SAYS = admitting(lambda origin: ENTRIES.fullmatch(origin) is not None)


def _more_methods(request: servers.Request) -> Reply:
    lists = "Access-Control-Allow-Methods"
    status, fields = AS_THE_POLICY_SAYS(request)
    return Reply(status, [(name, "GET, PUT, DELETE" if name == lists else value) for name, value in fields])


DEVIATIONS: list[tuple[str, Server, set[Defect]]] = [
    ("what the policy says", AS_THE_POLICY_SAYS, set()),
    ("more methods", _more_methods, {Defect.GRANTED_UNEXPECTEDLY}),
    ("one entry only", servers.right, {Defect.NOT_GRANTED}),
    ("nobody", lambda _: Reply(200, []), {Defect.NOT_GRANTED}),
    ("everybody", servers.public, {Defect.GRANTED_UNEXPECTEDLY, Defect.NOT_GRANTED}),
]


@pytest.mark.parametrize(
    ("server", "defects"), [case[1:] for case in DEVIATIONS], ids=[case[0] for case in DEVIATIONS]
)
async def test_an_endpoint_is_held_to_the_policy(
    snapshot: Snapshot, server: Server, defects: set[Defect]
) -> None:
    async with running(server) as served:
        target = parse_target(served.url + PATH)
        async with endpoint(target, MANNER) as asked:
            questions = planned(snapshot, served.url + PATH).questions
            findings = examine(await asked.ask(questions))

    assert {finding.defect for finding in findings} == defects
