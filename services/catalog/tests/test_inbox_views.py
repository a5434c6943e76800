"""What À traiter offers and counts, and where a document is deposited again. No sockets."""

from datetime import date

import pytest
from catalog.history_pages import HistoryQuery
from catalog.inbox_pages import InboxQuery
from catalog.inbox_views import choices_of, inbox_row
from catalog.listing import Waiting
from catalog.model import Document
from catalog.page_views import WRONG_FOLDER, Again, again_of, row_of
from catalog.projection import Numbered, document_of, operations
from catalog.rendering import Rendering
from contracts.envelope import Envelope
from pydantic import ValidationError

from tests.suites import catalog_events as events
from tests.suites.fake_records import FakeRecords

NAMES = {"chene": "EARL du Chêne", "pont": "Garage du Pont", "tilleuls": "Ferme des Tilleuls"}
WAITING = [
    Waiting("14/chene", "comptable", "archived", 5),
    Waiting("14/chene", "comptable", "returned", 1),
    Waiting("14/chene", "conseil", "archived", 2),
    Waiting("14/pont", "comptable", "deposited", 4),
]


def document(number: int, *seen: Envelope) -> Document:
    fake = FakeRecords()
    for each in seen:
        fake.apply(operations(Numbered(each, None)))
    return document_of(fake.records[events.document_id(number)])


def counts(client: str = "", folder: str = "", state: str = "") -> dict[str, dict[str, int]]:
    made = choices_of(WAITING, names=NAMES, client=client, folder=folder, state=state)
    return {
        "clients": {each.name: each.count for each in made.clients},
        "folders": {each.name: each.count for each in made.folders},
        "states": {each.name: each.count for each in made.states},
    }


def test_every_filter_says_what_each_of_its_values_would_show() -> None:
    assert counts() == {
        "clients": {"EARL du Chêne": 8, "Garage du Pont": 4},
        "folders": {"Comptable": 10, "Conseil": 2},
        "states": {"Sécurisé": 7, "À revoir": 1, "Déposé": 4},
    }


def test_what_the_other_filters_leave_out_is_not_counted() -> None:
    assert counts(client="chene", folder="comptable") == {
        "clients": {"EARL du Chêne": 6, "Garage du Pont": 4},
        "folders": {"Comptable": 6, "Conseil": 2},
        "states": {"Sécurisé": 5, "À revoir": 1, "Déposé": 0},
    }


def test_the_chosen_client_stays_when_nothing_waits_there() -> None:
    assert counts(client="tilleuls")["clients"] == {"EARL du Chêne": 8, "Ferme des Tilleuls": 0, "Garage du Pont": 4}


def test_an_address_says_what_is_chosen_and_begins_at_the_beginning() -> None:
    query = InboxQuery(client="chene", q="facture", cursor="abc")
    assert query.address(state="returned") == "/a-traiter?client=chene&state=returned&q=facture"
    assert InboxQuery().address() == "/a-traiter"
    history = HistoryQuery(du=date(2026, 3, 1), before="abc")
    assert history.address(client="chene") == "/historique?client=chene&du=2026-03-01"


def test_a_day_left_empty_is_no_filter_and_an_impossible_one_no_bug() -> None:
    assert HistoryQuery.model_validate({"du": "", "au": ""}) == HistoryQuery()
    for wrong in ("demain", "9999-12-31", "0001-01-01"):
        with pytest.raises(ValidationError):
            HistoryQuery.model_validate({"au": wrong})


def test_a_document_is_not_taken_before_it_is_secured() -> None:
    assert not inbox_row(document(1, events.announced(1))).takeable
    assert inbox_row(document(1, events.announced(1), events.archived(1))).takeable


def test_a_returned_document_says_why_who_asked_and_can_still_be_taken() -> None:
    row = inbox_row(document(1, events.announced(1), events.archived(1), events.returned(1, revision=1)))
    assert row.sent_back is not None
    assert (row.sent_back.reason, row.sent_back.by) == ("illisible", "JEANNY JEROME")
    assert row.takeable


def test_a_returned_document_is_deposited_again_in_its_folder() -> None:
    returned = document(1, events.announced(1, folder="conseil"), events.archived(1), events.returned(1, revision=1))
    assert again_of(returned) == Again(events.CLIENT, "conseil")


def test_a_document_in_the_wrong_folder_is_deposited_again_in_the_other() -> None:
    returned = events.returned(1, revision=1, reason=f"{WRONG_FOLDER} – c’est pour le conseil")
    assert again_of(document(1, events.announced(1), returned)) == Again(events.CLIENT, "conseil")


def test_the_wrong_folder_is_a_reason_that_can_be_chosen() -> None:
    page = bytes(Rendering(sign_in="").page("decisions.html").body).decode()
    assert f'value="{WRONG_FOLDER}"' in page


def test_a_replaced_document_is_not_deposited_again_until_its_replacement_is_withdrawn() -> None:
    old = events.document_id(1)
    seen = [events.announced(1), events.returned(1, revision=1), events.announced(2, replaces=old)]
    row = row_of(document(1, *seen))
    assert (row.state_name, row.replaced_by, row.again) == ("Remplacé", events.document_id(2), None)
    row = row_of(document(1, *seen, events.withdrawn(2, revision=1, replaces=old)))
    assert (row.state_name, row.replaced_by, row.again) == ("À revoir", None, Again(events.CLIENT, "comptable"))
