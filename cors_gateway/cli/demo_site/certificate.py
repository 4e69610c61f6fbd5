"""What `demo --tls` needs to serve over TLS: a certificate that nobody vouches for, and a configuration that names it.

The certificate is made by the program `openssl`, because a gateway needs no library for it. Everything is in one
directory, which the caller removes.
"""

import ipaddress
import subprocess
from pathlib import Path

from cors_gateway.cli.demo_site.site import CONFIGURATION
from cors_gateway.snapshot import ServerTls

DAYS = 30
"""Longer than anybody runs a demo."""
PLAIN_LISTENER = '- "${DEMO_LISTEN:-0.0.0.0:8080}"'
TLS_LISTENER = (
    '- {address: "${DEMO_LISTEN:-0.0.0.0:8080}", tls: {certificate: certificate.pem, key: key.pem}}'
)
"""In the same line, so that explanations name the lines of the file that everybody has."""

_SECONDS = 30.0


class NoCertificateError(Exception):
    """The certificate could not be made; the message says why and what to do."""


def make_certificate(directory: Path, host: str) -> ServerTls:
    """Make a certificate for `host` and every name of this machine. Raises NoCertificateError."""
    made = ServerTls(str(directory / "certificate.pem"), str(directory / "key.pem"))
    names = ",".join(dict.fromkeys([_name(host), "DNS:localhost", "IP:127.0.0.1", "IP:::1"]))
    command = [
        *("openssl", "req", "-x509", "-nodes", "-sha256", "-days", str(DAYS)),
        *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
        *("-subj", "/CN=cors-gateway demo", "-addext", f"subjectAltName={names}"),
        *("-out", made.certificate, "-keyout", made.key),
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SECONDS)  # noqa: S603
    except FileNotFoundError as error:
        raise NoCertificateError(
            "--tls makes a certificate with the program openssl, which is not installed here; install it, or start the"
            " demo without --tls"
        ) from error
    except subprocess.CalledProcessError as error:
        said = (error.stderr or "").strip().splitlines()
        raise NoCertificateError(
            f"openssl could not make a certificate: {said[-1] if said else error}"
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoCertificateError(f"openssl could not make a certificate: {error}") from error
    return made


def configuration_over_tls(directory: Path) -> Path:
    """Write the demo's configuration with TLS on its listener, beside the certificate."""
    path = directory / CONFIGURATION.name
    path.write_text(CONFIGURATION.read_text().replace(PLAIN_LISTENER, TLS_LISTENER))
    return path


def _name(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"DNS:{host}"
    return "DNS:localhost" if address.is_unspecified else f"IP:{address}"
