"""The way from a written policy to what it means, and back.

`policy_of` and `written_form` are the only two places that turn keys of a file into fields of a `Policy`. What may be
written is in `written_policy.py`; whether it is wise is for the rules of `lint/` to say.
"""

from collections.abc import Iterable
from typing import Literal, cast

from cors_gateway.config.lint.origins import read_origins
from cors_gateway.config.written_policy import RegexEntry, WrittenPolicy
from cors_gateway.policy.fetch import normalise_method
from cors_gateway.policy.pattern import OriginPattern
from cors_gateway.policy.policy import Policy

UpstreamExpose = Literal["drop", "merge", "all"]
CrossOriginRedirects = Literal["forward", "unauthorized"]
ResourcePolicy = Literal["same-origin", "same-site", "cross-origin"]


def policy_of(written: WrittenPolicy) -> Policy:
    """What a written policy means for which `lint_policy` reported no error.

    Raises ValueError for one that has an entry in `allow_origins` that does not parse.
    """
    origins = read_origins(written)
    if origins.faults:
        raise ValueError(origins.faults[0][1].message)
    any_origin = bool(origins.stars)
    default = Policy()
    return Policy(
        allow_origins=() if any_origin else tuple(pattern for _, pattern in origins.patterns),
        any_origin=any_origin,
        allow_null_origin=written.dangerously_allow_null_origin,
        allow_methods=default.allow_methods
        if written.allow_methods is None
        else _names(map(normalise_method, written.allow_methods)),
        any_method=_has_star(written.allow_methods),
        allow_headers=_names(map(str.lower, written.allow_headers or ())),
        any_header=_has_star(written.allow_headers),
        expose_headers=_names(map(str.lower, written.expose_headers or ())),
        expose_any=_has_star(written.expose_headers),
        allow_credentials=written.allow_credentials,
        max_age=written.max_age,
        allow_private_network=written.allow_private_network,
        preflight_status=default.preflight_status
        if written.preflight_status is None
        else written.preflight_status,
        diagnose_preflight_failure=written.preflight_failure == "diagnose",
        reject_disallowed_request=written.on_disallowed_request == "reject",
        public_origins=tuple(dict.fromkeys(written.public_origins or ())),
        strip_origin=written.forward_origin == "strip",
        upstream_expose=written.upstream_expose or default.upstream_expose,
        cross_origin_redirects=written.cross_origin_redirects or default.cross_origin_redirects,
        constant_origin=written.constant_origin,
        timing_allow_origin=written.timing_allow_origin == "same-as-origins",
        cross_origin_resource_policy=written.cross_origin_resource_policy,
        websocket_origin_check=written.websocket_origin_check,
        report_only=written.report_only,
        allow_insecure_origins=written.dangerously_allow_insecure_origins,
        allow_public_suffix=written.dangerously_allow_public_suffix,
    )


def written_form(policy: Policy) -> WrittenPolicy:
    """A written policy that means the policy, which has to be an enforced one, with the defaults spelled out."""
    return WrittenPolicy(
        allow_origins=_origins(policy),
        allow_methods=(*_star(policy.any_method), *policy.allow_methods),
        allow_headers=(*_star(policy.any_header), *policy.allow_headers),
        expose_headers=(*_star(policy.expose_any), *policy.expose_headers),
        allow_credentials=policy.allow_credentials,
        max_age=policy.max_age,
        allow_private_network=policy.allow_private_network,
        preflight_status=policy.preflight_status,
        preflight_failure="diagnose" if policy.diagnose_preflight_failure else "strict",
        on_disallowed_request="reject" if policy.reject_disallowed_request else "forward",
        public_origins=policy.public_origins,
        forward_origin="strip" if policy.strip_origin else "keep",
        upstream_expose=cast("UpstreamExpose", policy.upstream_expose),
        cross_origin_redirects=cast("CrossOriginRedirects", policy.cross_origin_redirects),
        constant_origin=policy.constant_origin,
        timing_allow_origin="same-as-origins" if policy.timing_allow_origin else None,
        cross_origin_resource_policy=cast("ResourcePolicy | None", policy.cross_origin_resource_policy),
        websocket_origin_check=policy.websocket_origin_check,
        report_only=policy.report_only,
        dangerously_allow_null_origin=policy.allow_null_origin,
        dangerously_allow_insecure_origins=policy.allow_insecure_origins,
        dangerously_allow_public_suffix=policy.allow_public_suffix,
    )


def origin_entry(pattern: OriginPattern) -> str | RegexEntry:
    """The entry of `allow_origins` that a pattern was read from."""
    return pattern.text if pattern.regex is None else RegexEntry(pattern.regex)


def _origins(policy: Policy) -> tuple[str | RegexEntry, ...]:
    if policy.any_origin:
        return ("*",)
    # The flag alone allows null; the entry keeps a list that has nothing else from being empty.
    return (*map(origin_entry, policy.allow_origins), *(("null",) if policy.allow_null_origin else ()))


def _names(entries: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in entries if name != "*"))


def _has_star(entries: Iterable[str] | None) -> bool:
    return "*" in (entries or ())


def _star(is_any: bool) -> tuple[str, ...]:
    return ("*",) if is_any else ()
