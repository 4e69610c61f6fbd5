"""CORS behaviour over a socket: every case of tests/conformance/http.yaml, all in one gateway, each under a host
of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import yaml

from cors_gateway.config.load import load as load_configuration
from tests.conformance.site import (
    CASES,
    Address,
    ask,
    ask_on_stream,
    backend_answer,
    configuration,
    has_streams,
    host_of,
    may_be_refused,
)
from tests.wire.conformance_scoring import Exchange, complaints
from tests.wire.corpus import Document
from tests.wire.gateway_process import free_port, running_gateway
from tests.wire.raw_backend import Answer, RawBackend, bound_socket
from tests.wire.strict_http import Request, Response

Asking = Callable[[Document, Address], Awaitable[Response]]
CONCURRENT = 16  # cases at a time


def _is_refused(case: Document, directory: Path) -> bool:
    path = directory / "gateway.yaml"
    path.write_text(
        yaml.safe_dump({"version": 1, **configuration([case], ("127.0.0.1", 1), ("127.0.0.1", 2))})
    )
    return load_configuration(path, {}).snapshot is None


def _answer(request: Request) -> Answer:
    case = next(case for case in CASES if host_of(case) == request.values("host")[0])
    return backend_answer(case, request)


async def _ask_all(
    cases: list[Document], address: Address, backend: RawBackend, ask: Asking
) -> dict[str, Exchange]:
    limit = asyncio.Semaphore(CONCURRENT)

    async def ask_one(case: Document) -> tuple[str, Response]:
        async with limit:
            return case["id"], await ask(case, address)

    async with backend:
        responses = dict(await asyncio.gather(*map(ask_one, cases)))
    assert backend.faults == []
    return {
        case["id"]: Exchange(
            case,
            responses[case["id"]],
            [request for _, request in backend.requests if request.values("host") == [host_of(case)]],
        )
        for case in cases
    }


@pytest.fixture(scope="module", params=[ask, ask_on_stream], ids=["http1", "http2"])
def exchanges(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Exchange]]:
    """Every case that the configuration does not refuse, asked once, in each protocol in which it has a meaning."""
    asking: Asking = request.param
    scratch = tmp_path_factory.mktemp("refused")
    cases = [case for case in CASES if not (may_be_refused(case) and _is_refused(case, scratch))]
    if asking is ask_on_stream:
        cases = [case for case in cases if has_streams(case)]
    listen = {"address": f"127.0.0.1:{free_port()}", "http2": "cleartext"}
    with bound_socket() as sock, bound_socket() as closed:
        settings = configuration(cases, sock.getsockname(), closed.getsockname())
        settings["server"] = {"listen": [listen]}
        with running_gateway(tmp_path_factory.mktemp("conformance"), settings) as gateway:
            yield asyncio.run(_ask_all(cases, gateway.address, RawBackend(sock, script=_answer), asking))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_case_of_the_corpus(case: Document, exchanges: dict[str, Exchange]) -> None:
    if case["id"] not in exchanges:
        assert may_be_refused(case) or not has_streams(case)
        return

    assert complaints(exchanges[case["id"]]) == [], case["why"]
