"""Policies as they are written in YAML, turned into values without the configuration's loader."""

from typing import Any

from cors_gateway.policy.pattern import OriginPattern, parse_pattern, regex_pattern
from cors_gateway.policy.pattern_fault import PatternFault
from cors_gateway.policy.policy import DISABLED, PASSTHROUGH, Policy

SAME_NAMES = (
    "allow_credentials",
    "max_age",
    "allow_private_network",
    "preflight_status",
    "websocket_origin_check",
    "report_only",
    "cross_origin_resource_policy",
    "upstream_expose",
    "cross_origin_redirects",
    "constant_origin",
)
WORDS = {
    "preflight_failure": ("diagnose_preflight_failure", "strict", "diagnose"),
    "on_disallowed_request": ("reject_disallowed_request", "forward", "reject"),
    "forward_origin": ("strip_origin", "keep", "strip"),
    "timing_allow_origin": ("timing_allow_origin", None, "same-as-origins"),
}
"""YAML key: the field it sets, the word for False, the word for True."""


class PolicyRefusedError(Exception):
    """The combination never gets past the configuration's lints."""


def patterns(*entries: str | dict[str, str]) -> tuple[OriginPattern, ...]:
    """The patterns of `allow_origins`, without `*` and `null`."""
    return tuple(_pattern(entry) for entry in entries if entry not in ("*", "null"))


def policy(written: dict[str, Any] | str) -> Policy:
    """The policy of a `policies` entry, or of `disabled` or `passthrough`."""
    if isinstance(written, str):
        return {"disabled": DISABLED, "passthrough": PASSTHROUGH}[written]
    rest = dict(written)
    origins = rest.pop("allow_origins")
    values: dict[str, Any] = {
        "allow_origins": patterns(*origins),
        "any_origin": "*" in origins,
        "allow_null_origin": rest.pop("dangerously_allow_null_origin", False) or "null" in origins,
        "public_origins": tuple(rest.pop("public_origins", ())),
    }
    if "allow_methods" in rest:
        methods = rest.pop("allow_methods")
        values |= {"allow_methods": _without_star(map(_normal_method, methods)), "any_method": "*" in methods}
    for yaml_name, star in (("allow_headers", "any_header"), ("expose_headers", "expose_any")):
        names = rest.pop(yaml_name, [])
        values |= {yaml_name: _without_star(name.lower() for name in names), star: "*" in names}
    for yaml_name, (name, false, true) in WORDS.items():
        values[name] = {false: False, true: True}[rest.pop(yaml_name, false)]
    values |= {name: rest.pop(name) for name in SAME_NAMES if name in rest}
    assert not rest, f"unknown keys: {rest}"
    if values.get("allow_credentials") and (values["any_origin"] or values["expose_any"]):
        raise PolicyRefusedError
    return Policy(**values)


def _pattern(entry: str | dict[str, str]) -> OriginPattern:
    parsed = regex_pattern(entry["regex"]) if isinstance(entry, dict) else parse_pattern(entry)
    assert not isinstance(parsed, PatternFault), parsed
    return parsed


def _normal_method(method: str) -> str:
    """Fetch, "normalize a method"."""
    upper = method.upper()
    return upper if upper in {"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"} else method


def _without_star(names: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name != "*"))
