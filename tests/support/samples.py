"""Files to deposit: real PDFs of an exact size, no two alike."""

from __future__ import annotations

import hashlib
import random
import uuid
from dataclasses import dataclass, field
from functools import cached_property

PDF = "application/pdf"
# That random gives at once, and less than it could.
_MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Sample:
    """A file as a client has it. `file` is the id the client keeps for it across retries."""

    name: str
    content: bytes
    content_type: str = PDF
    file: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def size(self) -> int:
        return len(self.content)

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def invoice(label: str, *, size: int = 5_000, seed: int | None = None) -> Sample:
    """One page and an attachment of random bytes, `size` bytes in all, under a name that no other has.

    The same `seed` gives the same bytes.
    """
    file = str(uuid.uuid4())
    return Sample(f"{label.removesuffix('.pdf')}_{file[:8]}.pdf", _pdf(size, random.Random(seed)), file=file)  # noqa: S311 (test data)


def _pdf(size: int, chance: random.Random) -> bytes:
    # The length of the filling is itself written with a number of digits: two rounds settle it.
    filling = max(0, size - len(_assembled(b"")))
    for _ in range(2):
        filling -= len(_assembled(bytes(filling))) - size
    document = _assembled(
        b"".join(chance.randbytes(min(_MOST_BYTES, filling - at)) for at in range(0, filling, _MOST_BYTES))
    )
    if len(document) != size:
        raise ValueError(f"no PDF of {size} bytes")
    return document


def _assembled(filling: bytes) -> bytes:
    bodies = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
        b"<</Length %d>>stream\n%b\nendstream" % (len(filling), filling),
    )
    document, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(document))
        document += b"%d 0 obj" % number + body + b"endobj\n"
    entries = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    table = b"xref\n0 5\n0000000000 65535 f \n" + entries
    # The offset is written with ten digits, so that it doesn't change the size.
    return document + table + b"trailer<</Size 5/Root 1 0 R>>\nstartxref\n%010d\n%%%%EOF\n" % len(document)
