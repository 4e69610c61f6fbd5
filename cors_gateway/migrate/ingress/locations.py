"""One path of an Ingress as the location that ingress-nginx writes: guards, limits, headers, and where requests go.

The order of the directives is the controller's: CORS is answered first, so preflights pass in front of every guard.
"""

from collections.abc import Iterator

from cors_gateway.migrate.ingress.annotations import Annotation, Annotations
from cors_gateway.migrate.ingress.controller import Controller
from cors_gateway.migrate.ingress.cors_directives import CorsDirectives, cors_directives
from cors_gateway.migrate.ingress.directives import directive, place_of
from cors_gateway.migrate.ingress.documents import Node
from cors_gateway.migrate.ingress.services import Unknown
from cors_gateway.migrate.ingress.snippets import NO_SNIPPET, Snippet, snippet_of
from cors_gateway.migrate.nginx.parse import Directive

_SCHEMES = {"": "http", "HTTP": "http", "HTTPS": "https", "AUTO_HTTP": "$scheme"}
_OTHER_PROTOCOLS = {"GRPC": "grpc_pass", "GRPCS": "grpc_pass", "FCGI": "fastcgi_pass"}
_REDIRECT_CODES = range(300, 309)
_EVERYBODY = frozenset({"0.0.0.0/0", "::/0"})
_SECONDS = {
    "proxy-connect-timeout": "proxy_connect_timeout",
    "proxy-read-timeout": "proxy_read_timeout",
}
_GUARDS = (
    "auth-url",
    "auth-type",
    "allowlist-source-range",
    "whitelist-source-range",
    "denylist-source-range",
)
_RATES = ("limit-rps", "limit-rpm", "limit-connections")


class Ingress:
    """An Ingress as far as all its paths share it."""

    def __init__(self, node: Node, controller: Controller) -> None:
        self.node = node
        self.controller = controller
        self.annotations = Annotations(node)
        self.cors: CorsDirectives = cors_directives(self.annotations)
        self.snippet = self._snippet("configuration-snippet")
        self.server_snippet = self._snippet("server-snippet")

    def _snippet(self, name: str) -> Snippet:
        return snippet_of(self.annotations.get(name)) if self.controller.reads_snippets else NO_SNIPPET

    @property
    def is_canary(self) -> bool:
        return self.annotations.is_on("canary")

    @property
    def rewrite_target(self) -> Annotation | None:
        return self.annotations.get("rewrite-target")

    @property
    def uses_expressions(self) -> bool:
        return self.annotations.is_on("use-regex")

    @property
    def is_guarded(self) -> bool:
        return self.annotations.get(*_GUARDS) is not None

    def tls_hosts(self) -> set[str]:
        """Hosts that have a certificate."""
        return {
            host.value
            for entry in self.node.items("spec", "tls")
            for host in entry.items("hosts")
            if isinstance(host.value, str)
        }


def location_body(
    ingress: Ingress, path: str, backend: Node, address: str | Unknown
) -> tuple[Directive, ...]:
    """The block of a location. `path` is what its rewrite looks for."""
    return tuple(_body(ingress, path, backend, address))


def _body(ingress: Ingress, path: str, backend: Node, address: str | Unknown) -> Iterator[Directive]:
    annotations = ingress.annotations
    yield from _addresses(annotations)
    yield from ingress.cors.directives
    yield from _logins(annotations)
    for name in _RATES:
        if (found := annotations.get(name)) is not None:
            yield _of(found, "limit_conn" if name == "limit-connections" else "limit_req", found.value)
    if (size := annotations.get("proxy-body-size")) is not None:
        yield _of(size, "client_max_body_size", size.value.strip())
    host = annotations.get("upstream-vhost")
    if host is not None:
        yield _of(host, "proxy_set_header", "Host", host.value.strip())
    else:
        yield directive("proxy_set_header", "Host", "$http_host", at=backend)
    for name, nginx_name in _SECONDS.items():
        if (found := annotations.get(name)) is not None and (found.integer or 0) > 0:
            yield _of(found, nginx_name, f"{found.integer}s")
    yield from _backend_tls(annotations)
    if (mirror := annotations.get("mirror-target")) is not None:
        yield _of(mirror, "mirror", mirror.value)
    yield from ingress.snippet.directives
    yield from ingress.controller.location_snippet.directives
    yield from _redirect(annotations)
    yield from _handler(ingress, path, backend, address)


def _addresses(annotations: Annotations) -> Iterator[Directive]:
    """In nginx the first rule that fits counts; lists that nobody can read deny everybody."""
    if (denied := annotations.get("denylist-source-range")) is not None:
        for network in _texts(denied):
            yield _of(denied, "deny", network)
    if (allowed := annotations.get("allowlist-source-range", "whitelist-source-range")) is not None:
        for network in _texts(allowed):
            yield _of(allowed, "allow", "all" if network in _EVERYBODY else network)
        yield _of(allowed, "deny", "all")


def _logins(annotations: Annotations) -> Iterator[Directive]:
    if (url := annotations.get("auth-url")) is not None:
        yield _of(url, "auth_request", "/_external-auth")
    if (kind := annotations.get("auth-type")) is not None:
        yield _of(kind, "auth_basic", annotations.value("auth-realm") or "Authentication Required")


def _backend_tls(annotations: Annotations) -> Iterator[Directive]:
    if (verify := annotations.get("proxy-ssl-verify")) is not None:
        yield _of(verify, "proxy_ssl_verify", verify.value.strip().lower())
    if (name := annotations.get("proxy-ssl-name")) is not None:
        yield _of(name, "proxy_ssl_name", name.value.strip())


def _redirect(annotations: Annotations) -> Iterator[Directive]:
    for name, code in (("temporal-redirect", 302), ("permanent-redirect", 301)):
        if (found := annotations.get(name)) is not None:
            chosen = annotations.get(f"{name}-code")
            number = chosen.integer if chosen is not None else None
            status = number if number in _REDIRECT_CODES else code
            yield _of(found, "return", str(status), found.value.strip())
            return


def _handler(ingress: Ingress, path: str, backend: Node, address: str | Unknown) -> Iterator[Directive]:
    protocol = ingress.annotations.get("backend-protocol")
    word = protocol.value.strip().upper() if protocol is not None else ""
    if protocol is not None and word in _OTHER_PROTOCOLS:
        yield _of(protocol, _OTHER_PROTOCOLS[word], "backend")
        return
    rewrite = ingress.rewrite_target
    if rewrite is not None and rewrite.value.strip() != path:
        yield _of(rewrite, "rewrite", f"(?i){path}", rewrite.value.strip(), "break")
    if isinstance(address, Unknown):
        # An address that nobody knows is one that is computed: it closes the path, with the reason beside it.
        yield directive("proxy_pass", "http://$unknown", at=backend, written=_named(backend))
    else:
        scheme = _SCHEMES.get(word, "http")
        yield directive("proxy_pass", f"{scheme}://{address}", at=backend, written=_named(backend))


def _named(backend: Node) -> str:
    name = backend.text("service", "name") or backend.text("resource", "name")
    return f"backend: {name}" if name else "backend"


def _texts(annotation: Annotation) -> list[str]:
    return [text.strip() for text in annotation.value.split(",") if text.strip()]


def _of(annotation: Annotation, name: str, *args: str) -> Directive:
    place = place_of(annotation.node)
    return Directive(name, args, place, None, annotation.written)
