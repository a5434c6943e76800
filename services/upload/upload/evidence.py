"""What is learnt of a file while its bytes pass: size, SHA-256, its head, whether it holds NUL bytes."""

import hashlib
from collections import OrderedDict

HEAD = 4096
_REMEMBERED = 2000


class Evidence:
    """Feed it every byte in order."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self.size = 0
        self.head = b""
        self.has_nul = False

    def feed(self, block: bytes) -> None:
        """The next bytes."""
        self._sha256.update(block)
        self.size += len(block)
        if len(self.head) < HEAD:
            self.head += block[: HEAD - len(self.head)]
        self.has_nul = self.has_nul or b"\0" in block

    @property
    def sha256(self) -> str:
        """Of all bytes so far, in hex."""
        return self._sha256.hexdigest()


class EvidenceMemory:
    """Evidence of uploads between two requests that come to the same process. Losing one costs a read, no more."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[int, Evidence]] = OrderedDict()

    def keep(self, document: str, *, epoch: int, evidence: Evidence) -> None:
        """Keep what was seen up to the offset that this epoch saved; the oldest is forgotten."""
        self._kept[document] = (epoch, evidence)
        self._kept.move_to_end(document)
        if len(self._kept) > _REMEMBERED:
            self._kept.popitem(last=False)

    def take(self, document: str, *, saved_by: int, offset: int) -> Evidence | None:
        """What was seen, if it is exactly what that epoch saved up to this offset."""
        epoch, evidence = self._kept.pop(document, (0, None))
        return evidence if evidence and epoch == saved_by and evidence.size == offset else None
