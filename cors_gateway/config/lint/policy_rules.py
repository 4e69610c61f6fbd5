"""The door to the rules for one policy, and the step from what was written to what it means."""

from collections.abc import Iterable

from cors_gateway.config.lint import (
    answer_options,
    conflicts,
    expose_headers,
    methods,
    origins,
    public_origins,
    request_headers,
)
from cors_gateway.config.lint.finding import Finding, PolicyInput
from cors_gateway.policy.policy import Policy

_RULES = (
    *methods.RULES,
    *request_headers.RULES,
    *expose_headers.RULES,
    *answer_options.RULES,
    *public_origins.RULES,
    *conflicts.RULES,
)
_DEFAULT_METHODS = ("GET", "HEAD", "POST")


def lint_policy(policy: PolicyInput) -> list[Finding]:
    """Apply every rule. A finding of severity `error` means that the policy must not be used."""
    read = origins.read_origins(policy)
    findings = [finding for rule in origins.RULES for finding in rule(read)]
    findings.extend(conflicts.dangerous_without_effect(policy, tuple(findings)))
    findings.extend(finding for rule in _RULES for finding in rule(policy))
    return findings


def build_policy(policy: PolicyInput) -> Policy:
    """Normalise a policy for which `lint_policy` reported no error.

    Raises ValueError for one that has an entry in `allow_origins` that does not parse.
    """
    read = origins.read_origins(policy)
    if read.faults:
        raise ValueError(read.faults[0][1].message)
    any_origin = bool(read.stars)
    return Policy(
        allow_origins=() if any_origin else tuple(pattern for _, pattern in read.patterns),
        any_origin=any_origin,
        allow_null_origin=policy.dangerously_allow_null_origin,
        allow_methods=_named(
            _DEFAULT_METHODS
            if policy.allow_methods is None
            else map(methods.normalised, policy.allow_methods)
        ),
        any_method="*" in (policy.allow_methods or ()),
        allow_headers=_named(map(str.lower, policy.allow_headers or ())),
        any_header="*" in (policy.allow_headers or ()),
        expose_headers=_named(map(str.lower, policy.expose_headers or ())),
        expose_any="*" in (policy.expose_headers or ()),
        allow_credentials=policy.allow_credentials,
        max_age=policy.max_age,
        allow_private_network=policy.allow_private_network,
        preflight_status=204 if policy.preflight_status is None else policy.preflight_status,
        diagnose_preflight_failure=policy.preflight_failure == "diagnose",
        reject_disallowed_request=policy.on_disallowed_request == "reject",
        public_origins=tuple(dict.fromkeys(policy.public_origins or ())),
        strip_origin=policy.forward_origin == "strip",
        merge_upstream_expose=policy.upstream_expose == "merge",
        timing_allow_origin=policy.timing_allow_origin == "same-as-origins",
        cross_origin_resource_policy=policy.cross_origin_resource_policy,
        websocket_origin_check=policy.websocket_origin_check,
        report_only=policy.report_only,
    )


def _named(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name != "*"))
