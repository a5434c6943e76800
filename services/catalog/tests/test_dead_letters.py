"""What an office is told of a dead letter: its own alone, by code and ids. No sockets."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from catalog.dead_letters import DeadLetter, Letters, letter_of
from catalog.errors import Invalid
from catalog.pages import DocumentPages, PageQuery
from catalog.rendering import Rendering
from chassis.dead import Letter
from chassis.errors import Unavailable
from chassis.origin import Origin
from contracts.directory import Directory

from tests.suites import catalog_events as events
from tests.suites.catalog_room import ADMIN, ONE, Room

EVENT = events.announced(1)
BURIED = datetime(2026, 3, 26, 14, 5, tzinfo=UTC)


def letter(subject: str = EVENT.topic, *, code: str = "hash_differs") -> Letter:
    return Letter("ged-mover", "ged-mover-moves", code, "why", BURIED, Origin(subject, 1, events.DAY, EVENT.id))


def test_an_office_is_told_which_of_its_events_failed_where_why_and_when() -> None:
    told = letter_of(7, letter(), EVENT.encode(), office="14")
    assert told == DeadLetter(7, BURIED, "ged-mover", "deposited", ONE, "hash_differs")


@pytest.mark.parametrize(
    "subject",
    [
        "connect.v1.documents.deposited.53",
        "connect.v1.documents.deposited.14.53",
        "connect.v1.documents.unknown.14",
        "connect.v1.audit.deposited.140",
        "connect.v1.wake.due.ged-mover.move.14",
        "14",
        "",
    ],
)
def test_what_did_not_come_on_a_subject_of_the_office_is_not_told(subject: str) -> None:
    assert letter_of(7, letter(subject), EVENT.encode(), office="14") is None


@pytest.mark.parametrize(
    ("payload", "subject"),
    [
        (b"no event", EVENT.topic),
        (events.announced(1, office="53").encode(), EVENT.topic),
        (EVENT.encode().replace(ONE.encode(), b"EARL du Chene"), EVENT.topic),
        (EVENT.encode(), "connect.v1.documents.published.14"),
    ],
)
def test_of_what_is_no_event_of_that_subject_nothing_in_it_is_told(payload: bytes, subject: str) -> None:
    told = letter_of(7, letter(subject, code="wrong"), payload, office="14")
    assert told
    assert (told.document, told.code) == (None, "wrong")


def test_an_entry_of_the_audit_trail_is_told_apart_from_what_it_is_about() -> None:
    told = letter_of(7, letter("connect.v1.audit.deposited.14"), b"", office="14")
    assert told
    assert told.event == "audit_deposited"


class _Letters:
    """`None` is a broker that is away."""

    def __init__(self, answer: Letters | None) -> None:
        self._answer = answer
        self.asked: list[tuple[str, int]] = []

    async def of(self, office: str, *, after: int = 0) -> Letters:
        self.asked.append((office, after))
        if self._answer is None:
            raise Unavailable("message_not_read")
        return self._answer


async def page(letters: _Letters, **query: str) -> str:
    unasked: Any = None
    pages = DocumentPages(
        documents=unasked,
        letters=letters,
        directory=Directory(lambda: {}),
        rights=Room().desk.rights,
        rendering=Rendering(sign_in="https://connexion.example"),
    )
    answer = await pages.show(ADMIN, PageQuery(**query), account="")
    return bytes(answer.body).decode()


async def test_an_admin_reads_what_to_tell_operations_and_where_the_list_goes_on() -> None:
    told = letter_of(17, letter(), EVENT.encode(), office="14")
    assert told
    letters = _Letters(Letters([told, replace(told, number=18, document=None)], 18))
    shown = await page(letters, cursor="16")
    assert letters.asked == [("14", 16)]
    for said in ("N°&nbsp;17 · hash_differs", f"document {ONE}", "rejouer", 'href="/documents?cursor=18"'):
        assert said in shown
    assert shown.count("document 0") == 1


async def test_an_admins_menu_names_the_page_it_leads_to() -> None:
    shown = await page(_Letters(Letters([], None)))
    current = re.findall(r'<a href="([^"]+)" aria-current="page">\s*(.+?)\s*</a>', shown)
    assert current == [("/documents", "Administration")]
    assert "Mes documents" not in shown


@pytest.mark.parametrize(
    ("answer", "query", "said"),
    [
        (None, {}, "momentanément indisponible"),
        (Letters([], None), {}, "Il n’y en a aucun."),
        (Letters([], None), {"cursor": "9"}, "Il n’y a pas d’autre message."),
        (Letters([], 1000), {}, "pas parmi les plus anciens"),
    ],
)
async def test_where_there_are_none_to_show_the_page_says_why(
    answer: Letters | None, query: dict[str, str], said: str
) -> None:
    assert said in await page(_Letters(answer), **query)


@pytest.mark.parametrize("cursor", ["x", "-1", "٣", "9" * 16, "1\n"])
async def test_a_page_that_begins_nowhere_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid):
        await page(_Letters(Letters([], None)), cursor=cursor)
