"""By which doors clients come in: the class of an Ingress, the Gateway of an HTTPRoute.

One gateway serves whoever reaches it, so what was meant for an internal controller must not be joined with what is public:
of several classes or Gateways one is taken, and the others are named.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from cors_gateway.migrate.ingress.documents import Node
from cors_gateway.migrate.outcome import Untranslated

_CLASS_ANNOTATION = "kubernetes.io/ingress.class"
_OTHER_CONTROLLERS = frozenset(
    {
        "alb",
        "azure-application-gateway",
        "cilium",
        "contour",
        "gce",
        "gce-internal",
        "haproxy",
        "istio",
        "kong",
        "traefik",
    }
)
"""Classes that are never those of ingress-nginx."""
_NGINX_CONTROLLER = "k8s.io/ingress-nginx"
_INGRESS_VERSIONS = ("networking.k8s.io/", "extensions/")
_ROUTE_VERSIONS = ("gateway.networking.k8s.io/",)


@dataclass(frozen=True, slots=True)
class Entrances:
    """What is imported, and what is not."""

    ingresses: tuple[Node, ...]
    routes: tuple[Node, ...]
    left: tuple[Untranslated, ...]
    why: str = ""
    """Why there is nothing."""


def chosen_entrances(objects: Iterable[Node], name: str | None) -> Entrances:
    """The objects of one class and one Gateway: those of that name, else those that the first object names."""
    objects = list(objects)
    left: list[Untranslated] = []
    ingresses = [one for one in objects if _is(one, "Ingress", _INGRESS_VERSIONS)]
    foreign = {
        one.name
        for one in objects
        if one.kind == "IngressClass" and one.text("spec", "controller") != _NGINX_CONTROLLER
    }
    own = [one for one in ingresses if not _is_foreign(_class_of(one), foreign)]
    left += [
        _left(
            one,
            "ingressClassName",
            f"{_class_of(one)} is another controller, to which these annotations mean nothing",
        )
        for one in ingresses
        if one not in own
    ]
    routes = [one for one in objects if _is(one, "HTTPRoute", _ROUTE_VERSIONS)]
    chosen = _of_one(own, name, _class_of, "ingressClassName", left)
    chosen_routes = _of_one(routes, name, gateway_of, "parentRefs", left)
    left += _others(objects)
    names = sorted({*map(_class_of, own), *map(gateway_of, routes)} - {""})
    why = (
        f"nothing comes in by {name}; these files have {', '.join(names) or 'no class or Gateway'}"
        if name
        else ""
    )
    return Entrances(tuple(chosen), tuple(chosen_routes), tuple(left), why if own or routes else "")


def gateway_of(route: Node) -> str:
    """The first Gateway that a route is attached to."""
    return next((one.text("name") for one in route.items("spec", "parentRefs")), "")


def _class_of(ingress: Node) -> str:
    annotations = ingress.entries("metadata", "annotations")
    old = annotations.get(_CLASS_ANNOTATION)
    return ingress.text("spec", "ingressClassName") or (str(old.value) if old is not None else "")


def _is(one: Node, kind: str, versions: tuple[str, ...]) -> bool:
    return one.kind == kind and one.text("apiVersion").startswith(versions)


def _is_foreign(name: str, foreign: set[str]) -> bool:
    return name in foreign or name in _OTHER_CONTROLLERS


def _of_one(
    found: list[Node], name: str | None, door_of: Callable[[Node], str], field: str, left: list[Untranslated]
) -> list[Node]:
    """Those of one door. An object that names none comes in by any."""
    doors = [door_of(one) for one in found]
    wanted = name if name is not None else next((door for door in doors if door), "")
    kept = []
    for one, door in zip(found, doors, strict=True):
        if door in (wanted, "") and not (name is not None and name not in doors):
            kept.append(one)
        else:
            why = f"it comes in by {door or 'the default class'}, not by {wanted}: one gateway would serve both to the same clients; --entrance {door or 'NAME'} imports it"
            left.append(_left(one, field, why))
    return kept


def _others(objects: Iterable[Node]) -> Iterator[Untranslated]:
    for one in objects:
        version = one.text("apiVersion")
        if one.kind in ("GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute") and version.startswith(
            _ROUTE_VERSIONS
        ):
            yield _left(one, "kind", f"{one.kind}: the gateway speaks HTTP to backends")
        elif version.startswith(("traefik.io/", "projectcontour.io/", "configuration.konghq.com/")):
            yield _left(one, "kind", f"{one.kind}: an object of another controller")


def _left(one: Node, field: str, why: str) -> Untranslated:
    node = one.at("spec", field) or one.at(field) or one.at("spec") or one
    return Untranslated(field, node.file, node.line, why)
