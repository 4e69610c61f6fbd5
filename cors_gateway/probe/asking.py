"""Putting questions to an endpoint, one after the other, with a pause between: the only module here that opens sockets.

Nothing is sent but what a question says and who asks. Redirects are not followed, cookies not kept, bodies not read, and
neither proxies nor passwords are taken from the surroundings.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import aiohttp
from yarl import URL

from cors_gateway import __version__
from cors_gateway.explain.described_request import Target
from cors_gateway.probe.question import Answer, Exchange, Question, curl_line

USER_AGENT = f"cors-gateway/{__version__}"
_LONGEST_LINE = 64 * 1024
_NOT_ADDED = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
"""Fields that the client would add by itself."""


class EndpointError(Exception):
    """The endpoint cannot be asked; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How to ask."""

    timeout: float = 10.0
    """Seconds for one answer's head."""
    pause: float = 0.1
    """Seconds between two questions."""
    is_insecure: bool = False
    """Take any certificate."""
    ca_file: str | None = None
    """Certificates to trust in place of the system's."""
    host: str = ""
    """What `Host` says, and TLS asks for, in place of the URL's host."""


class Endpoint:
    """A server under one origin. Questions name the host that is meant, which need not be that of the address."""

    def __init__(self, base: str, session: aiohttp.ClientSession, manner: Manner) -> None:
        self._base = base
        self._session = session
        self._manner = manner
        self._has_answered = False

    async def ask(self, questions: Sequence[Question]) -> list[Exchange]:
        """One exchange for each question. Raises EndpointError if not even the first one ever is answered."""
        exchanges = []
        for question in questions:
            if self._has_answered:
                await asyncio.sleep(self._manner.pause)
            exchange = await self._ask(question)
            if exchange.answer is None and not self._has_answered:
                raise EndpointError(f"no answer from {self._base}{question.path}: {exchange.failure}")
            self._has_answered = True
            exchanges.append(exchange)
        return exchanges

    async def _ask(self, question: Question) -> Exchange:
        manner, url = self._manner, self._base + question.path
        asked = Exchange(
            question, None, "", curl_line(question, url, host=manner.host, options=_flags(manner))
        )
        headers = [("User-Agent", USER_AGENT), ("Accept", "*/*"), *question.fields]
        if manner.host:
            headers.append(("Host", manner.host))
        is_tls = url.startswith("https:")
        try:
            response = await self._session.request(
                question.method,
                URL(url, encoded=True),
                headers=headers,
                allow_redirects=False,
                server_hostname=_name(manner.host) if is_tls and manner.host else None,
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return replace(asked, failure=_cause(error, manner))
        lines = tuple((_text(name), _text(value)) for name, value in response.raw_headers)
        _drop(response)
        return replace(asked, answer=Answer(response.status, lines))


@asynccontextmanager
async def endpoint(target: Target, manner: Manner) -> AsyncIterator[Endpoint]:
    """Open it; `target` is an absolute address. Raises EndpointError if `ca_file` cannot be used."""
    timeout = aiohttp.ClientTimeout(total=manner.timeout)
    connector = aiohttp.TCPConnector(ssl=_tls(manner))
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=_NOT_ADDED,
        auto_decompress=False,
        trust_env=False,
        max_line_size=_LONGEST_LINE,
        max_field_size=_LONGEST_LINE,
    ) as session:
        yield Endpoint(target.origin or "", session, manner)


def _text(value: bytes) -> str:
    """A name or a value as text; what could steer a terminal is shown as `\\xNN`."""
    text = value.decode("latin-1")
    return "".join(char if char.isprintable() or char == "\t" else f"\\x{ord(char):02x}" for char in text)


def _drop(response: aiohttp.ClientResponse) -> None:
    """Leave a body unread, however long it is: the connection goes with it, without waiting for a TLS farewell."""
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    response.close()


def _tls(manner: Manner) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=manner.ca_file)
    except OSError as error:
        raise EndpointError(f"{manner.ca_file} holds no certificates to trust: {error}") from None
    if manner.is_insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _flags(manner: Manner) -> tuple[str, ...]:
    if manner.is_insecure:
        return ("--insecure",)
    return () if manner.ca_file is None else ("--cacert", manner.ca_file)


def _name(host: str) -> str:
    """The host without its port."""
    return host if host.endswith("]") else host.rpartition(":")[0] or host


def _reason(error: OSError) -> str:
    """The system's word; look-ups of names have numbers and words of their own."""
    is_system = isinstance(error.errno, int) and error.errno > 0
    return os.strerror(error.errno or 0) if is_system else error.strerror or str(error)


def _cause(error: Exception, manner: Manner) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return f"its certificate is not trusted ({error.certificate_error}); see --cacert and --insecure"
        case aiohttp.ClientConnectorSSLError():
            return f"it does not speak TLS as it should ({error.os_error})"
        case aiohttp.ClientConnectorError():
            return f"no connection ({_reason(error.os_error)})"
        case TimeoutError():
            return f"nothing came within {manner.timeout:g} s; see --timeout"
        case aiohttp.ServerDisconnectedError():
            return "it closed the connection without an answer"
        case aiohttp.ClientResponseError():
            return f"what came is not HTTP ({error.message})"
        case _:
            return str(error) or type(error).__name__
