"""What an event changes and what a person can do, decided without a server."""

import pytest
from catalog import handlers
from catalog.errors import Conflict, Forbidden, Invalid, NotFound, TooSoon
from catalog.main import SETTLING
from catalog.model import Decision, DecisionKind
from chassis.auth import Identity
from chassis.errors import Unavailable
from contracts.envelope import Envelope
from contracts.values import Person

from tests.suites import catalog_events as events
from tests.suites.catalog_decisions import DecisionsBehaviour
from tests.suites.catalog_room import (
    ACCOUNTANT,
    ADMIN,
    CLIENT,
    COLLEAGUE,
    NAMESAKE,
    ONE,
    SPOUSE,
    STRANGER,
    Room,
    archived_room,
    room,
)
from tests.suites.fake_catalog import FakeDecisions, FakeHints, FakeMarks


@pytest.mark.parametrize("who", [STRANGER, NAMESAKE, COLLEAGUE, ADMIN])
async def test_to_whom_it_does_not_belong_a_document_does_not_exist(who: Identity) -> None:
    here = await archived_room()
    with pytest.raises(NotFound):
        await handlers.find(ONE, who=who, desk=here.desk)
    with pytest.raises(NotFound):
        await here.decide(who, "withdrawn")


@pytest.mark.parametrize(
    ("who", "kind", "space"),
    [
        (CLIENT, "taken", "deposits"),
        (CLIENT, "returned", "deposits"),
        (CLIENT, "withdrawn", "published"),
        (ACCOUNTANT, "withdrawn", "deposits"),
    ],
)
async def test_a_verb_of_somebody_elses_is_forbidden(who: Identity, kind: DecisionKind, space: str) -> None:
    here = await archived_room(space=space)
    with pytest.raises(Forbidden):
        await here.decide(who, kind, "motif")
    assert here.decisions.held == {}


async def test_taking_writes_the_decision_and_owes_its_event() -> None:
    here = await archived_room()
    assert await here.decide(ACCOUNTANT, "taken") == "taken"
    assert [(owed["revision"], owed["by"]["sub"]) for owed in here.owed()] == [(1, "jeanny-jerome")]
    assert here.announced == here.decisions.owed[ONE]
    shown = await here.documents.get(ONE)
    assert shown is not None
    assert shown.state == "taken"


async def test_taking_again_changes_nothing() -> None:
    here = await archived_room()
    await here.decide(ACCOUNTANT, "taken")
    assert await here.decide(ACCOUNTANT, "taken") == "taken"
    assert len(here.owed()) == 1


async def test_what_was_returned_can_still_be_taken_or_withdrawn() -> None:
    here = await archived_room()
    assert await here.decide(ACCOUNTANT, "returned", "illisible") == "returned"
    assert await here.decide(ACCOUNTANT, "taken") == "taken"
    assert [owed["revision"] for owed in here.owed()] == [1, 2]
    there = await archived_room()
    await there.decide(ACCOUNTANT, "returned", "illisible")
    assert await there.decide(CLIENT, "withdrawn") == "withdrawn"


@pytest.mark.parametrize(
    ("first", "then", "code"),
    [
        ((ACCOUNTANT, "taken"), (CLIENT, "withdrawn"), "already_taken"),
        ((ACCOUNTANT, "taken"), (ACCOUNTANT, "returned"), "already_taken"),
        ((CLIENT, "withdrawn"), (ACCOUNTANT, "taken"), "already_withdrawn"),
        ((CLIENT, "withdrawn"), (SPOUSE, "withdrawn"), "already_withdrawn"),
    ],
)
async def test_a_decision_the_state_does_not_allow_is_a_conflict_with_its_reason(
    first: tuple[Identity, DecisionKind], then: tuple[Identity, DecisionKind], code: str
) -> None:
    here = await archived_room()
    await here.decide(*first)
    with pytest.raises(Conflict) as conflict:
        await here.decide(*then, "motif")
    assert conflict.value.code == code
    assert len(here.owed()) == 1


async def test_whoever_comes_second_is_told_who_took_the_document_and_when() -> None:
    here = await archived_room()
    here.decisions.held[ONE] = Decision("taken", 1, events.at(150), events.ACCOUNTANT)
    with pytest.raises(Conflict, match=r"pris en charge par JEANNY JEROME, le 26/03/2026 à 12:30\.$"):
        await here.decide(CLIENT, "withdrawn")


async def test_a_withdrawn_replacement_says_what_it_stood_in_for_and_is_answered_itself() -> None:
    two = events.document_id(2)
    here = await room(events.announced(1), events.archived(1), events.announced(2, replaces=ONE), events.archived(2))
    found = await handlers.decide(two, "withdrawn", who=CLIENT, desk=here.desk)
    assert (found.id, found.state) == (two, "withdrawn")
    old = await here.documents.get(ONE)
    assert old is not None
    assert old.replaced_by is None


@pytest.mark.parametrize("kind", ["taken", "returned"])
async def test_what_is_not_in_the_ged_yet_is_neither_taken_nor_returned(kind: DecisionKind) -> None:
    here = await room(events.announced(1))
    with pytest.raises(Conflict, match="sécurisé"):
        await here.decide(ACCOUNTANT, kind, "motif")


async def test_a_decision_on_record_wins_over_records_that_lag() -> None:
    here = await archived_room()
    here.decisions.held[ONE] = Decision("taken", 1, events.at(150), events.ACCOUNTANT)
    assert (await handlers.find(ONE, who=CLIENT, desk=here.desk)).state == "taken"
    with pytest.raises(Conflict):
        await here.decide(CLIENT, "withdrawn")


async def test_whoever_is_overtaken_is_asked_by_the_rules_again() -> None:
    here = await archived_room()
    here.decisions.overtaken_by = Decision("taken", 1, events.at(150), events.ACCOUNTANT)
    with pytest.raises(Conflict) as conflict:
        await here.decide(CLIENT, "withdrawn")
    assert conflict.value.code == "already_taken"


async def test_sending_back_needs_a_reason() -> None:
    here = await archived_room()
    with pytest.raises(Invalid):
        await here.decide(ACCOUNTANT, "returned")


async def test_a_published_document_is_withdrawn_with_a_reason_that_tells_whether_it_was_opened() -> None:
    here = await archived_room(space="published", folder="Bilan")
    with pytest.raises(Invalid):
        await here.decide(ACCOUNTANT, "withdrawn")
    document = await handlers.find(ONE, who=CLIENT, desk=here.desk)
    await handlers.note_opened(document, who=ACCOUNTANT, desk=here.desk)
    assert await here.marks.opened_at(ONE) is None
    await handlers.note_opened(document, who=CLIENT, desk=here.desk)
    assert await here.decide(ACCOUNTANT, "withdrawn", "mauvais client") == "withdrawn"
    assert [(owed["reason"], owed["opened"]) for owed in here.owed()] == [("mauvais client", True)]


async def test_the_first_opening_of_a_published_document_is_hinted_at() -> None:
    here = await archived_room(space="published", folder="Bilan")
    document = await handlers.find(ONE, who=CLIENT, desk=here.desk)
    await handlers.note_opened(document, who=ACCOUNTANT, desk=here.desk)
    assert here.hints.sent == []
    await handlers.note_opened(document, who=CLIENT, desk=here.desk)
    await handlers.note_opened(document, who=SPOUSE, desk=here.desk)
    assert here.hints.sent == [(ONE, "archived")]


async def test_of_a_withdrawn_publication_its_client_learns_neither_what_it_was_nor_why_it_went() -> None:
    here = await archived_room(space="published", folder="Bilan", name="Licenciement de M. Dupont.pdf")
    await here.decide(ACCOUNTANT, "withdrawn", "mauvais client")
    seen = await handlers.find(ONE, who=CLIENT, desk=here.desk)
    assert (seen.state, seen.name, seen.sha256, seen.receipt, seen.depositor) == ("withdrawn", "", "", None, None)
    told = repr(seen)
    for secret in ("Dupont", "mauvais client", "Bilan", "1001", "application/pdf", events.SHA):
        assert secret not in told
    office = await handlers.find(ONE, who=ACCOUNTANT, desk=here.desk)
    assert office.name == "Licenciement de M. Dupont.pdf"
    assert office.decision is not None
    assert office.decision.reason == "mauvais client"


async def test_of_their_own_withdrawn_deposit_a_client_sees_what_it_was() -> None:
    here = await archived_room(name="photo.jpg")
    await here.decide(CLIENT, "withdrawn")
    assert (await handlers.find(ONE, who=CLIENT, desk=here.desk)).name == "photo.jpg"


async def test_a_published_document_is_not_taken() -> None:
    here = await archived_room(space="published", folder="Bilan")
    with pytest.raises(Conflict) as conflict:
        await here.decide(ACCOUNTANT, "taken")
    assert conflict.value.code == "not_a_deposit"


async def test_a_move_in_trouble_is_woken_once_a_minute() -> None:
    here = await room(events.announced(1), events.transfer_failed(1, attempt=1, retrying=True))
    await handlers.retry_move(ONE, who=CLIENT, desk=here.desk)
    with pytest.raises(TooSoon):
        await handlers.retry_move(ONE, who=ACCOUNTANT, desk=here.desk)
    here.now = events.at(201)
    await handlers.retry_move(ONE, who=CLIENT, desk=here.desk)
    assert here.waker.woken == [ONE, ONE]


@pytest.mark.parametrize("code", ["staging_missing", "hash_differs"])
async def test_a_move_whose_bytes_are_lost_is_not_woken_and_says_why(code: str) -> None:
    here = await room(events.announced(1), events.transfer_failed(1, attempt=1, retrying=False, code=code))
    for who, whose_turn in ((CLIENT, "Déposez-le de nouveau"), (ACCOUNTANT, "Demandez à votre client")):
        with pytest.raises(Conflict) as conflict:
            await handlers.retry_move(ONE, who=who, desk=here.desk)
        assert conflict.value.code == "bytes_lost"
        assert whose_turn in str(conflict.value)
    assert here.waker.woken == []


async def test_a_retry_that_did_not_get_through_can_be_asked_again_at_once() -> None:
    here = await room(events.announced(1), events.transfer_failed(1, attempt=1, retrying=True))
    here.waker.reachable = False
    with pytest.raises(Unavailable):
        await handlers.retry_move(ONE, who=CLIENT, desk=here.desk)
    here.waker.reachable = True
    await handlers.retry_move(ONE, who=CLIENT, desk=here.desk)
    assert here.waker.woken == [ONE]


async def test_an_event_hints_at_every_document_it_is_about() -> None:
    here = await room(events.announced(1), events.announced(2))
    hints = FakeHints()
    told = (events.alerted(1, 2), 9)
    assert await handlers.record_event(told, projection=here.documents, decisions=here.decisions, hints=hints) == ()
    assert sorted(hints.sent) == [(ONE, "deposited"), (events.document_id(2), "deposited")]


@pytest.mark.parametrize(
    ("told", "left"),
    [
        (events.retained(1), ["returned"]),
        (events.erased(1), []),
        (events.alerted(1, kind="returned"), ["taken"]),
        (events.alerted(1, kind="returned", failed=True), ["taken"]),
        (events.alerted(1, kind="deposited"), ["returned", "taken"]),
    ],
)
async def test_a_decision_is_settled_by_what_follows_from_it(told: Envelope, left: list[str]) -> None:
    here = await archived_room()
    await here.decide(ACCOUNTANT, "returned", "illisible")
    await here.decide(ACCOUNTANT, "taken")
    await handlers.settle_decision(told, decisions=here.decisions)
    owed = [one.topic.split(".")[2:4] for one in here.decisions.owed[ONE]]
    assert [event for stream, event in owed if stream == "documents"] == left
    assert [event for stream, event in owed if stream == "audit"] == ["returned", "taken"]


async def test_what_was_withdrawn_is_so_for_all_who_look_before_the_records_tell_of_it() -> None:
    """The process died, or the database was away, between the decision and the records."""
    here = await room(events.announced(1, space="published"), events.announced(2, space="published"))
    by = Person(sub=ACCOUNTANT.sub, name=ACCOUNTANT.name)
    await here.decisions.save(ONE, Decision("withdrawn", 1, here.now, by, "mauvais client"), over=0, owing=())
    found = await handlers.find_all([ONE, events.document_id(2)], who=CLIENT, desk=here.desk)
    assert {each.id: each.state for each in found} == {ONE: "withdrawn", events.document_id(2): "deposited"}
    with pytest.raises(NotFound):
        await handlers.find_all([ONE, events.document_id(3)], who=CLIENT, desk=here.desk)
    with pytest.raises(NotFound):
        await handlers.find_all([ONE], who=STRANGER, desk=here.desk)


async def test_a_return_awaits_its_mail() -> None:
    here = await archived_room()
    await here.decide(ACCOUNTANT, "returned", "illisible")
    await handlers.settle_decision(events.returned(1, revision=1), decisions=here.decisions)
    assert awaiting(here) == ["returned"]


async def test_a_return_that_is_told_after_the_document_was_taken_awaits_no_mail() -> None:
    here = await archived_room()
    await here.decide(ACCOUNTANT, "returned", "illisible")
    await here.decide(ACCOUNTANT, "taken")
    await handlers.settle_decision(events.returned(1, revision=1), decisions=here.decisions)
    assert awaiting(here) == ["taken"]


async def test_a_return_that_was_told_awaits_no_mail_once_the_document_is_locked() -> None:
    here = await archived_room()
    await here.decide(ACCOUNTANT, "returned", "illisible")
    here.decisions.owed[ONE] = [owed.published(events.at(9)) for owed in here.decisions.owed[ONE]]
    await here.decide(ACCOUNTANT, "taken")
    await handlers.settle_decision(events.retained(1), decisions=here.decisions)
    assert awaiting(here) == []


async def test_a_return_awaits_no_mail_once_another_document_replaces_it() -> None:
    here = await archived_room()
    await here.decide(ACCOUNTANT, "returned", "illisible")
    for number, replaces, left in ((2, None, ["returned"]), (3, ONE, [])):
        told = (events.announced(number, replaces=replaces), number)
        await handlers.record_event(told, projection=here.documents, decisions=here.decisions, hints=FakeHints())
        assert awaiting(here) == left


def test_whatever_settles_a_decision_is_listened_to() -> None:
    told = (events.retained(1), events.erased(1), events.alerted(1), events.returned(1, revision=1))
    assert {event.name for event in told} <= set(SETTLING)


def awaiting(here: Room) -> list[str]:
    """The decisions on the first document that await a successor."""
    return [owed.topic.split(".")[3] for owed in here.decisions.owed[ONE] if owed.awaits_successor]


class TestFakeDecisions(DecisionsBehaviour):
    @pytest.fixture
    def decisions(self) -> FakeDecisions:
        return FakeDecisions()

    async def owed(self, decisions: FakeDecisions, document: str) -> list[str]:
        return [one.id for one in decisions.owed[document]]

    @pytest.fixture
    def marks(self) -> FakeMarks:
        return FakeMarks()
