"""A steady load of deposits, of every kind, by clients as patient as the portal."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from tests.support.people import Person
from tests.support.samples import Sample, invoice
from tests.support.tus import Deposit, LineDropped, Patience

CLIENTS = 6
ACCOUNTANT = "jeanny.jerome@cerfrance-14.example"
CONTACT = "paul@earl-du-chene.example"
# Faults come within a second of each other, and a large file may meet each: longer than all of a short run take, with
# what comes after them, on a slow machine. Seconds.
_PATIENCE = 600.0
_RETRY_EVERY = 0.2


@dataclass(frozen=True)
class Acknowledged:
    """What a client was told is deposited, and who is to be told of it."""

    sample: Sample
    recipients: frozenset[str]


class Load:
    """Deposits until it is told to stop; then every transfer under way still ends."""

    def __init__(self, person: Person, chance: random.Random, *, contact: str) -> None:
        self.acknowledged: dict[str, Acknowledged] = {}
        self._person, self._chance, self._contact = person, chance, contact
        self._number = 0
        self._kinds: Sequence[Callable[[], Awaitable[None]]] = (
            self._small, self._small, self._at_once, self._at_once, self._batch, self._cut_and_resumed, self._large,
        )  # fmt: skip

    async def run(self, stop: asyncio.Event) -> None:
        """Raises what a client could not get through in ten minutes."""
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(self._client(stop))

    async def _client(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._chance.choice(self._kinds)()
            await asyncio.sleep(self._chance.uniform(0.1, 0.6))

    async def _small(self) -> None:
        await self._send(self._sample(20_000), self._deposit())

    async def _at_once(self) -> None:
        await self._send(self._sample(60_000), self._deposit(), at_once=True)

    async def _batch(self) -> None:
        deposit = self._deposit(size=4)
        await asyncio.gather(*(self._send(self._sample(15_000), deposit) for _ in range(deposit.size)))

    async def _large(self) -> None:
        await self._send(self._sample(9_000_000), self._deposit())

    async def _cut_and_resumed(self) -> None:
        sample, deposit, patience = self._sample(9_000_000), self._deposit(), Patience(_PATIENCE)
        path = ""
        while not path:
            with patience:
                path = await self._person.tus.create(sample, deposit.metadata(sample))
            await asyncio.sleep(_RETRY_EVERY)
        with suppress(LineDropped), patience:
            await self._person.tus.send_cut(path, sample.content, until=self._chance.randrange(1, sample.size))
        self._note(await self._person.tus.finish(path, sample, within=_PATIENCE), sample, deposit)

    async def _send(self, sample: Sample, deposit: Deposit, *, at_once: bool = False) -> None:
        document = await self._person.tus.deposit(sample, to=deposit, at_once=at_once, within=_PATIENCE)
        self._note(document, sample, deposit)

    def _note(self, document: str, sample: Sample, deposit: Deposit) -> None:
        recipients = {ACCOUNTANT, CONTACT} if deposit.alert else {ACCOUNTANT}
        self.acknowledged[document] = Acknowledged(sample, frozenset(recipients))

    def _deposit(self, *, size: int = 1) -> Deposit:
        return Deposit(size=size, alert=(self._contact,) if self._chance.random() < 0.3 else ())

    def _sample(self, size: int) -> Sample:
        self._number += 1
        return invoice(f"chaos_{self._number:04}", size=size, seed=self._chance.randrange(2**32))
