"""The JSON schema that editors use."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from cors_gateway.config.schema import json_schema, known_keys

Schema = dict[str, Any]

SCHEMA = json_schema()


def objects(node: Any) -> Iterator[Schema]:
    if isinstance(node, dict):
        if "properties" in node and isinstance(node["properties"], dict):
            yield node
        for value in node.values():
            yield from objects(value)
    elif isinstance(node, list):
        for value in node:
            yield from objects(value)


def prop(section: str, key: str) -> Schema:
    found: Schema = SCHEMA["$defs"][section]["properties"][key]
    return found


def test_every_key_is_described() -> None:
    silent = [
        (name, key)
        for name, section in [("", SCHEMA), *SCHEMA["$defs"].items()]
        for key, node in section.get("properties", {}).items()
        if not node.get("description")
        and not (("$ref" in node) and SCHEMA["$defs"][node["$ref"].rpartition("/")[2]].get("description"))
    ]

    assert silent == []


def test_every_mapping_is_closed() -> None:
    assert all(node["additionalProperties"] is False for node in objects(SCHEMA))
    assert len(list(objects(SCHEMA))) > 15


def test_names_are_free_but_not_arbitrary() -> None:
    assert SCHEMA["properties"]["policies"]["additionalProperties"] is False
    (pattern,) = SCHEMA["properties"]["policies"]["patternProperties"]

    assert re.search(pattern, "app.v1_x-2")
    assert not re.search(pattern, "a b")


def test_values_may_be_references() -> None:
    """A number, a boolean or one of a few words may come from the environment."""
    for section, key in (
        ("ServerSection", "workers"),
        ("RouteSection", "strip_prefix"),
        ("ServerSection", "access_log"),
        ("TimeoutsSection", "send"),
    ):
        assert {"$ref": "#/$defs/Reference"} in prop(section, key)["anyOf"]


def test_defaults_are_spelled_as_in_the_file() -> None:
    assert prop("TimeoutsSection", "request_head")["default"] == "10s"
    assert prop("LimitsSection", "request_head")["default"] == "32KiB"
    assert prop("LimitsSection", "request_body")["default"] == 0
    assert prop("ServerSection", "listen")["default"] == ["0.0.0.0:8080"]
    assert prop("RouteSection", "strip_prefix")["default"] is False


def test_null_is_offered_only_where_it_can_be_written() -> None:
    nullable = {
        key
        for node in objects(SCHEMA)
        for key, value in node["properties"].items()
        if {"type": "null"} in value.get("anyOf", [])
    }

    assert nullable == {"timing_allow_origin", "cross_origin_resource_policy"}


def test_required_keys_are_required() -> None:
    assert SCHEMA["required"] == ["version", "routes"]
    assert set(SCHEMA["$defs"]["RouteSection"]["required"]) == {"name", "path", "cors"}


def test_every_reference_inside_leads_somewhere() -> None:
    text = str(SCHEMA)

    assert set(re.findall(r"#/\$defs/(\w+)", text)) <= set(SCHEMA["$defs"])


@pytest.mark.parametrize(
    ("path", "some"),
    [
        ((), {"version", "server", "include"}),
        (("server", "timeouts"), {"request_head", "send"}),
        (("server", "listen", 0), {"address", "tls", "mode"}),
        (("server", "listen", 0, "tls"), {"certificate", "key"}),
        (("admin",), {"listen", "token", "hosts"}),
        (("upstreams", "any", "health_check"), {"path", "interval"}),
        (("policies", "any"), {"allow_origins", "max_age"}),
        (("policies", "any", "allow_origins", 3), {"regex"}),
        (("routes", 1, "cors"), {"allow_origins", "max_age"}),
        (("tests", 1), {"origin", "expect"}),
        (("tests", 1, "headers", 0), set()),
        (("nowhere",), set()),
    ],
)
def test_the_keys_of_a_place_are_known(path: tuple[str | int, ...], some: set[str]) -> None:
    found = set(known_keys(path))

    assert some <= found
    assert bool(some) == bool(found)
