"""What of an Ingress the gateway does not do, annotation by annotation, and the spelling of those that do not exist."""

from collections.abc import Iterator
from difflib import get_close_matches

from cors_gateway.migrate.ingress.annotations import PREFIX, Annotation
from cors_gateway.migrate.ingress.cors_directives import COMPANIONS
from cors_gateway.migrate.ingress.documents import Node
from cors_gateway.migrate.ingress.findings import finding
from cors_gateway.migrate.ingress.locations import Ingress
from cors_gateway.migrate.outcome import Finding, Untranslated

_COOKIES = "the gateway sets no cookies of its own; sessionAffinity: ClientIP on the Service keeps a client at one Pod"
_HTTPS = "a route cannot tell http from https; redirect where TLS ends"
_CONFIG_MAP = (
    "what it holds stands in a ConfigMap; write it as request_headers or response_headers of the route"
)
_KEYS_ELSEWHERE = "it stands in a Secret; mount it and name its files under upstreams.….tls"
_BY_LOGIN = "it belongs to auth-url, which is left out"
_FIREWALL = "the gateway is no firewall for applications"

LEFT = {
    "affinity": _COOKIES,
    "force-ssl-redirect": _HTTPS,
    "custom-headers": _CONFIG_MAP,
    "auth-proxy-set-headers": _CONFIG_MAP,
    "fastcgi-params-configmap": _CONFIG_MAP,
    "proxy-ssl-secret": _KEYS_ELSEWHERE,
    "auth-signin": _BY_LOGIN,
    "auth-response-headers": _BY_LOGIN,
    "auth-snippet": _BY_LOGIN,
    "satisfy": "whoever would be let in by one of several guards is kept out: all of them are closed",
    "custom-http-errors": "the backend's own error pages go out; those of the gateway are problem documents",
    "default-backend": "the gateway answers 502 where a Service has no Pods",
    "upstream-hash-by": "requests are not spread by this; write balance: client_address if it is the address",
    "load-balance": "the Service spreads connections over its Pods",
    "service-upstream": "the gateway always calls the Service",
    "limit-rate": "the gateway does not slow downloads down",
    "limit-rate-after": "the gateway does not slow downloads down",
    "proxy-cookie-domain": "write cookies: {domain: …} on the route",
    "proxy-cookie-path": "write cookies: {path: …} on the route",
    "proxy-redirect-from": "the gateway rewrites redirects of the backend by its own rule (redirects: rewrite)",
    "proxy-next-upstream": "write retries: on the upstream",
    "x-forwarded-prefix": "the gateway writes forwarding fields itself, X-Forwarded-Prefix among them",
    "enable-modsecurity": _FIREWALL,
    "enable-owasp-core-rules": _FIREWALL,
    "modsecurity-snippet": _FIREWALL,
    "stream-snippet": "the gateway speaks HTTP",
    "enable-global-auth": "the gateway does not authenticate",
    "mirror-request-body": "the gateway does not copy requests",
    "mirror-host": "the gateway does not copy requests",
}
"""By the annotation, why it is left out."""

_DONE = frozenset(
    {
        "enable-cors",
        *COMPANIONS,
        "rewrite-target",
        "use-regex",
        "ssl-redirect",
        "permanent-redirect",
        "permanent-redirect-code",
        "temporal-redirect",
        "temporal-redirect-code",
        "from-to-www-redirect",
        "app-root",
        "whitelist-source-range",
        "allowlist-source-range",
        "denylist-source-range",
        "auth-url",
        "auth-type",
        "auth-tls-secret",
        "proxy-body-size",
        "proxy-read-timeout",
        "proxy-connect-timeout",
        "proxy-ssl-verify",
        "proxy-ssl-name",
        "upstream-vhost",
        "backend-protocol",
        "configuration-snippet",
        "server-snippet",
        "server-alias",
        "ssl-passthrough",
        "limit-rps",
        "limit-rpm",
        "limit-connections",
        "mirror-target",
    }
)
"""What the directives say, or lose by name."""

_QUIET_PREFIXES = (
    "auth-",
    "canary",
    "session-cookie-",
    "affinity-",
    "proxy-buffer",
    "proxy-busy-buffers",
    "proxy-max-temp-file",
    "proxy-next-upstream-",
    "proxy-ssl-",
    "opentelemetry-",
    "enable-opentelemetry",
    "modsecurity-",
    "ssl-",
)
_QUIET = frozenset(
    {
        "proxy-send-timeout",
        "proxy-request-buffering",
        "proxy-http-version",
        "proxy-redirect-to",
        "client-body-buffer-size",
        "client-body-timeout",
        "connection-proxy-header",
        "disable-proxy-intercept-errors",
        "enable-access-log",
        "enable-rewrite-log",
        "fastcgi-index",
        "http2-push-preload",
        "limit-allowlist",
        "limit-whitelist",
        "limit-burst-multiplier",
        "preserve-trailing-slash",
        "relative-redirects",
        "upstream-hash-by-subset",
        "upstream-hash-by-subset-size",
        "use-port-in-redirects",
        "secure-backends",
    }
)
"""Details of something that is said already, or that no client notices."""

_KNOWN = (*LEFT, *sorted(_DONE), *sorted(_QUIET))
_OTHER_CONTROLLER = "nginx.org/"
_OFF = frozenset({"false", "off", ""})


def left_of(ingress: Ingress) -> Iterator[Untranslated]:
    """What is left out of one Ingress."""
    for annotation in ingress.annotations.all.values():
        name = annotation.name
        if ingress.is_canary and not name.startswith("canary"):
            continue
        if name in LEFT and annotation.value.strip().lower() not in _OFF:
            yield _left(annotation, LEFT[name])
        elif name == "ssl-redirect" and annotation.boolean and not ingress.node.items("spec", "tls"):
            yield _left(annotation, _HTTPS)
        elif name in ("configuration-snippet", "server-snippet") and not annotation.value.strip():
            continue
    yield from _tls(ingress)
    for key, node in ingress.node.entries("metadata", "annotations").items():
        if key.startswith(_OTHER_CONTROLLER):
            yield Untranslated(
                key,
                node.file,
                node.line,
                "an annotation of another controller, which ingress-nginx does not read",
            )


def misspelt(ingress: Ingress) -> Iterator[Finding]:
    """Annotations that do not exist."""
    for annotation in ingress.annotations.all.values():
        name = annotation.name
        if name in _KNOWN or name.startswith(_QUIET_PREFIXES):
            continue
        near = get_close_matches(name, _KNOWN, n=1, cutoff=0.75)
        meant = f"Was {PREFIX}{near[0]} meant?" if near else "Left out."
        yield finding("annotation_unknown", annotation.node, meant=meant)


def _tls(ingress: Ingress) -> Iterator[Untranslated]:
    for entry in ingress.node.items("spec", "tls"):
        secret = entry.text("secretName")
        where = f"/etc/tls/{secret or 'NAME'}"
        said = (
            f"mount the Secret {secret}"
            if secret
            else "the controller's default certificate is not known here"
        )
        redirect = ingress.annotations.get("ssl-redirect")
        also = (
            ""
            if redirect is not None and redirect.boolean is False
            else "; http was redirected to https, which is done where TLS ends"
        )
        yield _at(
            entry,
            "tls",
            f"{said} and listen with tls: {{certificate: {where}/tls.crt, key: {where}/tls.key}}, or let TLS end in front{also}",
        )


def _left(annotation: Annotation, why: str) -> Untranslated:
    return _at(annotation.node, annotation.name, why)


def _at(node: Node, name: str, why: str) -> Untranslated:
    return Untranslated(name, node.file, node.line, why)
