"""A steady load of deposits, of every kind, by clients as patient as the portal."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from tests.support.samples import Sample, invoice
from tests.support.tus import Deposit, LineDropped, Patience

from .depositors import Depositor

AT_ONCE = 6
# Faults come within a second of each other, and a large file may meet each: longer than all of a short run take, with
# what comes after them, on a slow machine. Seconds.
_PATIENCE = 600.0
_RETRY_EVERY = 0.2


@dataclass(frozen=True)
class Acknowledged:
    """What a client was told is deposited, and who besides the accountant is to be told of it."""

    sample: Sample
    depositor: Depositor
    alerted: frozenset[str] = frozenset()

    @property
    def recipients(self) -> frozenset[str]:
        return self.alerted | {self.depositor.accountant}


class Load:
    """Deposits until it is told to stop; then every transfer under way still ends."""

    def __init__(self, depositors: Sequence[Depositor], chance: random.Random) -> None:
        self.acknowledged: dict[str, Acknowledged] = {}
        self._depositors, self._chance = depositors, chance
        self._number = 0
        self._kinds: Sequence[Callable[[Depositor], Awaitable[None]]] = (
            self._small, self._small, self._at_once, self._at_once, self._batch, self._cut_and_resumed, self._large,
        )  # fmt: skip

    async def run(self, stop: asyncio.Event) -> None:
        """Raises what a client could not get through in ten minutes."""
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._client(stop))

    async def _client(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._chance.choice(self._kinds)(self._chance.choice(self._depositors))
            await asyncio.sleep(self._chance.uniform(0.1, 0.6))

    async def _small(self, by: Depositor) -> None:
        await self._send(self._sample(20_000), self._deposit(by), by)

    async def _at_once(self, by: Depositor) -> None:
        await self._send(self._sample(60_000), self._deposit(by), by, at_once=True)

    async def _batch(self, by: Depositor) -> None:
        deposit = self._deposit(by, size=4)
        await asyncio.gather(*(self._send(self._sample(15_000), deposit, by) for _ in range(deposit.size)))

    async def _large(self, by: Depositor) -> None:
        await self._send(self._sample(9_000_000), self._deposit(by), by)

    async def _cut_and_resumed(self, by: Depositor) -> None:
        sample, deposit, patience = self._sample(9_000_000), self._deposit(by), Patience(_PATIENCE)
        path = ""
        while not path:
            with patience:
                path = await by.person.tus.create(sample, deposit.metadata(sample))
            await asyncio.sleep(_RETRY_EVERY)
        with suppress(LineDropped), patience:
            await by.person.tus.send_cut(path, sample.content, until=self._chance.randrange(1, sample.size))
        self._note(await by.person.tus.finish(path, sample, within=_PATIENCE), sample, deposit, by)

    async def _send(self, sample: Sample, deposit: Deposit, by: Depositor, *, at_once: bool = False) -> None:
        document = await by.person.tus.deposit(sample, to=deposit, at_once=at_once, within=_PATIENCE)
        self._note(document, sample, deposit, by)

    def _note(self, document: str, sample: Sample, deposit: Deposit, by: Depositor) -> None:
        alerted = {by.contact[1]} if by.contact and deposit.alert else ()
        self.acknowledged[document] = Acknowledged(sample, by, frozenset(alerted))

    def _deposit(self, by: Depositor, *, size: int = 1) -> Deposit:
        alert = (by.contact[0],) if by.contact and self._chance.random() < 0.5 else ()
        return Deposit(size=size, alert=alert)

    def _sample(self, size: int) -> Sample:
        self._number += 1
        return invoice(f"chaos_{self._number:04}", size=size, seed=self._chance.randrange(2**32))
