"""Time stamps by RFC 3161, over HTTP: an authority outside says that a seal was there at a time."""

import asyncio

import httpx
from chassis.errors import Unavailable
from cryptography.x509 import load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from catalog.settings import TsaSettings

# Seconds.
_PATIENCE = 20
_QUERY = {"Content-Type": "application/timestamp-query"}


class TimeStampAuthority:
    """See `ports.Stamper`. Raises OSError or ValueError where there are no root certificates."""

    def __init__(self, settings: TsaSettings, http: httpx.AsyncClient) -> None:
        self._url = settings.url
        self._roots = load_pem_x509_certificates(settings.roots_file.read_bytes())
        self._http = http

    async def stamp(self, said: bytes) -> bytes:
        """See `ports.Stamper`."""
        request = TimestampRequestBuilder(said, HashAlgorithm.SHA256).build()
        try:
            answer = await self._http.post(self._url, content=request.as_bytes(), headers=_QUERY, timeout=_PATIENCE)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise Unavailable("tsa_unreachable", type(error).__name__) from error
        verifier = VerifierBuilder(roots=list(self._roots), nonce=request.nonce).build()
        try:
            response = decode_timestamp_response(answer.content)
            await asyncio.to_thread(verifier.verify_message, response, said)
        except (ValueError, VerificationError) as error:
            raise Unavailable("tsa_stamp_invalid", str(error)) from error
        return answer.content
