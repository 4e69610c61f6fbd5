"""A policy as it could be written: the way back from values to what the rules of the configuration judge.

With it a changed policy is put to the same rules as a file before anybody is told to write it.
"""

from dataclasses import replace

from cors_gateway.config.lint.finding import Finding, PolicyInput, RegexEntry
from cors_gateway.config.lint.policy_rules import lint_policy
from cors_gateway.policy.policy import Policy

FLAGS = {
    "allow_origins.insecure_credentials": "dangerously_allow_insecure_origins",
    "allow_origins.public_suffix": "dangerously_allow_public_suffix",
}
"""What makes a warning of an error, by the error's code."""


def as_written(policy: Policy) -> PolicyInput:
    """An input of the rules that means the policy, which has to be an enforced one, and breaks none of them.

    A policy does not remember the flags it was allowed with: those that it needs are set.
    """
    origins = [
        pattern.text if pattern.regex is None else RegexEntry(pattern.regex)
        for pattern in policy.allow_origins
    ]
    written = PolicyInput(
        allow_origins=("*",) if policy.any_origin else tuple(origins),
        allow_methods=(*_star(policy.any_method), *policy.allow_methods),
        allow_headers=(*_star(policy.any_header), *policy.allow_headers),
        expose_headers=(*_star(policy.expose_any), *policy.expose_headers),
        allow_credentials=policy.allow_credentials,
        max_age=policy.max_age,
        allow_private_network=policy.allow_private_network,
        preflight_status=policy.preflight_status,
        preflight_failure="diagnose" if policy.diagnose_preflight_failure else None,
        on_disallowed_request="reject" if policy.reject_disallowed_request else None,
        public_origins=policy.public_origins,
        forward_origin="strip" if policy.strip_origin else None,
        upstream_expose="merge" if policy.merge_upstream_expose else None,
        timing_allow_origin="same-as-origins" if policy.timing_allow_origin else None,
        cross_origin_resource_policy=policy.cross_origin_resource_policy,  # type: ignore[arg-type]  # one of the three
        websocket_origin_check=policy.websocket_origin_check,
        report_only=policy.report_only,
        dangerously_allow_null_origin=policy.allow_null_origin,
    )
    return _with_needed_flags(written)


def errors(written: PolicyInput) -> list[Finding]:
    """What `check` would refuse."""
    return [finding for finding in lint_policy(written) if finding.severity == "error"]


def with_flags(written: PolicyInput, *flags: str) -> PolicyInput:
    """The same with these `dangerously_...` keys set."""
    given = set(flags)
    return replace(
        written,
        dangerously_allow_insecure_origins=written.dangerously_allow_insecure_origins
        or "dangerously_allow_insecure_origins" in given,
        dangerously_allow_public_suffix=written.dangerously_allow_public_suffix
        or "dangerously_allow_public_suffix" in given,
    )


def _with_needed_flags(written: PolicyInput) -> PolicyInput:
    """With as few flags as will do."""
    one, other = FLAGS.values()
    attempts = (
        written,
        with_flags(written, one),
        with_flags(written, other),
        with_flags(written, one, other),
    )
    return next((attempt for attempt in attempts if not errors(attempt)), attempts[-1])


def _star(is_any: bool) -> tuple[str, ...]:
    return ("*",) if is_any else ()
