"""CORS behaviour over a socket: every case of tests/conformance/http.yaml, all in one gateway, each under a host
of its own."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cors_gateway.config.load import load as load_configuration
from tests.wire.conformance_scoring import COMPARISONS, Exchange, complaints
from tests.wire.corpus import Document, load
from tests.wire.gateway_process import running_gateway
from tests.wire.raw_backend import Answer, RawBackend, accept_websocket, bound_socket, reply
from tests.wire.raw_client import RawClient
from tests.wire.strict_http import Request

CORPUS = load("conformance/http.yaml")
CASES: list[Document] = CORPUS["cases"]

CONCURRENT = 16  # cases at a time

NOT_COMPARED = {"is_preflight"}
"""A classification that no byte shows; the policy tests hold it."""


def host_of(case: Document) -> str:
    return f"{case['id'].lower()}.test"


def configuration(
    cases: list[Document], backend: tuple[str, int], closed: tuple[str, int]
) -> dict[str, object]:
    """One host for each case, with its routes, in front of a backend, a closed port or a silent backend."""
    policies = {name: policy for name, policy in CORPUS["policies"].items() if isinstance(policy, dict)}
    used = {route["cors"] for case in cases for route in _routes(case)}
    return {
        "upstreams": {
            "backend": {"servers": [f"http://{backend[0]}:{backend[1]}"]},
            "unreachable": {"servers": [f"http://{closed[0]}:{closed[1]}"]},
            "timeout": {
                "servers": [f"http://{backend[0]}:{backend[1]}"],
                "timeouts": {"response_head": "500ms"},
            },
        },
        "policies": {name: policy for name, policy in policies.items() if name in used},
        "routes": [
            {
                **route,
                "name": f"{case['id'].lower()}-{number}",
                "host": host_of(case),
                "upstream": _upstream(case),
                "cors": route["cors"] if route["cors"] in policies else CORPUS["policies"][route["cors"]],
            }
            for case in cases
            for number, route in enumerate(_routes(case))
        ],
    }


def _routes(case: Document) -> list[dict[str, Any]]:
    routes: list[dict[str, Any]] = case.get("routes", [{"path": "/", "cors": case.get("cors")}])
    return routes


def _upstream(case: Document) -> str:
    return next((kind for kind in ("unreachable", "timeout") if kind in case.get("upstream", {})), "backend")


def _may_be_refused(case: Document) -> bool:
    return any(other.get("config") == "reject" for other in case.get("accept_also", []))


def _is_refused(case: Document, directory: Path) -> bool:
    path = directory / "gateway.yaml"
    path.write_text(
        yaml.safe_dump({"version": 1, **configuration([case], ("127.0.0.1", 1), ("127.0.0.1", 2))})
    )
    return load_configuration(path, {}).snapshot is None


def _answer(request: Request) -> Answer:
    case = next(case for case in CASES if host_of(case) == request.values("host")[0])
    upstream = case.get("upstream", {"status": 200, "headers": []})
    if "timeout" in upstream:
        return Answer([], then="hold")
    if upstream["status"] == 101:
        return accept_websocket(request)
    return reply(upstream["status"], upstream["headers"])


async def _ask(case: Document, address: tuple[str, int], limit: asyncio.Semaphore) -> tuple[str, Any]:
    wanted = case["request"]
    fields = [("Host", host_of(case)), *wanted["headers"]]
    if wanted["method"] == "POST":
        fields.append(("Content-Length", "0"))
    head = f"{wanted['method']} {wanted['path']} HTTP/1.1\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in fields)
    async with limit, await RawClient.connect(address) as client:
        await client.send(f"{head}\r\n".encode("latin-1"))
        return case["id"], await client.read_response(wanted["method"])


async def _ask_all(
    cases: list[Document], address: tuple[str, int], backend: RawBackend
) -> dict[str, Exchange]:
    limit = asyncio.Semaphore(CONCURRENT)
    async with backend:
        responses = dict(await asyncio.gather(*(_ask(case, address, limit) for case in cases)))
    assert backend.faults == []
    return {
        case["id"]: Exchange(
            case,
            responses[case["id"]],
            [request for _, request in backend.requests if request.values("host") == [host_of(case)]],
        )
        for case in cases
    }


@pytest.fixture(scope="module")
def exchanges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Exchange]]:
    """Every case that the configuration does not refuse, asked once."""
    scratch = tmp_path_factory.mktemp("refused")
    cases = [case for case in CASES if not (_may_be_refused(case) and _is_refused(case, scratch))]
    with bound_socket() as sock, bound_socket() as closed:
        settings = configuration(cases, sock.getsockname(), closed.getsockname())
        with running_gateway(tmp_path_factory.mktemp("conformance"), settings) as gateway:
            yield asyncio.run(_ask_all(cases, gateway.address, RawBackend(sock, script=_answer)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_case_of_the_corpus(case: Document, exchanges: dict[str, Exchange]) -> None:
    if case["id"] not in exchanges:
        assert _may_be_refused(case)
        return

    assert complaints(exchanges[case["id"]]) == [], case["why"]


def test_every_expectation_is_compared() -> None:
    """A new key in the corpus must not go unnoticed."""
    keys = {key for case in CASES for key in case["expect"]}

    assert keys - COMPARISONS.keys() == NOT_COMPARED
