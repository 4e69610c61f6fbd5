"""The cases of http.yaml as one site: each under a host of its own, in front of one backend that answers as its case says.

Shared by the test that asks the gateway and by `python -m tests.conformance`, which asks anybody's.
"""

from typing import Any

from tests.wire.corpus import Document, load
from tests.wire.raw_backend import Answer, accept_websocket, reply
from tests.wire.raw_client import RawClient
from tests.wire.streams import converse_on_streams, on_streams
from tests.wire.strict_http import Request, Response

CORPUS = load("conformance/http.yaml")
CASES: list[Document] = CORPUS["cases"]

Address = tuple[str, int]


def host_of(case: Document) -> str:
    return f"{case['id'].lower()}.test"


def configuration(cases: list[Document], backend: Address, closed: Address) -> dict[str, object]:
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


def may_be_refused(case: Document) -> bool:
    """Whether a gateway may refuse the configuration instead."""
    return any(other.get("config") == "reject" for other in case.get("accept_also", []))


def backend_answer(case: Document, request: Request) -> Answer:
    """What the case's backend says."""
    upstream = case.get("upstream", {"status": 200, "headers": []})
    if "timeout" in upstream:
        return Answer([], then="hold")
    if upstream["status"] == 101:
        return accept_websocket(request)
    return reply(upstream["status"], upstream["headers"])


async def ask(case: Document, address: Address) -> Response:
    """Send the case's request. Raises NoResponseError, MalformedError or OSError."""
    async with await RawClient.connect(address) as client:
        await client.send(_request(case))
        return await client.read_response(case["request"]["method"])


async def ask_on_stream(case: Document, address: Address) -> Response:
    """As `ask`, in HTTP/2. What stands in no field there (reason, version) is left empty."""
    conversation = await converse_on_streams(address, on_streams(_request(case)))
    return conversation.responses[0]


def has_streams(case: Document) -> bool:
    """Whether the case has a meaning in HTTP/2, which has no fields of a connection, but WebSockets."""
    names = {name.lower() for name, _ in case["request"]["headers"]}
    [request] = on_streams(_request(case))
    return request.is_tunnel or not names & {"connection", "upgrade", "transfer-encoding", "keep-alive"}


def _request(case: Document) -> bytes:
    wanted = case["request"]
    fields = [("Host", host_of(case)), *wanted["headers"]]
    if wanted["method"] == "POST":
        fields.append(("Content-Length", "0"))
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"{wanted['method']} {wanted['path']} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


def _routes(case: Document) -> list[dict[str, Any]]:
    routes: list[dict[str, Any]] = case.get("routes", [{"path": "/", "cors": case.get("cors")}])
    return routes


def _upstream(case: Document) -> str:
    return next((kind for kind in ("unreachable", "timeout") if kind in case.get("upstream", {})), "backend")
