"""Whatever is annotated: the importer comes to an end, what it writes is accepted, and nobody is let in who was not."""

from pathlib import Path

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cors_gateway.config.load import load
from cors_gateway.explain.policy_tests import run_tests
from cors_gateway.migrate.ingress.annotations import PREFIX
from cors_gateway.migrate.ingress.importer import import_ingress
from cors_gateway.migrate.report import render_json, render_text
from cors_gateway.migrate.write import write
from tests.migrate.ingress.case import cases


def _annotations() -> dict[str, list[str]]:
    """The values that the cases give to each annotation."""
    found: dict[str, dict[str, None]] = {}
    for case in cases():
        for path in case.files:
            for document in yaml.safe_load_all(path.read_text()):
                written = (document or {}).get("metadata", {}).get("annotations", {})
                for key, value in written.items():
                    if key.startswith(PREFIX):
                        found.setdefault(key, {})[value] = None
    return {key: list(values) for key, values in found.items()}


ANNOTATIONS = st.lists(
    st.sampled_from([(key, value) for key, values in _annotations().items() for value in values]), max_size=8
).map(dict)
PATHS = st.tuples(
    st.sampled_from(
        ["/", "/api", "/api/", "/api/v1", "/api(/|$)(.*)", "/(.*)", "/img/[0-9]+", "/.*\\.png$", ""]
    ),
    st.sampled_from(["Exact", "Prefix", "ImplementationSpecific"]),
    st.sampled_from([80, "web"]),
)
RULES = st.tuples(
    st.sampled_from(["", "a.example", "b.example", "*.example"]), st.lists(PATHS, min_size=1, max_size=3)
)
MANIFESTS = st.lists(
    st.tuples(ANNOTATIONS, st.lists(RULES, max_size=2), st.booleans()), min_size=1, max_size=3
)
STRANGER = "https://stranger.invalid"


def _ingress(number: int, annotations: dict[str, str], rules: list, has_default: bool) -> object:  # type: ignore[type-arg]
    spec: dict[str, object] = {
        "rules": [
            {
                "host": host,
                "http": {
                    "paths": [
                        {"path": path, "pathType": kind, "backend": _backend(f"s{number}", port)}
                        for path, kind, port in paths
                    ]
                },
            }
            for host, paths in rules
        ]
    }
    if has_default or not rules:
        spec["defaultBackend"] = _backend(f"d{number}", 80)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": f"i{number}", "annotations": annotations},
        "spec": spec,
    }


def _backend(name: str, port: int | str) -> dict[str, object]:
    return {"service": {"name": name, "port": {"number" if isinstance(port, int) else "name": port}}}


@given(MANIFESTS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_is_translated_to_something_valid_and_never_gives_a_stranger_cookies(
    tmp_path: Path,
    manifests: list[tuple[dict[str, str], list, bool]],  # type: ignore[type-arg]
) -> None:
    text = yaml.safe_dump_all([_ingress(at, *one) for at, one in enumerate(manifests)])
    path = tmp_path / "any.yaml"
    path.write_text(text)

    outcome = import_ingress([path])

    assert render_text(outcome, "any.yaml")
    assert render_json(outcome, None)
    if outcome.is_empty:
        return
    asked = [
        {
            "origin": STRANGER,
            "path": f"{route.path.rstrip('/')}/x",
            "host": (route.hosts or ("c.test",))[0].replace("*", "w"),
            "credentials": True,
            "expect": "deny",
        }
        for route in outcome.routes
        if route.policies
    ]
    document = yaml.safe_load(write(outcome)) | {"tests": asked}
    (tmp_path / "gateway.yaml").write_text(yaml.safe_dump(document))
    loaded = load(tmp_path / "gateway.yaml", {})
    assert loaded.snapshot is not None, (text, loaded.problems)
    failures = [one.failure for one in run_tests(loaded.snapshot) if not one.passed]
    assert [text for text in failures if "Only the backend knows" not in text] == [], text
