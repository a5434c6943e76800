"""After a restore each entry gets its place again and no number seals twice; where that can't be, nothing is sealed."""

from datetime import timedelta

import pytest
from catalog.chain import Broken
from catalog.metrics import JOURNAL_BROKEN
from catalog.sealer import Sealer
from catalog.seals import hash_of
from contracts.envelope import decode

from tests.suites.catalog_events import at
from tests.suites.catalog_sealing import Desk

DAY = timedelta(days=1)


async def filled() -> Desk:
    """Two seals of three and two entries, and an entry that no seal covers."""
    here = Desk()
    for count in (3, 2):
        await here.heard(count)
        await here.sealed()
        here.now += timedelta(minutes=1)
    await here.heard()
    return here


@pytest.mark.parametrize(("entries", "seals"), [(5, 2), (5, 1), (4, 1), (3, 1), (2, 0), (0, 0), (2, 2), (0, 2)])
async def test_what_a_backup_lacks_comes_back_as_it_was_and_the_next_number_is_new(entries: int, seals: int) -> None:
    here = await filled()
    links, (one, two) = list(here.journal.links), here.seals.held
    here.restored(entries=entries, seals=seals)
    await here.heard()
    third = await here.seal()
    assert here.journal.links[:6] == links
    assert len(here.journal.links) == 7
    assert here.seals.held == [one, two, third]
    assert third
    assert (third.number, third.first, third.last, third.previous) == (3, 6, 7, hash_of(two))
    await here.archive.check()


async def test_offices_are_told_again_of_a_seal_that_came_back() -> None:
    here = await filled()
    here.restored(entries=3, seals=1)
    await here.seal()
    told = [decode(each.payload).data for each in here.seals.owed]
    assert sorted((each.number, each.office) for each in told) == [
        (number, office) for number in (1, 2, 3) for office in ("14", "53")
    ]


async def test_a_seal_that_came_back_and_is_young_is_the_last_one() -> None:
    here = await filled()
    here.restored(entries=0, seals=0)
    await here.heard()
    here.now = at(0) + DAY
    assert await here.seal(DAY) is None
    assert [seal.number for seal in here.seals.held] == [1, 2]


async def refused(here: Desk, named: str) -> None:
    held = list(here.seals.held)
    with pytest.raises(Broken, match=f"^{named}"):
        await here.seal()
    assert here.seals.held == held
    await Sealer(here.sealing, every=timedelta(microseconds=1), check_every=DAY).look()
    assert JOURNAL_BROKEN._value.get() == 1
    JOURNAL_BROKEN.set(0)


async def test_entries_that_the_stream_has_lost_as_well_are_named_and_nothing_is_sealed() -> None:
    here = await filled()
    here.restored(entries=2, seals=1)
    here.trail.heard = here.trail.heard[-1:]
    await here.heard()
    await refused(here, "entry 3 is missing|entry 5 is missing|seal 2 does not fit|entry")


async def test_other_entries_under_a_seal_that_was_told_are_not_sealed_anew() -> None:
    here = await filled()
    here.restored(entries=3, seals=1)
    del here.trail.heard[3]
    await here.heard()
    await refused(here, "seal 2 does not fit entries 4 to 5")


async def test_another_seal_than_the_offices_were_told_is_not_built_upon() -> None:
    here = await filled()
    other = here.keys.signed({**here.seals.held[1].model_dump(exclude={"kid", "signature"}), "at": at(1)})
    here.seals.held[1] = other
    await refused(here, "seal 2 is another than the offices were told")


async def test_a_forged_seal_on_the_stream_is_not_taken() -> None:
    here = await filled()
    here.restored(entries=5, seals=1)
    here.trail.told[-2:] = [seal.model_copy(update={"at": at(99)}) for seal in here.trail.told[-2:]]
    await refused(here, "seal 2 was changed")


async def test_until_it_is_time_nothing_but_the_first_entry_is_read() -> None:
    here = await Desk().filled(50)
    here.now = at(1)
    sealer = Sealer(here.sealing, every=DAY, check_every=DAY)
    assert await here.claims.claim("check", now=at(1), until=at(9000))
    for _ in range(3):
        await sealer.look()
    # Asked once, when it starts, for what a restored database lacks.
    assert (here.trail.asked, here.journal.read_in_all, here.seals.held, list(here.claims.held)) == (
        1,
        0,
        [],
        ["check", "seal"],
    )


async def test_while_another_process_seals_nothing_is_read() -> None:
    here = await Desk().filled(50)
    await here.claims.claim("seal", now=here.now, until=here.now + DAY)
    assert await here.seal() is None
    assert here.journal.read_in_all == 0


async def test_whoever_could_not_seal_lets_others_try() -> None:
    here = await Desk().filled(3)
    lost = here.journal.links.pop(1)
    with pytest.raises(Broken):
        await here.seal()
    here.journal.links.insert(1, lost)
    assert await here.seal()


async def test_all_of_it_is_looked_at_once_in_its_time_by_one_and_what_is_broken_again_within_the_hour() -> None:
    here = await Desk().filled(4)
    await here.seal()
    sealers = [Sealer(here.sealing, every=DAY, check_every=DAY) for _ in range(2)]
    here.journal.read_in_all = 0
    for sealer in sealers:
        await sealer.look()
    assert (here.journal.read_in_all, JOURNAL_BROKEN._value.get()) == (4, 0)

    lost = here.journal.links.pop(1)
    here.now += DAY / 2
    await sealers[0].look()
    assert JOURNAL_BROKEN._value.get() == 0
    here.now += DAY / 2
    await sealers[0].look()
    assert JOURNAL_BROKEN._value.get() == 1
    here.now += timedelta(minutes=30)
    await sealers[0].look()
    assert JOURNAL_BROKEN._value.get() == 1
    here.journal.links.insert(1, lost)
    here.now += timedelta(minutes=31)
    await sealers[0].look()
    assert JOURNAL_BROKEN._value.get() == 0
