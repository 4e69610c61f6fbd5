"""Rules for entries that stand for extensions, webviews and local files."""

import pytest

from tests.config.lint.said import findings, hint, said

SCHEMES = ["chrome-extension", "moz-extension", "safari-web-extension", "vscode-webview"]


@pytest.mark.parametrize("with_credentials", [False, True], ids=["anonymous", "credentials"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_whole_scheme_is_allowed_with_a_word_about_who_that_is(
    scheme: str, *, with_credentials: bool
) -> None:
    keys = {"allow_origins": [f"{scheme}://*"], "allow_credentials": with_credentials}

    assert said(**keys) == {"warning allow_origins.any_host at allow_origins[0]"}
    assert "every extension" in findings(**keys)[0].message
    assert ("as the user" in findings(**keys)[0].message) == with_credentials


def test_an_extension_with_one_identifier_everywhere_is_better_listed() -> None:
    assert "list the identifier" in hint("allow_origins.any_host", allow_origins=["chrome-extension://*"])


@pytest.mark.parametrize("with_credentials", [False, True], ids=["anonymous", "credentials"])
def test_local_files_are_allowed_with_a_warning(*, with_credentials: bool) -> None:
    assert said(allow_origins=["file://"], allow_credentials=with_credentials) == {
        "warning allow_origins.local_files at allow_origins[0]"
    }


def test_an_app_is_listed_like_any_origin() -> None:
    assert said(allow_origins=["app://.", "capacitor://localhost"], allow_credentials=True) == set()


def test_a_whole_scheme_covers_its_hosts() -> None:
    assert said(allow_origins=["moz-extension://a", "moz-extension://*", "chrome-extension://a"]) == {
        "warning allow_origins.any_host at allow_origins[1]",
        "warning allow_origins.redundant at allow_origins[0]",
    }
