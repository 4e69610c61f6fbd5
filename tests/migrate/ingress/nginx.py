"""What an Ingress becomes, written out and served by a real nginx. What needs more than one machine has is left out."""

import contextlib
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from cors_gateway.migrate.ingress.controller import Controller
from cors_gateway.migrate.ingress.documents import read_objects
from cors_gateway.migrate.ingress.entrances import chosen_entrances
from cors_gateway.migrate.ingress.importer import http_of
from cors_gateway.migrate.ingress.locations import Ingress
from cors_gateway.migrate.ingress.servers import servers_of
from cors_gateway.migrate.ingress.services import Services
from cors_gateway.migrate.nginx.parse import Directive
from tests.migrate.ingress.case import IngressCase
from tests.migrate.running import await_port
from tests.wire.gateway_process import free_port

_MODULE = "/usr/lib/nginx/modules/ngx_http_headers_more_filter_module.so"
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_PLAIN = re.compile(r"[A-Za-z0-9_$./:=*!~-]+")
_ADDRESS = re.compile(r"http://([a-z0-9.-]+:[0-9]+)")
_ELSEWHERE = frozenset(
    {"ssl_verify_client", "limit_req", "limit_conn", "mirror", "auth_request", "auth_basic"}
)
_CLOSED = "return 503;"
_LIMIT = 30.0


def directives_of(case: IngressCase) -> Directive:
    """The http block of a case."""
    objects = read_objects(case.files)
    controller = Controller(objects)
    ingresses = [Ingress(one, controller) for one in chosen_entrances(objects, None).ingresses]
    return http_of(ingresses, servers_of(ingresses, Services(objects)), controller)


def addresses_in(http: Directive) -> set[str]:
    """The backends that are called."""
    found = set()
    for one in _all(http):
        if one.name == "proxy_pass" and (match := _ADDRESS.fullmatch(one.args[0])):
            found.add(match[1])
        if one.name == "server" and one.args:
            found.add(one.args[0])
    return found


@contextlib.contextmanager
def running(http: Directive, places: dict[str, str], directory: Path) -> Iterator[tuple[str, int]]:
    """nginx with these directives; `places` says where the backends really are."""
    address = ("127.0.0.1", free_port())
    names = {text for one in _all(http) if one.name == "upstream" for text in one.args}
    body = "\n".join(_text(one, places, names, address) for one in http.block or ())
    paths = "".join(f"{name}_temp_path temp-{name};\n" for name in _TEMPORARY)
    text = (
        f"load_module {_MODULE};\ndaemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\n"
        f"events {{}}\nhttp {{\naccess_log off;\nserver_names_hash_bucket_size 128;\n{paths}{body}\n}}\n"
    )
    if "default_server" not in text:
        nobody = f"server {{ listen {address[0]}:{address[1]} default_server; return 404; }}"
        text = text.replace("access_log off;\n", f"access_log off;\n{nobody}\n", 1)
    (directory / "nginx.conf").write_text(text)
    log = (directory / "nginx.log").open("wb")
    process = subprocess.Popen(["nginx", "-p", str(directory), "-c", "nginx.conf"], stdout=log, stderr=log)
    try:
        await_port(process, address, directory / "nginx.log")
        yield address
    finally:
        process.terminate()
        process.wait(_LIMIT)
        log.close()


def _all(directive: Directive) -> Iterable[Directive]:
    yield directive
    for child in directive.block or ():
        yield from _all(child)


def _text(one: Directive, places: dict[str, str], names: set[str], address: tuple[str, int]) -> str:
    if one.name in _ELSEWHERE:
        return _CLOSED if one.name != "limit_req" else ""
    if one.name in ("grpc_pass", "proxy_pass") and not _is_callable(one, places, names):
        return _CLOSED
    args = [_moved(arg, places) for arg in one.args]
    if args[:1] == ["^~"]:
        # ingress-nginx makes expressions of these as well; they are asked in their order.
        args = ["~*", f"^{args[1]}"]
    line = " ".join([one.name, *map(_quoted, args)])
    if one.name == "if":
        line = f"if ({' '.join(_quoted(arg) for arg in args)})"
    if one.block is None:
        return f"{line};"
    block = [*one.block, *_twins(one)] if one.name == "server" else one.block
    inner = [_text(child, places, names, address) for child in block]
    if one.name == "server":
        is_any = any(child.args == ("_",) for child in one.children("server_name"))
        inner.insert(0, f"listen {address[0]}:{address[1]}{' default_server' if is_any else ''};")
    return "\n".join([f"{line} {{", *inner, "}"])


def _twins(server: Directive) -> Iterator[Directive]:
    """ingress-nginx writes an exact location beside every prefix that ends in a slash; routes need none."""
    exact = {one.args[1] for one in server.children("location") if one.args[0] == "="}
    for one in server.children("location"):
        path = one.args[-1]
        is_prefix = one.args[0] not in ("=", "~*") and path.endswith("/") and path != "/"
        if is_prefix and path[:-1] not in exact:
            yield replace(one, args=("=", path[:-1]))


def _is_callable(one: Directive, places: dict[str, str], names: set[str]) -> bool:
    target = one.args[0].removeprefix("http://")
    return target in places or target in names


def _moved(arg: str, places: dict[str, str]) -> str:
    scheme, separator, target = arg.rpartition("://")
    return f"{scheme}{separator}{places.get(target, target)}" if target in places else arg


def _quoted(arg: str) -> str:
    if _PLAIN.fullmatch(arg):
        return arg
    escaped = arg.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
