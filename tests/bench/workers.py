"""Workers of intake alone: processes of their own on the servers of a stack, without anybody who hears of documents."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.running import RunningStack
from tests.support.upload_replicas import Issuer, UploadReplica

# By their names without the service's prefix.
NO_LIMITS = {
    f"LIMITS__{of}__{what}": "none"
    for of in ("PERSON", "ADDRESS")
    for what in ("REQUESTS", "TRANSFERS", "UPLOADS", "BYTES_A_DAY")
}


@dataclass(frozen=True)
class Workers:
    """Where they are, their process ids, and the session `token` of whoever deposits."""

    bases: Sequence[str]
    pids: Sequence[int]
    token: str


@contextmanager
def intake_workers(stack: RunningStack, *, count: int, **settings: str) -> Iterator[Workers]:
    """That many, until the context is left; nothing is scanned but by the `settings`. One person sends everything, and
    is not limited."""
    with tempfile.TemporaryDirectory(prefix="bench-intake-") as folder, ExitStack() as running:
        env = {
            **stack.env("upload"),
            **{f"UPLOAD_{name}": value for name, value in NO_LIMITS.items()},
            "UPLOAD_SCANNER": "none",
            "UPLOAD_SCRATCH_DIR": f"{folder}/scratch",
            **settings,
        }
        issuer = running.enter_context(Issuer())
        replicas = [
            running.enter_context(UploadReplica(env, issuer=issuer, log=Path(folder) / f"{number}.log"))
            for number in range(count)
        ]
        yield Workers(
            [replica.base for replica in replicas],
            [replica.process.pid for replica in replicas],
            issuer.token("earl-du-chene"),
        )
