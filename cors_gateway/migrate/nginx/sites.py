"""Servers as the gateway sees them: names, listeners, whose forwarded addresses are believed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cors_gateway.config.syntax.endpoints import EndpointFault, parse_listener, parse_networks
from cors_gateway.migrate.nginx.expression import expansions, parse_expression
from cors_gateway.migrate.nginx.parse import Directive
from cors_gateway.migrate.nginx.scope import Scope
from cors_gateway.migrate.outcome import Listener, Untranslated

_HOST = re.compile(r"(?:\*\.)?[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?|\[[0-9a-f:.]+\]")
_NO_NAMES = frozenset({"_", "", "__", "*", "--", "$hostname", "default_server"})
_MAX_NAMES = 16


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a server; none stand for any host."""

    hosts: tuple[str, ...]
    is_any: bool
    """Whether requests for any host are meant."""
    notes: tuple[Untranslated, ...] = ()


def names_of(server: Scope) -> Names:
    """Read `server_name`."""
    hosts: dict[str, None] = {}
    notes: list[Untranslated] = []
    is_any = True
    for directive in server.own("server_name"):
        for name in directive.args:
            if name.lower() in _NO_NAMES:
                continue
            is_any = False
            found = _hosts(name)
            if found is None:
                why = "routes go by exact names and *.names, not by expressions"
                notes.append(_note(directive, why))
            hosts |= dict.fromkeys(found or ())
        if any(name.lower() in _NO_NAMES for name in directive.args) and not hosts:
            is_any = True
    return Names(tuple(hosts), is_any, tuple(dict.fromkeys(notes)))


def listeners_of(server: Scope, *, is_fragment: bool) -> tuple[list[Listener], list[Untranslated]]:
    """The addresses of a server; none where the file does not say."""
    notes: list[Untranslated] = []
    found: list[Listener] = []
    directives = server.own("listen")
    if not directives:
        return ([] if is_fragment else [Listener("0.0.0.0:80")]), notes
    certificate, key = server.one("ssl_certificate"), server.one("ssl_certificate_key")
    is_all_tls = (ssl := server.one("ssl")) is not None and ssl.args == ("on",)
    for directive in directives:
        if not directive.args or "quic" in directive.args:
            continue
        address = _address(directive.args[0])
        if isinstance(parse_listener(address), EndpointFault):
            notes.append(
                _note(directive, f"{directive.args[0]} is no address that the gateway can listen on")
            )
        elif not (is_all_tls or "ssl" in directive.args):
            found.append(Listener(address))
        elif certificate and key and certificate.args and key.args and "$" not in certificate.args[0]:
            found.append(Listener(address, certificate.args[0], key.args[0]))
        else:
            notes.append(_note(directive, "the certificate of this listener is not in these files"))
    return list(dict.fromkeys(found)), notes


def is_local(listener: Listener) -> bool:
    """Whether only this machine can connect."""
    return listener.address.startswith(("127.", "[::1]", "unix:"))


def port_of(listener: Listener) -> str:
    return listener.address if listener.address.startswith("unix:") else listener.address.rpartition(":")[2]


def trusted_proxies_of(server: Scope) -> tuple[tuple[str, ...], list[Untranslated]]:
    """`set_real_ip_from`, if addresses are taken from X-Forwarded-For."""
    directives = server.effective("set_real_ip_from")
    header = server.one("real_ip_header")
    name = header.args[0].lower() if header and header.args else "x-real-ip"
    if not directives:
        return (), []
    if name != "x-forwarded-for":
        return (), [
            _note(directives[0], f"client addresses are taken from X-Forwarded-For only, not from {name}")
        ]
    networks = [one.args[0] for one in directives if one.args]
    usable = [text for text in networks if not isinstance(parse_networks(text), EndpointFault)]
    return tuple(dict.fromkeys(usable)), []


def _hosts(name: str) -> list[str] | None:
    """Hosts for one name; None for what routes cannot say."""
    if name.startswith("~"):
        expression = parse_expression(name[1:], ignore_case=True)
        if expression is None or not (expression.has_start and expression.has_end):
            return None
        rows = expansions(expression.root)
        if (
            rows is None
            or len(rows) > _MAX_NAMES
            or not all(len(row) == 1 and isinstance(row[0], str) for row in rows)
        ):
            return None
        return [str(row[0]) for row in rows if _HOST.fullmatch(str(row[0]))]
    text = name.lower()
    if text.startswith("."):
        return [text[1:], f"*{text}"] if _HOST.fullmatch(text[1:]) else None
    return [text] if _HOST.fullmatch(text) else None


def _address(text: str) -> str:
    if text.startswith("unix:"):
        return text
    if text.isdecimal():
        return f"0.0.0.0:{text}"
    host, colon, port = text.rpartition(":")
    if (text.startswith("[") and text.endswith("]")) or not colon:
        host, port = text, "80"
    if host == "*":
        host = "0.0.0.0"
    if host == "localhost":
        host = "127.0.0.1"
    return f"{host}:{port}"


def all_scopes(scope: Scope) -> Iterator[Scope]:
    """A block and all blocks in it."""
    yield scope
    for child in scope.directive.block or ():
        if child.block is not None:
            yield from all_scopes(Scope(child, scope))


def _note(directive: Directive, why: str) -> Untranslated:
    return Untranslated(directive.name, directive.place.file, directive.place.line, why)
