"""Where a Service answers: its name in the cluster, and the number of its port.

`http://NAME.NAMESPACE.svc:PORT` is what every Pod of the cluster can call; without a namespace in the file it is the short
name, which means the namespace of the gateway. Kubernetes spreads connections over the Pods.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cors_gateway.config.syntax.endpoints import EndpointFault, parse_server
from cors_gateway.migrate.ingress.documents import Node


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why an address cannot be told."""

    why: str


class Services:
    """The Services of the files, for what a reference to one leaves out."""

    def __init__(self, objects: Iterable[Node]) -> None:
        self._known = {(one.namespace, one.name): one for one in objects if one.kind == "Service"}

    def address(self, namespace: str, name: str, port: str) -> str | Unknown:
        """`host:port` for a port by number or by name."""
        service = self._known.get((namespace, name)) or self._known.get(("", name))
        number = self._number(service, port)
        if isinstance(number, Unknown):
            return number
        host = f"{name}.{namespace}.svc" if namespace else name
        if service is not None and service.text("spec", "type") == "ExternalName":
            host = service.text("spec", "externalName").rstrip(".")
        address = f"{host}:{number}"
        if not host or isinstance(parse_server(f"http://{address}"), EndpointFault):
            return Unknown(f"{address} is no address that can be called")
        return address

    def _number(self, service: Node | None, port: str) -> str | Unknown:
        if service is None:
            if port.isdecimal():
                return port
            if not port:
                return Unknown("it names no port")
            return Unknown(
                f"the port is called {port}, and the Service that says its number is not in these files"
            )
        ports = service.items("spec", "ports")
        found = next((one for one in ports if port in (one.text("port"), one.text("name")) and port), None)
        if found is None and service.text("spec", "type") == "ExternalName" and port.isdecimal():
            return port
        if found is None:
            return Unknown(f"the Service {service.name} has no port {port or 'that is named here'}")
        target = found.text("targetPort")
        if service.text("spec", "clusterIP") == "None" and target:
            # The name leads to the Pods themselves, which know their own ports only.
            return (
                target
                if target.isdecimal()
                else Unknown(f"Pods of a headless Service call their port {target}; say its number")
            )
        return found.text("port")
