"""A certificate for the TLS rows: ECDSA P-256, issued on the spot by an authority nobody trusts."""

from pathlib import Path

import trustme

from tests.benchmarks.site import HOST, Certificate


def issue(folder: Path) -> Certificate:
    pair = trustme.CA().issue_cert(HOST, "localhost", "127.0.0.1")
    certificate = Certificate(folder / "chain.pem", folder / "key.pem", folder / "both.pem")
    certificate.chain.write_bytes(b"".join(blob.bytes() for blob in pair.cert_chain_pems))
    certificate.key.write_bytes(pair.private_key_pem.bytes())
    certificate.both.write_bytes(pair.private_key_and_cert_chain_pem.bytes())
    return certificate
