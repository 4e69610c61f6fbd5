"""Logins that belong to a connection, as a browser makes them: three profiles of Chromium and a backend that speaks NTLM."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.engines.chromium import FLAGS, PROGRAM
from tests.proxy.stage import Starter, listening, upstream
from tests.wire import ntlm
from tests.wire.raw_backend import Answer, BackendConnection, RawBackend, bound_socket, reply
from tests.wire.stream_backend import serving_streams
from tests.wire.strict_http import Request

pytestmark = pytest.mark.browser

STRANGER = "stranger"
"""Whoever the backend does not know, and the profile without credentials."""
PATHS = {"alice": "/page", "bob": "/page", STRANGER: "/open"}
"""Where each profile goes. Without credentials Chromium never ends a request that was answered with 401: it waits for
somebody to type them."""

PAGE = '<!doctype html><link rel="icon" href="data:,"><title>{}</title>'
FETCH_AT_ONCE = """path => Promise.all(["GET", "POST", "GET"].map(async method => {
    const response = await fetch(path, {method});
    return new DOMParser().parseFromString(await response.text(), "text/html").title;
}))"""


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with (
        async_playwright() as playwright,
        await playwright.chromium.launch(executable_path=PROGRAM, args=FLAGS) as browser,
    ):
        yield browser


@pytest.fixture
def logins(backend: RawBackend) -> dict[BackendConnection, ntlm.Login]:
    """Makes the backend answer with a page whose title is the user's name, after a login unless it is `/open`."""
    logins: dict[BackendConnection, ntlm.Login] = {}

    def answer(request: Request) -> Answer:
        login = logins.setdefault(backend.requests[-1][0], ntlm.Login())
        asks = login.step(request.values("authorization"))
        body = PAGE.format(login.user or STRANGER).encode()
        fields = [("Content-Type", "text/html"), ("Cache-Control", "no-store")]
        if asks and not request.target.endswith("/open"):
            return reply(401, [*fields, ("WWW-Authenticate", asks)], body)
        return reply(200, fields, body)

    backend.script = answer
    return logins


async def test_each_profile_is_who_it_is(
    serving: Starter, backend: RawBackend, logins: dict[BackendConnection, ntlm.Login], browser: Browser
) -> None:
    async with listening(backend), serving(upstream(backend)) as stage:
        pages = await opened(browser, stage.address)
        for _ in range(3):
            assert await navigate(pages) == list(PATHS)
            answers = await asyncio.gather(
                *[pages[name].evaluate(FETCH_AT_ONCE, path) for name, path in PATHS.items()]
            )
            assert answers == [[name] * 3 for name in PATHS]

    assert {login.user for login in logins.values()} == {"alice", "bob", ""}


async def test_a_relay_that_shares_its_connections_takes_everybody_for_the_first(
    backend: RawBackend, logins: dict[BackendConnection, ntlm.Login], browser: Browser
) -> None:
    """Proof that the profiles of the test above would notice."""
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def share(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            source, sink = idle.pop() if idle else await asyncio.open_connection(*backend.address)
            sink.write(head)
            answer = await source.readuntil(b"\r\n\r\n")
            length = answer.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]
            answer += await source.readexactly(int(length))
            idle.append((source, sink))
            writer.write(answer)

    with bound_socket() as sock:
        async with listening(backend), serving_streams(sock, share):
            assert await navigate(await opened(browser, sock.getsockname())) == ["alice", "alice", "alice"]
            for _, sink in idle:
                sink.close()

    assert [login.user for login in logins.values()] == ["alice"]


async def opened(browser: Browser, address: tuple[str, int]) -> dict[str, Page]:
    """A page of each profile: each has its own credentials, cache and connections."""
    pages = {}
    for name in PATHS:
        context = await browser.new_context(
            base_url=f"http://localhost:{address[1]}",
            http_credentials=None if name == STRANGER else {"username": name, "password": ntlm.PASSWORD},
        )
        pages[name] = await context.new_page()
    return pages


async def navigate(pages: dict[str, Page]) -> list[str]:
    """Who each profile is taken for, one after the other."""
    seen = []
    for name, page in pages.items():
        await page.goto(PATHS[name])
        seen.append(await page.title())
    return seen
