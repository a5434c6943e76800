"""What sealing needs, in memory."""

from collections.abc import Sequence
from datetime import timedelta

from catalog.auditing import Archive, Scribe
from catalog.seal_keys import SealKeys
from catalog.sealing import Sealing
from chassis.owed import OwedEvent
from contracts.audit import Seal, ViewEntry
from contracts.envelope import decode, envelop
from joserfc.jwk import OKPKey

from tests.suites.catalog_events import at, document_id
from tests.suites.catalog_journal import FakeClaims, FakeJournal, FakeSeals, FakeTrail, entry


class Desk:
    """A journal of five entries and what closes it, at half past nine."""

    def __init__(self, keys: SealKeys | None = None) -> None:
        self.journal, self.seals, self.announced = FakeJournal(), FakeSeals(), list[OwedEvent]()
        self.now = at(30)
        self.keys = keys or SealKeys(current=OKPKey.generate_key("Ed25519"))
        self.trail, self.claims = FakeTrail(), FakeClaims()
        self.archive = Archive(self.journal, self.seals, self.keys)
        self.sealing = self.of_another_process(self.archive)

    def of_another_process(self, archive: Archive) -> Sealing:
        offices = ("14", "53")
        return Sealing(archive, self.trail, self.claims, lambda: offices, self._announce, clock=lambda: self.now)

    async def filled(self, count: int = 5) -> "Desk":
        for _ in range(count):
            await self.journal.write(entry())
        return self

    async def seal(self, every: timedelta = timedelta()) -> Seal | None:
        return await self.sealing.seal(every=every)

    async def _announce(self, owing: Sequence[OwedEvent]) -> None:
        self.announced += owing

    async def heard(self, count: int = 1) -> None:
        """So many views are told on the stream, and written."""
        scribe = Scribe(self.journal, self.trail)
        for _ in range(count):
            number = len(self.trail.heard) + 1
            facts = {"document": document_id(number), "office": "14", "client": "c", "actor": "a", "at": at(0)}
            access = {"what": "content", "access": document_id(7000 + number)}
            told = envelop(ViewEntry.model_validate({**facts, **access}), time=at(0))
            self.trail.heard.append((told, 10 * number))
            await scribe.write_entry(self.trail.heard[-1])

    async def sealed(self) -> Seal:
        """All of it is sealed, and told to the offices."""
        seal = await self.seal()
        assert seal
        told = [decode(each.payload) for each in self.seals.owed]
        self.trail.told = [Seal.model_validate(each.data.model_dump(exclude={"office"})) for each in told]
        return seal

    def restored(self, *, entries: int, seals: int) -> None:
        """The database is as it was when it held so much."""
        del self.journal.links[entries:]
        del self.seals.held[seals:]
        self.seals.owed = [each for each in self.seals.owed if int(each.record) <= seals]
