"""The translation in a gateway in the loop of the test, and the original in a real nginx."""

import asyncio
import contextlib
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import trustme
import yaml

from cors_gateway.config.load import load
from cors_gateway.observe.metrics import Metrics
from cors_gateway.proxy.gateway import Gateway
from tests.migrate.backend import replaced
from tests.migrate.case import Case
from tests.wire.gateway_process import free_port
from tests.wire.listeners import stop_accepting

_LIMIT = 30.0
_MODULES = Path("/usr/lib/nginx/modules")
_LISTEN = re.compile(r"listen(\s+)([^;\s]+)([^;]*);")
_TLS_WORDS = re.compile(r"\s+(?:ssl|http2|reuseport|ipv6only=\w+)\b")
_SILENCED = re.compile(r"^(\s*)(user|pid|error_log|worker_processes)\b[^;]*;", re.MULTILINE)


@contextlib.asynccontextmanager
async def running_translation(
    text: str, places: dict[str, str], directory: Path
) -> AsyncIterator[tuple[str, int]]:
    """A gateway that serves the translation, its backends replaced, on one address."""
    document: dict[str, Any] = yaml.load(text, yaml.CSafeLoader)
    document["server"] = {key: value for key, value in document.get("server", {}).items() if key != "listen"}
    for upstream in document.get("upstreams", {}).values():
        upstream["servers"] = [_moved(server, places) for server in upstream["servers"]]
    path = directory / "moved.yaml"
    path.write_text(yaml.safe_dump(document | {"server": document["server"] | {"listen": ["127.0.0.1:0"]}}))
    loaded = load(path, {})
    assert loaded.snapshot is not None, loaded.problems
    loop = asyncio.get_running_loop()
    gateway = Gateway(loaded.snapshot, loop=loop, instance_id="import", metrics=Metrics())
    gateway.start()
    server = await loop.create_server(gateway.connection_factory(tls=False), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()
    finally:
        await stop_accepting(server)
        gateway.close()
        async with asyncio.timeout(_LIMIT):
            while gateway.clock.watched:  # noqa: ASYNC110 - nobody tells when all connections are lost
                await asyncio.sleep(0.005)


@contextlib.contextmanager
def running_nginx(
    case: Case, places: dict[str, str], directory: Path
) -> Iterator[dict[str, tuple[str, int]]]:
    """nginx with the original. Gives the addresses by the port that the original names."""
    ports: dict[str, tuple[str, int]] = {}
    root = directory / "nginx"
    shutil.copytree(case.directory, root)
    for name in ("mime.types", "fastcgi_params"):
        (root / name).touch()
    write_certificate(root)
    for path in root.rglob("*.conf"):
        path.write_text(_moved_text(path.read_text(), places, ports, directory))
    (directory / "cache").mkdir()
    main = root / "main.conf"
    main.write_text(_wrapped(case, root, ports))
    log = (directory / "nginx.log").open("wb")
    process = subprocess.Popen(["nginx", "-p", str(root), "-c", str(main)], stdout=log, stderr=log)
    try:
        await_port(process, next(iter(ports.values())), directory / "nginx.log")
        yield ports
    finally:
        process.terminate()
        process.wait(_LIMIT)
        log.close()


def write_certificate(directory: Path) -> None:
    """What configurations with TLS name: `tls/fullchain.pem` and `tls/privkey.pem`."""
    (directory / "tls").mkdir(exist_ok=True)
    certificate = trustme.CA().issue_cert("localhost")
    certificate.private_key_pem.write_to_path(str(directory / "tls" / "privkey.pem"))
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(str(directory / "tls" / "fullchain.pem"), append=True)


def _moved(server: Any, places: dict[str, str]) -> Any:
    if isinstance(server, dict):
        return server | {"url": _moved(server["url"], places)}
    scheme, _, address = server.rpartition("://")
    place = places.get(address, address)
    return place if place.startswith("unix:") else f"{scheme}://{place}"


def _moved_text(text: str, places: dict[str, str], ports: dict[str, tuple[str, int]], directory: Path) -> str:
    def listen(found: re.Match[str]) -> str:
        address = found[2]
        port = free_port()
        if not address.startswith("["):
            name = address.rpartition(":")[2]
            port = ports.setdefault(name if name.isdecimal() else "80", ("127.0.0.1", port))[1]
        return f"listen{found[1]}127.0.0.1:{port}{_TLS_WORDS.sub('', found[3])};"

    moved = _LISTEN.sub(listen, replaced(text, places))
    return _SILENCED.sub(r"\1", moved).replace("/var/cache/nginx", str(directory / "cache"))


def _wrapped(case: Case, root: Path, ports: dict[str, tuple[str, int]]) -> str:
    modules = "".join(f"load_module {_MODULES / name}.so;\n" for name in case.expect.get("modules", ()))
    own = f"{modules}daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\n"
    paths = "".join(
        f"{name}_temp_path temp-{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    settings = f"access_log off;\n{paths}"
    text = (root / case.file.name).read_text()
    if case.expect["context"] == "main":
        return own + re.sub(r"\bhttp\s*\{", lambda _: f"http {{\n{settings}", text, count=1)
    if case.expect["context"] == "server":
        port = ports.setdefault("80", ("127.0.0.1", free_port()))[1]
        text = f"server {{ listen 127.0.0.1:{port};\n{text}\n}}"
    elif not ports:
        ports["80"] = ("127.0.0.1", free_port())
        text = re.sub(r"\bserver\s*\{", lambda _: f"server {{ listen 127.0.0.1:{ports['80'][1]};", text)
    return f"{own}events {{}}\nhttp {{\n{settings}{text}\n}}\n"


def await_port(process: "subprocess.Popen[bytes]", address: tuple[str, int], log: Path) -> None:
    """Return as soon as somebody listens there."""
    import socket

    deadline = time.monotonic() + _LIMIT
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError), socket.create_connection(address, 1.0):
            return
        time.sleep(0.01)
    raise AssertionError(f"nginx does not listen\n{log.read_text()}")
