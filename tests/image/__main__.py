"""Builds the image and runs it, on a machine without a container engine: `python -m tests.image`, as root.

Apart from the normal tests because it needs buildah and debootstrap and takes minutes. Every line it prints is something
that was seen; the first thing that is not as it should be ends it.
"""

import argparse
import contextlib
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.image.build import STAND_IN, Image, build, buildah, inspect, make_base, missing_tools
from tests.image.lock import LOCK
from tests.image.sandbox import command, environment, output

NAME = "localhost/cors-gateway:tried"
FRONT_END = "https://shop.example"
DEADLINE = 30.0


def expect(what: str, seen: object, wanted: object) -> None:
    """Print a fact, or end with what is wrong."""
    if seen != wanted:
        raise SystemExit(f"FAILED {what}: {seen!r} instead of {wanted!r}")
    print(f"ok     {what}: {seen}", flush=True)


def check_contents(image: Image) -> None:
    """Versions are those of the lock, and there is nothing to install with."""
    locked = dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", LOCK.read_text(), re.MULTILINE))
    listing = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    script = ["/opt/cors-gateway/bin/python", "-c", listing]
    installed = {
        re.sub(r"[-_.]+", "-", k).lower(): v
        for k, v in json.loads(output(image.root, image.config, script)).items()
    }
    own = {name: version for name, version in installed.items() if name in locked}
    expect("packages that are not as locked", {k: v for k, v in own.items() if locked[k] != v}, {})
    print(
        f"ok     {len(own)} locked packages, Python {output(image.root, image.config, ['python', '-V']).split()[1]}"
    )
    expect("pip in the environment", (image.root / "opt/cors-gateway/bin/pip").exists(), False)
    print(f"ok     size: {image.size / 1e6:.0f} MB, of it {image.base_size / 1e6:.0f} MB base")


def check_configuration(image: Image) -> None:
    """Labels, user and probe as engines read them."""
    config = image.config
    labels = {
        key.rpartition(".")[2] for key in config["Labels"] if key.startswith("org.opencontainers.image")
    }
    expected = {"title", "description", "version", "revision", "created", "name"}
    expect("labels", sorted(labels), sorted(expected))
    expect("user", config["User"], "65532:65532")
    expect("entry point", (config["Entrypoint"], config["Cmd"]), (["cors-gateway"], ["run"]))


@contextlib.contextmanager
def a_backend() -> Iterator[str]:
    """Answers every GET with its path."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.path.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(method: str, path: str, **headers: str) -> tuple[int, str | None, bytes]:
    """Status, allowed origin and body of an answer of the gateway."""
    connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=DEADLINE)
    fields = {"Origin": FRONT_END, **{name.replace("_", "-"): value for name, value in headers.items()}}
    with contextlib.closing(connection):
        connection.request(method, path, headers=fields)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Access-Control-Allow-Origin"), answer.read()


def check_serving(image: Image) -> None:
    """The quickest start: two variables, and the program serves, reports health and stops."""
    config = image.config
    program = [*config["Entrypoint"], *config["Cmd"]]
    with a_backend() as backend:
        environ = environment(config, {"BACKEND": backend, "FRONT_END": FRONT_END})
        began = time.monotonic()
        process = subprocess.Popen(
            command(image.root, config, program),
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            gateway = wait_until_ready(process)
            print(f"ok     ready after {time.monotonic() - began:.1f} s")
            status = dict(
                line.split(":\t")
                for line in Path(f"/proc/{gateway}/status").read_text().splitlines()
                if ":\t" in line
            )
            expect("user ids", status["Uid"].split(), ["65532"] * 4)
            expect(
                "capabilities",
                {status[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")},
                {"0" * 16},
            )
            expect("no new privileges", status["NoNewPrivs"], "1")
            preflight = ask("OPTIONS", "/x", Access_Control_Request_Method="PUT")
            expect("preflight", preflight[:2], (204, FRONT_END))
            expect("request", ask("GET", "/hello"), (200, FRONT_END, b"/hello"))
            probe = config["Healthcheck"]["Test"][1:]
            expect("health probe", output(image.root, config, probe).strip(), "ready")
            subprocess.run(["kill", "-TERM", str(gateway)], check=True)
            expect("exit code after SIGTERM", process.wait(DEADLINE), 0)
        finally:
            process.kill()
            process.wait()


def wait_until_ready(process: subprocess.Popen[bytes]) -> int:
    """Returns the gateway's process id on this machine."""
    assert process.stderr is not None
    for line in process.stderr:
        event = json.loads(line) if line.startswith(b"{") else {"event": line.decode()}
        if event["event"] == "ready":
            threading.Thread(target=process.stderr.read, daemon=True).start()
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            return int(children[0])
        if event["event"] not in {"start", "listening", "few_open_files"}:
            print(f"       {line.decode().strip()}")
    raise SystemExit(f"FAILED the gateway ended with {process.wait()}")


def check_read_only(image: Image) -> None:
    """Nothing can be written, not even by mistake."""
    tried = (
        "import pathlib\ntry: pathlib.Path('/tmp/x').touch()\nexcept OSError as error: print(error.strerror)"
    )
    expect(
        "writing a file",
        output(image.root, image.config, ["python", "-c", tried]).strip(),
        "Read-only file system",
    )


def main() -> None:
    """Build, look, run."""
    parser = argparse.ArgumentParser(prog="python -m tests.image", description=__doc__)
    parser.add_argument("--base", default=STAND_IN, help="base image; by default one is made")
    parser.add_argument("--extras", default="regex", help="as the build argument")
    parser.add_argument("--scratch", type=Path, default=Path("/var/tmp/cors-gateway-image"))
    options = parser.parse_args()
    if missing := missing_tools():
        sys.exit(f"please install: {', '.join(missing)}")
    for port in (8080, 9090):
        with socket.create_server(("127.0.0.1", port)):
            pass
    if options.base == STAND_IN:
        options.scratch.mkdir(parents=True, exist_ok=True)
        make_base(options.scratch)
    began = time.monotonic()
    build(options.base, NAME, options.extras)
    print(f"ok     built in {time.monotonic() - began:.0f} s")
    container = buildah("from", NAME)
    try:
        image = inspect(NAME, options.base, container)
        check_configuration(image)
        check_contents(image)
        check_read_only(image)
        check_serving(image)
    finally:
        buildah("umount", container)
        buildah("rm", container)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
