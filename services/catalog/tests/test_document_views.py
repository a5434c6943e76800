"""What a document's page tells, from its events. No sockets."""

import random
from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from catalog.content import check_not_gone
from catalog.document_views import DocumentView, Link, Surroundings, view_of
from catalog.errors import Conflict, Gone
from catalog.model import Document, check_allowed
from catalog.projection import Numbered, document_of, operations
from catalog.rendering import Rendering
from chassis.auth import Identity
from contracts.envelope import Envelope

from tests.suites import catalog_events as events
from tests.suites.catalog_events import at
from tests.suites.fake_records import FakeRecords

NAMES = {"jj": "JEANNY JEROME"}


def document(happened: Sequence[Envelope], number: int = 1) -> Document:
    records = FakeRecords()
    for event in happened:
        records.apply(operations(Numbered(event, None)))
    return document_of(records.records[events.document_id(number)])


def told(*happened: Envelope, **around: Any) -> DocumentView:
    """The view of document 1 after these events, as the client gets it."""
    return view_of(document(happened), Surroundings(**{"recipient": NAMES.get, "by_client": True, **around}))


def titles(view: DocumentView) -> list[str]:
    return [step.title for step in view.steps]


LIFE = (
    events.announced(1),
    events.alerted(1),
    events.archived(1),
    events.returned(1, revision=1),
    events.taken(1, revision=2),
    events.retained(1),
)


def test_a_document_s_life_is_told_in_the_order_of_its_times_whatever_came_first() -> None:
    happened = list(LIFE)
    random.Random(4).shuffle(happened)  # noqa: S311 (test data)
    view = told(*happened)
    assert titles(view) == [
        "Déposé par EARL du Chêne",
        "Alerte envoyée à JEANNY JEROME (Comptable)",
        "Sécurisé avec son empreinte SHA-256",
        "À revoir : illisible",
        "Pris en charge par JEANNY JEROME",
        "Conservé jusqu’au 31/12/2037",
    ]
    assert [step.fingerprint for step in view.steps if step.fingerprint] == [events.SHA]
    assert view.state_name == "Pris en charge"


def test_what_waits_to_be_secured_says_so_calmly_at_the_end() -> None:
    view = told(events.announced(1), events.alerted(1))
    assert (titles(view)[-1], view.steps[-1].at) == ("En cours de sécurisation", None)
    assert view.difficulty is None
    assert "En cours de sécurisation" not in titles(told(events.announced(1), events.archived(1)))


WITHDRAWN = (*LIFE[:3], events.withdrawn(1, revision=1))
TAKEN = LIFE[:5]


@pytest.mark.parametrize(
    ("happened", "minutes", "last"),
    [
        (WITHDRAWN, 10, "Effacement en cours"),
        (WITHDRAWN, 12, "Effacement en attente"),
        ((*WITHDRAWN, events.erased(1)), 12, "Effacé définitivement"),
        (TAKEN, 10, "Mise en conservation en cours"),
        (TAKEN, 12, "Conservation non confirmée"),
        (LIFE, 12, "Conservé jusqu’au 31/12/2037"),
    ],
)
def test_what_a_decision_has_yet_to_bring_about_is_told_and_that_it_is_late(
    happened: Sequence[Envelope], minutes: int, last: str
) -> None:
    decision = document(happened).decision
    assert decision
    view = told(*happened, now=decision.at + timedelta(minutes=minutes))
    assert titles(view)[-1] == last


@pytest.mark.parametrize(("by_client", "turn"), [(True, "Contactez votre CERFRANCE."), (False, "Prévenez votre")])
def test_who_reads_that_an_erasure_is_late_is_told_whom_to_ask(by_client: bool, turn: str) -> None:
    assert turn in told(*WITHDRAWN, by_client=by_client).steps[-1].detail


@pytest.mark.parametrize(
    ("retrying", "title", "advice"),
    [(True, "retardée", "De nouveaux essais ont lieu"), (False, "interrompue", "Réessayez, ou contactez")],
)
def test_a_move_in_trouble_is_told_plainly_with_what_to_do(retrying: bool, title: str, advice: str) -> None:
    view = told(events.announced(1), events.transfer_failed(1, attempt=1, retrying=retrying), retry_in=42)
    assert view.difficulty
    assert title in view.difficulty.title
    assert view.difficulty.text == "L’espace de GED sécurisée ne répond pas."
    assert advice in view.difficulty.advice
    assert view.difficulty.retry_in == 42
    assert "En cours de sécurisation" not in titles(view)


CLIENT, OFFICE = True, False
AUTOMATIC = "De nouveaux essais ont lieu automatiquement."


@pytest.mark.parametrize(
    ("by_client", "space", "code", "retrying", "advice"),
    [
        (CLIENT, "deposits", "store_unavailable", True, f"Votre document est bien reçu et conservé. {AUTOMATIC}"),
        (
            CLIENT,
            "deposits",
            "store_unavailable",
            False,
            "Votre document est conservé tel qu’il a été déposé. Réessayez, ou contactez votre CERFRANCE.",
        ),
        (CLIENT, "deposits", "hash_differs", False, "Déposez-le de nouveau, ou contactez votre CERFRANCE."),
        (CLIENT, "deposits", "staging_missing", True, "Déposez-le de nouveau, ou contactez votre CERFRANCE."),
        (OFFICE, "deposits", "store_unavailable", True, f"Le document est bien reçu et conservé. {AUTOMATIC}"),
        (
            OFFICE,
            "deposits",
            "ged_holds_other_content",
            False,
            "Le document est conservé tel qu’il a été déposé. Réessayez, ou prévenez votre service informatique.",
        ),
        (OFFICE, "deposits", "hash_differs", False, "Demandez à votre client de le déposer de nouveau."),
        (CLIENT, "published", "store_unavailable", True, f"Le document est bien reçu et conservé. {AUTOMATIC}"),
        (
            CLIENT,
            "published",
            "store_unavailable",
            False,
            "Le document est conservé tel qu’il a été publié. Réessayez, ou contactez votre CERFRANCE.",
        ),
        (CLIENT, "published", "staging_missing", False, "Demandez à votre CERFRANCE de le publier de nouveau."),
        (OFFICE, "published", "store_unavailable", True, f"Le document est bien reçu et conservé. {AUTOMATIC}"),
        (
            OFFICE,
            "published",
            "store_unavailable",
            False,
            "Le document est conservé tel qu’il a été publié. Réessayez, ou prévenez votre service informatique.",
        ),
        (OFFICE, "published", "hash_differs", False, "Retirez-le, puis publiez-le de nouveau."),
    ],
)
def test_advice_is_what_its_reader_can_follow(
    by_client: bool, space: str, code: str, retrying: bool, advice: str
) -> None:
    failed = events.transfer_failed(1, attempt=1, retrying=retrying, code=code)
    view = told(events.announced(1, space=space), failed, by_client=by_client)
    assert view.difficulty
    assert view.difficulty.advice == advice


@pytest.mark.parametrize(("code", "retryable"), [("store_unavailable", True), ("hash_differs", False)])
def test_another_try_is_offered_only_where_it_may_help(code: str, retryable: bool) -> None:
    view = told(events.announced(1), events.transfer_failed(1, attempt=1, retrying=False, code=code))
    assert view.difficulty
    assert view.difficulty.retryable is retryable
    who = Identity("s", "Nom", "", "client", "14", (), 0, 0)
    me = SimpleNamespace(who=who, office=SimpleNamespace(name="14"), clients=())
    rendering = Rendering(sign_in="https://connexion.example")
    page = bytes(rendering.page("document.html", title=view.name, me=me, view=view).body).decode()
    assert ("data-retry=" in page) is retryable


def test_a_trouble_that_nobody_foresaw_has_a_sentence_too() -> None:
    unknown = events.transfer_failed(1, attempt=1, retrying=True, code="something_new")
    view = told(events.announced(1), unknown)
    assert view.difficulty
    assert view.difficulty.text == "Un incident technique retarde la sécurisation."


def test_a_trouble_is_over_once_the_document_is_secured_and_stays_in_its_history() -> None:
    view = told(events.announced(1), events.transfer_failed(1, attempt=1, retrying=True), events.archived(1))
    assert view.difficulty is None
    assert "Sécurisation retardée" in titles(view)


def test_an_alert_that_was_refused_and_one_to_somebody_who_left_are_told() -> None:
    view = told(events.announced(1), events.alerted(1, failed=True), events.alerted(1, recipient="gone"))
    assert titles(view)[1:3] == [
        "Alerte non remise à JEANNY JEROME (Comptable)",
        "Alerte envoyée à un contact qui n’est plus dans l’annuaire (Comptable)",
    ]


def test_a_client_deletes_until_it_is_taken_and_the_office_takes_or_returns_what_is_secured() -> None:
    deposited, archived = LIFE[:1], LIFE[:3]
    returned, taken = LIFE[:4], LIFE[:5]
    assert [told(*seen).deletable for seen in (deposited, archived, returned, taken)] == [True, True, True, False]
    assert [told(*seen).takeable for seen in (deposited, archived, returned, taken)] == [False] * 4
    office = [told(*seen, by_client=False) for seen in (deposited, archived, returned, taken)]
    assert [view.takeable for view in office] == [False, True, True, False]
    assert [view.returnable for view in office] == [False, True, False, False]
    assert [view.deletable for view in office] == [False] * 4


def test_what_was_sent_back_can_be_replaced_once_and_leads_to_what_replaces_it() -> None:
    returned = (events.announced(1), events.archived(1), events.returned(1, revision=1))
    assert told(*returned).again
    better = events.announced(2, replaces=events.document_id(1))
    view = told(*returned, better, successor=document([better], 2))
    assert not view.again
    assert view.state_name == "Remplacé"
    assert view.replaced_by == Link(events.document_id(2), "facture_2.pdf")
    (step,) = [step for step in view.steps if step.link]
    assert (step.title, step.link, step.at) == ("Remplacé par", view.replaced_by, at(2))


def test_of_an_erased_document_only_that_it_was_there_is_told() -> None:
    view = told(events.announced(1), events.archived(1), events.withdrawn(1, revision=1), events.erased(1))
    assert titles(view)[-2:] == ["Supprimé par EARL du Chêne", "Effacé définitivement"]
    assert titles(view)[0] == "Déposé"
    assert not view.has_bytes
    assert not view.deletable


def test_a_published_document_is_made_available_and_its_opening_is_for_the_office() -> None:
    published = (events.announced(1, space="published", folder="Bilan"), events.archived(1))
    view = told(*published)
    assert titles(view)[0] == "Mis à disposition par EARL du Chêne"
    assert (view.folder, view.state_name, view.deletable) == ("Bilan", "Mis à disposition", False)
    opened = told(*published, by_client=False, opened_at=at(90))
    assert titles(opened)[-1] == "Consulté par EARL du Chêne"


@pytest.mark.parametrize(
    ("space", "text"), [("deposits", "Ce document a été supprimé."), ("published", "Ce document a été retiré.")]
)
def test_what_is_gone_is_called_as_it_went(space: str, text: str) -> None:
    gone = document((events.announced(1, space=space), events.withdrawn(1, revision=1)))
    with pytest.raises(Conflict, match=f"^{text}$"):
        check_allowed("withdrawn", gone)
    with pytest.raises(Gone, match=f"^{text}$"):
        check_not_gone(gone)
