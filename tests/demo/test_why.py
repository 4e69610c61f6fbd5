"""What the page explains about a call, from the policy, the journal and the browser's rules."""

import pytest

from cors_gateway.cli.demo_site.journal import Record
from cors_gateway.cli.demo_site.site import CONFIGURATION, Site, site_from_environment
from cors_gateway.cli.demo_site.story import Seen, Story
from cors_gateway.cli.demo_site.why import Engine
from cors_gateway.config.load import load
from cors_gateway.policy.browser import Call
from cors_gateway.policy.reason import Reason

PAGE = "http://localhost:8000"
STRANGER = "http://localhost:8001"

GET = Call(PAGE, "GET", "/api/products")
FORGOTTEN = Record(
    "GET", "/api/products", [("Origin", PAGE)], 200, [("X-Total-Count", "3"), ("X-Node", "n1")]
)
REFLECTED = Record("GET", "/api/x", [("Origin", STRANGER)], 200, [("Access-Control-Allow-Origin", STRANGER)])
TO_A_PICTURE = Record("GET", "/api/x", [], 200, [])
PREFLIGHT = Record("OPTIONS", "/api/x", [("access-control-request-method", "PUT")], 405, [])


@pytest.fixture(scope="module")
def engine() -> Engine:
    snapshot = load(CONFIGURATION, {}).snapshot
    assert snapshot is not None
    return Engine(snapshot, "localhost:8080")


def _through(engine: Engine, call: Call, status: int | None, *records: Record, calls: int = 1) -> Story:
    return engine.explain(Seen(call, via_gateway=True, calls=calls, status=status), records)


def _straight(engine: Engine, call: Call, status: int | None, *records: Record, calls: int = 1) -> Story:
    return engine.explain(Seen(call, via_gateway=False, calls=calls, status=status), records)


def test_the_shipped_configuration_has_no_problem() -> None:
    assert load(CONFIGURATION, {}).problems == ()


def test_a_granted_answer_shows_what_gave_way_and_what_came_instead(engine: Engine) -> None:
    sent = Record(
        "GET", "/api/x", [("Origin", PAGE)], 200, [("access-control-allow-origin", "*"), ("Date", "today")]
    )

    story = _through(engine, GET, 200, sent)

    [step] = story.steps
    assert story.readable
    assert story.reason is Reason.ALLOWED
    assert step.lines == [
        ("-", "access-control-allow-origin: *"),
        ("+", f"Access-Control-Allow-Origin: {PAGE}"),
        ("+", "Access-Control-Allow-Credentials: true"),
        ("+", "Access-Control-Expose-Headers: x-total-count"),
        ("+", "Vary: Origin"),
    ]


def test_a_header_that_is_not_exposed_is_named(engine: Engine) -> None:
    story = _through(engine, GET, 200, FORGOTTEN)

    assert story.advice == (
        "X-Node stays hidden: expose_headers of policy shop-page (gateway.yaml:21) does not name it."
    )


def test_a_refused_preflight_names_the_method_and_where_to_allow_it(engine: Engine) -> None:
    story = _through(engine, Call(PAGE, "DELETE", "/api/x"), None)

    assert (story.reason, story.readable) == (Reason.METHOD_NOT_ALLOWED, False)
    assert [step.kind for step in story.steps] == ["preflight"]
    assert "DELETE is not allowed" in story.sentence
    assert (
        story.advice
        == "If pages may do this, add DELETE to allow_methods of policy shop-page (gateway.yaml:21)."
    )


def test_a_refused_header_is_named(engine: Engine) -> None:
    story = _through(engine, Call(PAGE, "GET", "/api/x", headers=(("X-Debug", "1"),)), None)

    assert story.reason is Reason.HEADER_NOT_ALLOWED
    assert story.advice is not None
    assert "add x-debug to allow_headers" in story.advice


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_stranger_is_told_where_it_would_be_let_in(method: str, engine: Engine) -> None:
    story = _through(engine, Call(STRANGER, method, "/api/x"), None, REFLECTED)

    assert (story.reason, story.readable) == (Reason.ORIGIN_NOT_ALLOWED, False)
    assert (
        story.advice
        == f"If that page may read it, add {STRANGER} to allow_origins of policy shop-page (gateway.yaml:21)."
    )


@pytest.mark.parametrize(
    ("records", "reached"),
    [((), False), ((Record("GET", "/api/x", [], None, []),), True), ((TO_A_PICTURE,), True)],
)  # fmt: skip
def test_an_answer_that_the_backend_did_not_give_is_the_gateway_s(
    records: tuple[Record, ...], reached: bool, engine: Engine
) -> None:
    story = _through(engine, GET, 504, *records)

    [step] = story.steps
    assert (step.answered_by, step.status, step.reached_backend) == ("gateway", 504, reached)
    assert story.readable
    assert "504, with the same grant" in story.sentence


def test_straight_to_the_backend_the_preflight_decides_first(engine: Engine) -> None:
    story = _straight(engine, Call(PAGE, "PUT", "/api/x"), None, PREFLIGHT)

    assert not story.readable
    assert story.reason is None
    assert "its status is 405, not 2xx, and it has no Access-Control-Allow-Origin" in story.sentence


def test_no_answer_is_not_taken_for_a_cors_fault(engine: Engine) -> None:
    story = _straight(engine, GET, None)

    assert [step.answered_by for step in story.steps] == ["nobody"]
    assert "the same TypeError" in story.sentence


def test_a_copy_from_the_cache_is_recognised(engine: Engine) -> None:
    story = _straight(engine, GET, None, TO_A_PICTURE, calls=2)

    assert [(step.answered_by, step.reached_backend) for step in story.steps] == [("cache", False)]
    assert "did not say Vary: Origin" in story.sentence


def test_vary_is_given_the_credit_when_the_cache_asked_again(engine: Engine) -> None:
    story = _through(engine, GET, 200, TO_A_PICTURE, FORGOTTEN, calls=2)

    assert "Its Vary: Origin told the cache" in story.sentence


def test_a_backend_that_lets_everybody_in_is_found_out(engine: Engine) -> None:
    story = _straight(engine, Call(STRANGER, "GET", "/api/x"), 200, REFLECTED)

    assert story.readable
    assert "repeats whatever Origin it is sent" in story.sentence


def test_the_cookie_that_arrived_is_shown(engine: Engine) -> None:
    sent = Record("GET", "/api/x", [("Cookie", "visits=1")], 200, [("Access-Control-Allow-Origin", "*")])

    story = _straight(engine, Call(PAGE, "GET", "/api/x", credentials=True), None, sent)

    assert story.steps[0].request == ["GET /api/x", f"Origin: {PAGE}", "Cookie: visits=1"]
    assert story.advice is not None
    assert "Access-Control-Allow-Credentials: true" in story.advice


def test_a_path_without_a_route_cannot_be_explained(engine: Engine) -> None:
    with pytest.raises(LookupError, match="no route serves GET /elsewhere"):
        _through(engine, Call(PAGE, "GET", "/elsewhere"), 404)


def test_the_origins_of_separate_services_come_from_the_environment() -> None:
    assert site_from_environment({}) == Site()
    assert site_from_environment({"DEMO_GATEWAY_ORIGIN": "http://gw.test", "DEMO_PAGE_ORIGIN": ""}) == Site(
        gateway="http://gw.test"
    )
