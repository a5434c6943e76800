"""Whatever is done to the journal shows, and the first entry that is not as it was written is named."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from catalog.auditing import Scribe
from catalog.chain import Broken, Link, entry_of, next_link
from contracts.envelope import decode
from contracts.registry import JOURNALED

from tests.contract.examples import CONTRACTS
from tests.suites.catalog_journal import FakeJournal, FakeTrail, JournalBehaviour, chain_of, entry

Tampering = Callable[[list[Link]], object]


def _change(links: list[Link], index: int, **facts: object) -> None:
    links[index] = replace(links[index], entry={**links[index].entry, **facts})


def _rewrite(links: list[Link], index: int) -> None:
    before = links[index - 1] if index else None
    links[index] = next_link({**links[index].entry, "actor": "somebody-else"}, before)


def _swap(links: list[Link]) -> None:
    one, other = links[2], links[3]
    links[2], links[3] = replace(other, seq=3), replace(one, seq=4)


@pytest.mark.parametrize(
    ("tampering", "named"),
    [
        (lambda links: _change(links, 2, actor="somebody-else"), "entry 3 was changed"),
        (lambda links: _change(links, 0, at="2026-03-26T10:00:00Z"), "entry 1 was changed"),
        (lambda links: _change(links, 4, extra=True), "entry 5 was changed"),
        (lambda links: links.pop(2), "entry 3 is missing"),
        (lambda links: links.pop(0), "entry 1 is missing"),
        (lambda links: links.insert(2, links[1]), "entry 3 is missing"),
        (lambda links: _rewrite(links, 2), "entry 4 does not follow entry 3"),
        (_swap, "entry 3 was changed"),
    ],
)
async def test_the_first_entry_that_is_not_as_it_was_is_named(tampering: Tampering, named: str) -> None:
    journal = FakeJournal()
    for _ in range(5):
        await journal.write(entry())
    assert await chain_of(journal) == 5
    tampering(journal.links)
    with pytest.raises(Broken, match=f"^{named}"):
        await chain_of(journal)


async def test_an_empty_journal_is_whole() -> None:
    assert await chain_of(FakeJournal()) == 0


@pytest.mark.parametrize("name", [event.key for event in JOURNALED])
async def test_an_event_is_kept_with_all_it_says_and_once(name: str) -> None:
    event = decode((CONTRACTS / "examples" / f"{name}.json").read_bytes())
    journal = FakeJournal()
    scribe = Scribe(journal, FakeTrail())
    assert await scribe.write_entry((event, 3)) == ()
    assert await scribe.write_entry((event, 3)) == ()
    (link,) = journal.links
    assert link.entry == entry_of(event)
    said = {"id": event.id, "action": event.type.split(".")[-2]}
    assert link.entry == {**event.data.model_dump(mode="json", exclude_none=True), **said}


class TestFakeJournal(JournalBehaviour):
    @pytest.fixture
    def journal(self) -> FakeJournal:
        return FakeJournal()
