"""Origins, patterns and byte strings from small alphabets, so that near misses are common."""

from hypothesis import strategies as st

labels = st.sampled_from(["a", "b", "ab", "a-b", "_x", "example", "com", "localhost", "xn--bcher-kva"])
names = st.lists(labels, min_size=1, max_size=4).map(".".join)
addresses = st.sampled_from(["127.0.0.1", "192.0.2.7", "[::1]", "[2001:db8::7]"])
hosts = st.one_of(names, names.map(lambda name: name + "."), addresses)
schemes = st.sampled_from(["http", "https", "app", "chrome-extension"])
ports = st.sampled_from(["", ":1", ":81", ":8443", ":65535"])

origins = st.builds("{}://{}{}".format, schemes, hosts, ports)
"""Serialised origins, all well-formed."""

exact_patterns = origins
wildcard_patterns = st.one_of(
    st.builds("{}://*.{}{}".format, schemes, names, st.one_of(ports, st.just(":*"))),
    st.builds("{}://{}:*".format, schemes, hosts),
)
pattern_texts = st.one_of(exact_patterns, wildcard_patterns)

almost_origins = st.one_of(
    origins.map(str.encode),
    st.builds(
        lambda origin, junk, at: origin[:at] + junk + origin[at:],
        origins,
        st.sampled_from(
            [
                "/",
                ":",
                "@",
                ".",
                "..",
                "*",
                "%",
                "#",
                "?",
                "\\",
                " ",
                "\n",
                "\0",
                "A",
                "é",
                "`",
                "0",
                "-",
                "80",
            ]
        ),
        st.integers(0, 30),
    ).map(str.encode),
    st.binary(max_size=40),
    st.sampled_from([b"", b"null", b"*", b"Null", b"https://", b"https://example.com:443", b"http://a:80"]),
)
"""Well-formed origins, origins with one thing inserted, and arbitrary bytes."""

tokens = st.text("abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=6).map(str.encode)
"""RFC 9110 tokens."""
