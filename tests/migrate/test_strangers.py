"""The origin that the report names with a loose expression: nginx lets it in, and its owner cannot have meant it."""

import re
from pathlib import Path

import pytest

from cors_gateway.migrate.nginx.importer import import_nginx

SERVER = """\
server {{
    listen 80;
    location / {{
        if ($http_origin ~ "{expression}") {{ add_header Access-Control-Allow-Origin $http_origin always; }}
        proxy_pass http://10.0.0.1:80;
    }}
}}
"""


@pytest.mark.parametrize(
    ("expression", "code", "stranger"),
    [
        (r"^https://[a-z0-9-]+.preview.shop.test$", "unescaped_dot", "https://axpreviewxshop.test"),
        (r"^https://app.shop\.test$", "unescaped_dot", "https://appxshop.test"),
        (r"^https://.*shop\.com$", "no_label_boundary", "https://evilshop.com"),
        (r"^https://.+shop\.com$", "no_label_boundary", "https://wxshop.com"),
        (r"^https://app\.shop\.test", "unanchored_regex", "https://app.shop.test.evil.example"),
        (r"^https://[a-z-]+\.vercel\.app$", "public_suffix_origin", "https://evila.vercel.app"),
    ],
)
def test_the_stranger_gets_in_and_was_not_meant(
    tmp_path: Path, expression: str, code: str, stranger: str
) -> None:
    path = tmp_path / "site.conf"
    path.write_text(SERVER.format(expression=expression))

    (message,) = [finding.message for finding in import_nginx([path]).findings if finding.code == code]

    assert message.endswith(f" {stranger} gets through.")
    assert re.search(expression, stranger)
