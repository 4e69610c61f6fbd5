"""What of a configuration is a secret, and how it is shown to people all the same.

Secrets are user names and passwords in URLs, and the values of keys that hold one. A reference such as `${TOKEN}` or
`${file:token}` names a secret and is none, but its default is. Nothing here decides anything.
"""

import re

from cors_gateway.policy.quoting import REDACTED, without_userinfo

_DEFAULT = re.compile(r"(\$\{[A-Za-z_][A-Za-z0-9_]*(?::[-=+]|[-=+]))([^}]*)\}")
"""As the shell has it; all but `:-` are mistakes here, with a secret in them all the same."""
_KEY = r"token|authorization|cookie|\w+-[\w-]*(?:key|token|secret|password|credential)s?"
"""The admin token, and names of header fields; `key` alone is the path of a file."""
_VALUE = re.compile(
    rf"""(?<![\w-])(["']?(?:{_KEY})["']?\s*:\s+)("[^"]*"?|'[^']*'?|(?:\$\{{[^}}]*\}}|[^\s,}}])+)""",
    re.IGNORECASE,
)


def redacted_reference(written: str) -> str:
    """The references of a secret as they were written, without their defaults. Loads again wherever they are set."""
    return _DEFAULT.sub(rf"\1{REDACTED}}}", written)


def redacted_line(line: str) -> str:
    """A line of a file, with asterisks for its secrets; places in it stay where they are."""
    return without_userinfo(
        _VALUE.sub(lambda found: found[1] + _redacted_value(found[2]), line), is_aligned=True
    )


def _redacted_value(written: str) -> str:
    if "${" in written:
        return _DEFAULT.sub(lambda found: f"{found[1]}{'*' * len(found[2])}}}", written)
    quote = written[0] if written[0] in "\"'" else ""
    inner = written.removeprefix(quote).removesuffix(quote) if quote else written
    return written.replace(inner, "*" * len(inner), 1) if inner else written
