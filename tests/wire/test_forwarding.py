"""What passes through: fields in order, case and bytes, both ways, but for a short documented list."""

import itertools

import pytest

from tests.wire.conftest import ORIGIN, Place
from tests.wire.raw_backend import Answer, RawBackend, reply
from tests.wire.raw_client import RawClient
from tests.wire.strict_http import Fields, Request, Response

ADDED_TO_REQUESTS = {
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-real-ip",
    "via",
    "x-request-id",
}
ADDED_TO_RESPONSES = {
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "vary",
    "date",
    "via",
}

OBS_TEXT = bytes(range(0x80, 0x100)).decode("latin-1")

FIELDS: Fields = (
    ("aCCept", "*/*"),
    ("X-Order", "1"),
    ("Cookie", "a=b; c=d"),
    ("x-order", "2"),
    ("X-Bytes", OBS_TEXT),
    ("X-Inner", 'a  b\t"c" , d'),
    ("X-Empty", ""),
    ("X-ORDER", "3"),
    ("Authorization", "Basic Zm9v"),
    ("X-Punctuation", "!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
)

RESPONSE_FIELDS: Fields = (
    ("server", "backend/1"),
    ("Set-Cookie", "a=1; Path=/"),
    ("X-Order", "1"),
    ("SET-COOKIE", "b=2"),
    ("x-order", "2"),
    ("X-Bytes", OBS_TEXT),
    ("Cache-Control", "no-store"),
    ("Content-Encoding", "gzip"),
    ("ETag", '"x"'),
)

SPOOFED = {
    "X-Forwarded-For": "10.9.9.9",
    "X-Forwarded-Host": "evil.test",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "9999",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Server": "evil.test",
    "X-Real-IP": "10.9.9.9",
    "Forwarded": "for=10.9.9.9;host=evil.test;proto=https",
    "X-Client-IP": "10.9.9.9",
    "True-Client-IP": "10.9.9.9",
    "CF-Connecting-IP": "10.9.9.9",
    "X-Original-URL": "/evil",
    "X-Rewrite-URL": "/evil",
}


def _lines(fields: Fields) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in fields)


def _without(fields: Fields, names: set[str]) -> Fields:
    return tuple((name, value) for name, value in fields if name.lower() not in names)


async def _pass(place: Place, backend: RawBackend, data: bytes) -> tuple[Request, Response]:
    """The request as the backend saw it and the response as the client saw it."""
    async with await RawClient.connect(place.address) as client:
        await client.send(data)
        response = await client.read_response(data.split(b" ")[0].decode())
    return backend.requests[-1][1], response


async def test_request_fields_keep_order_case_and_bytes(place: Place) -> None:
    async with place.backend() as backend:
        request, _ = await _pass(place, backend, place.request("GET /", _lines(FIELDS)))

    assert _without(request.fields, {"host", *ADDED_TO_REQUESTS}) == FIELDS
    assert request.values("host") == [place.host]


async def test_response_fields_keep_order_case_and_bytes(place: Place) -> None:
    async with place.backend(lambda _: reply(200, RESPONSE_FIELDS, b"body")) as backend:
        _, response = await _pass(place, backend, place.request(fields=f"Origin: {ORIGIN}\r\n"))

    assert _without(response.fields, {"content-length", *ADDED_TO_RESPONSES}) == RESPONSE_FIELDS
    assert (response.body, response.framing) == (b"body", "length")


@pytest.mark.parametrize("name", SPOOFED, ids=SPOOFED.keys())
async def test_a_client_cannot_say_who_it_is_or_where_it_goes(place: Place, name: str) -> None:
    """However often and in whatever case it tries."""
    fields = ((name, SPOOFED[name]), (name.upper(), SPOOFED[name]), (name.lower(), SPOOFED[name]))
    async with place.backend() as backend:
        request, _ = await _pass(place, backend, place.request("GET /", _lines(fields)))

    assert SPOOFED[name] not in request.values(name)
    assert "evil" not in str(request.fields)
    assert request.values("x-forwarded-for") == ["127.0.0.1"]
    assert request.values("x-forwarded-proto") == ["http"]


@pytest.mark.parametrize("name", ["Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "TE", "Upgrade"])
async def test_hop_by_hop_fields_of_a_request_stay_here(place: Place, name: str) -> None:
    async with place.backend() as backend:
        request, _ = await _pass(place, backend, place.request("GET /", f"{name}: x\r\nX-End: 1\r\n"))

    assert request.values(name) == []
    assert request.values("x-end") == ["1"]


@pytest.mark.parametrize("name", ["Keep-Alive", "Proxy-Authenticate", "Trailer", "Upgrade", "X-Hop"])
async def test_hop_by_hop_fields_of_a_response_stay_here(place: Place, name: str) -> None:
    fields = [("Connection", "X-Hop"), (name, "x"), ("X-End", "1")]
    async with place.backend(lambda _: reply(200, fields)) as backend:
        _, response = await _pass(place, backend, place.request())

    assert response.values(name) == []
    assert response.values("x-end") == ["1"]


@pytest.mark.parametrize(
    "target",
    [
        "/a%2db%7Ec%C3%A9",
        "/?",
        "/a?b=%zz&c=[1]|{2}^`'\"<>\\",
        "/a;b=c,d@e:f!$&'()*+=",
        "/[a]|{b}^`c",
        "/a?next=http://other.test/../x",
    ],
)
async def test_a_target_is_forwarded_byte_for_byte(place: Place, target: str) -> None:
    async with place.backend() as backend:
        request, _ = await _pass(place, backend, place.request(f"GET {target}"))

    assert request.target == target


@pytest.mark.parametrize("size", [0, 1, 1023, 65_535, 65_536, 1 << 20, (1 << 22) + 1])
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
async def test_a_body_of_any_size_arrives_whole_both_ways(place: Place, size: int, is_chunked: bool) -> None:
    body = bytes(itertools.islice(itertools.cycle(range(251)), size))
    data = place.request("PUT /", body=body)
    if is_chunked:
        pieces = [body[start : start + 10_007] for start in range(0, size, 10_007)]
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        data = place.request("PUT /", "Transfer-Encoding: chunked\r\n") + chunks + b"0\r\n\r\n"

    def script(request: Request) -> Answer:
        framing = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(request.body), request.body)
        if is_chunked and request.body:
            return Answer([b"HTTP/1.1 200 OK\r\n" + framing + b"0\r\n\r\n"])
        return reply(200, (), request.body)

    async with place.backend(script) as backend:
        request, response = await _pass(place, backend, data)

    assert (request.body == body, request.chunked) == (True, is_chunked)
    assert (response.body == body, response.complete) == (True, True)


async def test_a_second_gateway_in_the_chain_sees_one_via_of_the_first(place: Place) -> None:
    """And a request that comes back is a loop: 508, without a further turn."""
    async with place.backend() as backend:
        request, _ = await _pass(place, backend, place.request())
        via = request.values("via")[0]
        async with await RawClient.connect(place.address) as client:
            await client.send(place.request("GET /", f"Via: 1.0 other, {via}\r\n"))
            looped = await client.read_response()

    assert via.startswith("1.1 ")
    assert (looped.status, len(backend.requests)) == (508, 1)


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("HEAD /", ""),
        ("HEAD /a/../b", ""),
        ("HEAD /", "Host: twice.test\r\n"),
        ("HEAD /", "X-Folded: a\r\n b\r\n"),
        ("HEAD /", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
        ("HEAD /", f"X-Long: {'x' * 40_000}\r\n"),
        ("HEAD /", "Expect: the-unexpected\r\n"),
        ("HEAD /", "Via: 1.1 elsewhere\r\nMax-Forwards: 0\r\n"),
    ],
)
async def test_no_answer_to_head_has_a_body(place: Place, line: str, fields: str) -> None:
    """Whoever makes it, the backend or the gateway (RFC 9110, 9.3.2)."""
    async with place.backend(), await RawClient.connect(place.address) as client:
        await client.send(place.request(line, fields))
        await client.read_response("HEAD")
        client.half_close()
        await client.wait_closed()

    assert client.received[client.position :] == b""


async def test_an_outage_answered_to_head_has_no_body(place: Place) -> None:
    async with await RawClient.connect(place.address) as client:
        await client.send(place.request("HEAD /"))
        response = await client.read_response("HEAD")
        client.half_close()
        await client.wait_closed()

    assert (response.status, bytes(client.received[client.position :])) == (502, b"")
