"""*Mes documents*: addresses, rows, pages in both directions, and what a form may name. No sockets."""

import json
from base64 import urlsafe_b64encode
from dataclasses import replace

import pytest
from catalog.errors import Invalid
from catalog.listing import Cursor, Listing, Sort, page_of
from catalog.model import Document, Trouble
from catalog.page_views import row_of
from catalog.pages import PageQuery
from catalog.projection import Numbered
from catalog.selection_pages import selection_of

from tests.suites import catalog_events as events
from tests.suites.fake_catalog import FakeDocuments

BY_NAME = Sort("name", descending=False)


async def documents(*told: object) -> list[Document]:
    fake = FakeDocuments()
    for event in told:
        await fake.apply(Numbered(event, None))  # type: ignore[arg-type]
    found = await fake.several([events.document_id(number) for number in range(1, 10)])
    return sorted(found, key=lambda each: each.name)


def test_an_address_says_only_what_is_not_as_usual() -> None:
    assert PageQuery().address() == "/documents"
    assert PageQuery(show="200", q="edf", before="x").address(sort="size") == "/documents?q=edf&sort=size&show=200"
    assert PageQuery(q="  ").address(before="x") == "/documents?before=x"


async def test_a_row_says_why_a_document_came_back_and_what_stands_in_its_place() -> None:
    old, new = await documents(
        events.announced(1), events.archived(1), events.returned(1, revision=1), events.announced(2)
    )
    row = row_of(old)
    assert (row.state_name, row.reason, row.replaced_by, row.deletable) == ("À revoir", "illisible", None, True)
    row = row_of(replace(old, replaced_by=new.id))
    assert (row.state_name, row.reason, row.replaced_by) == ("Remplacé", "", new.id)


async def test_only_a_deposit_that_nobody_took_can_be_deleted() -> None:
    taken, published = await documents(
        events.announced(1),
        events.archived(1),
        events.taken(1, revision=1),
        events.announced(2, space="published", folder="Bilan"),
    )
    assert [row_of(each).deletable for each in (taken, published)] == [False, False]


@pytest.mark.parametrize(("given_up", "said"), [(False, "De nouveaux essais ont lieu"), (True, "Ouvrez le document")])
async def test_trouble_is_a_sentence_until_the_document_is_secured(given_up: bool, said: str) -> None:
    (deposited,) = await documents(events.announced(1))
    trouble = Trouble("store_unavailable", events.DAY, given_up)
    assert said in row_of(replace(deposited, trouble=trouble)).trouble
    (archived,) = await documents(events.announced(1), events.archived(1))
    assert row_of(replace(archived, trouble=trouble)).trouble == ""


@pytest.mark.parametrize("given_up", [False, True])
async def test_of_bytes_that_are_lost_a_row_says_what_helps_and_no_other_try(given_up: bool) -> None:
    (deposited,) = await documents(events.announced(1))
    told = row_of(replace(deposited, trouble=Trouble("staging_missing", events.DAY, given_up))).trouble
    assert told == "Le fichier reçu est introuvable. Déposez-le de nouveau, ou contactez votre CERFRANCE."


async def test_a_page_read_backwards_stands_in_its_order_with_both_its_neighbours() -> None:
    found = await documents(*(events.announced(number) for number in range(1, 6)))
    listing = Listing(["14/c"], BY_NAME, 2, before=Cursor(found[4].name, found[4].id))
    page = page_of([found[3], found[2], found[1]], listing)
    assert page.documents == [found[2], found[3]]
    assert page.previous == Cursor(found[2].name, found[2].id).encode()
    assert page.next == Cursor(found[3].name, found[3].id).encode()
    first = page_of([found[1], found[0]], listing)
    assert (first.documents, first.previous) == ([found[0], found[1]], None)


async def test_the_first_page_has_none_before_it_and_the_last_none_after() -> None:
    found = await documents(*(events.announced(number) for number in range(1, 4)))
    first = page_of(found, Listing(["14/c"], BY_NAME, 2))
    assert first.previous is None
    assert first.next
    last = page_of(found[2:], Listing(["14/c"], BY_NAME, 2, after=Cursor.decode(first.next)))
    assert last.previous
    assert last.next is None


@pytest.mark.parametrize(
    "crafted",
    [
        [5, "id"],
        [True, "id"],
        [2**64, "id"],
        ["\ud800", "id"],
        ["a", "\ud800"],
        ["a", {"$gt": ""}],
        [{"t": "0001-01-01T00:00:00+14:00"}, "id"],
        [{"t": "2026-03-26T00:00:00+00:00"}, "id"],
        [{"$gt": ""}, "id"],
        [[], "id"],
    ],
)
def test_a_crafted_cursor_is_refused_before_the_database_sees_it(crafted: object) -> None:
    text = urlsafe_b64encode(json.dumps(crafted).encode()).decode()
    with pytest.raises(Invalid):
        Listing(["14/c"], BY_NAME, 2, after=Cursor.decode(text))


def test_a_number_is_a_cursor_by_size_alone() -> None:
    with pytest.raises(Invalid):
        Listing(["14/c"], BY_NAME, 2, before=Cursor(5, "id"))
    assert Listing(["14/c"], Sort("size", descending=True), 2, before=Cursor(5, "id")).before
    with pytest.raises(Invalid):
        Listing(["14/c"], Sort("size", descending=True), 2, before=Cursor(2**63, "id"))


def test_a_form_names_the_documents_to_zip() -> None:
    one, two = events.document_id(1), events.document_id(2)
    assert selection_of(f"ids={one}&ids={two}&other=1".encode()).ids == [one, two]


@pytest.mark.parametrize("form", [b"", b"ids=", b"ids=../etc", b"\xff\xfe", b"ids=%FF", b"&".join([b"ids=x"] * 1001)])
def test_a_form_that_names_none_is_refused(form: bytes) -> None:
    with pytest.raises(Invalid):
        selection_of(form)
