"""PROXY protocol headers, as in the examples of its specification and not."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.proxy_protocol import MAX_VERSION_2, ProxyHeader, read_proxy_header

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V4 = ip_address("192.0.2.7").packed + ip_address("10.0.0.1").packed + b"\x1f\x90\x01\xbb"
V6 = ip_address("2001:db8::7").packed + ip_address("::1").packed + b"\x1f\x90\x01\xbb"
MAPPED = ip_address("::ffff:192.0.2.7").packed + ip_address("::1").packed + b"\x1f\x90\x01\xbb"
UNIX = b"/run/client.sock".ljust(108, b"\0") + b"/run/gw.sock".ljust(108, b"\0")
TLV = b"\x03\x00\x04\x01\x02\x03\x04\x04\x00\x00"


def version_2(command: int, family: int, rest: bytes) -> bytes:
    return SIGNATURE + bytes((command, family)) + len(rest).to_bytes(2, "big") + rest


WELL_FORMED = [
    (b"PROXY TCP4 192.0.2.7 10.0.0.1 8080 443\r\n", "192.0.2.7", 8080),
    (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255", 65535),
    (b"PROXY TCP6 2001:DB8::7 ::1 0 443\r\n", "2001:db8::7", 0),
    (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 8080 443\r\n", "192.0.2.7", 8080),
    (b"PROXY UNKNOWN\r\n", None, 0),
    (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", None, 0),
    (version_2(0x21, 0x11, V4), "192.0.2.7", 8080),
    (version_2(0x21, 0x12, V4), "192.0.2.7", 8080),
    (version_2(0x21, 0x11, V4 + TLV), "192.0.2.7", 8080),
    (version_2(0x21, 0x21, V6), "2001:db8::7", 8080),
    (version_2(0x21, 0x21, MAPPED + TLV * 20), "192.0.2.7", 8080),
    (version_2(0x21, 0x31, UNIX), "", 0),
    (version_2(0x21, 0x00, b""), None, 0),
    (version_2(0x21, 0x00, TLV), None, 0),
    (version_2(0x20, 0x00, b""), None, 0),
    (version_2(0x20, 0x11, V4), None, 0),
    (version_2(0x20, 0xFF, b"anything"), None, 0),
    (version_2(0x21, 0x11, V4 + b"\0" * (MAX_VERSION_2 - 12)), "192.0.2.7", 8080),
]


@pytest.mark.parametrize(("header", "address", "port"), WELL_FORMED)
def test_a_header_is_read_as_soon_as_it_is_complete(header: bytes, address: str | None, port: int) -> None:
    expected = ProxyHeader(address, port, len(header))
    assert read_proxy_header(header) == read_proxy_header(header + b"GET / HTTP/1.1\r\n") == expected
    for end in {*range(min(len(header), 300)), len(header) - 1}:
        assert read_proxy_header(header[:end]) is None


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"GET / HTTP/1.1\r\n",
            b"\x16\x03\x01",
            b"PROXY\r\n",
            b"PROXY \r\n",
            b"PROXY TCP4\r\n",
            b"proxy TCP4 ",
        ),
        *(
            b"PROXY  TCP4 192.0.2.7 10.0.0.1 1 2\r\n",
            b"PROXY TCP4 192.0.2.7 10.0.0.1 1 2\n",
            b"PROXY UNKNOWN\n",
        ),
        *(
            b"PROXY TCP4 192.0.2.7 10.0.0.1 1 2 \r\n",
            b"PROXY TCP4 192.0.2.7 10.0.0.1 1\r\n",
            b"PROXY TCP4 \rX",
        ),
        *(b"PROXY TCP4 192.0.2.256 10.0.0.1 1 2\r\n", b"PROXY TCP4 192.0.2.07 10.0.0.1 1 2\r\n"),
        *(
            b"PROXY TCP4 ::1 ::1 1 2\r\n",
            b"PROXY TCP6 192.0.2.7 ::1 1 2\r\n",
            b"PROXY TCP6 fe80::1%a ::1 1 2\r\n",
        ),
        *(b"PROXY TCP4 192.0.2.7 10.0.0.1 65536 2\r\n", b"PROXY TCP4 192.0.2.7 10.0.0.1 01 2\r\n"),
        *(b"PROXY TCP4 192.0.2.7 10.0.0.1 -1 2\r\n", b"PROXY UDP4 192.0.2.7 10.0.0.1 1 2\r\n"),
        *(b"PROXY TCP4 192.0.2.\xb2 10.0.0.1 1 2\r\n", b"PROXY UNKNOWN" + b"x" * 200),
        *(SIGNATURE + b"\x11", SIGNATURE + b"\x22", SIGNATURE[:-1] + b"\r"),
        *(version_2(0x21, 0x11, V4[:-1]), version_2(0x21, 0x21, V4), version_2(0x21, 0x31, V6)),
        *(version_2(0x21, 0x41, V6), version_2(0x21, 0x13, V4), version_2(0x21, 0x11, b"\0" * 2049)),
    ],
)
def test_anything_else_is_refused_at_once(data: bytes) -> None:
    with pytest.raises(ProtocolFault) as caught:
        read_proxy_header(data)
    assert caught.value.cause in {Cause.PROXY_HEADER, Cause.PROXY_HEADER_TOO_LONG}


@given(
    st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11\0\x0c"]),
    st.binary(max_size=60),
)
def test_the_verdict_does_not_depend_on_the_cuts(start: bytes, rest: bytes) -> None:
    def verdict(ends: range) -> object:
        for end in ends:
            try:
                header = read_proxy_header(data[:end])
            except ProtocolFault as fault:
                return fault.cause
            if header is not None:
                return header
        return None

    data = start + rest
    assert verdict(range(len(data), len(data) + 1)) == verdict(range(len(data) + 1))


@given(
    st.sampled_from(["v1", "v2"]),
    st.tuples(st.ip_addresses(v=4), st.ip_addresses(v=4))
    | st.tuples(st.ip_addresses(v=6), st.ip_addresses(v=6)),
    st.integers(0, 65535),
    st.binary(max_size=40),
)
def test_what_a_balancer_writes_is_read_again(version: str, pair: tuple, port: int, tlvs: bytes) -> None:  # type: ignore[type-arg]
    source, target = pair
    if version == "v1":
        header = f"PROXY TCP{source.version} {source} {target} {port} 443\r\n".encode()
    else:
        ports = port.to_bytes(2, "big") + b"\x01\xbb"
        header = version_2(
            0x21, 0x11 if source.version == 4 else 0x21, source.packed + target.packed + ports + tlvs
        )
    read = read_proxy_header(header + b"GET")
    mapped = getattr(source, "ipv4_mapped", None)
    assert read == ProxyHeader(str(mapped or source), port, len(header))
