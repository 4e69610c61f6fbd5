"""Defects that only Kubernetes objects have: what a controller makes of them that their owner may not know.

Those that the directives share with any nginx configuration are in `migrate.nginx`.
"""

from cors_gateway.migrate.ingress.directives import directive
from cors_gateway.migrate.ingress.documents import Node
from cors_gateway.migrate.nginx.defect import Defect
from cors_gateway.migrate.nginx.sentences import BROKEN, RISK, SECURITY, Sentences, finding_of
from cors_gateway.migrate.outcome import Finding

SENTENCES = {
    "invalid_list_is_star": Sentences(
        SECURITY,
        "ingress-nginx does not take the value {value}, and allows every origin instead: one slash or path too many opens it to everybody.",
        "The origins that were meant are listed, without credentials: a star never let cookies through. Set allow_credentials: true if they are needed.",
    ),
    "everybody_by_default": Sentences(
        RISK,
        "Nothing says who may read, so ingress-nginx answers with a star: every page may.",
        'Written as allow_origins: ["*"]; list the origins if not everybody is meant.',
    ),
    "credentials_by_default": Sentences(
        RISK,
        "Nothing says whether credentials are allowed, so ingress-nginx allows them: the listed pages read with the cookies of their visitors.",
        "Kept as it was; remove allow_credentials: true if these pages need no cookies.",
    ),
    "annotation_invalid": Sentences(
        BROKEN,
        "ingress-nginx does not take the value {value}; what counts is its default, {default}.",
        "Written as what counted. Say what is meant in the policy.",
    ),
    "annotation_unknown": Sentences(
        BROKEN,
        "ingress-nginx knows no such annotation; it does nothing.",
        "{meant}",
    ),
    "cors_not_enabled": Sentences(
        BROKEN,
        'Without enable-cors: "true" the other annotations about CORS do nothing.',
        "The backend's own CORS headers go through, as before. To enforce this policy, write it and name it on the route.",
    ),
    "origin_skipped": Sentences(
        BROKEN,
        "ingress-nginx skips {value}: an origin begins with a scheme, such as https://.",
        "Left out, as it never was let in; add it to allow_origins with its scheme if it is meant.",
    ),
    "paths_become_expressions": Sentences(
        RISK,
        "use-regex or rewrite-target on one Ingress turns every path of the host into an expression without an end, whatever its case: {path} answers for all that begins so, Exact or not.",
        "Paths end where segments end now, and Exact is exact.",
    ),
    "rewrite_loses_path": Sentences(
        BROKEN,
        "rewrite-target without $1 or $2: whatever is asked below {path} arrives at the backend as {target}.",
        "Only the path itself is served, as {target}. To pass on what follows it, write replace_prefix: {target}.",
    ),
    "never_reached": Sentences(
        BROKEN,
        "{winner} takes these requests first, so this is never reached.",
        "Left out.",
    ),
    "forged_headers": Sentences(
        RISK,
        "The backend is told about client certificates in headers; whoever reaches it past the controller can write them too.",
        "The host is closed here, as the gateway does not ask for certificates.",
    ),
}
"""By code. The codes are stable."""


def finding(code: str, at: Node, **words: str) -> Finding:
    """The defect in words."""
    said = SENTENCES[code]
    return Finding(
        code, said.severity, said.message.format_map(words), said.hint.format_map(words), at.file, at.line
    )


def shared(code: str, at: Node, **words: str) -> Finding:
    """A defect that nginx configurations have as well, in the same words."""
    return finding_of(Defect(code, directive("", at=at), words))
