"""The door to the rules for one policy."""

from cors_gateway.config.lint import (
    answer_options,
    app_origins,
    conflicts,
    expose_headers,
    methods,
    origins,
    public_origins,
    request_headers,
)
from cors_gateway.config.lint.finding import Finding
from cors_gateway.config.written_policy import WrittenPolicy

_RULES = (
    *methods.RULES,
    *request_headers.RULES,
    *expose_headers.RULES,
    *answer_options.RULES,
    *public_origins.RULES,
    *conflicts.RULES,
)


def lint_policy(policy: WrittenPolicy) -> list[Finding]:
    """Apply every rule. A finding of severity `error` means that the policy must not be used."""
    read = origins.read_origins(policy)
    findings = [finding for rule in (*origins.RULES, *app_origins.RULES) for finding in rule(read)]
    findings.extend(conflicts.dangerous_without_effect(policy, tuple(findings)))
    findings.extend(finding for rule in _RULES for finding in rule(policy))
    return findings
