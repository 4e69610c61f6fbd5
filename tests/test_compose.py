"""The check of compose files finds what is wrong with them."""

from pathlib import Path

import pytest

from tests.compose import faults

GOOD = """\
services:
  gateway:
    image: x
    read_only: true
    secrets: [token]
    networks: [inner]
    volumes: [{type: volume, source: data, target: /data}]
    deploy: {resources: {limits: {memory: 256M}}}
    depends_on: {backend: {condition: service_healthy}}
    healthcheck: {interval: 5s}
  backend: {image: y}
secrets: {token: {file: ./token}}
networks: {inner: }
volumes: {data: }
"""


def test_a_good_file_has_no_faults(tmp_path: Path) -> None:
    (tmp_path / "compose.yml").write_text(GOOD)

    assert faults(tmp_path / "compose.yml") == []


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("read_only", "readonly", "services.gateway"),
        ("memory", "memry", "services.gateway.deploy.resources.limits"),
        ("service_healthy", "service_fine", "services.gateway.depends_on.backend.condition"),
        ("interval", "intervall", "services.gateway.healthcheck"),
        ("read_only: true", "read_only: [true]", "services.gateway.read_only"),
        ("secrets: [token]", "secrets: [other]", "services.gateway.secrets"),
        ("networks: [inner]", "networks: [outer]", "services.gateway.networks"),
        ("source: data", "source: date", "services.gateway.volumes"),
        ("  backend: {image: y}\n", "", "services.gateway.depends_on"),
    ],
)
def test_a_fault_is_found_and_its_place_is_named(tmp_path: Path, old: str, new: str, place: str) -> None:
    assert old in GOOD
    (tmp_path / "compose.yml").write_text(GOOD.replace(old, new))

    (fault,) = faults(tmp_path / "compose.yml")

    assert fault.partition(": ")[0] == place
