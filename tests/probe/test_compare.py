"""Two endpoints: what a browser notices is told, what only their authors notice is not."""

import asyncio

import pytest

from cors_gateway.explain.described_request import parse_target
from cors_gateway.probe.asking import Manner, endpoint
from cors_gateway.probe.comparison import Aspect, Difference, compare, unasked
from cors_gateway.probe.enquiry import Enquiry, plan_for
from cors_gateway.probe.question import moved
from tests.probe import servers
from tests.probe.servers import APP, PATH, Reply, Server, adding, admitting, changed, running, with_field

ENQUIRY = Enquiry((APP,), ("GET", "PUT"), (("X-CSRF-Token", None),), credentials=True)
MANNER = Manner(timeout=20, pause=0)


def _echo_of_what_is_asked(request: servers.Request, reply: Reply) -> Reply:
    """Another style of the same grant: 200 for 204, only the asked names, other case and order, more fields."""
    if not servers.is_preflight(request):
        return Reply(reply.status, [("X-Served-By", "b"), *reversed(reply.fields)])
    asked = {
        "Access-Control-Allow-Methods": request.headers["Access-Control-Request-Method"],
        "Access-Control-Allow-Headers": request.headers.get("Access-Control-Request-Headers", "").upper(),
    }
    fields = [(name.lower(), asked.get(name, value)) for name, value in reply.fields]
    is_known = asked["Access-Control-Allow-Methods"] in ("GET", "PUT") and asked[
        "Access-Control-Allow-Headers"
    ] in ("", "X-CSRF-TOKEN", "CONTENT-TYPE")
    return Reply(200, fields) if is_known else Reply(403, [("Vary", "Origin")])


def _moved_page(request: servers.Request, reply: Reply) -> Reply:
    return Reply(301, [*reply.fields, ("Location", "/elsewhere")]) if request.method == "GET" else reply


def _failing(request: servers.Request, reply: Reply) -> Reply:
    return Reply(500, reply.fields) if request.method == "GET" and request.path == PATH else reply


SAME: list[tuple[str, Server]] = [
    ("itself", servers.right),
    ("the grant in another style", changed(_echo_of_what_is_asked)),
    ("expose what is safelisted", adding(("Access-Control-Expose-Headers", "Content-Type, cache-control"))),
]

DIFFERENT: list[tuple[str, Server, set[Aspect]]] = [
    ("lets anybody in", admitting(lambda _: True), {Aspect.VERDICT}),
    ("lets nobody in", admitting(lambda _: False), {Aspect.VERDICT}),
    ("no grant on errors", servers.bare_errors, {Aspect.VERDICT}),
    ("another method", with_field("Access-Control-Allow-Methods", "GET, PUT, DELETE"), {Aspect.VERDICT}),
    ("a method less", with_field("Access-Control-Allow-Methods", "GET"), {Aspect.VERDICT}),
    ("another header", with_field("Access-Control-Allow-Headers", "content-type, x-csrf-token, x-a"), {Aspect.VERDICT}),
    ("any method", with_field("Access-Control-Allow-Methods", "*"), {Aspect.VERDICT}),
    ("an exposed header", adding(("Access-Control-Expose-Headers", "X-Total")), {Aspect.READABLE_HEADERS}),
    ("remembers longer", with_field("Access-Control-Max-Age", "601"), {Aspect.REMEMBERED}),
    ("does not say for how long", servers.without("Access-Control-Max-Age"), {Aspect.REMEMBERED}),
    ("no Vary", servers.without("Vary"), {Aspect.CACHES}),
    ("moved", changed(_moved_page), {Aspect.STATUS, Aspect.REDIRECT}),
    ("fails", changed(_failing), {Aspect.STATUS}),
]  # fmt: skip


async def compared(
    one: Server, other: Server, *, path: str = PATH, enquiry: Enquiry = ENQUIRY
) -> list[Difference]:
    async with running(one) as left, running(other) as right:
        targets = parse_target(left.url + PATH), parse_target(right.url + path)
        questions = plan_for(targets[0], enquiry, None, "k3x").questions
        async with endpoint(targets[0], MANNER) as a, endpoint(targets[1], MANNER) as b:
            ones = await a.ask(questions)
            others = await b.ask(moved(questions, *targets))
            more = unasked(ones, others)
            answers = await asyncio.gather(a.ask(more), b.ask(moved(more, *targets)))
    return compare(ones + answers[0], others + answers[1])


@pytest.mark.parametrize("server", [case[1] for case in SAME], ids=[case[0] for case in SAME])
async def test_what_no_browser_notices_is_no_difference(server: Server) -> None:
    assert await compared(servers.right, server) == []
    assert await compared(server, servers.right) == []


@pytest.mark.parametrize(
    ("server", "aspects"), [case[1:] for case in DIFFERENT], ids=[case[0] for case in DIFFERENT]
)
async def test_what_a_browser_notices_is_told(server: Server, aspects: set[Aspect]) -> None:
    there, back = await compared(servers.right, server), await compared(server, servers.right)

    assert {difference.aspect for difference in there} == aspects
    assert [(each.one.text, each.other.text) for each in there] == [
        (each.other.text, each.one.text) for each in back
    ]


async def test_the_paths_of_the_two_need_not_be_the_same() -> None:
    def elsewhere(request: servers.Request) -> Reply:
        reply = servers.right(request)
        if servers.is_preflight(request):
            return reply
        return Reply(200 if request.path == "/v2/items" else 404, reply.fields)

    assert await compared(servers.right, elsewhere, path="/v2/items") == []


async def test_what_does_not_depend_on_the_page_is_not_said_to_be_kept_apart() -> None:
    found = await compared(servers.public, servers.without("Vary"), enquiry=Enquiry((APP,)))

    texts = {each.one.text for each in found if each.aspect is Aspect.CACHES}
    assert texts == {"the same for every page"}


async def test_a_star_is_more_than_a_list() -> None:
    """What a star covers is found out by asking for something that nobody lists."""

    def any_header(request: servers.Request) -> Reply:
        fields = [
            (name, "*" if name.endswith("Allow-Headers") else value) for name, value in public(request).fields
        ]
        return Reply(public(request).status, fields)

    public = servers.public
    found = await compared(public, any_header, enquiry=Enquiry((APP,)))

    assert [(each.aspect, each.other.text) for each in found] == [(Aspect.VERDICT, "allowed")]
    assert found[0].question.request.headers == (("x-cors-probe", None),)
