"""What is a serialised origin and what is not."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.policy.origin import MAX_ORIGIN_LENGTH, Origin, canonical_ipv6, ends_in_number, parse_origin
from tests.policy.strategies import almost_origins, origins

LONG_LABEL = "a" * 63
LONGEST_NAME = ".".join([LONG_LABEL, LONG_LABEL, LONG_LABEL, "a" * 61])

WELL_FORMED = [
    ("https://example.com", Origin("https", "example.com")),
    ("https://example.com:8443", Origin("https", "example.com", 8443)),
    ("http://example.com:443", Origin("http", "example.com", 443)),
    ("https://example.com:80", Origin("https", "example.com", 80)),
    ("https://example.com.", Origin("https", "example.com.")),
    ("http://localhost:1", Origin("http", "localhost", 1)),
    ("http://localhost:65535", Origin("http", "localhost", 65535)),
    ("https://my_host.-a-.com", Origin("https", "my_host.-a-.com")),
    ("https://192.0.2.1", Origin("https", "192.0.2.1")),
    ("https://192.0.2.1.example.com", Origin("https", "192.0.2.1.example.com")),
    ("https://1a.2b", Origin("https", "1a.2b")),
    ("http://[::1]:9090", Origin("http", "[::1]", 9090)),
    ("http://[2001:db8::7]", Origin("http", "[2001:db8::7]")),
    ("http://[1:0:2:0:3:0:4:0]", Origin("http", "[1:0:2:0:3:0:4:0]")),
    ("capacitor://localhost", Origin("capacitor", "localhost")),
    ("app://obsidian.md", Origin("app", "obsidian.md")),
    ("a+b-c.1://x", Origin("a+b-c.1", "x")),
    (f"https://{LONG_LABEL}.com", Origin("https", f"{LONG_LABEL}.com")),
    (f"https://{LONGEST_NAME}:65535", Origin("https", LONGEST_NAME, 65535)),
    (f"{'a' * 64}://{LONGEST_NAME}:65535", Origin("a" * 64, LONGEST_NAME, 65535)),
]

MALFORMED = [
    ("", "empty"),
    ("null", "opaque"),
    ("*", "a star"),
    ("example.com", "no scheme"),
    ("https:example.com", "no slashes"),
    ("https:/example.com", "one slash"),
    ("https:///example.com", "three slashes"),
    ("://example.com", "empty scheme"),
    ("1http://example.com", "scheme beginning with a digit"),
    ("ht_tp://example.com", "scheme with an underscore"),
    ("HTTPS://example.com", "upper-case scheme"),
    (f"{'a' * 65}://x", "scheme too long"),
    ("https://", "no host"),
    ("https://:8443", "no host before the port"),
    ("https://Example.com", "upper-case host"),
    ("https://.example.com", "empty first label"),
    ("https://a..example.com", "empty label"),
    ("https://example.com..", "two trailing dots"),
    ("https://.", "only a dot"),
    (f"https://{'a' * 64}.com", "label too long"),
    (f"https://{LONGEST_NAME}a", "host too long"),
    (f"https://{LONGEST_NAME}.", "host too long with its dot"),
    ("https://example.com/", "path"),
    ("https://example.com?x", "query"),
    ("https://example.com#x", "fragment"),
    ("https://a@example.com", "user name"),
    ("https://example%2ecom", "percent sign"),
    ("https://example.com\\a", "backslash"),
    ("https://bücher.example", "raw non-ASCII"),
    ("https://exa mple.com", "space"),
    (" https://example.com", "leading space"),
    ("https://example.com\t", "trailing tab"),
    ("https://example.com\n", "newline"),
    ("https://example.com\0", "NUL"),
    ("https://a.com,https://b.com", "list"),
    ("https://example.com:", "colon without port"),
    ("https://example.com:0", "port zero"),
    ("https://example.com:65536", "port too high"),
    ("https://example.com:999999", "port with six digits"),
    ("https://example.com:08443", "leading zero"),
    ("https://example.com:+8443", "signed port"),
    ("https://example.com:8_443", "underscore in the port"),
    ("https://example.com:٣", "digits of another script"),
    ("https://example.com:443", "default port"),
    ("http://example.com:80", "default port"),
    ("http://127.1", "short IPv4"),
    ("http://2130706433", "decimal IPv4"),
    ("http://0x7f000001", "hexadecimal IPv4"),
    ("http://0x", "hexadecimal IPv4 without digits"),
    ("http://127.0.0.01", "octal-looking IPv4"),
    ("http://127.0.0.256", "IPv4 out of range"),
    ("http://1.2.3.4.", "IPv4 with a trailing dot"),
    ("http://a.1", "name that ends in a number"),
    ("http://[::1", "unclosed bracket"),
    ("http://[]", "empty brackets"),
    ("http://[:]", "half an address"),
    ("http://[127.0.0.1]", "IPv4 in brackets"),
    ("http://[example]", "name in brackets"),
    ("http://::1", "IPv6 without brackets"),
    ("http://[::1]x", "text after the bracket"),
    ("http://[::1].com", "labels after the bracket"),
    ("http://[2001:DB8::7]", "upper-case IPv6"),
    ("http://[0:0:0:0:0:0:0:1]", "uncompressed IPv6"),
    ("http://[2001:db8:0::7]", "partly compressed IPv6"),
    ("http://[2001:0db8::7]", "leading zero in IPv6"),
    ("http://[::ffff:1.2.3.4]", "mapped IPv4"),
    ("http://[::ffff:102:304]", "mapped IPv4 in hexadecimal"),
    ("http://[fe80::1%eth0]", "zone"),
    ("http://[fe80::1%25eth0]", "escaped zone"),
]


@pytest.mark.parametrize(("text", "origin"), WELL_FORMED)
def test_a_serialised_origin_is_read(text: str, origin: Origin) -> None:
    assert parse_origin(text.encode()) == origin
    assert str(origin) == text


@pytest.mark.parametrize(("text", "what"), MALFORMED)
def test_anything_else_is_malformed(text: str, what: str) -> None:
    assert parse_origin(text.encode()) is None, what


def test_the_longest_origin_is_as_long_as_the_bound() -> None:
    assert max(len(text) for text, _ in WELL_FORMED) == MAX_ORIGIN_LENGTH


@given(almost_origins)
def test_what_is_read_is_written_the_same(value: bytes) -> None:
    """No byte string raises, and an accepted one is the only spelling of its origin."""
    origin = parse_origin(value)
    assert origin is None or str(origin).encode() == value


@given(origins)
def test_every_serialised_origin_is_accepted(text: str) -> None:
    assert parse_origin(text.encode()) is not None


@given(st.integers(0, 2**128 - 1))
def test_ipv6_has_one_spelling(number: int) -> None:
    address = ipaddress.IPv6Address(number)
    expected = None if address.ipv4_mapped else address.compressed
    assert canonical_ipv6(address.exploded) == expected
    is_origin = parse_origin(f"http://[{address.compressed}]".encode()) is not None
    assert is_origin is (expected is not None)


@pytest.mark.parametrize("text", ["fe80::1%eth0", "fe80::1%", "1.2.3.4", "example", ""])
def test_what_is_no_plain_ipv6_address_has_no_spelling(text: str) -> None:
    assert canonical_ipv6(text) is None


@given(st.lists(st.integers(0, 300), min_size=1, max_size=5))
def test_only_four_octets_make_an_ipv4_origin(octets: list[int]) -> None:
    host = ".".join(map(str, octets))
    is_address = len(octets) == 4 and max(octets) <= 255
    assert ends_in_number(host)
    assert (parse_origin(f"http://{host}".encode()) is not None) is is_address
