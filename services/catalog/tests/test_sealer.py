"""Who looks at the whole journal: one replica at a time, however long it takes."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
from catalog.auditing import Archive
from catalog.chain import Link
from catalog.sealer import Sealer

from tests.suites.catalog_journal import FakeJournal
from tests.suites.catalog_sealing import Desk

DAY = timedelta(days=1)


@pytest.mark.parametrize(("check_every", "batch"), [(DAY, timedelta(minutes=50)), (DAY / 288, timedelta(minutes=4))])
async def test_no_other_replica_reads_the_journal_while_one_is_still_reading_it(
    check_every: timedelta, batch: timedelta
) -> None:
    here = Desk()

    class Slow(FakeJournal):
        async def read(self, *, first: int = 1, last: int | None = None) -> AsyncIterator[Sequence[Link]]:
            async for links in super().read(first=first, last=last):
                here.now += batch
                await other.look()
                yield links

    def sealer(journal: FakeJournal) -> Sealer:
        sealing = here.of_another_process(Archive(journal, here.seals, here.keys))
        return Sealer(sealing, every=DAY, check_every=check_every)

    await here.filled()
    slow, other = Slow(), sealer(here.journal)
    slow.links = here.journal.links
    await sealer(slow).look()
    assert (slow.read_in_all, here.journal.read_in_all) == (5, 0)
