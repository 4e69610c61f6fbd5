"""The readings of a request path."""

import itertools
import re
import unicodedata
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.paths import MAX_ODD_PATH, PathFault, resolve
from cors_gateway.routing import RouteKey, RouteTable

ONE_READING = [
    (b"/", b"/"),
    (b"/v1/items", b"/v1/items"),
    (b"/v1/items/", b"/v1/items/"),
    (b"/.well-known/x", b"/.well-known/x"),
    (b"/...", b"/..."),
    (b"/a.b/..c/d..", b"/a.b/..c/d.."),
    (b"/admin.", b"/admin."),
    (b"/a=1&b,c:@!$'()*+", b"/a=1&b,c:@!$'()*+"),
    (b"/%61dmin", b"/admin"),
    (b"/adm%69n/%7euser%2D%5f", b"/admin/~user-_"),
    (b"/caf%c3%a9", b"/caf%C3%A9"),
    (b"/a%20b", b"/a%20b"),
    (b"/100%25", b"/100%25"),
    (b"/a[1]/{x}|^`'", b"/a[1]/{x}|^`'"),
    (b"/.a%20b/%e2%82%ac", b"/.a%20b/%E2%82%AC"),
    (b"/%41%20", b"/A%20"),
    (b"/%e4%bd%a0%E5%A5%BD", b"/%E4%BD%A0%E5%A5%BD"),
    (b"/caf%e9", b"/caf%E9"),
    (b"/" + b"a%20" * 5000, b"/" + b"a%20" * 5000),
]

SEVERAL_READINGS = [
    (b"//admin/x", {b"/admin/x", b"/x"}),
    (b"///admin///x", {b"/admin/x", b"///x", b"/x", b"/"}),
    (b"//u@x/admin", {b"/u@x/admin", b"/admin"}),
    (b"//x", {b"/x", b"/"}),
    (b"/a%3fb%23c", {b"/a"}),
    (b"/admin%23/x", {b"/admin"}),
    (b"/admin%253fx", {b"/admin%3Fx", b"/admin"}),
    (b"/a%0d%0ab", {b"/a", b"/ab"}),
    (b"/a%09", {b"/a"}),
    (b"/a%1f/b", {b"/a", b"/a/b"}),
    (b"/a%7f", {b"/a"}),
    (b"/a%250ab", {b"/a%0Ab", b"/a", b"/ab"}),
    (b"/a%c0%afb", {b"/a/b"}),
    (b"/a%e0%80%afb", {b"/a/b"}),
    (b"/a%f0%80%80%afb", {b"/a/b"}),
    (b"/a%25c0%25afb", {b"/a%C0%AFb", b"/a/b"}),
    (b"/a%ef%bc%8fb", {b"/a/b"}),
    (b"/%ef%bd%81dmin", {b"/admin"}),
    (b"/a%ef%bc%852fb", {b"/a%2Fb", b"/a/b"}),
    (b"/admin//", {b"/admin/"}),
    (b"/%2fadmin/x", {b"//admin/x", b"/admin/x", b"/x"}),
    (b"/a%2Fb", {b"/a/b"}),
    (b"/admin;x=1/y", {b"/admin/y"}),
    (b"/;/admin/x", {b"//admin/x", b"/admin/x", b"/x"}),
    (b"/admin%3bx/y", {b"/admin;x/y", b"/admin/y"}),
    (b"/a;%2fb/c%2fd", {b"/a/c%2Fd", b"/a/c/d", b"/a;/b/c/d", b"/a/b/c/d"}),
    (b"/%5cadmin", {b"/\\admin", b"//admin", b"/admin", b"/"}),
    (b"/%2561dmin", {b"/admin"}),
    (b"/a%252fb", {b"/a%2Fb", b"/a/b"}),
    (b"/a%253bx/b", {b"/a%3Bx/b", b"/a;x/b", b"/a/b"}),
    (b"/a%21b", {b"/a!b"}),
]

FAULTS = [
    b"",
    b"*",
    b"a/b",
    b"/.",
    b"/..",
    b"/./admin",
    b"/../admin",
    b"/public/../admin",
    b"/admin/..",
    b"/admin/.",
    b"/public/%2e%2e/admin",
    b"/public/%2E./admin",
    b"/public/..%2fadmin",
    b"/public%2f..%2fadmin",
    b"/public%5c..%5cadmin",
    b"/public/%252e%252e/admin",
    b"/public/..%252fadmin",
    b"/public/..;/admin",
    b"/public/..;x=1/admin",
    b"/public/..%3b/admin",
    b"/public/;/../admin",
    b"/public/..\\admin",
    b"/a\\b",
    b"/a%00",
    b"/a%2500",
    b"/a%c0%80",
    b"/a%ef%bc%8f..%ef%bc%8fb",
    b"/%ef%bc%8e%ef%bc%8e/b",
    b"/%c0%ae%c0%ae/b",
    b"/a%09../..",
    b"/.%0a./admin",
    b"/a%",
    b"/a%2",
    b"/a%zz",
    b"/a%2g",
    b"/a b",
    b"/a\tb",
    b"/a\x00",
    b"/a\x7f",
    b"/a#b",
    b"/a?b",
    b'/a"b',
    b"/a<b>",
    b"/caf\xc3\xa9",
    b"/a\n",
]


@pytest.mark.parametrize(("path", "canonical"), ONE_READING)
def test_a_plain_path_has_one_reading(path: bytes, canonical: bytes) -> None:
    assert resolve(path) == (canonical,)


@pytest.mark.parametrize(("path", "others"), SEVERAL_READINGS)
def test_an_odd_path_has_every_reading_a_backend_may_have(path: bytes, others: set[bytes]) -> None:
    canonical, *rest = resolve(path)
    assert canonical == re.sub(rb"%[0-9a-f]{2}", lambda escape: escape[0].upper(), path)
    assert set(rest) == others


@pytest.mark.parametrize("path", FAULTS)
def test_a_path_that_no_browser_sends_is_a_fault(path: bytes) -> None:
    with pytest.raises(PathFault):
        resolve(path)


@pytest.mark.parametrize(
    "path",
    [
        b"/admin;x=1/y",
        b"/;/admin/x",
        b"//admin/x",
        b"///admin///x",
        b"/%2fadmin/x",
        b"/%61dmin/x",
        b"/adm%69n/x",
        b"/%5cadmin/x",
        b"/%2561dmin",
        b"/%61dmin%2fx",
        b"//x/admin",
        b"///x/admin",
        b"//u@x:80/admin/y",
        b"/%2fx/admin",
        b"/%252fx/admin",
        b"/%5cx/admin",
        b"/;/x/admin",
        b"/admin%3f",
        b"/admin%23x/y",
        b"/admin%0a",
        b"/admin%0Ax",
        b"/ad%09min/x",
        b"/admin%250a",
        b"/%c1%a1dmin",
        b"/admin%c0%af",
        b"/admin%ef%bc%8fx",
    ],
)
def test_no_spelling_hides_the_protected_prefix(path: bytes) -> None:
    routes = RouteTable([(RouteKey(None, "/admin"), "strict"), (RouteKey(None, "/"), "open")]).for_host(b"gw")
    selected = {routes.select(reading, b"GET") for reading in resolve(path)}
    assert "strict" in selected


def naive_decode(path: bytes) -> bytes:
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda escape: bytes.fromhex(escape[1].decode()), path)


def naive_canonical(path: bytes) -> bytes:
    """Split into escapes and single bytes, and write each in its one spelling."""
    result = b""
    for unit in re.findall(rb"%[0-9A-Fa-f]{2}|.", path, re.DOTALL):
        byte = unit if len(unit) == 1 else bytes.fromhex(unit[1:].decode())
        is_kept = byte not in b'"#%;<>?' or byte == b";"
        if re.fullmatch(rb"[A-Za-z0-9._~-]", byte) or (len(unit) == 1 and is_kept and b"!" <= byte <= b"~"):
            result += byte
        else:
            result += b"%%%02X" % byte[0]
    return result


def naive_authority(path: bytes) -> bytes:
    stripped = path.lstrip(b"/")
    return b"/" + stripped.partition(b"/")[2] if path.startswith(b"//") else path


def naive_overlong(path: bytes) -> bytes:
    for code in range(128):
        high, low = 0x80 | code >> 6, 0x80 | code & 0x3F
        for form in ((0xC0 | code >> 6, low), (0xE0, high, low), (0xF0, 0x80, high, low)):
            path = path.replace(bytes(form), bytes((code,)))
    return path


def naive_nfkc(path: bytes) -> bytes:
    text = path.decode("utf-8", "surrogateescape")
    return unicodedata.normalize("NFKC", text).encode("utf-8", "surrogateescape")


def naive_cut(path: bytes) -> bytes:
    return b"/".join(segment.partition(b";")[0] for segment in path.split(b"/"))


def naive_removal(path: bytes) -> bytes:
    return bytes(byte for byte in path if byte > 31 and byte != 127)


def naive_truncation(path: bytes) -> bytes:
    kept = itertools.takewhile(lambda byte: byte > 31 and byte != 127, iter(path))
    return bytes(kept)


def naive_reference(path: bytes) -> bytes:
    return path.partition(b"#")[0].partition(b"?")[0]


def naive_slash(path: bytes) -> bytes:
    return path.replace(b"\\", b"/")


def naive_merge(path: bytes) -> bytes:
    return re.sub(rb"/+", b"/", path)


NAIVE = (
    *(naive_authority, naive_cut, naive_decode, naive_overlong, naive_nfkc, naive_decode, naive_overlong),
    *(naive_nfkc, naive_removal, naive_truncation, naive_reference, naive_slash, naive_cut, naive_authority),
    naive_merge,
)


def naive_readings(path: bytes) -> set[bytes] | None:
    """Every combination of what backends may do, one after the other; None where any of them meets what is refused."""
    raw = {naive_canonical(path)}
    for act in NAIVE:
        raw = {*raw, *map(act, raw)}
    if any({b".", b".."} & set(reading.split(b"/")) or b"\0" in reading for reading in raw):
        return None
    return {naive_canonical(reading) for reading in raw}


structure = [b"/", b"//", b".", b"..", b";", b"%2f", b"%2F", b"%5c", b"%2e", b"%25", b"%3b"]
odd = [b"%0a", b"%09", b"%7F", b"%00", b"%23", b"%3f", b"%c0%af", b"%ef%bc%8f", b"%ef%bc%8e"]
text = [b"a", b"admin", b"%61", b"%20", b"%c3%A9", b"%40", b"[", b"~", b"=", b"-.", b"%3C"]
pieces = st.sampled_from([*structure, *odd, *text])
odd_paths = st.lists(pieces, max_size=8).map(lambda parts: b"/" + b"".join(parts))


@given(st.one_of(odd_paths, st.binary(max_size=20), st.binary(max_size=20).map(b"/".__add__)))
def test_readings_are_clean_or_there_are_none(path: bytes) -> None:
    """Whatever the bytes: a fault, or distinct absolute paths without dot segments, controls or raw non-ASCII."""
    try:
        readings = resolve(path)
    except PathFault:
        return
    assert len(set(readings)) == len(readings)
    for reading in readings:
        assert re.fullmatch(rb"/[!-~]*", reading)
        assert not {b".", b".."} & set(reading.split(b"/"))


@given(odd_paths)
def test_readings_agree_with_the_naive_ones(path: bytes) -> None:
    expected = naive_readings(path)
    if expected is None:
        with pytest.raises(PathFault):
            resolve(path)
        return
    readings = resolve(path)
    assert readings[0] == naive_canonical(path)
    assert set(readings) == expected


plain_text = st.text(min_size=1).filter(
    lambda text: unicodedata.is_normalized("NFKC", text) and not set("/\\;%.?#") & set(text)
)


@given(st.lists(plain_text, min_size=1))
@example(["é", "a b", "x^y", "你好"])
@example(["line one\nline two\ttab", "\x01"])
def test_what_browsers_escape_reaches_its_route(segments: list[str]) -> None:
    """Text that cannot be mistaken for structure costs no request its route, control characters included."""
    path = b"/app/" + quote_from_bytes("/".join(segments).encode(), safe="/!$&'()*+,:=@[]{}|^`").encode()
    if "\0" in "".join(segments):
        with pytest.raises(PathFault):
            resolve(path)
        return
    readings = resolve(path)
    routes = RouteTable([(RouteKey(None, "/app"), "here"), (RouteKey(None, "/"), "root")]).for_host(b"gw")
    assert {routes.select(reading, b"GET") for reading in readings} == {"here"}


@pytest.mark.parametrize(
    "path",
    [
        b"/" + b"%2f" * 3000,
        b"//u;a%253b%2f%5c%3f%0a%c0%af%25ef%25bc%258f%250a/x" + b"/b;c%2f%5c%253b%0a%3f" * 150,
    ],
)
def test_the_work_that_a_path_may_cause_is_bounded(path: bytes) -> None:
    with pytest.raises(PathFault) as caught:
        resolve(path)
    assert caught.value.cause is Cause.PATH_TOO_AMBIGUOUS
    assert resolve(b"/" + b"a" * 2 * MAX_ODD_PATH) == (b"/" + b"a" * 2 * MAX_ODD_PATH,)


@given(odd_paths)
def test_resolving_the_canonical_reading_changes_nothing(path: bytes) -> None:
    try:
        readings = resolve(path)
    except PathFault:
        return
    assert resolve(readings[0]) == readings
