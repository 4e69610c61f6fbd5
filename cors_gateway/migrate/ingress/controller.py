"""The settings of the controller itself, from its ConfigMap if that is among the files: defaults, guards and snippets for all."""

import re
from collections.abc import Iterable, Iterator

from cors_gateway.migrate.ingress.annotations import Annotation
from cors_gateway.migrate.ingress.directives import directive, place_of
from cors_gateway.migrate.ingress.documents import Node
from cors_gateway.migrate.ingress.snippets import Snippet, snippet_of
from cors_gateway.migrate.nginx.parse import Directive, MissingInclude
from cors_gateway.migrate.outcome import Untranslated

BODY_SIZE = "1m"
_NAME = re.compile("ingress.*nginx|nginx.*ingress")
_EVERYBODY = frozenset({"0.0.0.0/0", "::/0"})
_SECONDS = {
    "proxy-connect-timeout": "proxy_connect_timeout",
    "proxy-read-timeout": "proxy_read_timeout",
}
_DONE = frozenset(
    {
        *_SECONDS,
        "allow-snippet-annotations",
        "proxy-body-size",
        "global-auth-url",
        "whitelist-source-range",
        "denylist-source-range",
        "block-cidrs",
        "server-snippet",
        "location-snippet",
        "http-snippet",
        "use-forwarded-headers",
        "proxy-real-ip-cidr",
    }
)
_WHY = "a setting of the controller that the gateway has no word for"


class Controller:
    """What holds for every Ingress."""

    def __init__(self, objects: Iterable[Node]) -> None:
        self._data = {
            key: Annotation(key, node)
            for one in objects
            if one.kind == "ConfigMap" and _is_of_controller(one)
            for key, node in one.entries("data").items()
        }
        self.reads_snippets = "allow-snippet-annotations" not in self._data or bool(
            self._data["allow-snippet-annotations"].boolean
        )
        """Whether snippets of Ingresses count. Where nobody says so, they are taken to: they may hold guards."""
        self.server_snippet = self._snippet("server-snippet")
        self.location_snippet = self._snippet("location-snippet")
        self.http_snippet = self._snippet("http-snippet")

    def directives(self, at: Node) -> Iterator[Directive]:
        """What stands above all servers; `at` is where defaults are said to stand."""
        size = self._data.get("proxy-body-size")
        yield directive(
            "client_max_body_size", size.value.strip() if size else BODY_SIZE, at=size.node if size else at
        )
        for name, nginx_name in _SECONDS.items():
            if (found := self._data.get(name)) is not None and (found.integer or 0) > 0:
                yield _of(found, nginx_name, f"{found.integer}s")
        if (url := self._data.get("global-auth-url")) is not None and url.value.strip():
            yield _of(url, "auth_request", "/_external-auth")
        for name in ("block-cidrs", "denylist-source-range"):
            for network in self._texts(name):
                yield _of(self._data[name], "deny", network)
        networks = self._texts("whitelist-source-range")
        for network in networks:
            yield _of(
                self._data["whitelist-source-range"], "allow", "all" if network in _EVERYBODY else network
            )
        if networks:
            yield _of(self._data["whitelist-source-range"], "deny", "all")
        forwarded = self._data.get("use-forwarded-headers")
        if forwarded is not None and forwarded.boolean:
            for network in self._texts("proxy-real-ip-cidr"):
                if network not in _EVERYBODY:
                    yield _of(self._data["proxy-real-ip-cidr"], "set_real_ip_from", network)
            yield _of(forwarded, "real_ip_header", "X-Forwarded-For")
        yield from self.http_snippet.directives

    def settings(self) -> Iterator[Annotation]:
        """What it says, as far as somebody looks at it."""
        return (found for name, found in self._data.items() if name in _DONE)

    def left(self) -> Iterator[Untranslated]:
        """Settings that are not looked at."""
        for name, found in self._data.items():
            if name not in _DONE:
                yield Untranslated(name, found.node.file, found.node.line, _WHY)

    def missing(self) -> tuple[MissingInclude, ...]:
        """What its snippets include."""
        return (*self.server_snippet.missing, *self.location_snippet.missing, *self.http_snippet.missing)

    def _snippet(self, name: str) -> Snippet:
        return snippet_of(self._data.get(name))

    def _texts(self, name: str) -> list[str]:
        found = self._data.get(name)
        return [text.strip() for text in found.value.split(",") if text.strip()] if found is not None else []


def _is_of_controller(one: Node) -> bool:
    label = one.entries("metadata", "labels").get("app.kubernetes.io/name")
    return _NAME.search(one.name) is not None or (label is not None and label.value == "ingress-nginx")


def _of(found: Annotation, name: str, *args: str) -> Directive:
    return Directive(name, args, place_of(found.node), None, found.written)
