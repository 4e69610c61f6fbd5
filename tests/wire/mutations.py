"""Valid messages and ways to spoil them: the bytes parsers disagree about, put where they hurt."""

import itertools

from hypothesis import strategies as st

HEAD = b"Host: gw.test\r\n"

REQUESTS = [
    b"GET /a HTTP/1.1\r\n" + HEAD + b"Accept: */*\r\nCookie: a=b; c=d\r\n\r\n",
    b"GET http://gw.test/absolute?q=1 HTTP/1.1\r\n" + HEAD + b"\r\n",
    b"HEAD /head HTTP/1.1\r\n" + HEAD + b"\r\n",
    b"POST /length HTTP/1.1\r\n" + HEAD + b"Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
    b"PUT /empty HTTP/1.1\r\n" + HEAD + b"Content-Length: 0\r\n\r\n",
    b"POST /chunked HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"POST /extended HTTP/1.1\r\n"
    + HEAD
    + b"Transfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
    + b"A;a=b\r\n0123456789\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n",
    b"POST /expect HTTP/1.1\r\n" + HEAD + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
    b"GET /close HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n",
    b"GET /nominated HTTP/1.1\r\n" + HEAD + b"Connection: X-Hop, keep-alive\r\nX-Hop: 1\r\n\r\n",
    b"GET /old HTTP/1.0\r\n" + HEAD + b"\r\n",
    b"POST /inner HTTP/1.1\r\n" + HEAD + b"Content-Length: 41\r\n\r\n"
    b"GET /smuggled HTTP/1.1\r\nHost: gw.test\r\n\r\n",
]

CORS = b"Origin: https://app.example\r\n"

REQUESTS += [
    b"OPTIONS /preflight HTTP/1.1\r\n" + HEAD + CORS + b"Access-Control-Request-Method: PUT\r\n\r\n",
    b"OPTIONS /preflight HTTP/1.1\r\n"
    + HEAD
    + CORS
    + b"Access-Control-Request-Method: PUT\r\nContent-Length: 41\r\n\r\n"
    + b"GET /smuggled HTTP/1.1\r\nHost: gw.test\r\n\r\n",
    b"GET /ws HTTP/1.1\r\n"
    + HEAD
    + CORS
    + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\n" + HEAD + b"\r\n",
]

RESPONSES = [
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
        b"5;a=b\r\nhello\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"
    ),
    b"HTTP/1.1 200 OK\r\nX-Until: the end\r\n\r\nhello",
    b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n",
    b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 100\r\n\r\n',
    b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK",
    b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nOK",
    (
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nVary: Accept\r\n"
        b"Access-Control-Allow-Origin: *\r\nContent-Length: 0\r\n\r\n"
    ),
    b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno",
]

MEANINGFUL = [
    *(bytes([byte]) for byte in b"\r\n \t\v\f\0:;,=\"'#?%/\\@*+-_.019xAF\x7f\x80\x85\xa0\xff"),
    b"\r\n",
    b"\n\n",
    b"\r\n\r\n",
    b"\r\r\n",
    b"\r\n ",
    b"chunked",
    b", chunked",
    b"identity",
    b"0x",
    b"00",
    b"0\r\n\r\n",
    b"1\r\nZ\r\n",
    b"HTTP/1.0",
    b"HTTP/1.1",
    b"HTTP/2.0",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length : 7\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: x\r\n",
    b"Connection: close\r\n",
    b"Connection: Content-Length\r\n",
    b"Host: other.test\r\n",
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n",
    b"GET /smuggled HTTP/1.1\r\nHost: gw.test\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL",
]


@st.composite
def spoiled(draw: st.DrawFn, seeds: list[bytes], most_messages: int = 1) -> bytes:
    """Up to `most_messages` of the seeds behind one another, with a few mutations."""
    data = b"".join(draw(st.lists(st.sampled_from(seeds), min_size=1, max_size=most_messages)))
    for _ in range(draw(st.integers(0, 3))):
        data = _mutate(draw, data)
    return data


def _mutate(draw: st.DrawFn, data: bytes) -> bytes:
    place = draw(st.integers(0, len(data)))
    match draw(st.sampled_from(["insert", "replace", "delete", "repeat line", "drop line", "truncate"])):
        case "insert":
            return data[:place] + draw(st.sampled_from(MEANINGFUL)) + data[place:]
        case "replace":
            return data[:place] + draw(st.sampled_from(MEANINGFUL)) + data[place + 1 :]
        case "delete":
            return data[:place] + data[place + draw(st.integers(1, 3)) :]
        case "truncate":
            return data[:place]
        case action:
            lines = data.split(b"\r\n")
            number = draw(st.integers(0, len(lines) - 1))
            kept = lines[number : number + 1] * 2 if action == "repeat line" else []
            return b"\r\n".join(lines[:number] + kept + lines[number + 1 :])


@st.composite
def in_pieces(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """The data in up to four pieces."""
    places = sorted({0, len(data), *draw(st.lists(st.integers(0, len(data)), max_size=3))})
    return [data[start:end] for start, end in itertools.pairwise(places)]
