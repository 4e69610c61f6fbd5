"""gRPC-Web through the gateway and a real Envoy to a real gRPC server, and what a page can read of it."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

from tests.recipes.trial import RECIPES, ask, preflight, serving
from tests.server.live import DEADLINE

APP = "https://app.example.com"
ENVOY = Path(sys.executable).with_name("envoy")
CONFIGURATION = (RECIPES / "grpc-web" / "envoy.yaml").read_text()
QUESTION = b"\x00\x00\x00\x00\x03abc"
"""One uncompressed message of three bytes, as gRPC frames it."""
NOT_FOUND = "5"


class Shop(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """`Get` gives back what it got, `Lose` finds nothing; messages are plain bytes."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        methods = {"/shop.Orders/Get": lambda question, _: question, "/shop.Orders/Lose": self._lose}
        method = methods.get(details.method)
        return grpc.unary_unary_rpc_method_handler(method) if method else None

    def _lose(self, question: bytes, context: grpc.ServicerContext) -> None:
        context.abort(grpc.StatusCode.NOT_FOUND, "no such order")


@contextlib.contextmanager
def _grpc_server() -> Iterator[int]:
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers([Shop()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def _envoy(scratch: Path, behind: int) -> Iterator[int]:
    """The recipe's Envoy on a port of this test, before another."""
    port = _free_port()
    text = CONFIGURATION.replace(
        "address: 0.0.0.0, port_value: 8081", f"address: 127.0.0.1, port_value: {port}"
    )
    text = text.replace(
        "address: grpc-server, port_value: 50051", f"address: 127.0.0.1, port_value: {behind}"
    )
    file = scratch / "envoy.yaml"
    file.write_text(text)
    log = scratch / "envoy.log"
    options = ["--concurrency", "1", "--use-dynamic-base-id", "--log-path", str(log)]
    process = subprocess.Popen([ENVOY, "-c", str(file), *options])
    try:
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end and process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            time.sleep(0.05)
        else:
            raise AssertionError(log.read_text())
        yield port
    finally:
        process.kill()
        process.wait()


def test_envoy_accepts_the_configuration_as_it_is_shipped() -> None:
    done = subprocess.run(
        [ENVOY, "--mode", "validate", "-c", RECIPES / "grpc-web" / "envoy.yaml"],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr


def test_a_page_makes_calls_and_reads_messages_and_statuses(tmp_path: Path) -> None:
    with (
        _grpc_server() as behind,
        _envoy(tmp_path, behind) as port,
        serving(
            "grpc-web",
            tmp_path,
            {"0.0.0.0:8080": "127.0.0.1:0", "http://envoy:8081": f"http://127.0.0.1:{port}"},
        ) as (_, gateway),
    ):
        first = preflight(gateway, APP, "POST", "/shop.Orders/Get", "content-type,grpc-timeout,x-grpc-web")
        call = {"Origin": APP, "Content_Type": "application/grpc-web+proto", "X_Grpc_Web": "1"}
        found = ask(gateway, "POST", "/shop.Orders/Get", body=QUESTION, **call)
        lost = ask(gateway, "POST", "/shop.Orders/Lose", body=QUESTION, **call)
        exposed = lost.fields["access-control-expose-headers"].lower().replace(" ", "")

        assert first.status == 204
        assert (found.status, found.fields["content-type"]) == (200, "application/grpc-web+proto")
        assert found.fields["access-control-allow-origin"] == APP
        # The message, and behind it the trailers as one more frame.
        assert found.body.startswith(QUESTION)
        assert b"grpc-status:0" in found.body
        assert (lost.status, lost.fields["grpc-status"]) == (200, NOT_FOUND)
        assert {"grpc-status", "grpc-message"} <= set(exposed.split(","))
