"""What a route does to responses besides CORS, over real sockets: one table for each key.

What it does to requests is in `test_locations.py`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.proxy.stage import ORIGIN, Options, Starter, counts, listening, request, until, upstream, url
from tests.proxy.test_locations import HANDSHAKE
from tests.wire.raw_backend import Answer, RawBackend, accept_websocket, reply
from tests.wire.strict_http import Request

READABLE = [ORIGIN]
"""Values of Access-Control-Allow-Origin on what a script may read."""
FROM = f"Origin: {ORIGIN}\r\n"
PREFLIGHT = FROM + "Access-Control-Request-Method: GET\r\n"
SECURED = {
    "set": {
        "Strict-Transport-Security": "max-age=60",
        "Cache-Control": "private",
        "Content-Type": "text/html",
    },
    "remove": ["Server", "X-Powered-By"],
}
CHATTY = [("Server", "x/1"), ("x-powered-by", "y"), ("cache-control", "no-store"), ("X-Kept", "1")]


@pytest.mark.parametrize("cors", ["open", "disabled", "passthrough"])
@pytest.mark.parametrize("status", [200, 204, 304, 404])
@pytest.mark.parametrize("own_fields", [[], [("Vary", "Accept"), ("Access-Control-Allow-Origin", "*")]])
async def test_fields_are_set_and_removed_on_what_a_backend_answers(
    serving: Starter,
    backend: RawBackend,
    cors: str,
    status: int,
    own_fields: Sequence[tuple[str, str]],
) -> None:
    backend.script = lambda _: reply(status, [*CHATTY, *own_fields])
    route = {"response_headers": SECURED, "cors": cors}
    async with listening(backend), serving(upstream(backend), route=route) as stage:
        answers = [await stage.ask(fields=FROM) for _ in range(3)]

    for answer in answers:
        assert answer.status == status
        assert [answer.values(name) for name in ("Server", "X-Powered-By")] == [[], []]
        assert answer.values("Strict-Transport-Security") == ["max-age=60"]
        assert answer.values("Cache-Control") == ["private"]
        assert answer.values("X-Kept") == ["1"]
        allowed = {"open": READABLE, "disabled": [], "passthrough": ["*"] if own_fields else []}
        assert answer.values("Access-Control-Allow-Origin") == allowed[cors]
        own_vary = "Accept" if own_fields else ""
        vary = {"open": f"{own_vary}, Origin".removeprefix(", "), "disabled": None, "passthrough": own_vary}
        if vary[cors] is not None:
            assert ", ".join(answer.values("Vary")) == vary[cors]


@pytest.mark.parametrize(
    ("line", "fields", "body", "status"),
    [
        ("GET /", FROM, b"", 502),
        ("HEAD /", FROM, b"", 502),
        ("POST /", FROM, b"too long", 413),
        ("GET /", "Origin: https://evil.example\r\n", b"", 403),
        ("OPTIONS /", PREFLIGHT, b"", 204),
        ("OPTIONS /", "Origin: https://evil.example\r\nAccess-Control-Request-Method: GET\r\n", b"", 403),
        ("GET /closed", FROM, b"", 404),
        ("GET /moved", FROM, b"", 307),
    ],
)
async def test_fields_are_set_on_the_gateways_own_answers(
    serving: Starter, backend: RawBackend, line: str, fields: str, body: bytes, status: int
) -> None:
    """But for those that describe content: a problem document stays what it is."""
    edits = {"response_headers": SECURED, "cors": "open"}
    options: dict[str, Any] = {
        "route": {**edits, "limits": {"request_body": 4}},
        "policy": {"on_disallowed_request": "reject"},
        "routes": [
            {**edits, "name": "closed", "path": "/closed", "refuse": 404},
            {**edits, "name": "moved", "path": "/moved", "redirect": {"to": "https://www.example.com"}},
        ],
    }
    async with serving(upstream(backend), **options) as stage:
        answers = [await stage.ask(line, fields, body) for _ in range(3)]

    for answer in answers:
        assert answer.status == status
        assert answer.values("Strict-Transport-Security") == ["max-age=60"]
        assert answer.values("Cache-Control") == ["private"]
        is_problem = status >= 400
        assert answer.values("Content-Type") == ["application/problem+json"] * is_problem
        allowed = READABLE if ORIGIN in fields else []
        assert answer.values("Access-Control-Allow-Origin") == allowed


async def test_an_interim_response_is_left_alone(serving: Starter, backend: RawBackend) -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nServer: x\r\nLink: </a>\r\n\r\n"
    final = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 0\r\n\r\n"
    backend.script = lambda _: Answer([interim + final])
    async with (
        listening(backend),
        serving(upstream(backend), route={"response_headers": SECURED}) as stage,
        await stage.connect() as client,
    ):
        await client.send(request())
        answer = await client.read_response("GET")
        (hints,) = client.interim

    assert (hints.status, hints.fields) == (103, (("Server", "x"), ("Link", "</a>")))
    assert (answer.status, answer.values("Server")) == (200, [])


async def test_a_handshake_is_answered_for_good(serving: Starter, backend: RawBackend) -> None:
    """A 101 may set a cookie like any other last word in HTTP."""
    cookie = b"Set-Cookie: id=1\r\nServer: x\r\n\r\n"

    def accept(request: Request) -> Answer:
        (head,) = accept_websocket(request).segments
        return Answer([head.removesuffix(b"\r\n") + cookie], then="tunnel")

    backend.script = accept
    route = {"response_headers": {"set": {"X-Set": "1"}, "remove": ["Server"]}, "cookies": {"secure": True}}
    async with (
        listening(backend),
        serving(upstream(backend), route=route) as stage,
        await stage.connect() as client,
    ):
        await client.send(request(fields=HANDSHAKE))
        answer = await client.read_response("GET")

    assert (answer.status, answer.values("Set-Cookie")) == (101, ["id=1; Secure"])
    assert (answer.values("Server"), answer.values("X-Set"), answer.values("Upgrade")) == (
        [],
        ["1"],
        ["websocket"],
    )


@pytest.mark.parametrize(
    ("cookies", "received", "sent"),
    [
        (
            {"same_site": "none", "secure": True},
            "id=1; Path=/; HttpOnly",
            "id=1; Path=/; HttpOnly; SameSite=None; Secure",
        ),
        ({"same_site": "none", "secure": True}, "id=1; samesite=LAX; secure", "id=1; secure; SameSite=None"),
        ({"domain": "remove"}, "id=1; Domain=backend", "id=1"),
        ({"domain": "example.com", "path": "/api"}, "id=1; Path=/v1", "id=1; Domain=example.com; Path=/api"),
        ({"secure": False}, "__Host-id=1; Secure; Path=/", "__Host-id=1; Secure; Path=/"),
    ],
)
async def test_cookies_of_the_backend_are_changed(
    serving: Starter, backend: RawBackend, cookies: Options, received: str, sent: str
) -> None:
    """Each of them, whatever it holds: what is remembered of a response is not the value of its cookie."""
    values = [received.replace("=1", f"={number}", 1) for number in (1, 1, 2, 3, 3)]
    answers = iter(values)
    backend.script = lambda _: reply(
        200, [("Set-Cookie", next(answers)), ("set-cookie", received), ("X", "1")]
    )
    async with listening(backend), serving(upstream(backend), route={"cookies": cookies}) as stage:
        seen = [await stage.ask() for _ in values]

    expected = [[sent.replace("=1", f"={number}", 1), sent] for number in (1, 1, 2, 3, 3)]
    assert [answer.values("Set-Cookie") for answer in seen] == expected


API = {"path": "/api/", "replace_prefix": "/v1/"}
STRIPPED = {"path": "/api/", "strip_prefix": True}


@pytest.mark.parametrize(
    ("route", "location", "expected"),
    [
        ({"path": "/api/"}, "{backend}/api/x?y#z", "/api/x?y#z"),
        ({"path": "/api/"}, "{backend}", "/"),
        ({"path": "/api/"}, "{backend}//evil.example/x", "/evil.example/x"),
        ({"path": "/api/"}, "{backend}/\t/evil.example/x", "/evil.example/x"),
        ({"path": "/api/"}, "/x", "/x"),
        ({"path": "/api/"}, "x", "x"),
        ({"path": "/api/"}, "https://login.example/?next=/", "https://login.example/?next=/"),
        (API, "{backend}/v1/x", "/api/x"),
        (API, "/v1/x?y", "/api/x?y"),
        (API, "/other", "/other"),
        (API, "http://gateway.test/v1/x", "http://gateway.test/api/x"),
        (API, "https://gateway.test/v1/x", "https://gateway.test/api/x"),
        (API, "http://elsewhere.test/v1/x", "http://elsewhere.test/v1/x"),
        (STRIPPED, "/x", "/api/x"),
        (STRIPPED, "/api/x", "/api/x"),
        (STRIPPED, "//elsewhere.test/x", "//elsewhere.test/x"),
    ],
)
@pytest.mark.parametrize("status", [201, 302, 307])
async def test_a_place_that_the_backend_names_becomes_one_that_the_client_can_follow(
    serving: Starter, backend: RawBackend, route: Options, location: str, expected: str, status: int
) -> None:
    place = location.format(backend=url(backend))
    backend.script = lambda _: reply(status, [("location", place), ("Refresh", f"5; url={place}")])
    async with listening(backend), serving(upstream(backend), route=route) as stage:
        answers = [await stage.ask("GET /api/a") for _ in range(3)]

    for answer in answers:
        assert answer.values("Location") == [expected]
        assert answer.values("Refresh") == [f"5; url={expected}"]


@pytest.mark.parametrize("route", [{"path": "/api/"}, API, {"path": "/api/", "response_headers": SECURED}])
async def test_redirects_can_be_kept(serving: Starter, backend: RawBackend, route: Options) -> None:
    place = f"{url(backend)}/v1/x"
    backend.script = lambda _: reply(302, [("Location", place)])
    async with listening(backend), serving(upstream(backend, redirects="keep"), route=route) as stage:
        answers = [await stage.ask("GET /api/a") for _ in range(2)]

    assert [answer.values("Location") for answer in answers] == [[place]] * 2


async def test_a_place_is_judged_by_the_host_of_each_request(serving: Starter, backend: RawBackend) -> None:
    """The same response on the same connection of the backend, to clients that know the gateway by two names."""
    backend.script = lambda _: reply(302, [("Location", "http://a.test/v1/x")])
    async with (
        listening(backend),
        serving(upstream(backend), route=API) as stage,
        await stage.connect() as client,
    ):
        seen = []
        for host in ("a.test", "b.test", "b.test", "a.test"):
            await client.send(request("GET /api/", host=host))
            seen += (await client.read_response("GET")).values("Location")

    mapped, kept = "http://a.test/api/x", "http://a.test/v1/x"
    assert seen == [mapped, kept, kept, mapped]
    assert len(backend.connections) == 1


@pytest.mark.parametrize(
    ("host", "location", "expected"),
    [
        ("app.internal", "https://app.internal/x", "/x"),
        ("app.internal", "http://APP.internal:80/x", "/x"),
        ("app.internal", "http://app.internal:8080/x", "http://app.internal:8080/x"),
        ("app.internal:81", "http://app.internal:81/x", "/x"),
        ("preserve", "http://app.internal/x", "http://app.internal/x"),
    ],
)
async def test_the_host_that_a_backend_is_told_is_an_address_of_its_own(
    serving: Starter, backend: RawBackend, host: str, location: str, expected: str
) -> None:
    backend.script = lambda _: reply(302, [("Location", location)])
    async with listening(backend), serving(upstream(backend, host=host)) as stage:
        answer = await stage.ask()

    assert answer.values("Location") == [expected]


LOGIN = "https://login.example/?next=1"
SCRIPT = "Sec-Fetch-Mode: cors\r\n"
READABLE_LOGIN = {"cross_origin_redirects": "unauthorized"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("fields", "allowed"),
    [(FROM, READABLE), ("", []), ("Origin: https://evil.example\r\n", [])],
)
async def test_a_script_reads_that_its_user_has_to_log_in(
    serving: Starter, backend: RawBackend, status: int, fields: str, allowed: list[str]
) -> None:
    """And the connection of the backend serves the next one."""
    backend.script = lambda _: reply(status, [("Location", LOGIN), ("Set-Cookie", "state=1")], b"moved")
    async with listening(backend), serving(upstream(backend), policy=READABLE_LOGIN) as stage:
        answers = [await stage.ask(fields=SCRIPT + fields) for _ in range(3)]
        head = await stage.ask("HEAD /", SCRIPT + fields)

    for answer in answers:
        assert (answer.status, answer.values("Location"), answer.values("Set-Cookie")) == (401, [], [])
        assert answer.values("Access-Control-Allow-Origin") == allowed
        document = json.loads(answer.body)
        assert (document["reason"], document["location"]) == ("cross_origin_redirect", LOGIN)
        assert document["request_id"]
    assert (head.status, head.body) == (401, b"")
    assert (len(backend.connections), counts([backend])) == (1, [4])


@pytest.mark.parametrize(
    ("fields", "location", "status", "policy"),
    [
        ("Sec-Fetch-Mode: navigate\r\n", LOGIN, 302, READABLE_LOGIN),
        ("Sec-Fetch-Mode: no-cors\r\n", LOGIN, 302, READABLE_LOGIN),
        ("", LOGIN, 302, READABLE_LOGIN),
        (SCRIPT, "/login", 302, READABLE_LOGIN),
        (SCRIPT, "http://gateway.test/login", 302, READABLE_LOGIN),
        (SCRIPT, "http://gateway.test:80/login", 302, READABLE_LOGIN),
        (SCRIPT, "https://gateway.test/login", 401, READABLE_LOGIN),
        (SCRIPT, "//login.example/", 401, READABLE_LOGIN),
        (SCRIPT, "/\t/login.example/", 401, READABLE_LOGIN),
        (SCRIPT, LOGIN, 304, READABLE_LOGIN),
        (SCRIPT, LOGIN, 201, READABLE_LOGIN),
        (SCRIPT, LOGIN, 302, {}),
        (SCRIPT, LOGIN, 302, {**READABLE_LOGIN, "report_only": True}),
        (SCRIPT, LOGIN, 302, {**READABLE_LOGIN, "public_origins": ["https://login.example"]}),
    ],
)
async def test_other_redirects_go_on(
    serving: Starter, backend: RawBackend, fields: str, location: str, status: int, policy: Options
) -> None:
    sent = status if status != 401 else 302
    backend.script = lambda _: reply(sent, [("Location", location)])
    async with listening(backend), serving(upstream(backend), policy=policy) as stage:
        answer = await stage.ask(fields=FROM + fields)

    assert (answer.status, answer.values("Location")) == (status, [] if status == 401 else [location])


async def test_who_asks_is_looked_at_each_time(serving: Starter, backend: RawBackend) -> None:
    """The same redirect on one connection, for a script and for a page that is opened."""
    backend.script = lambda _: reply(302, [("Location", LOGIN)])
    async with (
        listening(backend),
        serving(upstream(backend), policy=READABLE_LOGIN) as stage,
        await stage.connect() as client,
    ):
        seen = []
        for mode in ("navigate", "cors", "cors", "navigate"):
            await client.send(request(fields=f"{FROM}Sec-Fetch-Mode: {mode}\r\n"))
            seen.append((await client.read_response("GET")).status)

    assert seen == [302, 401, 401, 302]


async def test_the_scheme_that_a_trusted_proxy_tells_counts(serving: Starter, backend: RawBackend) -> None:
    backend.script = lambda _: reply(302, [("Location", "https://gateway.test/login")])
    server = {"trusted_proxies": ["loopback"]}
    async with listening(backend), serving(upstream(backend), policy=READABLE_LOGIN, server=server) as stage:
        behind_tls = await stage.ask(fields=f"{SCRIPT}x-forwarded-proto: https\r\n")
        without = await stage.ask(fields=SCRIPT)

    assert (behind_tls.status, without.status) == (302, 401)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 302 Found\r\nLocation: https://login.example/\r\nContent-Length: 9\r\n\r\nmo",
        b"HTTP/1.1 302 Found\r\nLocation: https://login.example/\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nmo\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: https://login.example/\r\n\r\nmo",
    ],
)
async def test_nobody_waits_for_the_rest_of_a_redirect_that_is_replaced(
    serving: Starter, backend: RawBackend, head: bytes
) -> None:
    backend.script = lambda _: Answer([head], then="hold")
    async with (
        listening(backend),
        serving(upstream(backend), policy=READABLE_LOGIN) as stage,
        await stage.connect() as client,
    ):
        for _ in range(2):
            await client.send(request(fields=FROM + SCRIPT))
            assert (await client.read_response("GET")).status == 401
        await until(lambda: all(connection.ended for connection in backend.connections))
        assert [server.active for server in stage.pool.servers] == [0]

    assert len(backend.connections) == 2


@pytest.mark.parametrize(
    "fields",
    [FROM, "", "Origin: https://evil.example\r\n", "Origin: null\r\n"],
    ids=["own", "no", "evil", "null"],
)
async def test_a_constant_origin_is_named_in_every_answer(
    serving: Starter, backend: RawBackend, fields: str
) -> None:
    backend.script = lambda _: reply(200, [("Access-Control-Allow-Origin", "*"), ("Vary", "Accept")])
    async with listening(backend), serving(upstream(backend), policy={"constant_origin": True}) as stage:
        answers = [await stage.ask(fields=fields) for _ in range(2)]
    async with serving(upstream(backend), policy={"constant_origin": True}) as stage:
        answers.append(await stage.ask(fields=fields))

    assert [answer.status for answer in answers] == [200, 200, 502]
    assert [answer.values("Access-Control-Allow-Origin") for answer in answers] == [READABLE] * 3
    assert [answer.values("Vary") for answer in answers] == [["Accept"], ["Accept"], []]


@pytest.mark.parametrize(
    ("options", "received", "names"),
    [
        ({}, [("X-A", "1"), ("Content-Type", "x"), ("Set-Cookie", "a=1")], "x-a,vary,date"),
        ({}, [("Date", "now"), ("ETag", "1"), ("X-A", "1"), ("x-a", "2")], "date,etag,x-a,vary"),
        ({}, [("Access-Control-Expose-Headers", "X-Gone"), ("X-B", "1")], "x-b,vary,date"),
        (
            {"route": {"response_headers": {"set": {"X-Set": "1"}, "remove": ["X-B"]}}},
            [("X-B", "1"), ("X-A", "1")],
            "x-a,vary,x-set,date",
        ),
        ({"policy": {"expose_headers": ["X-First"]}}, [("X-A", "1")], "x-first,x-a,vary,date"),
    ],
)
async def test_the_names_of_all_fields_are_exposed(
    serving: Starter,
    backend: RawBackend,
    options: Mapping[str, Any],
    received: list[tuple[str, str]],
    names: str,
) -> None:
    """Also with credentials, where a star means nothing to browsers."""
    policy = {"upstream_expose": "all", "allow_credentials": True, **options.get("policy", {})}
    backend.script = lambda _: reply(200, received)
    options = {**options, "policy": policy}
    async with listening(backend), serving(upstream(backend), **options) as stage:
        answers = [await stage.ask(fields=FROM) for _ in range(3)]
        stranger = await stage.ask(fields="Origin: https://evil.example\r\n")

    assert [answer.values("Access-Control-Expose-Headers") for answer in answers] == [[names]] * 3
    assert stranger.values("Access-Control-Expose-Headers") == []


async def test_the_names_of_an_own_answer_are_exposed_too(serving: Starter, backend: RawBackend) -> None:
    route = {"upstream": None, "refuse": 503, "response_headers": {"set": {"X-Set": "1"}}}
    async with serving(upstream(backend), route=route, policy={"upstream_expose": "all"}) as stage:
        answer = await stage.ask(fields=FROM)

    assert answer.values("Access-Control-Expose-Headers") == ["retry-after,x-set,vary,date"]
