"""Rules for keys that have no effect beside the others: leftovers, or a sign that something else is missing."""

from collections.abc import Collection, Iterator

from cors_gateway.config.lint.finding import Finding
from cors_gateway.config.written_policy import WrittenPolicy


def dangerous_without_effect(policy: WrittenPolicy, findings: Collection[Finding]) -> Iterator[Finding]:
    """A dangerous switch that does nothing now takes effect unseen with a later change.

    Only a warning: whoever switches credentials off in an emergency must not be stopped by what belonged to them.

    `findings` are those about `allow_origins`: what a switch permits is reported there as a warning.
    """
    if any(finding.severity == "error" for finding in findings):
        return  # nobody knows yet what the list will be
    codes = {finding.code for finding in findings}
    if policy.dangerously_allow_null_origin and "allow_origins.null" not in codes:
        yield _idle("dangerously_allow_null_origin", 'allow_origins "*" covers null already')
    for key, code, what in (
        ("dangerously_allow_insecure_origins", "allow_origins.insecure", "plain http origin"),
        ("dangerously_allow_public_suffix", "allow_origins.public_suffix", "wildcard under a public suffix"),
    ):
        if not getattr(policy, key):
            continue
        if not policy.allow_credentials:
            yield _idle(key, "it only matters together with allow_credentials: true")
        elif code not in codes:
            yield _idle(key, f"allow_origins has no {what}")


def nobody_to_refuse(policy: WrittenPolicy) -> Iterator[Finding]:
    """With `*` every origin is allowed, so there is none that a switch could refuse."""
    if "*" not in (policy.allow_origins or ()):
        return
    if policy.on_disallowed_request == "reject":
        yield _idle(
            "on_disallowed_request", 'allow_origins "*" allows every origin, so no request is refused'
        )
    if policy.websocket_origin_check:
        yield _idle(
            "websocket_origin_check", 'allow_origins "*" allows every origin, so no handshake is refused'
        )


def nothing_to_merge(policy: WrittenPolicy) -> Iterator[Finding]:
    """The star exposes whatever the backend would add."""
    if policy.upstream_expose in ("merge", "all") and "*" in (policy.expose_headers or ()):
        yield _idle("upstream_expose", 'expose_headers "*" exposes everything that the backend would add')


RULES = (nobody_to_refuse, nothing_to_merge)


def _idle(key: str, why: str) -> Finding:
    # Never an error: switching something off in an emergency has to load.
    return Finding("warning", "schema.conflict", f"{key} has no effect: {why}", "remove it", (key,))
