"""How long certificates are valid: as OpenSSL reads it, and what is said when little is left."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.config.compile.validity import DAY_SECONDS, earliest_end, left_words, warning
from cors_gateway.config.load import load

AUTHORITY = trustme.CA()
NOW = 1_795_348_800.0
"""2026-11-22T12:00:00Z."""


def issued(ends: datetime, begins: datetime | None = None) -> trustme.LeafCert:
    return AUTHORITY.issue_cert(
        "gateway.test", not_before=begins or ends - timedelta(days=90), not_after=ends
    )


@pytest.mark.parametrize(
    "ends",
    [
        datetime(2026, 12, 1, 3, 4, 5, tzinfo=UTC),
        datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2050, 1, 1, tzinfo=UTC),  # from here on another type of time (RFC 5280 section 4.1.2.5)
        datetime(1999, 12, 31, tzinfo=UTC),
    ],
)
def test_the_end_is_that_of_openssl(ends: datetime, tmp_path: Path) -> None:
    leaf = issued(ends)
    pem = leaf.cert_chain_pems[0].bytes()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    AUTHORITY.configure_trust(context)
    authority = AUTHORITY.cert_pem.bytes()
    (read,) = context.get_ca_certs()

    assert earliest_end(pem) == ends.timestamp()
    assert earliest_end(authority) == ssl.cert_time_to_seconds(str(read["notAfter"]))
    assert earliest_end(authority + pem + authority) == min(ends.timestamp(), earliest_end(authority) or 0)


@given(st.binary(max_size=80))
def test_what_is_no_certificate_ends_nowhere(content: bytes) -> None:
    import base64

    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(content) + b"\n-----END CERTIFICATE-----\n"

    assert earliest_end(content) is None
    assert earliest_end(pem) is None


@pytest.mark.parametrize("cut", [1, 10, 100, 200])
def test_a_certificate_that_is_cut_off_ends_nowhere(cut: int) -> None:
    lines = issued(datetime(2030, 1, 1, tzinfo=UTC)).cert_chain_pems[0].bytes().split(b"\n")
    text = b"".join(lines[1:-2])[: -4 * cut]
    assert earliest_end(b"-----BEGIN CERTIFICATE-----" + text + b"-----END CERTIFICATE-----") is None


@pytest.mark.parametrize(
    ("days", "words", "is_told"),
    [
        (90, "90 days left, until 2027-02-20", False),
        (21, "21 days left, until 2026-12-13", False),
        (20.9, "20 days left, until 2026-12-13", True),
        (1.5, "1 day left, until 2026-11-24", True),
        (0.5, "0 days left, until 2026-11-23", True),
        (-3, "expired on 2026-11-19", True),
    ],
)
def test_what_is_left_in_words(days: float, words: str, is_told: bool) -> None:
    ends = NOW + days * DAY_SECONDS

    assert left_words(ends, NOW) == words
    found = warning(ends, NOW)
    assert (found is not None) == is_told
    assert found is None or words in found[0]


def test_nothing_is_said_of_what_is_not_known() -> None:
    assert warning(None, NOW) is None


def test_the_check_warns_of_certificates_of_listeners_and_for_backends(tmp_path: Path) -> None:
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=5)
    leaf = issued(soon)
    leaf.cert_chain_pems[0].write_to_path(tmp_path / "tls.pem")
    leaf.private_key_pem.write_to_path(tmp_path / "key.pem")
    (tmp_path / "gateway.yaml").write_text(
        """\
version: 1
server: {listen: [{address: "127.0.0.1:8443", tls: {certificate: tls.pem, key: key.pem}}]}
upstreams:
  backend: {servers: ["https://backend.test"], tls: {certificate: tls.pem, key: key.pem}}
routes: [{name: all, path: /, upstream: backend, cors: disabled}]
"""
    )
    loaded = load(tmp_path, {})

    assert loaded.snapshot is not None
    assert loaded.snapshot.certificates == {str(tmp_path / "tls.pem"): soon.timestamp()}
    assert [(found.code, found.line, found.is_error) for found in loaded.problems] == [
        ("tls.expires", 2, False),
        ("tls.expires", 4, False),
    ]
