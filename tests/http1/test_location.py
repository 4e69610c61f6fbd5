"""Where answers send their clients."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.http1.location import BackendLocations, redirect_location
from cors_gateway.http1.prefix import PrefixMap
from cors_gateway.http1.redirect import other_origin

OWN = [(b"backend", 8000), (b"plain", 80), (b"secure", 443), (b"[::1]", 9)]
HOST = b"api.example.com"
REPLACED = BackendLocations(OWN, PrefixMap(b"/api", b"/v1"))
STRIPPED = BackendLocations(OWN, PrefixMap(b"/api", b"/"))
OUTSIDE = BackendLocations(OWN, PrefixMap(b"/", b"/v1"))
AS_IS = BackendLocations(OWN, None)


@pytest.mark.parametrize(
    ("locations", "value", "expected"),
    [
        (AS_IS, b"/login", b"/login"),
        (
            AS_IS,
            b"http://backend:8000/login?next=http://backend:8000/#x",
            b"/login?next=http://backend:8000/#x",
        ),
        (AS_IS, b"HTTP://Backend:8000/login", b"/login"),
        (AS_IS, b"//backend:8000/login", b"/login"),
        (AS_IS, b"http://backend:8000", b"/"),
        (AS_IS, b"http://backend:8000?x", b"/?x"),
        (AS_IS, b"http://backend:8000//evil.example/", b"/evil.example/"),
        (AS_IS, b"http://backend:8000/\\evil.example/", b"/evil.example/"),
        (AS_IS, b"http://backend:8000/\t/evil.example/", b"/evil.example/"),
        (AS_IS, b"http://backend:8000/\t\\\t/evil.example/", b"/evil.example/"),
        (AS_IS, b"h\tttp://backend:80\t00/login", b"/login"),
        (AS_IS, b"/\t/evil.example/", b"//evil.example/"),
        (AS_IS, b"http://backend:8001/login", b"http://backend:8001/login"),
        (AS_IS, b"http://backend/login", b"http://backend/login"),
        (AS_IS, b"http://plain/x", b"/x"),
        (AS_IS, b"http://plain:80/x", b"/x"),
        (AS_IS, b"http://plain:/x", b"/x"),
        (AS_IS, b"https://plain/x", b"https://plain/x"),
        (AS_IS, b"https://secure/x", b"/x"),
        (AS_IS, b"//secure/x", b"/x"),
        (AS_IS, b"http://secure/x", b"http://secure/x"),
        (AS_IS, b"http://[::1]:9/x", b"/x"),
        (AS_IS, b"http://[::1]/x", b"http://[::1]/x"),
        (AS_IS, b"http://user@backend:8000/x", b"http://user@backend:8000/x"),
        (AS_IS, b"https://login.example/backend:8000/", b"https://login.example/backend:8000/"),
        (AS_IS, b"https://api.example.com/x", b"https://api.example.com/x"),
        (AS_IS, b"", b""),
        (AS_IS, b"next", b"next"),
        (AS_IS, b"mailto:a@b.example", b"mailto:a@b.example"),
        (AS_IS, b"\xe9://\xff", b"\xe9://\xff"),
        (REPLACED, b"/v1/users?x=/v1/#/v1/", b"/api/users?x=/v1/#/v1/"),
        (REPLACED, b"/login", b"/login"),
        (REPLACED, b"http://backend:8000/v1/users", b"/api/users"),
        (REPLACED, b"http://api.example.com/v1/users", b"http://api.example.com/api/users"),
        (REPLACED, b"https://API.example.com:443/v1/users?x", b"https://API.example.com:443/api/users?x"),
        (REPLACED, b"https://other.example/v1/users", b"https://other.example/v1/users"),
        (REPLACED, b"//evil.example/v1/", b"//evil.example/v1/"),
        (REPLACED, b"../users", b"../users"),
        (REPLACED, b"/\t/evil.example/v1/", b"//evil.example/v1/"),
        (REPLACED, b"/v1\t/users", b"/api/users"),
        (STRIPPED, b"/login", b"/api/login"),
        (STRIPPED, b"/\t/evil.example/", b"//evil.example/"),
        (STRIPPED, b"/\t\\evil.example/", b"/\\evil.example/"),
        (OUTSIDE, b"/v1/\t/evil.example/", b"/evil.example/"),
        (STRIPPED, b"/", b"/api/"),
        (STRIPPED, b"/api/login", b"/api/login"),
        (STRIPPED, b"http://backend:8000", b"/api/"),
        (STRIPPED, b"https://api.example.com", b"https://api.example.com/api/"),
        (STRIPPED, b"https://api.example.com/login", b"https://api.example.com/api/login"),
    ],
)
def test_a_place_that_the_backend_names_becomes_one_that_the_client_knows(
    locations: BackendLocations, value: bytes, expected: bytes
) -> None:
    assert locations.location(value, HOST) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"5; url=/login", b"5; url=/api/login"),
        (b"0;URL='http://backend:8000/login'", b"0;URL='/api/login'"),
        (b'0.5 , url = "/login" ; x', b'0.5 , url = "/api/login" ; x'),
        (b"5; /login", b"5; /api/login"),
        (b"5 /login", b"5 /api/login"),
        (b"5", b"5"),
        (b"55", b"55"),
        (b"5; url=https://other.example/", b"5; url=https://other.example/"),
        (b"5; url='/login", b"5; url='/api/login"),
        (b"5; url=http://backend:8000/\t/evil.example/", b"5; url=/api/evil.example/"),
        (b"", b""),
        (b"soon; url=/login", b"soon; url=/login"),
    ],
)
def test_a_refresh_is_read_as_browsers_read_it(value: bytes, expected: bytes) -> None:
    assert STRIPPED.refresh(value, HOST) == expected


@pytest.mark.parametrize(
    ("to", "target", "expected"),
    [
        (b"https://www.example.com", b"/a?b=1", b"https://www.example.com/a?b=1"),
        (b"https://www.example.com/new", b"/a", b"https://www.example.com/new/a"),
        (b"https://www.example.com", b"//evil.example/", b"https://www.example.com//evil.example/"),
        (b"https://www.example.com", b"*", b"https://www.example.com/"),
        (b"", b"/a?b", b"/a?b"),
        (b"", b"//evil.example/", b"/evil.example/"),
        (b"", b"/\\evil.example/", b"/evil.example/"),
        (b"/new", b"//evil.example/", b"/new//evil.example/"),
    ],
)
def test_a_redirect_adds_path_and_query(to: bytes, target: bytes, expected: bytes) -> None:
    assert redirect_location(to, target) == expected


@pytest.mark.parametrize(
    ("value", "is_elsewhere"),
    [
        (b"/login", False),
        (b"login", False),
        (b"?x=https://a.example", False),
        (b"", False),
        (b"https://api.example.com/login", False),
        (b"https://API.example.com:443/login", False),
        (b"//api.example.com", False),
        (b"http://api.example.com/login", True),
        (b"https://api.example.com:8443/", True),
        (b"https://login.example.com/", True),
        (b"//login.example.com/", True),
        (b"/\\login.example.com/", True),
        (b"https:\\\\login.example.com", True),
        (b"/\t/login.example.com/", True),
        (b"\t/\t\\login.example.com/", True),
        (b"/\tlogin", False),
        (b"ht\ttps://api.example.com/login", False),
        (b"https://api.example.com@login.example.com/", True),
        (b"app://open", True),
        (b"mailto:a@b.example", True),
    ],
)
def test_a_redirect_leads_elsewhere_if_the_origin_is_another(value: bytes, is_elsewhere: bool) -> None:
    assert bool(other_origin(value, b"https", HOST)) is is_elsewhere


@given(
    st.binary(max_size=40)
    | st.text("/\\\t.evil", max_size=8).map(lambda text: b"http://backend:8000/" + text.encode()),
    st.sampled_from([AS_IS, REPLACED, STRIPPED, OUTSIDE]),
)
def test_whatever_the_backend_says_nothing_is_added_that_could_be_another_host(
    value: bytes, locations: BackendLocations
) -> None:
    """Browsers drop tabs wherever they stand."""
    read = value.replace(b"\t", b"")

    changed = locations.location(value, HOST)

    assert changed == read or changed.startswith((b"/", read[:4]))
    assert changed == read or not changed.startswith((b"//", b"/\\")) or read.startswith(b"//")
    assert set(changed) <= set(read) | set(b"/api")
    locations.refresh(value, HOST)
