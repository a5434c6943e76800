"""What is said to be missing of a document, and what is shown of it."""

from dataclasses import replace
from typing import Any

import pytest
from catalog.model import Archive, Decision
from connect_ops.document import report_of
from connect_ops.journey import Buried, Entry, Journey, Mailed, Told, missing
from connect_ops.store import Version
from connect_ops.telling import plain
from contracts.values import Location, Person
from ged_mover.model import Record as Move

from tests.suites.catalog_events import at
from tests.suites.catalog_room import ONE, archived_room

VERSION = Version("v1", 10, at(1), None)
TAKEN = Decision("taken", 1, at(2), Person(sub="jj", name="JEANNY"))
WITHDRAWN = replace(TAKEN, kind="withdrawn")
SENT = Mailed("deposited", "jj", "sent", at(1))


def events(*names: str) -> list[Told]:
    return [Told(number, name, at(number)) for number, name in enumerate(names, 1)]


async def whole(**changes: Any) -> Journey:
    """A document in the GED, its accountant told."""
    known = await (await archived_room()).documents.get(ONE)
    assert known
    journey = Journey(
        ONE,
        "14",
        "earl",
        events=events("deposited", "archived", "alerted"),
        known=replace(known, archive=Archive(at(1), Location(bucket="ged", key="k"))),
        move=Move(ONE, "14", "earl", "deposits"),
        versions=[VERSION],
        mails=[SENT],
        journal=[Entry(1, "archived", "2026")],
    )
    return replace(journey, **changes)


async def test_of_a_whole_journey_nothing_is_missing() -> None:
    assert missing(await whole()) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"known": None}, "the catalog has no record"),
        ({"versions": []}, "nothing lies in the GED"),
        ({"move": None}, "ged-mover has no record"),
        ({"journal": []}, "the journal has no entry"),
        ({"is_staged": True}, "staging still has a copy"),
        ({"mails": [], "events": events("deposited", "archived")}, "notify has no mail"),
        ({"mails": [SENT, replace(SENT, state="claimed", recipient="pd")]}, "the mail to pd is not sent yet"),
        ({"mails": [replace(SENT, state="failed", code="refused")]}, "the mail to jj was refused (refused"),
        ({"mails": [replace(SENT, state="due")]}, "its mail waits"),
        ({"decision": TAKEN, "events": events("deposited", "archived", "taken")}, "not locked in the GED"),
        ({"decision": TAKEN, "versions": [replace(VERSION, locked_until=at(9))]}, "the stream does not have it"),
        ({"dead": [Buried(7, "notify-digests", "bug")]}, "dead letter 7 (notify-digests, bug)"),
        ({"put_off": 1}, "1 messages about it were put off"),
        ({"events": events("alerted")}, "the GED has it, and the stream has no event that announces it"),
    ],
)
async def test_one_thing_that_is_missing_is_said_alone(changes: dict[str, Any], said: str) -> None:
    (told,) = missing(await whole(**changes))
    assert said in told


async def test_a_move_that_was_given_up_says_why() -> None:
    move = Move(ONE, "14", "earl", "deposits", code="hash_differs", given_up_at=at(3))
    (told,) = missing(await whole(versions=[], events=events("deposited", "alerted"), move=move))
    assert "given up (hash_differs)" in told


async def test_of_a_withdrawn_document_only_its_erasure_is_missed() -> None:
    gone = {"decision": WITHDRAWN, "mails": [], "journal": []}
    erased = events("deposited", "withdrawn", "erased")
    assert missing(await whole(**gone, events=erased, versions=[])) == []
    assert len(missing(await whole(**gone, events=erased))) == 1
    assert len(missing(await whole(**gone, events=events("deposited", "withdrawn"), is_staged=True))) == 3


async def test_nothing_that_is_shown_tells_a_name_unless_asked_for() -> None:
    journey = await whole()
    known = journey.known
    assert known
    assert known.depositor
    names = (known.name, known.client.name, known.depositor.name, known.depositor.sub)
    told = str(plain(report_of(journey)))
    assert not [name for name in names if name in told.replace("'client': 'earl'", "")]
    assert all(name in str(report_of(journey, names=True)) for name in names[:3])


def test_a_document_that_nobody_has_is_unknown() -> None:
    assert not Journey(ONE).is_known
    assert Journey(ONE, dead=[Buried(1, None, None)]).is_known
