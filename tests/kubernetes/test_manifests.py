"""Every object is one that Kubernetes knows, and what they say about each other and the gateway is true."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from cors_gateway.config.load import load
from cors_gateway.snapshot import Snapshot, TcpListener
from tests.kubernetes.rendered import DIRECTORY, Manifest, render
from tests.mounted import with_secrets

VERSIONS = ("1.30", "1.37")
"""The oldest that is meant to work, and the newest that is known here."""

BASE = render(DIRECTORY / "base")
ALL = render(DIRECTORY / "overlays" / "prometheus")
BUILT_IN = [one for one in ALL if one["kind"] != "ServiceMonitor"]


def _title(one: Manifest) -> str:
    return f"{one['kind']}-{one['metadata']['name']}"


def _only(kind: str, name: str = "cors-gateway") -> Manifest:
    (found,) = (one for one in ALL if (one["kind"], one["metadata"]["name"]) == (kind, name))
    return found


POD = _only("Deployment")["spec"]["template"]
(CONTAINER,) = POD["spec"]["containers"]
LABELS: dict[str, str] = POD["metadata"]["labels"]
PORTS = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}


@pytest.fixture
def served(tmp_path: Path) -> Snapshot:
    """The configuration in the ConfigMap, as the container reads it."""
    for name, text in _only("ConfigMap")["data"].items():
        (tmp_path / name).write_text(text)
    (tmp_path / "secrets").mkdir()
    loaded = load(with_secrets(tmp_path / "gateway.yaml", tmp_path / "secrets"), {})
    assert loaded.problems == ()
    assert loaded.snapshot is not None
    return loaded.snapshot


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("one", BUILT_IN, ids=_title)
def test_an_object_is_valid_and_has_no_key_that_would_be_dropped(one: Manifest, version: str) -> None:
    kubernetes_validate.validate(one, version, strict=True)


def test_a_wrong_key_would_be_found() -> None:
    deployment = render(DIRECTORY / "base")[0]
    deployment["spec"]["template"]["spec"]["terminationGracePeriod"] = 45

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, VERSIONS[0], strict=True)


def test_the_base_is_whole_without_the_overlay() -> None:
    assert sorted(one["kind"] for one in BASE) == [
        "ConfigMap",
        "Deployment",
        "HorizontalPodAutoscaler",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
    ]


def _selectors() -> list[tuple[str, dict[str, str]]]:
    spread = POD["spec"]["topologySpreadConstraints"]
    selectors: list[tuple[str, Any]] = [
        ("Deployment", _only("Deployment")["spec"]["selector"]["matchLabels"]),
        ("Service", _only("Service")["spec"]["selector"]),
        ("Service of the overlay", _only("Service", "cors-gateway-admin")["spec"]["selector"]),
        ("PodDisruptionBudget", _only("PodDisruptionBudget")["spec"]["selector"]["matchLabels"]),
        *((one["topologyKey"], one["labelSelector"]["matchLabels"]) for one in spread),
        *(
            (_title(one), one["spec"]["podSelector"]["matchLabels"])
            for one in ALL
            if one["kind"] == "NetworkPolicy"
        ),
    ]
    return selectors


@pytest.mark.parametrize(("what", "selector"), _selectors())
def test_a_selector_finds_the_pods(what: str, selector: dict[str, str]) -> None:
    assert selector
    assert selector.items() <= LABELS.items(), what


def test_the_gateway_listens_on_the_ports_of_the_container(served: Snapshot) -> None:
    assert served.admin is not None
    assert served.server.listen == (TcpListener("0.0.0.0", PORTS["http"]),)
    assert served.admin.listen == TcpListener("0.0.0.0", PORTS["admin"])
    assert served.admin.token is not None


@pytest.mark.parametrize(
    ("probe", "path"),
    [("startupProbe", "/readyz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")],
)
def test_kubelet_asks_the_admin_listener_itself(probe: str, path: str) -> None:
    assert CONTAINER[probe]["httpGet"] == {"path": path, "port": "admin"}


def test_a_pod_has_time_to_drain_and_to_be_missed(served: Snapshot) -> None:
    shutdown = served.server.shutdown
    readiness = CONTAINER["readinessProbe"]

    assert POD["spec"]["terminationGracePeriodSeconds"] > shutdown.drain_delay + shutdown.grace
    assert shutdown.drain_delay >= readiness["periodSeconds"] * readiness["failureThreshold"]


def test_a_pod_has_no_right_that_it_does_not_need() -> None:
    assert POD["spec"]["securityContext"]["runAsNonRoot"] is True
    assert POD["spec"]["automountServiceAccountToken"] is False
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_volumes_lead_to_what_is_generated_or_asked_for() -> None:
    sources = {volume["name"]: volume for volume in POD["spec"]["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}

    assert sources["configuration"]["configMap"]["name"] == _only("ConfigMap")["metadata"]["name"]
    assert (
        sources["secrets"]["secret"]["secretName"] in (DIRECTORY / "base" / "kustomization.yaml").read_text()
    )
    assert mounts == {"configuration": "/etc/cors-gateway", "secrets": "/run/secrets"}


def test_the_autoscaler_and_the_rollout_leave_replicas_to_serve() -> None:
    scaler = _only("HorizontalPodAutoscaler")["spec"]
    deployment = _only("Deployment")["spec"]

    assert scaler["scaleTargetRef"]["name"] == _only("Deployment")["metadata"]["name"]
    assert scaler["minReplicas"] > _only("PodDisruptionBudget")["spec"]["maxUnavailable"]
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert "replicas" not in deployment


def test_the_admin_port_is_open_to_prometheus_alone() -> None:
    opened = {
        (_title(one), port["port"], "from" in rule)
        for one in ALL
        if one["kind"] == "NetworkPolicy"
        for rule in one["spec"].get("ingress", [])
        for port in rule["ports"]
    }

    assert opened == {
        ("NetworkPolicy-cors-gateway", "http", False),
        ("NetworkPolicy-cors-gateway-metrics", "admin", True),
    }
    assert [port["targetPort"] for port in _only("Service")["spec"]["ports"]] == ["http"]


def test_prometheus_finds_every_replica_and_has_the_token() -> None:
    monitor = _only("ServiceMonitor")["spec"]
    service = _only("Service", "cors-gateway-admin")
    (endpoint,) = monitor["endpoints"]
    credentials = endpoint["authorization"]["credentials"]
    (secret,) = (volume["secret"] for volume in POD["spec"]["volumes"] if "secret" in volume)

    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert not monitor["selector"]["matchLabels"].items() <= _only("Service")["metadata"]["labels"].items()
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert service["spec"]["clusterIP"] == "None"
    assert credentials["name"] == secret["secretName"]
    assert f"/{credentials['key']}" in _only("ConfigMap")["data"]["gateway.yaml"]
