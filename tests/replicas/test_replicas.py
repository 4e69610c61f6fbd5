"""Two and four gateways: the same answers, restarts that nobody notices, and what the death of one costs."""

import contextlib
import http.client
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.replicas.fleet import Address, Replica, balanced, fleet
from tests.server.backend import Backend
from tests.server.live import DEADLINE, ORIGIN

pytestmark = pytest.mark.haproxy

ASKED = "Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: x-one\r\n"
REQUESTS = {
    "preflight": f"OPTIONS /api/x HTTP/1.1\r\nHost: gw.test\r\nOrigin: {ORIGIN}\r\n{ASKED}",
    "preflight of a stranger": f"OPTIONS /api/x HTTP/1.1\r\nHost: gw.test\r\nOrigin: https://evil.example\r\n{ASKED}",
    "request": f"GET /api/x HTTP/1.1\r\nHost: gw.test\r\nOrigin: {ORIGIN}\r\n",
    "request of a stranger": "GET /strict/x HTTP/1.1\r\nHost: gw.test\r\nOrigin: https://evil.example\r\n",
    "no CORS": "GET /api/x HTTP/1.1\r\nHost: gw.test\r\n",
    "no route": f"GET /elsewhere HTTP/1.1\r\nHost: gw.test\r\nOrigin: {ORIGIN}\r\n",
    "no backend": f"GET /lost/x HTTP/1.1\r\nHost: gw.test\r\nOrigin: {ORIGIN}\r\n",
    "ambiguous": "GET /api/x HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n",
    "no host": "GET /api/x HTTP/1.1\r\n",
}
CHANGING = re.compile(rb"(?im)^(date|x-request-id): .*$|[0-9a-f]{16,}")


def _answer(address: Address, request: str) -> bytes:
    """All bytes of the answer, dates and ids apart."""
    with socket.create_connection(address, DEADLINE) as connection:
        connection.sendall(f"{request}Connection: close\r\n\r\n".encode())
        received = b""
        while data := connection.recv(65536):
            received += data
    return CHANGING.sub(b"*", received)


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    """Answers at once what it need not hold."""
    with Backend(holds="POST").running() as running:
        yield running


@pytest.fixture(scope="module", params=[2, 4])
def replicas(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, backend: Backend
) -> Iterator[list[Replica]]:
    """All of them serve, and whoever stops one starts it again."""
    with fleet(tmp_path_factory.mktemp("fleet"), request.param, backend.url) as running:
        yield running


def test_no_answer_depends_on_who_gives_it(replicas: list[Replica]) -> None:
    for name, request in REQUESTS.items():
        # Twice each: what a replica has seen before must not matter either.
        answers = {_answer(one.address, request) for one in replicas * 2}

        assert len(answers) == 1, name
        assert answers.pop().startswith(b"HTTP/1.1 "), name


def _outcome(connection: http.client.HTTPConnection, method: str, path: str) -> str:
    """The status of one request, or what went wrong."""
    try:
        connection.request(method, path, body=b"x" if method == "POST" else None, headers={"Origin": ORIGIN})
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        return repr(error)
    return str(answer.status)


def _use(address: Address, is_over: threading.Event) -> Counter[str]:
    """Requests one after the other, five on each connection, until it is over."""
    outcomes: Counter[str] = Counter()
    while not is_over.is_set():
        with contextlib.closing(http.client.HTTPConnection(*address, timeout=DEADLINE)) as connection:
            for _ in range(5):
                outcomes[_outcome(connection, "GET", "/api/x")] += 1
                is_over.wait(0.01)
    return outcomes


def test_a_rolling_restart_under_load_loses_nothing(tmp_path: Path, replicas: list[Replica]) -> None:
    is_over = threading.Event()
    with (
        balanced(tmp_path, replicas) as balancer,
        ThreadPoolExecutor(6) as pool,
    ):
        clients = [pool.submit(_use, balancer.address, is_over) for _ in range(6)]
        try:
            for number, replica in enumerate(replicas):
                balancer.wait_until_up(number)
                assert replica.stop() == 0
                replica.start()
                balancer.wait_until_up(number)
        finally:
            is_over.set()
        outcomes = sum((client.result() for client in clients), Counter[str]())

    assert set(outcomes) == {"200"}
    assert outcomes.total() > 100


def _once(address: Address, method: str) -> str:
    with contextlib.closing(http.client.HTTPConnection(*address, timeout=DEADLINE)) as connection:
        return _outcome(connection, method, "/api/x")


def test_a_killed_replica_costs_its_open_requests_and_no_more(
    tmp_path: Path, replicas: list[Replica], backend: Backend
) -> None:
    """Requests in progress are spread evenly; those of the dead one end with 502, and new ones go elsewhere."""
    size = len(replicas)
    backend.hold()
    with (
        balanced(tmp_path, replicas) as balancer,
        ThreadPoolExecutor(2 * size) as pool,
    ):
        open_requests = []
        for _ in range(2 * size):
            open_requests.append(pool.submit(_once, balancer.address, "POST"))
            backend.wait_for_request()
        replicas[0].kill()
        later = Counter(_once(balancer.address, "GET") for _ in range(20))
        backend.release()
        outcomes = Counter(request.result() for request in open_requests)
    replicas[0].start()

    assert later == {"200": 20}
    assert outcomes == {"200": 2 * size - 2, "502": 2}
