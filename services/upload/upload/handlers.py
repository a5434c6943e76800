"""The use cases besides taking bytes in: create, look, cancel, close a deposit, follow what becomes of documents."""

import asyncio
import hashlib
import json
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from chassis.auth import Identity
from chassis.bus import Outgoing
from chassis.french import megabytes, whole
from chassis.owed import owe
from contracts.directory import Client, Directory
from contracts.envelope import Envelope, envelop
from contracts.events import DepositClosed
from contracts.values import ClientRef, DepositRef, Person, Receipt

from upload import model
from upload.errors import Conflict, Gone, NotFound, TooLarge, Unprocessable, verdict_pending
from upload.finishing import Finisher
from upload.intake import gone
from upload.kinds import kind_of
from upload.metadata import DEPOSIT_LIMIT, Metadata
from upload.model import EXPIRES_AFTER, Lease, Upload
from upload.ports import Uploads
from upload.receiving import IDLE_SECONDS
from upload.rights import Owner, account_for, owner_of

# Seconds that a look waits for a writer to end: longer than one to whom nothing comes takes to save what came.
_WRITER_WAIT = IDLE_SECONDS + 0.5
_LOOK_AGAIN = 0.1


@dataclass(frozen=True)
class Creation:
    """A creation as asked for. `length` is bytes; `holding` when its first bytes come with the same request,
    and `counted` says whose open uploads it counts among."""

    identity: Identity
    metadata: Metadata
    length: int
    holding: bool
    counted: tuple[str, ...] = ()


async def create(creation: Creation, *, uploads: Uploads, directory: Directory, max_size: int) -> tuple[Upload, bool]:
    """The upload, and whether it is a new one: the same file of the same deposit is created once.

    Raises TooLarge, Unprocessable, NotAllowed, NotFound, Unavailable.
    """
    metadata = creation.metadata
    if creation.length > max_size:
        raise TooLarge("file_too_large", f"Le fichier dépasse la taille maximale de {megabytes(max_size)}.")
    if creation.length == 0:
        raise Unprocessable("empty_file", "Le fichier est vide.")
    kind_of(metadata.name)
    account = account_for(creation.identity, metadata, directory)
    upload = _new_upload(creation, account, now=datetime.now(UTC))
    if objection := await _objection(upload, by=owner_of(creation.identity, directory), uploads=uploads):
        # It may have come to stand since the first creation, which was answered 201.
        if upload.creation and (known := await uploads.created(upload.creation)):
            return known, False
        raise objection
    stored = await uploads.add(upload)
    return stored, stored.id == upload.id


async def _objection(upload: Upload, *, by: Owner, uploads: Uploads) -> Unprocessable | None:
    """What its account or its deposit has against an upload. Raises Unavailable."""
    office, client = upload.office, upload.client.id
    if upload.replaces and not await uploads.is_replaceable(upload.replaces, office=office, client=client):
        reason = "Le document à remplacer n’est pas un document à revoir de ce compte."
        return Unprocessable("not_replaceable", reason)
    # Its closing has room for no more, nor, in the long run, has the record of its mails.
    if await uploads.is_full(upload.deposit.id, by=by, limit=DEPOSIT_LIMIT):
        reason = f"Ce dépôt compte déjà {whole(DEPOSIT_LIMIT)} fichiers : transférez celui-ci dans un nouveau dépôt."
        return Unprocessable("deposit_full", reason)
    return None


async def status(document: str, *, by: Owner, uploads: Uploads) -> Upload:
    """The upload, as long as its offset may be told. Raises NotFound, Gone, Locked, Unavailable.

    Whoever asks while a request writes has lost the line to it, most often. What came that way is about to be saved,
    and an offset told before would have it sent again: on a poor line up to 8 MiB.
    """
    upload = await _own(document, by=by, uploads=uploads)
    until = time.monotonic() + _WRITER_WAIT
    while upload.is_written_to(datetime.now(UTC)) and time.monotonic() < until:
        await asyncio.sleep(_LOOK_AGAIN)
        upload = await _own(document, by=by, uploads=uploads)
    if upload.state == "refused":
        raise Gone(upload.code or "refused", upload.reason or "")
    if upload.state == "abandoned":
        raise gone(upload)
    if upload.is_pending:
        raise verdict_pending()
    return upload


async def cancel(document: str, *, by: Owner, finisher: Finisher) -> None:
    """Stop an upload that is not finished; its bytes are removed. Raises NotFound, Gone, Conflict, Unavailable."""
    claimed = await finisher.uploads.claim_any(document, by=by)
    if claimed is None:
        upload = await _own(document, by=by, uploads=finisher.uploads)
        if upload.state in model.FINISHED:
            raise Conflict("finished", "Ce document est déjà déposé : supprimez-le depuis la liste.")
        raise Gone("ended", "Ce transfert est déjà terminé.")
    await finisher.abandon(claimed, cause="cancelled", hold=None)


async def receipt_of(document: str, *, by: Owner, uploads: Uploads) -> Receipt:
    """The receipt of a finished upload. Raises NotFound, Conflict, Unavailable."""
    upload = await _own(document, by=by, uploads=uploads)
    if upload.receipt is None:
        raise Conflict("not_finished", "Ce document n’est pas encore déposé.")
    return upload.receipt


async def close_deposit(deposit: str, documents: Iterable[str], *, by: Owner, finisher: Finisher) -> None:
    """Note that these documents and no more belong to the deposit. Idempotent; of several closings the first counts.

    Nothing is lost by that: what a closing does not name is told of too, a little later.

    Raises NotFound for a deposit this person has no upload in, Unprocessable for documents of another.
    """
    uploads = await finisher.uploads.of_deposit(deposit, by=by)
    if not uploads:
        raise NotFound
    wanted = set(documents)
    if wanted - {upload.id for upload in uploads}:
        raise Unprocessable("unknown_documents", "Un des documents n’appartient pas à ce dépôt.")
    now = datetime.now(UTC)
    for data in _closings(deposit, uploads, wanted):
        event = envelop(data, time=now)
        closing = owe(f"closing:{event.id}", event, now=now, awaits_successor=False)
        await finisher.uploads.add_closing(closing)
        finisher.background.start(finisher.announcer.publish_now([closing]))


async def follow_document(event: Envelope, *, uploads: Uploads) -> Sequence[Outgoing]:
    """What became of an announced document: heard by its successor, or sent back to its depositor."""
    data = event.data
    document = str(data.document)
    if event.name == "returned":
        await uploads.mark_returned(
            document, office=data.office, client=data.client, folder=data.folder, space=data.space
        )
    # A move that was given up is in the mover's record, and a person's to reopen: announcing again mends nothing.
    # A document may be taken before it is moved.
    elif event.name != "taken" and not (event.name == "transfer_failed" and data.retrying):
        await uploads.settle(document, moved=event.name in ("archived", "withdrawn", "erased"))
    if event.name in ("taken", "withdrawn", "erased"):
        await uploads.mark_final(document)
    return ()


async def _own(document: str, *, by: Owner, uploads: Uploads) -> Upload:
    upload = await uploads.get(document)
    if upload is None or not by.owns(upload):
        raise NotFound
    return upload


def _new_upload(creation: Creation, account: Client, *, now: datetime) -> Upload:
    metadata, identity = creation.metadata, creation.identity
    document = str(uuid.uuid4())
    # Without a deposit's id each document is its own deposit, of one.
    deposit = DepositRef(id=metadata.deposit or document, size=metadata.deposit_size if metadata.deposit else 1)
    epoch = 1 if creation.holding else 0
    return Upload(
        id=document,
        creation=_creation_key(identity.sub, account, metadata),
        office=account.office,
        client=ClientRef(id=account.id, name=account.name),
        depositor=Person(sub=identity.sub, name=identity.name),
        space=metadata.space,
        folder=metadata.folder,
        name=metadata.name,
        length=creation.length,
        deposit=deposit,
        alert=metadata.alert,
        replaces=metadata.replaces,
        expected_sha256=metadata.sha256,
        metadata=metadata.raw,
        created_at=now,
        counted=creation.counted,
        epoch=epoch,
        lease=Lease(epoch=epoch, beat=now) if creation.holding else None,
        due=now + EXPIRES_AFTER,
    )


def _creation_key(sub: str, account: Client, metadata: Metadata) -> str | None:
    if metadata.file is None:
        return None
    parts = [sub, account.office, account.id, metadata.deposit, metadata.file]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _closings(deposit: str, uploads: Sequence[Upload], wanted: set[str]) -> Iterable[DepositClosed]:
    """One event a client, space and folder that the deposit went to: that is how its mails are sent."""
    places = {(each.client.id, each.space, each.folder): each for each in uploads}
    for (client, space, folder), one in places.items():
        documents = tuple(
            each.id
            for each in uploads
            if (each.client.id, each.space, each.folder) == (client, space, folder)
            and each.id in wanted
            and each.state not in ("refused", "abandoned")
        )
        yield DepositClosed(
            deposit=deposit,
            office=one.office,
            client=client,
            depositor=one.depositor,
            space=space,
            folder=folder,
            documents=documents,
        )
