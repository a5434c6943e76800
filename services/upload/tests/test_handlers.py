"""Creating, looking, cancelling, closing, and following what becomes of documents."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from chassis.auth import Identity
from contracts.directory import Client, Contact, Directory, client_key
from contracts.envelope import envelop
from contracts.events import Archived, DepositClosed, Erased, Returned, Taken, TransferFailed
from contracts.values import DepositRef, Person
from upload import handlers
from upload.background import Background
from upload.errors import Conflict, Gone, Locked, NotAllowed, NotFound, TooLarge, Unprocessable
from upload.finishing import Finisher
from upload.metadata import Metadata
from upload.model import Upload
from upload.rights import Owner, owner_of
from upload.scratch import Scratch

from tests.suites.fake_uploads import (
    FakeAnnouncer,
    FakeInspection,
    FakeScanner,
    FakeSigner,
    FakeStaging,
    FakeUploads,
)
from tests.suites.uploads import STRANGERS, an_upload

MIB = 1024 * 1024


def identity(sub: str, role: Any = "client", *clients: str, office: str = "14") -> Identity:
    return Identity(sub=sub, name=sub, email="", role=role, office=office, clients=clients, issued_at=0, expires_at=0)


CLIENT = identity("earl-du-chene", "client", "earl-du-chene")
ADVISER = identity("jeanny-jerome", "collaborator")
ADMIN = identity("admin-14", "admin")
OWNER = Owner("earl-du-chene", "14", frozenset({"earl-du-chene"}))


def account(client: str) -> Client:
    contact = Contact(id="jj", sub="jeanny-jerome", name="J", email="j@cerfrance.example", role="comptable")
    return Client(office="14", id=client, name="EARL du Chêne", contacts=(contact,))


@pytest.fixture
def directory() -> Directory:
    entries = {client_key("14", each): account(each).model_dump_json().encode() for each in ("earl-du-chene", "garage")}
    return Directory(lambda: entries)


@pytest.fixture
def uploads() -> FakeUploads:
    return FakeUploads()


@pytest.fixture
async def finisher(uploads: FakeUploads, tmp_path: Path) -> AsyncIterator[Finisher]:
    async with Background() as background:
        yield Finisher(
            uploads,
            FakeStaging(),
            FakeInspection(),
            FakeScanner(),
            FakeSigner(),
            FakeAnnouncer(),
            Scratch(tmp_path, quota=MIB),
            background,
        )


def said(**values: Any) -> Metadata:
    nothing = dict.fromkeys(("client", "deposit", "deposit_size", "sha256", "file", "replaces"))
    known = {"raw": "", "name": "facture.pdf", "folder": "comptable", "space": "deposits", "alert": ()}
    return Metadata(**{**nothing, **known, **values})


class Desk:
    """Creates uploads."""

    def __init__(self, uploads: FakeUploads, directory: Directory) -> None:
        self._uploads = uploads
        self._directory = directory

    async def create(self, who: Identity = CLIENT, *, length: int = 1000, **values: Any) -> tuple[Upload, bool]:
        creation = handlers.Creation(who, said(**values), length, holding=False)
        return await handlers.create(creation, uploads=self._uploads, directory=self._directory, max_size=MIB)


@pytest.fixture
def desk(uploads: FakeUploads, directory: Directory) -> Desk:
    return Desk(uploads, directory)


async def test_a_client_with_one_account_need_not_name_it(desk: Desk) -> None:
    upload, is_new = await desk.create()
    assert is_new
    assert (upload.client.id, upload.client.name, upload.office) == ("earl-du-chene", "EARL du Chêne", "14")
    assert upload.deposit == DepositRef(id=upload.id, size=1)


async def test_a_deposit_takes_so_many_files_and_no_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upload.handlers.DEPOSIT_LIMIT", 2)
    deposit, file = str(uuid.uuid4()), str(uuid.uuid4())
    first, _ = await desk.create(deposit=deposit, file=file)
    await desk.create(deposit=deposit)
    with pytest.raises(Unprocessable, match="déjà 2 fichiers") as refused:
        await desk.create(deposit=deposit)
    assert refused.value.code == "deposit_full"
    # Whoever asks again for what was created hears of that, and others' deposits are their own.
    assert await desk.create(deposit=deposit, file=file) == (first, False)
    await desk.create(identity("another", "client", "earl-du-chene"), deposit=deposit)
    await desk.create(deposit=str(uuid.uuid4()))


async def test_a_named_deposit_without_a_size_has_none(desk: Desk) -> None:
    deposit = str(uuid.uuid4())
    upload, _ = await desk.create(deposit=deposit)
    assert upload.deposit == DepositRef(id=deposit)


async def test_a_file_that_is_too_large_is_told_the_limit_in_the_portal_s_unit(desk: Desk) -> None:
    with pytest.raises(TooLarge, match=r"^Le fichier dépasse la taille maximale de 1,05 MB\.$"):
        await desk.create(length=MIB + 1)


@pytest.mark.parametrize(
    ("who", "values", "error"),
    [
        (CLIENT, {"length": 0}, Unprocessable),
        (CLIENT, {"length": MIB + 1}, TooLarge),
        (CLIENT, {"name": "a.zip"}, Unprocessable),
        (CLIENT, {"client": "garage"}, NotFound),
        (CLIENT, {"client": "unknown"}, NotFound),
        (CLIENT, {"space": "published"}, NotAllowed),
        (CLIENT, {"alert": ("stranger",)}, Unprocessable),
        (CLIENT, {"replaces": str(uuid.uuid4())}, Unprocessable),
        (identity("x", "client", "earl-du-chene", "garage"), {}, Unprocessable),
        (identity("x", "client"), {}, Unprocessable),
        (identity("x", "client", "earl-du-chene", office="53"), {}, NotFound),
        (ADVISER, {}, NotAllowed),
        (ADVISER, {"space": "published"}, Unprocessable),
        (ADVISER, {"space": "published", "client": "unknown"}, NotFound),
        (identity("conseil-14", "collaborator"), {"space": "published", "client": "garage"}, NotFound),
        (CLIENT, {"space": "published", "client": "garage"}, NotFound),
        (identity("conseil-14", "collaborator"), {"client": "garage"}, NotFound),
        (identity("jeanny-jerome", "collaborator", office="53"), {"space": "published", "client": "garage"}, NotFound),
        (ADMIN, {}, NotAllowed),
        (ADMIN, {"space": "published", "client": "garage"}, NotAllowed),
        (ADMIN, {"space": "published", "client": "unknown"}, NotFound),
        (identity("admin-53", "admin", office="53"), {"space": "published", "client": "garage"}, NotFound),
    ],
)
async def test_what_may_not_be_created_leaves_no_record(
    desk: Desk, uploads: FakeUploads, who: Identity, values: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error) as refused:
        await desk.create(who, **values)
    assert type(refused.value) is error
    assert uploads.records == {}


async def test_a_contact_publishes_for_their_client_under_a_free_label(desk: Desk) -> None:
    upload, _ = await desk.create(ADVISER, space="published", client="garage", folder="Bilan", alert=("jj",))
    assert (upload.space, upload.folder, upload.client.id, upload.alert) == ("published", "Bilan", "garage", ("jj",))


async def test_the_same_file_is_created_once_and_another_deposit_is_another(desk: Desk) -> None:
    file, deposit = str(uuid.uuid4()), str(uuid.uuid4())
    first, _ = await desk.create(file=file, deposit=deposit)
    again, is_new = await desk.create(file=file, deposit=deposit)
    assert (again.id, is_new) == (first.id, False)
    _, is_new = await desk.create(file=file, deposit=str(uuid.uuid4()))
    assert is_new


async def test_a_document_sent_back_from_the_wrong_folder_is_replaced_in_the_right_one(
    desk: Desk, uploads: FakeUploads
) -> None:
    returned, _ = await desk.create()
    await uploads.mark_returned(returned.id, office="14", client="earl-du-chene", folder="comptable", space="deposits")
    for folder in ("comptable", "conseil"):
        replacement, _ = await desk.create(replaces=returned.id, folder=folder)
        assert replacement.replaces == returned.id


async def test_a_replacement_is_created_once_also_when_what_it_replaces_is_taken_in_between(
    desk: Desk, uploads: FakeUploads
) -> None:
    returned, _ = await desk.create()
    await uploads.mark_returned(returned.id, office="14", client="earl-du-chene", folder="comptable", space="deposits")
    asked: dict[str, Any] = {"file": str(uuid.uuid4()), "deposit": str(uuid.uuid4()), "replaces": returned.id}
    first, _ = await desk.create(**asked)
    await uploads.mark_final(returned.id)
    again, is_new = await desk.create(**asked)
    assert (again.id, is_new) == (first.id, False)
    with pytest.raises(Unprocessable):
        await desk.create(**{**asked, "file": str(uuid.uuid4())})


@pytest.mark.parametrize(
    ("state", "offset", "error"),
    [
        ("receiving", 1000, Locked),
        ("assembled", 1000, Locked),
        ("checked", 1000, Locked),
        ("refused", 1000, Gone),
        ("abandoned", 10, Gone),
    ],
)
async def test_no_offset_is_told_before_the_event_is_owed(
    uploads: FakeUploads, state: str, offset: int, error: type[Exception]
) -> None:
    upload = await uploads.add(an_upload(state=state, offset=offset))
    with pytest.raises(error):
        await handlers.status(upload.id, by=OWNER, uploads=uploads)


@pytest.mark.parametrize(("state", "offset"), [("receiving", 10), ("owed", 1000), ("settled", 1000)])
async def test_the_offset_is_told_while_receiving_and_once_finished(
    uploads: FakeUploads, state: str, offset: int
) -> None:
    upload = await uploads.add(an_upload(state=state, offset=offset))
    assert (await handlers.status(upload.id, by=OWNER, uploads=uploads)).offset == offset


@pytest.mark.parametrize("outsider", STRANGERS)
async def test_an_outsider_finds_nothing(uploads: FakeUploads, finisher: Finisher, outsider: Owner) -> None:
    upload = await uploads.add(an_upload())
    with pytest.raises(NotFound):
        await handlers.status(upload.id, by=outsider, uploads=uploads)
    with pytest.raises(NotFound):
        await handlers.receipt_of(upload.id, by=outsider, uploads=uploads)
    with pytest.raises(NotFound):
        await handlers.cancel(upload.id, by=outsider, finisher=finisher)
    with pytest.raises(NotFound):
        await handlers.close_deposit(upload.deposit.id, [], by=outsider, finisher=finisher)


def test_a_collaborator_s_uploads_are_of_the_clients_whose_contact_they_are_now(directory: Directory) -> None:
    assert owner_of(ADVISER, directory).clients == {"earl-du-chene", "garage"}
    assert owner_of(identity("conseil-14", "collaborator"), directory).clients == frozenset()
    assert owner_of(ADMIN, directory).clients == frozenset()
    assert owner_of(CLIENT, directory) == OWNER


async def test_cancelling_owes_abandoned_in_the_same_write(uploads: FakeUploads, finisher: Finisher) -> None:
    upload = await uploads.add(an_upload(creation="key", offset=10))
    await handlers.cancel(upload.id, by=OWNER, finisher=finisher)
    assert uploads.records[upload.id].state == "abandoned"
    assert uploads.records[upload.id].creation is None
    assert [(event.name, event.data.cause) for event in uploads.events] == [("abandoned", "cancelled")]
    with pytest.raises(Gone):
        await handlers.cancel(upload.id, by=OWNER, finisher=finisher)


@pytest.mark.parametrize("state", ["owed", "settled"])
async def test_a_finished_upload_is_not_cancelled(uploads: FakeUploads, finisher: Finisher, state: str) -> None:
    upload = await uploads.add(an_upload(state=state))
    with pytest.raises(Conflict):
        await handlers.cancel(upload.id, by=OWNER, finisher=finisher)


async def test_a_closing_names_what_becomes_documents_for_each_place_it_went_to(
    uploads: FakeUploads, finisher: Finisher
) -> None:
    deposit = DepositRef(id=str(uuid.uuid4()))
    kept = await uploads.add(an_upload(deposit=deposit, state="owed"))
    cancelled = await uploads.add(an_upload(deposit=deposit, state="abandoned"))
    other = await uploads.add(an_upload(deposit=deposit, folder="conseil"))
    for _ in range(2):
        await handlers.close_deposit(deposit.id, [kept.id, cancelled.id, other.id], by=OWNER, finisher=finisher)
    closings: list[DepositClosed] = [event.data for event in uploads.events]
    assert {(each.folder, each.documents) for each in closings} == {
        ("comptable", (kept.id,)),
        ("conseil", (other.id,)),
    }
    assert len(closings) == 2
    with pytest.raises(Unprocessable):
        await handlers.close_deposit(deposit.id, [str(uuid.uuid4())], by=OWNER, finisher=finisher)


async def test_a_move_that_was_given_up_settles_and_one_in_trouble_does_not(uploads: FakeUploads) -> None:
    upload = await uploads.add(an_upload(state="owed"))
    trouble = TransferFailed(
        document=upload.id, office="14", client="earl-du-chene", code="hash_differs", retrying=True, attempt=1,
        since=datetime.now(UTC),
    )  # fmt: skip
    await handlers.follow_document(envelop(trouble), uploads=uploads)
    assert uploads.records[upload.id].state == "owed"
    await handlers.follow_document(envelop(trouble.model_copy(update={"retrying": False})), uploads=uploads)
    assert uploads.records[upload.id].state == "settled"


async def test_a_document_that_was_taken_before_its_move_is_still_announced(uploads: FakeUploads) -> None:
    upload = await uploads.add(an_upload(state="owed"))
    by, now = Person(sub="j", name="J"), datetime.now(UTC)
    taken = Taken(
        document=upload.id, office="14", client="earl-du-chene", space="deposits", revision=1, by=by, at=now
    )  # fmt: skip
    await handlers.follow_document(envelop(taken), uploads=uploads)
    assert uploads.records[upload.id].state == "owed"


async def test_a_successor_settles_and_a_return_is_noted_in_any_order_and_repetition(uploads: FakeUploads) -> None:
    upload = await uploads.add(an_upload(state="owed"))
    about = {"document": upload.id, "office": "14", "client": "earl-du-chene"}
    now = datetime.now(UTC)
    archived = Archived(
        **about, space="deposits", bucket="ged", key="k", version_id="1", sha256="a" * 64, archived_at=now
    )
    returned = Returned(
        **about, space="deposits", revision=1, by=Person(sub="j", name="J"), at=now, folder="comptable", name="a.pdf",
        depositor=upload.depositor, reason="Illisible",
    )  # fmt: skip
    for data in (returned, archived, archived, returned):
        assert await handlers.follow_document(envelop(data), uploads=uploads) == ()
    assert (uploads.records[upload.id].state, uploads.records[upload.id].moved) == ("settled", True)
    place = {"office": "14", "client": "earl-du-chene"}
    assert await uploads.is_replaceable(upload.id, **place)
    await handlers.follow_document(envelop(Erased(**about, erased_at=now)), uploads=uploads)
    assert not await uploads.is_replaceable(upload.id, **place)
    await handlers.follow_document(
        envelop(archived.model_copy(update={"document": str(uuid.uuid4())})), uploads=uploads
    )
