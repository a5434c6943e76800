"""Mends differences: tells again, to whoever lacks it, what the truth is. Everything here can be done again.

What the stream lacks is announced anew from intake's record or, where that is lost too, from the metadata of the GED's
object; the event has the id that it had. Of what lies in the GED people were told before: notify is made to know that
first, so no mail goes out again. The mover finds its own copy, and moves nothing.
"""

from chassis.origin import Origin
from contracts.envelope import Envelope, envelop
from contracts.events import Announced
from contracts.streams import DOCUMENTS
from ged_mover.facts import FactsMissing, announced_by
from notify.handlers import group_of
from notify.mongo import MongoDigests
from upload.journal import reception
from upload.model import announcement, record_of
from upload.mongo import MongoUploads

from connect_ops.places import Places
from connect_ops.replay import handover_to
from connect_ops.standing import Difference, Standing, Telling


async def mend(places: Places, difference: Difference, standing: Standing) -> str | None:
    """Mend one difference; returns why it can't be, in words. Raises Unavailable."""
    if difference.mend is None:
        return "it needs a person"
    if isinstance(difference.mend, Telling):
        return await _tell(places, difference.mend)
    return await _announce(places, standing)


async def _tell(places: Places, telling: Telling) -> str | None:
    for sequence in telling.sequences:
        message = await places.broker.message(DOCUMENTS.name, sequence)
        if message is None or message.at is None:
            return "the event has left the stream"
        origin = Origin(message.subject, sequence, message.at, message.headers.get("Nats-Msg-Id", ""))
        handover = handover_to(telling.service, telling.subscription, origin, message.payload)
        await places.broker.publish(
            handover.subject,
            handover.payload,
            id=f"reconcile:{telling.subscription}:{sequence}",
            headers=handover.headers,
        )
    return None


async def _announce(places: Places, standing: Standing) -> str | None:
    try:
        event = await _announcing(places, standing)
    except FactsMissing as missing:
        return f"its object's metadata do not tell enough: {missing}"
    group = group_of(event.data)
    if standing.versions and group:
        await MongoDigests(places.notify).add_told(group, standing.document, at=event.data.deposited_at)
    record = record_of(event.data)
    if not standing.is_finished:
        await MongoUploads(places.upload).note_announced(record)
    # What intake owed was the event and the journal's entry; whoever lost the one may have lost the other.
    for owed in (reception(record, event), event):
        await places.broker.publish(owed.topic, owed.encode(), id=owed.id, headers=owed.headers)
    return None


async def _announcing(places: Places, standing: Standing) -> Envelope:
    staging, document = places.buckets.staging.bucket, standing.document
    upload = await MongoUploads(places.upload).get(document) if standing.is_finished else None
    if upload:
        data: Announced = announcement(upload, bucket=staging)
    else:
        assert standing.office
        assert standing.client
        head = await places.buckets.head(office=standing.office, client=standing.client, document=document)
        data = announced_by(head["Metadata"], content_type=head["ContentType"], staging=staging)
        if (data.document, data.office, data.client.id) != (document, standing.office, standing.client):
            raise FactsMissing("they are another document's")
    return envelop(data, time=data.deposited_at)
