"""Schemes of pages that no web server serves, and who can have an origin of them.

Only what `scheme://*` and `file://` mean to an operator. How origins are read is in `origin.py`.
"""

RANDOM_HOSTS = {
    "chrome-extension": "every extension that a user of Chromium has installed",
    "moz-extension": "every extension that a user of Firefox has installed",
    "safari-web-extension": "every extension that a user of Safari has installed",
    "vscode-webview": "every extension of a user's VS Code that shows a page",
}
"""Whom `scheme://*` lets in, by scheme: those whose hosts name no site, most of them random for each installation."""

STABLE_HOSTS = frozenset({"chrome-extension"})
"""Those of them where an extension from the store has the same host everywhere, so that it can be listed."""


def scheme_entry(scheme: str) -> str | None:
    """The entry for pages of a scheme where listing one host would help a single installation; None elsewhere."""
    return f"{scheme}://*" if scheme in RANDOM_HOSTS and scheme not in STABLE_HOSTS else None
