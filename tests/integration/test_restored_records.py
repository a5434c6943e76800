"""`connect-ops restore`: the broker gets its streams back, and each service's records say again what it has done."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nats
import pytest
from chassis.mongo import connected
from connect_ops import snapshots
from contracts.audit import Sealed, seal_digest
from contracts.directory import Client, Contact, client_key
from contracts.envelope import Envelope, envelop
from contracts.streams import DIRECTORY, WAKE
from contracts.subjects import WAKE_ROOT
from nats.js import JetStreamContext
from notify.handlers import group_of
from notify.model import Entry
from notify.mongo import MongoDigests
from notify.ports import Heard
from pymongo import AsyncMongoClient
from upload.errors import LeaseLost
from upload.mongo import MongoUploads

from contracts import events as e
from tests.suites.catalog_events import ACCOUNTANT, DEPOSITOR, SHA, announced, at
from tests.suites.uploads import an_upload
from tests.support.eventually import eventually
from tests.support.operator import Ran, connect_ops
from tests.support.running import RunningStack

CLIENT = "earl-du-chene"
_SEAL = {"number": 1, "first": 1, "last": 9, "root": SHA, "previous": SHA, "at": at(200), "kid": "k", "signature": "s"}
# The other services'.
_RECORDS = (("upload", "uploads"), ("notify", "digests"), ("notify", "withdrawn"), ("ged_mover", "documents"))

Mongo = AsyncMongoClient[dict[str, Any]]


@pytest.fixture
async def js(servers: RunningStack) -> AsyncIterator[JetStreamContext]:
    where = servers.endpoints["nats"]
    client = await nats.connect(where["url"], user=where["user"], password=where["password"])
    yield client.jetstream()
    await client.close()


@pytest.fixture
async def mongo(servers: RunningStack) -> AsyncIterator[Mongo]:
    async with Mongo(servers.endpoints["mongo"], tz_aware=True) as client:
        yield client


@pytest.fixture
async def uploads(servers: RunningStack) -> AsyncIterator[MongoUploads]:
    env = servers.env("upload")
    async with connected(env["UPLOAD_MONGO_URL"], env["UPLOAD_MONGO_DATABASE"]) as database:
        yield MongoUploads(database)


@pytest.fixture
async def digests(servers: RunningStack) -> AsyncIterator[MongoDigests]:
    env = servers.env("notify")
    async with connected(env["NOTIFY_MONGO_URL"], env["NOTIFY_MONGO_DATABASE"]) as database:
        yield MongoDigests(database)


class Past:
    """An office of which the streams alone know anything."""

    def __init__(self, js: JetStreamContext) -> None:
        self.office = f"p{uuid.uuid4().hex[:8]}"
        self._js = js

    async def tell(self, *events: Envelope) -> None:
        for event in events:
            await self._js.publish(event.topic, event.encode(), headers={"Nats-Msg-Id": event.id})

    @asynccontextmanager
    async def sealed(self) -> AsyncIterator[Sealed]:
        """A seal that the office was told; none of this catalog's, so it does not stay."""
        seal = Sealed.model_validate({**_SEAL, "office": self.office})
        stored = await self._js.publish(envelop(seal).topic, envelop(seal).encode())
        try:
            yield seal
        finally:
            await self._js.delete_msg(stored.stream, stored.seq)

    async def deposited(self, **changes: Any) -> e.Announced:
        """A document, announced."""
        document = str(uuid.uuid4())
        facts = {"document": document, "office": self.office, "location": {"bucket": "staging", "key": document}}
        event = announced(1, **{**facts, **changes})
        await self.tell(event)
        data: e.Announced = event.data
        return data

    async def archived(self, data: e.Announced) -> None:
        place = {"bucket": "ged", "key": f"{self.office}/{CLIENT}/{data.document}", "version_id": "v1"}
        facts = {**self.about(data), "space": data.space, **place, "sha256": SHA, "archived_at": at(60)}
        await self.tell(envelop(e.Archived.model_validate(facts)))

    async def decided(self, model: type[e.Decision], data: e.Announced, *, revision: int, **more: Any) -> None:
        by = DEPOSITOR if model is e.Withdrawn else ACCOUNTANT
        facts = {**self.about(data), "space": data.space, "revision": revision, "by": by, "at": at(100 + revision)}
        await self.tell(envelop(model.model_validate({**facts, **more})))

    async def mailed(self, data: e.Announced) -> None:
        facts = {"office": self.office, "client": CLIENT, "space": data.space, "folder": data.folder}
        mail = {"deposit": data.deposit.id, "recipient": "jj", "role": "comptable", "kind": "deposited", "at": at(10)}
        about = {"documents": [data.document], "message_id": "<m@connect>"}
        await self.tell(envelop(e.Alerted.model_validate({**facts, **mail, **about})))

    @asynccontextmanager
    async def contact_known(self) -> AsyncIterator[None]:
        """The one whom `mailed` names is in the directory."""
        contact = Contact(id="jj", role="comptable", name="JJ", email="jj@cerfrance.example")
        client = Client(office=self.office, id=CLIENT, name="EARL", contacts=(contact,))
        directory = await self._js.key_value(DIRECTORY.name)
        await directory.put(client_key(self.office, CLIENT), client.model_dump_json().encode())
        try:
            yield
        finally:
            await directory.delete(client_key(self.office, CLIENT))

    def about(self, data: e.Announced) -> dict[str, str]:
        return {"document": data.document, "office": self.office, "client": CLIENT}


@pytest.fixture
def past(js: JetStreamContext) -> Past:
    return Past(js)


async def restored_records(servers: RunningStack, past: Past, *more: str) -> Ran:
    return await connect_ops(servers.endpoints, "restore", "records", "--office", past.office, "--json", *more)


async def test_every_service_knows_again_what_it_has_done(servers: RunningStack, past: Past, mongo: Mongo) -> None:
    taken, returned, gone = [await past.deposited() for _ in range(3)]
    untold = await past.deposited()
    for data in (taken, returned, gone):
        await past.archived(data)
        await past.mailed(data)
    sent_back = {"folder": "comptable", "name": "f.pdf", "depositor": DEPOSITOR, "reason": "illisible"}
    await past.decided(e.Returned, taken, revision=1, **sent_back)
    await past.decided(e.Taken, taken, revision=2)
    until = datetime(2037, 12, 31, tzinfo=UTC)
    await past.tell(envelop(e.Retained(**past.about(taken), until=until, mode="GOVERNANCE")))
    await past.decided(e.Returned, returned, revision=1, **sent_back)
    await past.decided(e.Withdrawn, gone, revision=1)
    await past.tell(envelop(e.Erased(**past.about(gone), erased_at=at(140))))
    async with past.sealed() as seal:
        again = [await restored_records(servers, past) for _ in range(2)]
    for ran in again:  # the second time there was nothing left to note
        assert (ran.status, ran.errors) == (0, "")
        # That anybody was told of what was sent back is not in the stream either.
        assert ran.report == {
            "events": 16,
            "seals": 1,
            "untold": sorted([returned.document, untold.document]),
        }

    moves = {each["_id"]: each async for each in mongo["ged_mover"]["documents"].find({"office": past.office})}
    assert moves[taken.document]["archived"]["version_id"] == "v1"
    assert moves[taken.document]["lock"]["until"] == until
    assert (moves[gone.document]["withdrawn_at"], moves[gone.document]["erased_at"]) == (at(101), at(140))
    assert "announced" not in moves[taken.document]
    assert moves[untold.document]["announced"]["document"] == untold.document

    digests = mongo["notify"]["digests"].find({"group.office": past.office})
    told = {(each["group"]["kind"], one) async for each in digests for one in each["parts"] for one in one["documents"]}
    assert told == {
        *(("deposited", each.document) for each in (taken, returned, gone, untold)),
        *(("returned", each.document) for each in (taken, returned)),
    }
    waiting = {"group.office": past.office, "wake_at": {"$exists": True}}
    assert not await mongo["notify"]["digests"].count_documents(waiting)
    assert await mongo["notify"]["withdrawn"].count_documents({"_id": gone.document}) == 1
    assert await mongo["notify"]["answered"].count_documents({"_id": taken.document}) == 1
    assert await mongo["notify"]["seals"].count_documents({"_id": f"{past.office}/{seal_digest(seal)}"}) == 1

    decided = mongo["catalog"]["decisions"]
    holding = {each: await decided.find_one({"_id": each.document}) for each in (taken, returned, gone)}
    assert [(found or {})["decision"]["kind"] for found in holding.values()] == ["taken", "returned", "withdrawn"]
    assert [(found or {})["owed"] for found in holding.values()] == [[], [], []]

    uploads = {each["_id"]: each async for each in mongo["upload"]["uploads"].find({"office": past.office})}
    assert {each: uploads[each.document]["state"] for each in (taken, untold)} == {taken: "settled", untold: "owed"}
    assert (uploads[returned.document]["returned"], "final" in uploads[returned.document]) == (True, False)
    assert uploads[taken.document]["final"] is True


async def test_what_is_on_record_stays_as_it_is(servers: RunningStack, past: Past, mongo: Mongo) -> None:
    data = await past.deposited()
    await past.archived(data)
    move = {"office": past.office, "client": CLIENT, "space": "deposits", "attempt": 3, "code": "kept"}
    await mongo["ged_mover"]["documents"].insert_one({"_id": data.document, **move, "withdrawn_at": at(3)})
    ran = await restored_records(servers, past)
    assert ran.status == 0, ran.errors
    assert await mongo["ged_mover"]["documents"].find_one({"_id": data.document}) == {
        "_id": data.document,
        **move,
        "withdrawn_at": at(3),
    }


async def test_what_was_sent_back_long_ago_is_a_whole_record_again(
    servers: RunningStack, past: Past, mongo: Mongo, uploads: MongoUploads
) -> None:
    data = await past.deposited()
    await past.archived(data)
    sent_back = {"folder": "comptable", "name": "f.pdf", "depositor": DEPOSITOR, "reason": "illisible"}
    await past.decided(e.Returned, data, revision=1, **sent_back)
    # All that is known of a document whose record was purged before it was sent back.
    await uploads.mark_returned(data.document, office=past.office, client=CLIENT, folder="comptable", space="deposits")
    ran = await restored_records(servers, past)
    assert (ran.status, ran.errors) == (0, "")
    found = await mongo["upload"]["uploads"].find_one({"_id": data.document}) or {}
    assert (found["name"], found["state"], found["returned"]) == (data.name, "settled", True)
    assert found["purge_at"] is None


@pytest.mark.parametrize("state", ["receiving", "assembled", "checked", "refused", "abandoned"])
async def test_an_upload_that_was_finished_since_the_backup_is_not_ended_a_second_time(
    servers: RunningStack, past: Past, uploads: MongoUploads, state: str
) -> None:
    data = await past.deposited()
    under_way = an_upload(
        id=data.document, office=past.office, creation=data.document, state=state, length=20_000_000, due=at(0),
        multipart="m1", parts=[{"number": 1, "etag": "e"}], tail={"key": "t", "size": 9}, epoch=3, counted=["a"],
    )  # fmt: skip
    await uploads.add(under_way)
    ran = await restored_records(servers, past)
    assert (ran.status, ran.errors) == (0, "")
    # So the sweeper takes away what lies beside the document, and nothing else.
    taken_up = await uploads.claim_due(data.document)
    assert taken_up
    assert (taken_up.state, taken_up.leftovers, taken_up.multipart, taken_up.tail) == ("owed", True, None, None)
    assert (taken_up.receipt, taken_up.length, taken_up.counted) == (data.receipt, data.size, ())
    assert taken_up.creation == data.document
    with pytest.raises(LeaseLost):  # whoever was at it before
        await uploads.save(under_way)


async def test_a_mail_that_waited_in_a_backup_and_was_sent_since_does_not_go_again(
    servers: RunningStack, past: Past, digests: MongoDigests
) -> None:
    sent, unsent = await past.deposited(), await past.deposited()
    group = group_of(sent)
    assert group
    for data in (sent, unsent):
        entry = Entry(data.name, data.deposited_at)
        heard = Heard(data.document, entry, client_name=None, person_name=data.depositor.name, size=None)
        await digests.add_document(group, heard, now=at(5))
    await past.mailed(sent)
    for _ in range(2):
        async with past.contact_known():
            ran = await restored_records(servers, past)
        # The one that still waits goes out by itself.
        assert (ran.status, ran.errors, ran.report["untold"]) == (0, "", [])
        left = await digests.load(group.id)
        assert left
        assert left.pending.keys() == left.untold == {unsent.document}
        [mail] = left.mails.values()
        assert (left.told_by(mail), mail.recipient.id) == ((sent.document,), "jj")
        assert (mail.state, mail.settled_at, mail.message_id) == ("sent", at(10), "<m@connect>")
    # That it waited is forgotten with it: nothing is looked for in vain.
    assert await digests.waiting_for("deposited", group.deposit, [sent.document, unsent.document]) == [group.id]
    assert await digests.waiting_for("deposited", group.deposit, [sent.document]) == []


async def test_beside_running_services_the_catalog_alone_gets_its_records_back(
    servers: RunningStack, past: Past, mongo: Mongo
) -> None:
    # Nobody has heard of these yet: what is noted for the others now, they would never do.
    data, published = await past.deposited(), await past.deposited(space="published")
    await past.decided(e.Taken, data, revision=1)
    await past.decided(e.Withdrawn, published, revision=1)
    ran = await restored_records(servers, past, "--only", "catalog")
    assert (ran.status, ran.report) == (0, {"events": 2, "seals": 0, "untold": []}), ran.errors
    for each, kind in ((data, "taken"), (published, "withdrawn")):
        found = await mongo["catalog"]["decisions"].find_one({"_id": each.document}) or {}
        assert found["decision"]["kind"] == kind
    mine = {"$or": [{"office": past.office}, {"group.office": past.office}, {"_id": published.document}]}
    for database, records in _RECORDS:
        assert not await mongo[database][records].count_documents(mine), (database, records)


async def test_other_messages_are_never_overwritten(
    servers: RunningStack, past: Past, js: JetStreamContext, tmp_path: Path
) -> None:
    await past.deposited()
    saved = await connect_ops(servers.endpoints, "backup", "streams", tmp_path, "--json")
    assert saved.status == 0, saved.errors
    assert saved.report["streams"]["CONNECT_DOCUMENTS"] > 0
    whole = await connect_ops(servers.endpoints, "restore", "streams", tmp_path, "--json")
    late = await past.deposited()
    refused = await connect_ops(servers.endpoints, "restore", "streams", tmp_path)
    assert (refused.status, "CONNECT_DOCUMENTS" in refused.errors) == (1, True)
    last = await js.get_last_msg("CONNECT_DOCUMENTS", f"connect.v1.documents.deposited.{past.office}")
    assert late.document in (last.data or b"").decode()
    assert whole.status == 0, whole.errors
    assert "CONNECT_DOCUMENTS" not in whole.report["streams"]


async def test_what_was_put_off_and_fell_due_since_is_no_other_message(
    servers: RunningStack, js: JetStreamContext, tmp_path: Path
) -> None:
    saved = await connect_ops(servers.endpoints, "backup", "streams", tmp_path)
    assert saved.status == 0, saved.errors
    due = (datetime.now(UTC) + timedelta(seconds=2)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    later = {"Nats-Schedule": f"@at {due}", "Nats-Schedule-Target": f"{WAKE_ROOT}.due.notify.digest.x"}
    last = (await js.publish(f"{WAKE_ROOT}.schedule.notify.digest.x", headers=later)).seq
    where = servers.endpoints["nats"]
    async with await nats.connect(where["url"], user=where["user"], password=where["password"]) as client:
        await snapshots.save(client, WAKE.name, tmp_path / WAKE.name)

    async def has_fallen_due() -> bool:
        return (await js.stream_info(WAKE.name)).state.last_seq > last

    # As when a restore was interrupted: its wake-ups fall due at once, and the rest is still to be restored.
    await eventually(has_fallen_due)
    again = await connect_ops(servers.endpoints, "restore", "streams", tmp_path, "--json")
    assert (again.status, again.errors) == (0, "")
    assert WAKE.name not in again.report["streams"]
    await js.publish(f"{WAKE_ROOT}.due.notify.digest.y")
    refused = await connect_ops(servers.endpoints, "restore", "streams", tmp_path)
    assert (refused.status, WAKE.name in refused.errors) == (1, True)
    await js.purge_stream(WAKE.name, subject=f"{WAKE_ROOT}.due.notify.digest.*")


async def test_a_folder_without_whole_snapshots_restores_nothing(servers: RunningStack, tmp_path: Path) -> None:
    ran = await connect_ops(servers.endpoints, "restore", "streams", tmp_path)
    assert (ran.status, "CONNECT_DOCUMENTS" in ran.errors) == (1, True)
