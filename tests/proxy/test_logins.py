"""Logins that belong to a connection: nobody else is ever served on it, and a handshake of several steps works.

The backend here does what NTLM does: whoever comes on a connection that was logged in on is taken for that user.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from cors_gateway.http1.login import CONNECTION_SCHEMES
from tests.proxy.stage import Starter, counts, listening, request, until, upstream
from tests.wire.raw_backend import Answer, BackendConnection, RawBackend, accept_websocket, reply
from tests.wire.raw_client import RawClient
from tests.wire.strict_http import Request, Response


@dataclass
class Directory:
    """Who is logged in on which connection, as a backend with NTLM keeps it."""

    scheme: str
    users: dict[int, str] = field(default_factory=dict)
    challenged: set[int] = field(default_factory=set)

    def answer(self, request: Request, connection: BackendConnection) -> Answer:
        """Three steps: 401 with the scheme alone, 401 with a challenge, 200 from then on without any credentials."""
        key = id(connection)
        for value in request.values("authorization"):
            scheme, _, message = value.partition(" ")
            if scheme.lower() != self.scheme.lower():
                continue
            name = base64.b64decode(message).decode()
            if name == "hello":
                self.challenged.add(key)
                return reply(401, [("WWW-Authenticate", f"{self.scheme} Y2hhbGxlbmdl")])
            if (
                key in self.challenged
            ):  # an answer on another connection than the challenge came on is worth nothing
                self.users[key] = name
        if key in self.users:
            return reply(200, body=self.users[key].encode())
        return reply(401, [("WWW-Authenticate", self.scheme)], b"who are you")


@pytest.fixture
def directory(backend: RawBackend) -> Callable[[str], Directory]:
    """Makes the backend ask for logins of this scheme."""

    def make(scheme: str) -> Directory:
        made = Directory(scheme)
        backend.script = lambda request: made.answer(request, backend.requests[-1][0])
        return made

    return make


async def ask(client: RawClient, credentials: str = "", line: str = "GET /") -> Response:
    await client.send(request(line, f"Authorization: {credentials}\r\n" if credentials else ""))
    return await client.read_response(line.partition(" ")[0])


async def log_in(client: RawClient, scheme: str, name: str) -> list[int]:
    """The statuses of the three steps."""
    steps = ["", f"{scheme} {_encoded('hello')}", f"{scheme} {_encoded(name)}"]
    return [(await ask(client, step)).status for step in steps]


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def open_connections(backend: RawBackend) -> int:
    return sum(not connection.ended for connection in backend.connections)


@pytest.mark.parametrize("scheme", ["NTLM", "Negotiate", "Kerberos", "nTlM"])
async def test_two_users_log_in_and_each_stays_who_they_are(
    serving: Starter, backend: RawBackend, directory: Callable[[str], Directory], scheme: str
) -> None:
    assert scheme.lower().encode() in CONNECTION_SCHEMES
    directory(scheme)
    async with (
        listening(backend),
        serving(upstream(backend)) as stage,
        await stage.connect() as alice,
        await stage.connect() as bob,
        await stage.connect() as eve,
    ):
        assert await log_in(alice, scheme, "alice") == [401, 401, 200]
        assert await log_in(bob, scheme, "bob") == [401, 401, 200]
        for _ in range(3):
            assert [(await ask(one)).body for one in (alice, bob)] == [b"alice", b"bob"]
            assert (await ask(eve)).status == 401
        assert (await ask(alice, line="POST /")).body == b"alice"


async def test_a_login_that_begins_with_credentials_is_never_shared(
    serving: Starter, backend: RawBackend
) -> None:
    """The backend does not ask first, and its answers do not say what happened."""
    users: dict[int, str] = {}

    def answer(request: Request) -> Answer:
        key = id(backend.requests[-1][0])
        for value in request.values("authorization"):
            users[key] = value.partition(" ")[2]
        return reply(200, body=users.get(key, "nobody").encode())

    backend.script = answer
    async with listening(backend), serving(upstream(backend)) as stage:
        async with await stage.connect() as first:
            assert (
                await ask(first)
            ).body == b"nobody"  # this connection goes back, and is taken by who comes next
            assert (await ask(first, "Negotiate alice")).body == b"alice"
            for _ in range(3):
                assert (await stage.ask()).body == b"nobody"
                assert (await ask(first)).body == b"alice"
        for _ in range(3):
            assert (await stage.ask()).body == b"nobody"


@pytest.mark.parametrize("leave", ["close", "reset"])
async def test_the_backend_connection_is_closed_with_the_client_connection(
    serving: Starter, backend: RawBackend, directory: Callable[[str], Directory], leave: str
) -> None:
    directory("NTLM")
    async with listening(backend), serving(upstream(backend)) as stage:
        client = await stage.connect()
        await log_in(client, "NTLM", "alice")
        assert (open_connections(backend), len(stage.pool.belongings)) == (1, 1)
        getattr(client, leave)()
        await until(lambda: not open_connections(backend))

        assert (len(stage.pool.belongings), stage.pool.servers[0].active) == (0, 0)
        assert (await stage.ask()).status == 401


async def test_it_outlives_the_time_for_which_others_are_kept(
    serving: Starter, backend: RawBackend, directory: Callable[[str], Directory]
) -> None:
    """Otherwise people would log in again whenever they read for a while."""
    directory("NTLM")
    options = upstream(backend, keep_alive={"idle": "50ms"})
    async with listening(backend), serving(options) as stage, await stage.connect() as client:
        await log_in(client, "NTLM", "alice")
        backend_script, backend.script = backend.script, lambda _: reply(200)
        await stage.ask()
        await until(lambda: open_connections(backend) == 1)  # that of the other request is gone
        backend.script = backend_script

        assert (await ask(client)).body == b"alice"


async def test_who_lost_the_connection_to_the_backend_is_asked_again(
    serving: Starter, backend: RawBackend, directory: Callable[[str], Directory]
) -> None:
    directory("NTLM")
    async with listening(backend), serving(upstream(backend)) as stage, await stage.connect() as client:
        await log_in(client, "NTLM", "alice")
        backend.connections[0].close()
        await until(lambda: not stage.pool.belongings)

        assert (await ask(client)).status == 401
        assert (await log_in(client, "NTLM", "bob"))[1:] == [401, 200]


async def test_a_reload_that_changes_the_upstream_ends_logins(
    serving: Starter, backend: RawBackend, directory: Callable[[str], Directory]
) -> None:
    directory("NTLM")
    async with listening(backend), serving(upstream(backend)) as stage, await stage.connect() as client:
        await log_in(client, "NTLM", "alice")
        stage.swap(upstream(backend, timeouts={"connect": "4s"}))
        await until(lambda: not open_connections(backend))

        assert (await ask(client)).status == 401


async def test_requests_without_logins_share_as_before(
    serving: Starter, backend: RawBackend, directory: Callable[[str], Directory]
) -> None:
    """Also beside somebody who has one, and after the last one left."""
    directory("NTLM")
    backend_script = backend.script
    backend.script = lambda request: (
        reply(200) if request.target.endswith("/open") else backend_script(request)
    )
    async with listening(backend), serving(upstream(backend)) as stage:
        async with await stage.connect() as client:
            await log_in(client, "NTLM", "alice")
            for _ in range(5):
                await stage.ask("GET /open")
            assert len(backend.connections) == 2
        await until(lambda: not stage.pool.belongings)
        for _ in range(5):
            await stage.ask("GET /open")

        assert (len(backend.connections), open_connections(backend)) == (2, 1)
        assert stage.pool._only is stage.pool.servers[0]


async def test_with_several_servers_a_client_stays_where_it_logged_in(
    serving: Starter, backend: RawBackend, other: RawBackend
) -> None:
    def script(which: RawBackend) -> Callable[[Request], Answer]:
        made = Directory("NTLM")
        return lambda request: made.answer(request, which.requests[-1][0])

    backend.script, other.script = script(backend), script(other)
    async with (
        listening(backend, other),
        serving(upstream(backend, other)) as stage,
        await stage.connect() as client,
    ):
        assert await log_in(client, "NTLM", "alice") == [401, 401, 200]
        before = counts([backend, other])
        for _ in range(4):
            assert (await ask(client)).body == b"alice"
        after = counts([backend, other])

    assert sorted(b - a for a, b in zip(before, after, strict=True)) == [0, 4]


async def test_a_tunnel_takes_the_connection_along(
    serving: Starter, backend: RawBackend, directory: Callable[[str], Directory]
) -> None:
    made = directory("NTLM")

    def answer(request: Request) -> Answer:
        if request.values("upgrade"):
            assert made.users[id(backend.requests[-1][0])] == "alice"
            return accept_websocket(request)
        return made.answer(request, backend.requests[-1][0])

    backend.script = answer
    async with listening(backend), serving(upstream(backend)) as stage:
        client = await stage.connect()
        await log_in(client, "NTLM", "alice")
        await client.send(
            request(
                "GET /",
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            )
        )
        assert (await client.read_response()).status == 101
        await client.send(b"hello")
        assert await client.read_bytes(5) == b"hello"
        client.reset()
        await until(lambda: not stage.pool.servers[0].active)
        await until(lambda: not open_connections(backend))

        assert (len(stage.pool.belongings), stage.pool.servers[0].active) == (0, 0)
