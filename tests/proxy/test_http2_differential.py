"""Drawn requests in both protocols: the same status, fields and body, and the same request for the backend.

What is drawn is a request of HTTP/1.1; `tests.wire.streams` says what it is on a stream.
"""

import asyncio
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cors_gateway.snapshot import Http2
from tests.proxy.stage import ORIGIN, Stage, Starter, listening, upstream
from tests.wire.raw_backend import RawBackend, echo
from tests.wire.raw_client import RawClient
from tests.wire.streams import comparable, converse_on_streams, forwarded, on_streams

EXAMPLES = 150
STRANGE = "https://evil.example"

POLICIES = {
    "strict": {"allow_origins": [ORIGIN], "on_disallowed_request": "reject", "allow_credentials": True}
}
ROUTES = [
    {"name": "closed", "path": "/closed", "upstream": "app", "cors": "disabled"},
    {"name": "strict", "path": "/strict/", "upstream": "app", "cors": "strict"},
]

_METHODS = st.sampled_from(
    ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "QUERY", "patch", "G=T"]
)
_PATHS = st.builds(
    "/{}".format,
    st.lists(
        st.sampled_from(["closed", "strict", "/", "..", ".", "%2e", "%2f", "%61", "a", ";x", "?", "%", " ", "é", "%00"]),
        max_size=5,
    ).map("".join),
)  # fmt: skip
_TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=12)
_VALUES = _TEXT.map(str.strip).filter(lambda value: value == value.strip(" \t"))
_ORIGINS = st.sampled_from(
    [ORIGIN, STRANGE, "null", "", f"{ORIGIN}/", f"{ORIGIN}, {STRANGE}", "https://é.example"]
)
_KNOWN = st.one_of(
    st.tuples(st.just("Origin"), _ORIGINS),
    st.tuples(st.just("Access-Control-Request-Method"), st.sampled_from(["GET", "PUT", "DELETE", "p(t", ""])),
    st.tuples(
        st.just("Access-Control-Request-Headers"),
        st.sampled_from(["x-a", "content-type,x-a", ",,", "authorization"]),
    ),
    st.tuples(
        st.sampled_from(["Cookie", "X-Forwarded-For", "Via", "X_Forwarded_For", "X.Y", "Range"]), _VALUES
    ),
    st.tuples(st.sampled_from(["Expect", "Max-Forwards", "Content-Type", "X(A)", "x-a"]), _VALUES),
)
_REQUESTS = st.builds(
    lambda method, path, host, fields, body: (method, path, [("Host", host), *fields], body),
    _METHODS,
    _PATHS,
    st.sampled_from(["gateway.test", "GATEWAY.test:80", "[::1]", "a b", "a@b", ""]),
    st.lists(st.one_of(_KNOWN, st.tuples(st.sampled_from(["Accept", "X-Own"]), _VALUES)), max_size=6),
    st.one_of(st.just(b""), st.binary(max_size=40)),
)

Drawn = tuple[str, str, list[tuple[str, str]], bytes]


async def test_both_protocols_say_the_same(serving: Starter, backend: RawBackend, tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    backend.script = echo
    async with (
        listening(backend),
        serving(upstream(backend), http2=Http2.CLEARTEXT, policies=POLICIES, routes=ROUTES) as stage,
    ):

        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
        @given(_REQUESTS)
        def compare(drawn: Drawn) -> None:
            asyncio.run_coroutine_threadsafe(_compare(stage, backend, drawn), loop).result()

        await asyncio.to_thread(compare)


async def _compare(stage: Stage, backend: RawBackend, drawn: Drawn) -> None:
    method, path, fields, body = drawn
    length = [("Content-Length", str(len(body)))] if body else []
    lines = "".join(f"{name}: {value}\r\n" for name, value in [*fields, *length])
    data = f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body

    backend.forget()
    async with await RawClient.connect(stage.address) as client:
        await client.send(data)
        plain = await client.read_response(method)
    first = [forwarded(request) for _, request in backend.requests]
    backend.forget()
    [over] = (await converse_on_streams(stage.address, on_streams(data))).responses
    second = [forwarded(request) for _, request in backend.requests]

    assert second == first
    if not over.fields:  # the stream was reset: of several faults nobody says which
        assert plain.status >= 400
        return
    assert over.status == plain.status
    assert comparable(over.fields) == comparable(plain.fields)
    assert over.body == plain.body
