"""Certificates and keys are looked at when the configuration is checked, not when the first client comes."""

from pathlib import Path

import pytest
import trustme

from cors_gateway.config.compile.effective import effective
from cors_gateway.snapshot import Http2, ServerTls, UpstreamTls
from tests.config.written import load_text

AUTHORITY = trustme.CA()

LISTENER = """\
version: 1
server:
  listen:
    - address: 127.0.0.1:8443
      tls: {certificate: %s, key: %s}
routes:
  - {name: r, path: /, upstream: http://127.0.0.1:9, cors: disabled}
"""
UPSTREAM = """\
version: 1
upstreams:
  b:
    servers: [https://b]
    tls: %s
routes:
  - {name: r, path: /, upstream: b, cors: disabled}
"""


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two certificates with their keys, an authority, and files that are none of these."""
    directory = tmp_path_factory.mktemp("tls")
    for name in ("one", "two"):
        issued = AUTHORITY.issue_cert(f"{name}.example.com")
        issued.cert_chain_pems[0].write_to_path(directory / f"{name}.pem")
        issued.private_key_pem.write_to_path(directory / f"{name}.key")
    AUTHORITY.cert_pem.write_to_path(directory / "ca.pem")
    (directory / "text.pem").write_text("hello")
    (directory / "cut.pem").write_bytes((directory / "one.pem").read_bytes()[:200])
    (directory / "cut.key").write_bytes((directory / "one.key").read_bytes()[:200])
    (directory / "locked.key").write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    return directory


@pytest.mark.parametrize(
    ("written", "http2"),
    [("", Http2.TLS), ("      http2: true\n", Http2.TLS), ("      http2: false\n", Http2.OFF)],
)
def test_a_listener_offers_http_2_unless_it_must_not(written: str, http2: Http2, material: Path) -> None:
    text = (LISTENER % ("one.pem", "one.key")).replace("routes:", f"{written}routes:")
    snapshot = load_text(material, text).snapshot

    assert snapshot is not None
    assert snapshot.server.listen[0].http2 is http2
    assert load_text(material, effective(snapshot)).snapshot == snapshot


def test_cleartext_and_tls_exclude_each_other(material: Path) -> None:
    text = (LISTENER % ("one.pem", "one.key")).replace("routes:", "      http2: cleartext\nroutes:")
    problems = load_text(material, text).problems

    assert [(problem.code, problem.hint) for problem in problems] == [("listen.http2", "write true")]


def test_a_listener_gets_absolute_paths(material: Path) -> None:
    loaded = load_text(material, LISTENER % ("one.pem", "./one.key"))

    assert loaded.problems == ()
    assert loaded.snapshot is not None
    assert loaded.snapshot.server.listen[0].tls == ServerTls(
        str(material / "one.pem"), str(material / "one.key")
    )
    assert {str(material / "one.pem"), str(material / "one.key")} < set(loaded.files)


@pytest.mark.parametrize(
    ("certificate", "key", "found"),
    [
        ("two.pem", "one.key", [("tls.key", "key", "the key does not belong to the certificate")]),
        ("absent.pem", "one.key", [("tls.certificate", "certificate", "no such file")]),
        ("one.pem", "absent.key", [("tls.key", "key", "no such file")]),
        (
            "text.pem",
            "text.pem",
            [
                ("tls.certificate", "certificate", "holds no certificate"),
                ("tls.key", "key", "holds no private key"),
            ],
        ),
        (
            "one.key",
            "one.pem",
            [
                ("tls.certificate", "certificate", "holds no certificate"),
                ("tls.key", "key", "holds no private key"),
            ],
        ),
        ("cut.pem", "one.key", [("tls.certificate", "certificate", "cannot be used: ")]),
        ("one.pem", "cut.key", [("tls.certificate", "certificate", "cannot be used: ")]),
        ("one.pem", "locked.key", [("tls.key", "key", "is encrypted")]),
        (".", "one.key", [("tls.certificate", "certificate", "is a directory")]),
    ],
)
def test_a_pair_that_cannot_be_used(
    certificate: str, key: str, found: list[tuple[str, str, str]], material: Path
) -> None:
    problems = load_text(material, LISTENER % (certificate, key)).problems

    assert [(problem.code, problem.path) for problem in problems] == [
        (code, f"server.listen[0].tls.{at}") for code, at, _ in found
    ]
    assert all(text in problem.message for problem, (_, _, text) in zip(problems, found, strict=True))


def test_what_is_printed_names_the_same_files_from_anywhere(material: Path, tmp_path: Path) -> None:
    listener = load_text(material, LISTENER % ("one.pem", "one.key")).snapshot
    upstream = load_text(material, UPSTREAM % "{ca: ca.pem, server_name: b.example.com}").snapshot

    for snapshot in (listener, upstream):
        assert snapshot is not None
        assert load_text(tmp_path, effective(snapshot)).snapshot == snapshot


def test_an_upstream_gets_absolute_paths(material: Path) -> None:
    text = UPSTREAM % "{ca: ca.pem, certificate: one.pem, key: one.key, server_name: b.example.com}"
    loaded = load_text(material, text)

    assert loaded.problems == ()
    assert loaded.snapshot is not None
    ca, certificate, key = (str(material / name) for name in ("ca.pem", "one.pem", "one.key"))
    assert loaded.snapshot.upstreams["b"].tls == UpstreamTls(ca, certificate, key, "b.example.com")


@pytest.mark.parametrize(
    ("tls", "found"),
    [
        ("{ca: text.pem}", ["tls.ca"]),
        ("{ca: absent.pem}", ["tls.ca"]),
        ("{ca: cut.pem}", ["tls.ca"]),
        ("{certificate: two.pem, key: one.key}", ["tls.key"]),
        ("{certificate: one.pem}", ["schema.conflict"]),
        ("{key: one.key}", ["schema.conflict"]),
        ("{ca: ''}", ["file.missing"]),
        ("{server_name: 'a b'}", ["upstreams.server_name"]),
        ("{verify: false}", ["tls.unverified"]),
    ],
)
def test_what_an_upstream_cannot_use(tls: str, found: list[str], material: Path) -> None:
    assert [problem.code for problem in load_text(material, UPSTREAM % tls).problems] == found


def test_tls_without_an_https_server_has_no_effect(material: Path) -> None:
    text = (UPSTREAM % "{ca: ca.pem}").replace("https://b", "http://b")

    assert [problem.code for problem in load_text(material, text).problems] == ["schema.conflict"]
