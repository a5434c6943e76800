"""What intake holds anywhere: to be the same after a request that was refused."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .eventually import eventually
from .intake import Intake
from .store import Store


@dataclass(frozen=True)
class Held:
    """Keys in staging (open multipart uploads among them), records, open scratch files, places taken by transfers."""

    staged: frozenset[str]
    records: frozenset[tuple[str, str, int]]
    scratch: int
    transfers: int


class Leftovers:
    """Looks at everything that a request can leave behind."""

    def __init__(self, intake: Intake, *, store: Store, database: Any) -> None:
        self._processes = (intake.first.process.pid, intake.second.process.pid)
        self._folder = intake.env["UPLOAD_SCRATCH_DIR"]
        self._store = store
        self._database = database

    async def held(self) -> Held:
        """All of it."""
        records = [
            (each["_id"], each.get("state", ""), each.get("offset", 0))
            async for each in self._database["uploads"].find({}, {"state": 1, "offset": 1})
        ]
        held = [place async for each in self._database["limits"].find() for place in each["held"]]
        files = await asyncio.to_thread(lambda: sum(map(self._open_files, self._processes)))
        return Held(frozenset(await self._store.staged()), frozenset(records), files, sum(each["n"] for each in held))

    async def at_rest(self) -> Held:
        """All of it, once nobody has a place among the transfers: it is given back after a moment."""

        async def quiet() -> Held | None:
            held = await self.held()
            return None if held.transfers else held

        return await eventually(quiet)

    async def come_to(self, before: Held) -> None:
        """Wait until it is all as it was."""

        async def is_so() -> bool:
            return await self.held() == before

        await eventually(is_so)

    def _open_files(self, pid: int) -> int:
        # They are unlinked, so the folder does not show them.
        held = 0
        for each in Path(f"/proc/{pid}/fd").iterdir():
            try:
                held += str(each.readlink()).startswith(self._folder)
            except FileNotFoundError:
                continue
        return held + len(list(Path(self._folder).iterdir()))
