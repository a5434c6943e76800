"""A small tus 1.0.0 client: one file, in pieces, with its progress."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpx

PIECE = 8 * 1024
_VERSION = {"Tus-Resumable": "1.0.0"}


@dataclass(frozen=True)
class Transfer:
    """An upload under way. `sent` counts bytes; `document` is the document's id."""

    document: str
    sent: int


def transfer(http: httpx.Client, content: bytes, *, uploads: str, metadata: Mapping[str, str]) -> Iterator[Transfer]:
    """Uploads the file, telling after each piece how far it is; `uploads` is the server's creation URL.

    The client's own headers carry who deposits. Raises httpx.HTTPError.
    """
    encoded = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in metadata.items())
    created = http.post(
        uploads, headers={**_VERSION, "Upload-Length": str(len(content)), "Upload-Metadata": encoded}
    ).raise_for_status()
    location = created.headers["Location"]
    document = location.rpartition("/")[2]
    offset = 0
    while offset < len(content):
        answer = http.patch(
            location,
            content=content[offset : offset + PIECE],
            headers={**_VERSION, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"},
        ).raise_for_status()
        offset = int(answer.headers["Upload-Offset"])
        yield Transfer(document, offset)
