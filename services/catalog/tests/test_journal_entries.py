"""What the catalog owes the journal, for decisions and for what is handed out."""

from datetime import timedelta

import pytest
from catalog import handlers
from catalog.journal import Action, What
from chassis.auth import Identity
from contracts.audit import DownloadEntry, ReturnEntry, TakenEntry, ViewEntry, WithdrawalEntry
from contracts.envelope import decode

from tests.suites import catalog_events as events
from tests.suites.catalog_accesses import AccessesBehaviour
from tests.suites.catalog_room import ACCOUNTANT, CLIENT, ONE, SPOUSE, Room, archived_room
from tests.suites.fake_catalog import FakeAccesses


async def test_a_decision_owes_its_entry_in_the_same_write_with_the_event_it_stands_for() -> None:
    here = await archived_room()
    await here.decide(ACCOUNTANT, "returned", "illisible")
    await here.decide(ACCOUNTANT, "taken")
    returned, taken = here.entries()
    assert isinstance(returned.data, ReturnEntry)
    assert isinstance(taken.data, TakenEntry)
    assert (taken.data.actor, taken.data.at, taken.data.revision) == ("jeanny-jerome", here.now, 2)
    events_owed = {decode(one.payload).id for one in here.decisions.owed[ONE] if one.awaits_successor}
    assert {returned.data.event, taken.data.event} == events_owed
    assert "illisible" not in returned.encode().decode()


async def test_deciding_again_owes_the_journal_nothing() -> None:
    here = await archived_room()
    await here.decide(ACCOUNTANT, "taken")
    await here.decide(ACCOUNTANT, "taken")
    assert len(here.entries()) == 1


async def test_the_withdrawal_of_a_publication_tells_whether_it_had_been_opened_and_not_why() -> None:
    here = await archived_room(space="published", folder="Bilan")
    await handlers.note_opened(await handlers.find(ONE, who=CLIENT, desk=here.desk), who=CLIENT, desk=here.desk)
    await here.decide(ACCOUNTANT, "withdrawn", "mauvais client")
    (entry,) = here.entries()
    assert isinstance(entry.data, WithdrawalEntry)
    assert entry.data.opened is True
    assert "mauvais client" not in entry.encode().decode()


async def given(
    here: Room, who: Identity, action: Action = "viewed", what: What = "content", *, continues: bool = False
) -> None:
    document = await handlers.find(ONE, who=who, desk=here.desk)
    await handlers.note_access(document, action, what=what, who=who, desk=here.desk, continues=continues)


async def test_an_entry_says_who_was_given_what_how_and_when_and_no_name() -> None:
    here = await archived_room()
    await given(here, ACCOUNTANT)
    await given(here, CLIENT, "downloaded", "archive")
    viewed, downloaded = (decode(entry.payload) for entry in here.accesses.entries)
    assert isinstance(viewed.data, ViewEntry)
    assert isinstance(downloaded.data, DownloadEntry)
    assert (viewed.data.actor, viewed.data.what, viewed.data.at) == ("jeanny-jerome", "content", here.now)
    assert (downloaded.data.actor, downloaded.data.what) == ("earl-du-chene", "archive")
    assert not any(entry.awaits_successor for entry in here.accesses.entries)
    for name in ("JEANNY-JEROME", "EARL", "facture_1.pdf"):
        assert name not in viewed.encode().decode() + downloaded.encode().decode()


async def test_the_pieces_of_one_view_are_one_entry_for_an_hour() -> None:
    here = await archived_room()
    await given(here, CLIENT)
    for minute in range(60):
        here.now = events.at(200 + minute)
        await given(here, CLIENT, continues=True)
    assert len(here.accesses.entries) == 1
    here.now = events.at(200) + timedelta(hours=1)
    await given(here, CLIENT, continues=True)
    assert len(here.accesses.entries) == 2


@pytest.mark.parametrize(
    ("who", "action", "what"),
    [(SPOUSE, "viewed", "content"), (CLIENT, "downloaded", "content"), (CLIENT, "viewed", "receipt")],
)
async def test_a_piece_is_nobody_elses_and_of_no_other_kind(who: Identity, action: Action, what: What) -> None:
    here = await archived_room()
    await given(here, CLIENT)
    await given(here, who, action, what, continues=True)
    assert len(here.accesses.entries) == 2


async def test_who_only_ever_asks_for_pieces_is_in_the_journal_too() -> None:
    here = await archived_room()
    await given(here, CLIENT, continues=True)
    await given(here, CLIENT, continues=True)
    assert len(here.accesses.entries) == 1


async def test_each_whole_reading_is_an_entry_of_its_own() -> None:
    here = await archived_room()
    await given(here, CLIENT)
    await given(here, CLIENT)
    first, second = (decode(entry.payload) for entry in here.accesses.entries)
    assert first.id != second.id


class TestFakeAccesses(AccessesBehaviour):
    @pytest.fixture
    def accesses(self) -> FakeAccesses:
        return FakeAccesses()

    async def owed(self, accesses: FakeAccesses, record: str) -> list[str]:
        return [entry.id for entry in accesses.entries if entry.record == record]
