"""Who gets an answer from the admin listener, and who does not."""

import asyncio
import base64

import pytest

from cors_gateway.admin.guard import has_token, host_name, is_known_host
from cors_gateway.snapshot import Admin, TcpListener, UnixListener
from tests.admin.conftest import Client
from tests.admin.stand_in import TOKEN, StandIn

LOOPBACK = Admin(TcpListener("127.0.0.1", 9090))
EVERYWHERE = Admin(TcpListener("0.0.0.0", 9090))
EVERYWHERE_6 = Admin(TcpListener("::", 9090))
ONE_ADDRESS = Admin(TcpListener("10.0.0.5", 9090))
UNIX = Admin(UnixListener("/run/admin.sock"))
NAMED = Admin(TcpListener("10.0.0.5", 9090), hosts=("gateway", "192.0.2.7", "[2001:db8::1]"))


@pytest.mark.parametrize(
    ("admin", "host", "is_known"),
    [
        (LOOPBACK, "127.0.0.1:9090", True),
        (LOOPBACK, "127.0.0.1", True),
        (LOOPBACK, "127.0.0.53:19090", True),
        (LOOPBACK, "localhost:9090", True),
        (LOOPBACK, "LOCALHOST.", True),
        (LOOPBACK, "[::1]:9090", True),
        (LOOPBACK, "rebound.example:9090", False),
        (LOOPBACK, "localhost.evil.example", False),
        (LOOPBACK, "127.0.0.1.evil.example", False),
        (LOOPBACK, "10.0.0.5:9090", False),
        (LOOPBACK, "0.0.0.0:9090", False),
        (LOOPBACK, "2130706433", False),
        (LOOPBACK, "0x7f.1", False),
        (LOOPBACK, "", False),
        (LOOPBACK, ":9090", False),
        (LOOPBACK, "user@localhost", False),
        (EVERYWHERE, "10.0.0.5:9090", True),
        (EVERYWHERE, "[2001:db8::1]:9090", True),
        (EVERYWHERE_6, "10.0.0.5:9090", True),
        (EVERYWHERE, "rebound.example", False),
        (EVERYWHERE, "gateway:9090", False),
        (ONE_ADDRESS, "10.0.0.5:9090", True),
        (ONE_ADDRESS, "10.0.0.6:9090", False),
        (ONE_ADDRESS, "localhost:9090", True),
        (UNIX, "localhost", True),
        (UNIX, "10.0.0.5", False),
        (UNIX, "rebound.example", False),
        (NAMED, "gateway:9090", True),
        (NAMED, "GATEWAY", True),
        (NAMED, "192.0.2.7:9090", True),
        (NAMED, "[2001:db8::1]:9090", True),
        (NAMED, "gateway.evil.example", False),
    ],
)
def test_only_names_that_no_foreign_name_server_can_give_are_known(
    admin: Admin, host: str, is_known: bool
) -> None:
    assert is_known_host(host_name(host), admin) is is_known


OWN = "127.0.0.1:9090"
NAVIGATION = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/status", {}, 200),
        ("GET", "/status", {"Host": "rebound.example"}, 403),
        ("GET", "/healthz", {"Host": "rebound.example"}, 403),
        ("GET", "/", {"Host": "rebound.example:9090"}, 403),
        ("POST", "/reload", {"Host": OWN, "Origin": f"http://{OWN}"}, 200),
        ("POST", "/reload", {"Host": OWN, "Origin": f"https://{OWN}"}, 200),
        ("POST", "/reload", {"Host": "LOCALHOST:9090", "Origin": "http://localhost:9090"}, 200),
        ("POST", "/reload", {"Host": OWN, "Origin": "http://localhost:9090"}, 403),
        ("POST", "/reload", {"Host": OWN, "Origin": "http://127.0.0.1:8080"}, 403),
        ("POST", "/reload", {"Host": OWN, "Origin": "https://evil.example"}, 403),
        ("POST", "/reload", {"Host": OWN, "Origin": "null"}, 403),
        ("POST", "/reload", {"Host": OWN, "Origin": ""}, 403),
        ("GET", "/metrics", {"Host": OWN, "Origin": "https://evil.example"}, 403),
        (
            "OPTIONS",
            "/reload",
            {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
            403,
        ),
        ("GET", "/status", {"Sec-Fetch-Site": "none"}, 200),
        ("GET", "/status", {"Sec-Fetch-Site": "same-origin"}, 200),
        ("GET", "/status", {"Sec-Fetch-Site": "same-site"}, 403),
        ("GET", "/status", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("GET", "/status", NAVIGATION, 403),
        ("GET", "/healthz", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("GET", "/", NAVIGATION, 200),
        ("GET", "/", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("GET", "/", NAVIGATION | {"Sec-Fetch-Dest": "iframe"}, 403),
        ("POST", "/", NAVIGATION, 403),
        ("POST", "/reload", NAVIGATION, 403),
    ],
)
async def test_pages_of_other_origins_can_neither_read_nor_act(
    client: Client, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    async with client.request(method, path, headers=headers) as response:
        assert response.status == status
        assert not [name for name in response.headers if name.startswith("Access-Control-")]


async def test_a_refused_host_is_told_what_to_do(client: Client) -> None:
    async with client.get("/status", headers={"Host": "gateway:9090"}) as response:
        problem = await response.json(content_type="application/problem+json")

    assert problem == {
        "type": "about:blank",
        "title": "unknown host",
        "status": 403,
        "detail": '"gateway" is no name of this listener; if it should be, add it to admin.hosts',
    }


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /readyz HTTP/1.0\r\n\r\n", 200),
        (b"GET /readyz HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        (b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 400),
        (b"GET /readyz HTTP/1.0\r\nOrigin: http://\r\n\r\n", 403),
        (b"GET /readyz HTTP/1.0\r\nOrigin: https://evil.example\r\n\r\n", 403),
        (b"GET /readyz HTTP/1.0\r\nHost: localhost\r\nOrigin: http://localhost\r\n\r\n", 200),
        (b"GET /readyz HTTP/1.0\r\nHost: localhost\r\nOrigin: http://localhost\r\nOrigin: null\r\n\r\n", 403),
    ],
)
async def test_a_host_is_needed_but_for_old_probes(client: Client, request_bytes: bytes, status: int) -> None:
    assert client.port is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(request_bytes)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()

    assert int(answer.split()[1]) == status


def _basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    ("credentials", "is_right"),
    [
        (f"Bearer {TOKEN}", True),
        (f"bearer {TOKEN}", True),
        (f"Bearer  {TOKEN} ", True),
        (_basic(f"anybody:{TOKEN}"), True),
        (_basic(f":{TOKEN}"), True),
        (_basic(TOKEN), False),
        (_basic(f"{TOKEN}:"), False),
        ("Basic %%%", False),
        ("Basic", False),
        (f"Bearer {TOKEN}x", False),
        (f"Bearer {TOKEN[:-1]}", False),
        ("Bearer", False),
        ("Bearer \udcff\u00e9", False),
        (TOKEN, False),
        (f"Digest {TOKEN}", False),
        ("", False),
    ],
)
def test_the_token_comes_as_bearer_or_as_a_password(credentials: str, is_right: bool) -> None:
    assert has_token(credentials, TOKEN) is is_right


@pytest.mark.parametrize(
    ("path", "with_token", "status"),
    [
        ("/healthz", False, 200),
        ("/readyz", False, 200),
        ("/status", False, 401),
        ("/config", False, 401),
        ("/metrics", False, 401),
        ("/explain?url=/", False, 401),
        ("/live", False, 401),
        ("/", False, 401),
        ("/static/admin.js", False, 401),
        ("/nowhere", False, 401),
        ("/status", True, 200),
        ("/", True, 200),
    ],
)
async def test_with_a_token_only_the_probes_are_open(
    process: StandIn, client: Client, path: str, with_token: bool, status: int
) -> None:
    process.admit(Admin(TcpListener("127.0.0.1", 9090), TOKEN))
    headers = {"Authorization": f"Bearer {TOKEN}"} if with_token else {}
    async with client.get(path, headers=headers) as response:
        assert response.status == status
        challenges = [value.split()[0] for value in response.headers.getall("WWW-Authenticate", [])]
        assert challenges == (["Bearer", "Basic"] if status == 401 else [])


async def test_a_wrong_token_does_not_reload(process: StandIn, client: Client) -> None:
    process.admit(Admin(TcpListener("127.0.0.1", 9090), TOKEN))
    async with client.post("/reload", headers={"Authorization": "Bearer guessed-wrong"}) as response:
        assert response.status == 401
    assert process.reloads.last is None


async def test_a_token_does_not_excuse_a_foreign_page(process: StandIn, client: Client) -> None:
    process.admit(Admin(TcpListener("127.0.0.1", 9090), TOKEN))
    headers = {"Authorization": _basic(f"x:{TOKEN}"), "Origin": "https://evil.example"}
    async with client.post("/reload", headers=headers) as response:
        assert response.status == 403


async def test_a_changed_token_counts_at_once(process: StandIn, client: Client) -> None:
    async with client.get("/status") as response:
        assert response.status == 200
    process.admit(Admin(TcpListener("127.0.0.1", 9090), TOKEN))
    async with client.get("/status") as response:
        assert response.status == 401


async def test_a_listener_that_was_switched_off_answers_nothing(process: StandIn, client: Client) -> None:
    process.admit(None)
    async with client.get("/status") as response:
        assert response.status == 503
