"""The readings of a request path."""

import re
from itertools import product
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cors_gateway.http1.paths import PathFault, resolve
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
    (b"/a%3fb%23c", b"/a%3Fb%23c"),
    (b"/100%25", b"/100%25"),
    (b"/a[1]/{x}|^`'", b"/a[1]/{x}|^`'"),
    (b"/.a%20b/%e2%82%ac", b"/.a%20b/%E2%82%AC"),
    (b"/%41%20", b"/A%20"),
]

SEVERAL_READINGS = [
    (b"//admin/x", {b"/admin/x"}),
    (b"///admin///x", {b"/admin/x"}),
    (b"/admin//", {b"/admin/"}),
    (b"/%2fadmin/x", {b"//admin/x", b"/admin/x"}),
    (b"/a%2Fb", {b"/a/b"}),
    (b"/admin;x=1/y", {b"/admin/y"}),
    (b"/;/admin/x", {b"//admin/x", b"/admin/x"}),
    (b"/admin%3bx/y", {b"/admin;x/y", b"/admin/y"}),
    (b"/a;%2fb/c%2fd", {b"/a/c%2Fd", b"/a/c/d", b"/a;/b/c/d", b"/a/b/c/d"}),
    (b"/%5cadmin", {b"/\\admin", b"//admin", b"/admin"}),
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
    b"/a%0d%0ab",
    b"/a%1f",
    b"/a%7f",
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


def naive_cut(path: bytes) -> bytes:
    return re.sub(rb";[^/]*", b"", path)


def naive_slash(path: bytes) -> bytes:
    return path.replace(b"\\", b"/")


def naive_merge(path: bytes) -> bytes:
    return re.sub(rb"/+", b"/", path)


def naive_readings(path: bytes) -> set[bytes] | None:
    """Every combination of what backends may do, one after the other; None where any of them meets a dot segment."""
    acts = (naive_cut, naive_decode, naive_decode, naive_slash, naive_cut, naive_merge)
    raw = set()
    for choice in product([False, True], repeat=len(acts)):
        reading = naive_canonical(path)
        for is_done, act in zip(choice, acts, strict=True):
            reading = act(reading) if is_done else reading
        raw.add(reading)
    if any({b".", b".."} & set(reading.split(b"/")) for reading in raw):
        return None
    return {naive_canonical(reading) for reading in raw}


structure = [b"/", b"//", b".", b"..", b";", b"%2f", b"%2F", b"%5c", b"%2e", b"%25", b"%3b"]
text = [b"a", b"admin", b"%61", b"%20", b"%c3%A9", b"%40", b"[", b"~", b"=", b"-.", b"%3F"]
pieces = st.sampled_from([*structure, *text])
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


@given(st.lists(st.text(min_size=1).filter(lambda text: not set("/\\;%.") & set(text)), min_size=1))
@example(["é", "a b", "x?y#z"])
def test_what_browsers_escape_has_one_reading(segments: list[str]) -> None:
    """Text that cannot be mistaken for structure costs no request its route."""
    text = "/".join(segments).encode()
    path = b"/" + quote_from_bytes(text, safe="/!$&'()*+,:=@[]{}|^`").encode()
    if re.search(rb"[\x00-\x1f\x7f]", text):
        with pytest.raises(PathFault):
            resolve(path)
        return
    readings = resolve(path)
    routes = RouteTable([(RouteKey(None, path.decode()), "here"), (RouteKey(None, "/"), "root")]).for_host(
        b"gw"
    )
    assert {routes.select(reading, b"GET") for reading in readings} == {"here"}


@given(odd_paths)
def test_resolving_the_canonical_reading_changes_nothing(path: bytes) -> None:
    try:
        readings = resolve(path)
    except PathFault:
        return
    assert resolve(readings[0]) == readings
