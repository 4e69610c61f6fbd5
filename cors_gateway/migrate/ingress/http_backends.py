"""`backendRefs` of a rule as the servers of an upstream: Services, their shares, and TLS if a policy asks for it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import gcd

from cors_gateway.config.syntax.endpoints import is_host
from cors_gateway.migrate.ingress.documents import Node
from cors_gateway.migrate.ingress.services import Services, Unknown
from cors_gateway.migrate.outcome import Server, Untranslated

_MAX_WEIGHT = 1000
_AUTHORITY = "the authority stands in a ConfigMap; mount it and name it as ca under tls of the upstream"


@dataclass(frozen=True, slots=True)
class Backend:
    """Where the requests of a rule go."""

    servers: tuple[Server, ...]
    tls: tuple[tuple[str, str | bool], ...] = ()


class Backends:
    """Finds Services, and the BackendTLSPolicies that are about them."""

    def __init__(self, objects: Iterable[Node], services: Services) -> None:
        self._services = services
        self._policies = {
            target.text("name"): one
            for one in objects
            if one.kind == "BackendTLSPolicy"
            for target in one.items("spec", "targetRefs")
        }

    def upstream(self, references: Sequence[Node], namespace: str) -> Backend | Unknown | None:
        """The servers; None if requests go nowhere."""
        chosen = [(one, _weight(one)) for one in references if _weight(one) > 0]
        if not chosen:
            return None
        policies = {self._policies.get(one.text("name")) for one, _ in chosen}
        if len(policies) > 1:
            return Unknown("some of them are called by TLS and others are not")
        policy = policies.pop()
        servers = []
        for one, weight in _reduced(chosen):
            if one.text("kind", default="Service") != "Service":
                return Unknown(f"a {one.text('kind')} is no server that can be called")
            if one.items("filters"):
                return Unknown("filters of one backend cannot be told from those of the rule")
            space = one.text("namespace") or namespace
            address = self._services.address(space, one.text("name"), one.text("port"))
            if isinstance(address, Unknown):
                return address
            servers.append(Server(f"{'https' if policy else 'http'}://{address}", weight))
        return Backend(tuple(servers), tuple(_tls(policy)))

    def notes_of(self, references: Sequence[Node]) -> Iterator[Untranslated]:
        """What has to be done for TLS."""
        for one in references:
            policy = self._policies.get(one.text("name"))
            refs = policy.at("spec", "validation", "caCertificateRefs") if policy is not None else None
            if refs is not None:
                yield Untranslated("caCertificateRefs", refs.file, refs.line, _AUTHORITY)


def _weight(reference: Node) -> int:
    text = reference.text("weight", default="1")
    return int(text) if text.isdecimal() else 1


def _reduced(chosen: list[tuple[Node, int]]) -> list[tuple[Node, int]]:
    """The same shares in the smallest numbers, none above what an upstream takes."""
    divisor = gcd(*(weight for _, weight in chosen))
    largest = max(weight for _, weight in chosen) // divisor
    scale = max(1, -(-largest // _MAX_WEIGHT))
    return [(one, max(1, weight // divisor // scale)) for one, weight in chosen]


def _tls(policy: Node | None) -> Iterator[tuple[str, str | bool]]:
    name = policy.text("spec", "validation", "hostname") if policy is not None else ""
    if is_host(name):
        yield "server_name", name
