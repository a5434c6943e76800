"""What `ports.Journal` promises, to be kept by the fake and by MongoDB; and a journal in memory."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import Any

from catalog.chain import Entry, Link, next_link
from catalog.ports import Claims, Journal, Seals
from chassis.owed import OwedEvent
from contracts.audit import Seal
from contracts.envelope import Envelope

from tests.suites.catalog_events import at


def entry(document: str = "", **facts: Any) -> dict[str, Any]:
    """Something somebody did."""
    said = {"document": document or str(uuid.uuid4()), "office": "14", "client": "c", "actor": "jeanny-jerome"}
    return {"id": str(uuid.uuid4()), "action": "viewed", "at": "2026-03-26T09:00:00Z", **said, **facts}


async def chain_of(journal: Journal) -> int:
    """How many entries there are, each looked at in its place. Raises Broken."""
    last: Link | None = None
    async for links in journal.read():
        for link in links:
            link.check_follows(last)
            last = link
    return last.seq if last else 0


class FakeJournal:
    """`ports.Journal` in a list that a test may change."""

    def __init__(self) -> None:
        self.links: list[Link] = []
        self.sequences: dict[int, int] = {}
        self.read_in_all = 0

    async def write(self, entry: Entry, *, heard: int = 0) -> int | None:
        if any(link.entry["id"] == entry["id"] for link in self.links):
            return None
        self.links.append(next_link(entry, await self.last()))
        self.sequences[self.links[-1].seq] = heard
        return self.links[-1].seq

    async def heard(self) -> int:
        return self.sequences.get(self.links[-1].seq, 0) if self.links else 0

    async def at(self, seq: int) -> Link | None:
        return next((link for link in self.links if link.seq == seq), None)

    async def last(self) -> Link | None:
        return self.links[-1] if self.links else None

    async def of(self, document: str) -> Sequence[Link]:
        return [link for link in self.links if link.entry["document"] == document]

    async def read(self, *, first: int = 1, last: int | None = None) -> AsyncIterator[Sequence[Link]]:
        wanted = [link for link in self.links if link.seq >= first and (last is None or link.seq <= last)]
        self.read_in_all += len(wanted)
        for start in range(0, len(wanted), 2):
            yield wanted[start : start + 2]


class FakeTrail:
    """`ports.Trail`: what the stream has, in order."""

    def __init__(self) -> None:
        self.heard: list[tuple[Envelope, int]] = []
        self.told: list[Seal] = []
        self.asked = 0

    async def entries(self, *, after: int) -> AsyncIterator[tuple[Envelope, int]]:
        for event, sequence in self.heard:
            if sequence > after:
                yield event, sequence

    async def seals(self) -> AsyncIterator[Seal]:
        for seal in self.told:
            yield seal

    async def last_seal(self, offices: Iterable[str]) -> Seal | None:
        self.asked += 1
        return max(self.told, key=lambda seal: seal.number, default=None) if list(offices) else None


class FakeClaims:
    """`ports.Claims` in a dictionary."""

    def __init__(self) -> None:
        self.held: dict[str, datetime] = {}

    async def claim(self, what: str, *, now: datetime, until: datetime) -> bool:
        if what in self.held and self.held[what] > now:
            return False
        self.held[what] = until
        return True

    async def hold(self, what: str, *, until: datetime) -> None:
        self.held[what] = until


class FakeSeals:
    """`ports.Seals` in a list that a test may change."""

    def __init__(self) -> None:
        self.held: list[Seal] = []
        self.owed: list[OwedEvent] = []
        self.stamps: dict[int, bytes] = {}

    async def save(self, seal: Seal, *, owing: Sequence[OwedEvent]) -> bool:
        if any(each.number == seal.number for each in self.held):
            return False
        self.held.append(seal)
        self.owed.extend(owing)
        return True

    async def last(self) -> Seal | None:
        return self.held[-1] if self.held else None

    async def all(self) -> Sequence[Seal]:
        return list(self.held)

    async def over(self, entries: Sequence[int]) -> Sequence[Seal]:
        return [seal for seal in self.held if any(seal.first <= each <= seal.last for each in entries)]

    async def unstamped(self) -> Sequence[Seal]:
        return [seal for seal in self.held if seal.number not in self.stamps]

    async def keep_stamp(self, number: int, stamp: bytes) -> None:
        self.stamps.setdefault(number, stamp)

    async def stamp_of(self, number: int) -> bytes | None:
        return self.stamps.get(number)


class SealsBehaviour:
    """A subclass gives the fixture `seals`, empty."""

    async def test_seals_are_kept_word_for_word_in_order_and_a_number_once(self, seals: Seals) -> None:
        one, two = seal(1), seal(2)
        assert await seals.last() is None
        assert await seals.save(one, owing=())
        assert not await seals.save(seal(1, root="f" * 64), owing=())
        assert await seals.save(two, owing=())
        assert await seals.all() == [one, two]
        assert await seals.last() == two
        assert (await seals.all())[0].model_dump_json() == one.model_dump_json()
        assert [each.number for each in await seals.over([2, 3])] == [2]
        assert await seals.over([]) == []

    async def test_of_two_who_keep_a_seal_of_one_number_at_once_one_does(self, seals: Seals) -> None:
        kept = await asyncio.gather(*(seals.save(seal(1, root=each * 64), owing=()) for each in "abcd"))
        assert sorted(kept) == [False, False, False, True]
        assert len(await seals.all()) == 1

    async def test_a_seal_keeps_its_first_stamp_and_is_no_longer_without(self, seals: Seals) -> None:
        for number in (1, 2):
            assert await seals.save(seal(number), owing=())
        assert [each.number for each in await seals.unstamped()] == [1, 2]
        await seals.keep_stamp(1, b"first")
        await seals.keep_stamp(1, b"second")
        assert [each.number for each in await seals.unstamped()] == [2]
        assert (await seals.stamp_of(1), await seals.stamp_of(2), await seals.stamp_of(3)) == (b"first", None, None)
        assert await seals.all() == [seal(1), seal(2)]


class ClaimsBehaviour:
    """A subclass gives the fixture `claims`, empty."""

    async def test_what_is_claimed_is_nobody_elses_until_its_time_is_over(self, claims: Claims) -> None:
        assert sorted(await asyncio.gather(*(claims.claim("seal", now=at(1), until=at(6)) for _ in range(4)))) == [
            *(False, False, False),
            True,
        ]
        assert await claims.claim("check", now=at(1), until=at(6))
        assert not await claims.claim("seal", now=at(5), until=at(10))
        assert await claims.claim("seal", now=at(6), until=at(10))
        await claims.hold("seal", until=at(7))
        assert await claims.claim("seal", now=at(7), until=at(10))


def seal(number: int, **facts: Any) -> Seal:
    """A seal that nobody has signed."""
    said = {"number": number, "first": number, "last": number, "root": "a" * 64, "previous": "b" * 64}
    return Seal.model_validate({**said, "at": at(number), "kid": "k", "signature": "e30.e30.c2ln", **facts})


class JournalBehaviour:
    """A subclass gives the fixture `journal`, empty."""

    async def test_what_is_written_is_one_chain_in_order(self, journal: Journal) -> None:
        entries = [entry() for _ in range(5)]
        assert await journal.last() is None
        assert [await journal.write(each) for each in entries] == [1, 2, 3, 4, 5]
        assert [link.entry async for links in journal.read() for link in links] == entries
        assert await chain_of(journal) == 5
        assert [link.seq async for links in journal.read(first=2, last=4) for link in links] == [2, 3, 4]
        assert [link and link.seq for link in (await journal.at(2), await journal.at(6))] == [2, None]

    async def test_the_place_in_the_stream_of_the_last_entry_is_known(self, journal: Journal) -> None:
        assert await journal.heard() == 0
        for sequence in (7, 12):
            await journal.write(entry(), heard=sequence)
        assert await journal.heard() == 12

    async def test_an_entry_that_comes_again_is_written_once(self, journal: Journal) -> None:
        once = entry()
        assert await journal.write(once) == 1
        await journal.write(entry())
        assert await journal.write(once) is None
        assert await chain_of(journal) == 2

    async def test_many_writers_at_once_make_no_fork_and_lose_nothing(self, journal: Journal) -> None:
        entries = [entry() for _ in range(4)]
        numbers = await asyncio.gather(*(journal.write(each) for each in (*entries, *entries)))
        assert sorted(number for number in numbers if number) == [1, 2, 3, 4]
        assert await chain_of(journal) == 4

    async def test_a_document_s_entries_are_found_in_order(self, journal: Journal) -> None:
        mine = str(uuid.uuid4())
        for each in (entry(mine), entry(), entry(mine, action="taken", revision=1)):
            await journal.write(each)
        found = await journal.of(mine)
        assert [(link.seq, link.entry["action"]) for link in found] == [(1, "viewed"), (3, "taken")]
