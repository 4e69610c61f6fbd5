"""Rules for entries of `allow_origins` that stand for pages outside the web: extensions, webviews and local files."""

from collections.abc import Iterator

from cors_gateway.config.lint.finding import Finding
from cors_gateway.config.lint.origins import Origins
from cors_gateway.policy.origin import LOCAL_FILES
from cors_gateway.policy.quoting import shown
from cors_gateway.policy.schemes import RANDOM_HOSTS, STABLE_HOSTS


def whole_schemes(origins: Origins) -> Iterator[Finding]:
    """The host of an extension says nothing, so nobody can be told apart; often there is nothing narrower to write."""
    for index, pattern in origins.patterns:
        if not pattern.any_host:
            continue
        hint = (
            f"list the identifier of your extension, as in {pattern.scheme}://abcdefghijklmnopabcdefghijklmnop"
            if pattern.scheme in STABLE_HOSTS
            else "keep it if that is meant, and let the backend ask for a token of the user"
        )
        yield Finding(
            "warning",
            "allow_origins.any_host",
            f"{shown(pattern.text)} lets in {RANDOM_HOSTS[pattern.scheme]}{_as_the_user(origins)}",
            hint,
            ("allow_origins", index),
        )


def local_files(origins: Origins) -> Iterator[Finding]:
    """A page from the disk has no owner that a browser knows."""
    for index, pattern in origins.patterns:
        if pattern.text == LOCAL_FILES and pattern.regex is None:
            yield Finding(
                "warning",
                "allow_origins.local_files",
                f"{shown(pattern.text)} lets in every page that is opened from a disk, downloads and"
                f" attachments among them{_as_the_user(origins)}",
                "serve the page of an app under a scheme of its own; browsers send null for local files"
                " unless they are given access to files",
                ("allow_origins", index),
            )


RULES = (whole_schemes, local_files)


def _as_the_user(origins: Origins) -> str:
    return ", and with credentials each acts as the user" if origins.policy.allow_credentials else ""
