"""The page as it leaves the server: it is complete without a script, and nobody else's text becomes part of it."""

import re
import time
from dataclasses import replace

import pytest

from cors_gateway.admin.page.inventory import MAX_ROUTES
from cors_gateway.admin.page.refusals import MAX_REFUSALS, parent_of
from cors_gateway.observe.figures import WorkerFigures
from cors_gateway.observe.refusals import RefusedOrigin
from cors_gateway.server.lifecycle import Phase
from cors_gateway.snapshot import ServerTls, Snapshot, TcpListener
from tests.admin.conftest import Client
from tests.admin.stand_in import ERROR, ORIGIN, WARNING, StandIn, applied, rejected, worker
from tests.admin.test_markup import Reader

EVIL = "https://<img src=x onerror=alert(1)>"


async def _html(client: Client, path: str = "/", **query: str) -> str:
    async with client.get(path, params=query) as response:
        assert response.status == 200
        return await response.text()


async def _part(client: Client, name: str) -> str:
    """The text of one part, blanks folded."""
    async with client.get("/live") as response:
        html = (await response.json())["parts"][name]
    return re.sub(r"\s+", " ", Reader(html.replace("<", " <")).text).strip()


async def test_the_page_has_every_part_that_is_kept_up_to_date(client: Client) -> None:
    ids = [attributes.get("id") for _, attributes in Reader(await _html(client)).elements]
    async with client.get("/live") as response:
        live = await response.json()

    assert set(live["parts"]) <= set(ids)
    assert live["title"] == "ready · gateway-7 · CORS gateway"
    assert len([each for each in ids if each]) == len({each for each in ids if each})


async def test_nothing_is_inline_and_nothing_comes_from_elsewhere(client: Client) -> None:
    """What the Content-Security-Policy would block is not there in the first place."""
    html = await _html(client, url="/api/x", origin=ORIGIN, method="DELETE")
    for name, attributes in Reader(html).elements:
        assert name != "style"
        assert name != "script" or attributes["src"] in ("/static/admin.js", "/static/live.js")
        assert not [key for key in attributes if key == "style" or key.startswith("on")]
        for key in ("src", "href", "action"):
            assert (attributes.get(key) or "/").startswith(("/", "#"))


async def test_foreign_text_is_shown_as_text(process: StandIn, client: Client) -> None:
    process.remembered = [
        RefusedOrigin(
            "api", EVIL, "origin_malformed", "actual", 3, 1.0, "<b>", "h<i>", '/"><script>', "<u>,x"
        ),
        RefusedOrigin("api", EVIL, "header_not_allowed", "preflight", 3, 1.0, headers="<u>,x"),
    ]
    process.reloads.last = rejected(replace(ERROR, message="<s>", hint="<q>", file="<p>"))
    html = await _html(client, url="/<script>", origin=EVIL, method="GET", header="<x>: <y>")
    read = Reader(html)

    assert {name for name, _ in read.elements} & {"img", "b", "i", "u", "s", "q"} == set()
    assert [attributes for name, attributes in read.elements if name == "script"] == [
        {"src": f"/static/{name}.js", "defer": None} for name in ("admin", "live")
    ]
    assert EVIL in read.text
    assert "<s>" in read.text


async def test_a_refused_origin_can_be_asked_about(process: StandIn, client: Client) -> None:
    process.remembered = [
        RefusedOrigin(
            "api",
            ORIGIN,
            "header_not_allowed",
            "preflight",
            1,
            1.0,
            "PUT",
            "gw.example:8080",
            "/api/x",
            "x-a,x-b",
        )
    ]
    links = [
        attributes["href"]
        for name, attributes in Reader(await _html(client)).elements
        if name == "a" and (attributes["href"] or "").startswith("/?")
    ]
    (link,) = set(links)
    async with client.get(link or "") as response:
        text = Reader(await response.text()).text

    assert "REFUSED (header_not_allowed)" in text
    assert "PUT" in text


async def test_the_form_is_answered_without_a_script(client: Client) -> None:
    html = await _html(
        client, url="/api/x", origin=ORIGIN, method="DELETE", header="X-A: 1", credentials="true"
    )
    read = Reader(html)
    fields = {attributes.get("name"): attributes for name, attributes in read.elements if name == "input"}

    assert fields["origin"]["value"] == ORIGIN
    assert fields["url"]["value"] == "/api/x"
    assert fields["method"]["value"] == "DELETE"
    assert "checked" in fields["credentials"]
    assert "X-A: 1" in read.text
    assert "REFUSED (method_not_allowed)" in read.text
    assert "add DELETE to policies.app.allow_methods" in read.text
    assert "curl -i -X OPTIONS" in read.text


async def test_what_cannot_be_explained_is_said_beside_the_form(client: Client) -> None:
    assert "cannot be sent" in Reader(await _html(client, url="ftp://x")).text


async def test_without_a_question_there_is_no_answer(client: Client) -> None:
    assert 'id="answer"' not in await _html(client)


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        ("draining", "The process is draining: no new traffic should come here."),
        ("reload", "What is in the files is not what is served: not replaced."),
        ("server", "Upstream backend: http://127.0.0.1:9002 not available."),
        ("worker", "Only 1 of 2 workers serve."),
        (
            "errors",
            "75 % of the requests of the last minute failed: 3 of 4 got a 5xx (2 upstream_refused and 1 server_error).",
        ),
        ("own errors", "100 % of the requests of the last minute failed: 1 of 1 got a 5xx."),
    ],
)
async def test_what_is_wrong_stands_on_top(
    process: StandIn, client: Client, trouble: str, sentence: str
) -> None:
    assert (await _part(client, "verdict")).startswith("Nothing is wrong")
    match trouble:
        case "draining":
            process.lifecycle.enter(Phase.DRAINING)
        case "reload":
            process.reloads.last = rejected(ERROR)
        case "server":
            process.workers = [worker(1), worker(2, is_healthy=False)]
        case "worker":
            process.workers = [worker(1), WorkerFigures(2, 2)]
        case "errors":
            for status in (200, 500, 502, 502):
                process.counters.route("api").count(b"GET", status, 0.1)
            upstream = process.counters.upstream("backend")
            for outcome in ("ok", "server_error", "upstream_refused", "upstream_refused"):
                upstream.outcome(outcome).observe(0.1)
        case "own errors":
            process.counters.unrouted.count_answer(b"GET", 503)

    assert sentence in await _part(client, "verdict")


async def test_the_reload_is_shown_with_its_problems(process: StandIn, client: Client) -> None:
    process.reloads.last = rejected(ERROR)
    process.warnings = (WARNING,)
    text = await _part(client, "reload-state")

    assert "reload rejected" in text
    assert 'error gateway.yaml:7:3 policies.app: "x" is not a list remove it' in text
    assert "warning gateway.yaml:7:3 policies.app: null is allowed" in text


async def test_a_good_reload_is_shown_with_its_changes(process: StandIn, client: Client) -> None:
    process.reloads.last = applied("https://b.example")

    text = await _part(client, "reload-state")
    assert "reload applied" in text
    assert "route api: access widened, origins: https://b.example" in text


async def test_routes_are_told_in_words_with_their_counters(process: StandIn, client: Client) -> None:
    stats = process.counters.route("api")
    for _ in range(1200):
        stats.count(b"GET", 200, 0.002)
    stats.decision("preflight", "allowed", "granted").count = 7
    text = await _part(client, "route-list")

    assert f"Pages of {ORIGIN} may use GET, HEAD, POST and PUT and no headers" in text
    assert "1,200 7 0 0 2.0 ms" in text


async def test_upstreams_are_told_server_by_server(process: StandIn, client: Client) -> None:
    process.workers = [worker(1), worker(2, is_healthy=False)]
    process.counters.upstream("backend").ok.observe(0.1)
    process.counters.upstream("backend").outcome("upstream_refused").observe(0.1)
    text = await _part(client, "upstream-list")

    assert "http://127.0.0.1:9001 available health checks 2 4 1 1 refused" in text
    assert "http://127.0.0.1:9002 available to 1 of 2 workers" in text


async def test_long_lists_end_with_a_number(process: StandIn, client: Client) -> None:
    process.remembered = [
        RefusedOrigin("api", f"https://{number}.example", "origin_not_allowed", "actual", 1, 1.0)
        for number in range(MAX_REFUSALS + 7)
    ]
    process.snapshot = _with_routes(process.snapshot, MAX_ROUTES + 5)
    process.counters.route("r104").count(b"GET", 200, 0.0)
    process.reloads.last = rejected(*[ERROR] * 1000)

    assert "7 more are remembered." in await _part(client, "refusals")
    routes = await _part(client, "route-list")
    assert "5 more routes" in routes
    assert "r104" in routes
    assert "and 980 more" in await _part(client, "reload-state")


def _with_routes(snapshot: Snapshot, number: int) -> Snapshot:
    routes = [replace(snapshot.routes[0], name=f"r{index}", path=f"/{index}") for index in range(number)]
    return replace(snapshot, routes=tuple(routes))


async def test_counters_are_shown_per_second_and_in_all(process: StandIn, client: Client) -> None:
    stats = process.counters.route("api")
    stats.count(b"GET", 500, 0.1)
    stats.decision("actual", "origin_not_allowed", "refused").count = 1234

    numbers = await _part(client, "numbers")
    assert "Requests – 1 in all" in numbers
    assert "Refused origins – 1,234 in all" in numbers
    assert "Connections 3 1 tunnel" in numbers
    assert "origin_not_allowed 0 1,234" in await _part(client, "reasons")


async def test_an_empty_origin_can_be_seen(process: StandIn, client: Client) -> None:
    process.remembered = [RefusedOrigin("_none", "", "no_route", "actual", 1, 1.0)]

    assert "empty none no_route" in await _part(client, "refusals")


async def test_what_failed_is_told_with_its_cause_and_counted(process: StandIn, client: Client) -> None:
    process.counters.route("api").causes = {"upstream_tls": 2}
    process.counters.unrouted.causes = {"host_missing": 1}
    process.counters.upstream("backend").outcome("server_error").observe(0.1)
    process.counters.route("api").stripped = 12
    text = await _part(client, "failure-list")

    assert "no route host_missing Browsers and common clients do not send this." in text
    assert "api upstream_tls detail says what is wrong." in text
    assert "tls.server_name. 2 2 2" in text
    assert "backend server_error The backend answered with a 5xx: its own log tells more. 1 1 1" in text
    assert "Backends still send CORS headers, which are removed: api (12)." in text


def _refused(origin: str, count: int = 1, last: float = 1.0) -> RefusedOrigin:
    return RefusedOrigin(
        "api", origin, "origin_not_allowed", "actual", count, last, "GET", "gw.example", "/api/x"
    )


async def test_origins_below_one_parent_are_one_line_in_an_order_that_stays(
    process: StandIn, client: Client
) -> None:
    previews = [_refused(f"https://pr-{number}.preview.example.com", 2) for number in range(40)]
    others = [_refused("https://www.other.example"), _refused("http://localhost:3000"), _refused("null")]
    process.remembered = [*others, *previews]
    before = await _part(client, "refusals")
    process.remembered = [*previews[::-1], *others[::-1]]
    after = await _part(client, "refusals")
    elements = Reader(await _html(client)).elements

    assert before == after
    assert "preview.example.com 40 origins below it 80 × origin_not_allowed" in before
    groups = [attributes["id"] for name, attributes in elements if attributes.get("class") == "group"]
    assert groups == [
        "refused-localhost",
        "refused-null",
        "refused-other.example",
        "refused-preview.example.com",
    ]


@pytest.mark.parametrize(
    ("origin", "parent"),
    [
        ("https://pr-7.preview.example.com", "preview.example.com"),
        ("https://example.com:8443", "example.com"),
        ("http://192.0.2.7:8080", "192.0.2.7"),
        ("http://[2001:db8::1]", "[2001:db8::1]"),
        ("null", "null"),
        ("https://a.example/path", "https://a.example/path"),
        ("", ""),
    ],
)
def test_the_parent_of_an_origin(origin: str, parent: str) -> None:
    assert parent_of(origin) == parent


async def test_the_yaml_that_would_let_a_group_through(process: StandIn, client: Client) -> None:
    process.remembered = [
        *(_refused(f"https://{name}.preview.example.com", 2) for name in ("a", "b")),
        _refused("https://www.other.example"),
    ]
    async with client.get("/suggestion", params={"parent": "preview.example.com"}) as response:
        text = await response.text()

    assert response.content_type == "text/plain"
    assert text.startswith("# 4 refused requests: add what is yours, leave what is not\npolicies:\n  app:\n")
    assert "- https://a.preview.example.com  # 2 x, last GET /api/x" in text
    assert "other.example" not in text


async def test_certificates_are_shown_with_their_days(process: StandIn, client: Client) -> None:
    def serve(days: float) -> None:
        tls = ServerTls("/etc/tls.pem", "/etc/key.pem", time.time() + days * 86_400)
        listen = (TcpListener("127.0.0.1", 8443, tls),)
        process.snapshot = replace(process.snapshot, server=replace(process.snapshot.server, listen=listen))

    serve(89.5)
    assert "89 days left, until" in await _part(client, "reload-state")
    assert "Nothing is wrong" in await _part(client, "verdict")
    serve(-0.5)
    assert "Certificate /etc/tls.pem: expired on" in await _part(client, "verdict")


async def test_warnings_are_told_at_the_beginning(process: StandIn, client: Client) -> None:
    process.warnings = (WARNING,)

    assert "The check of the configuration gave 1 warning." in await _part(client, "verdict")
