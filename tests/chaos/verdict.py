"""What became of everything that was acknowledged, as every store has it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import nats
from botocore.exceptions import ClientError
from catalog.auditing import Archive
from catalog.chain import Broken
from catalog.mongo_journal import MongoJournal
from catalog.mongo_seals import MongoSeals
from catalog.seal_keys import SealKeys
from chassis.mongo import connected, sibling
from contracts.audit import Seal
from contracts.registry import BY_NAME
from motor.motor_asyncio import AsyncIOMotorClient

from tests.support.mailbox import Mail, Mailbox
from tests.support.running import RunningStack
from tests.support.store import Store
from tests.support.streams import stored

from .depositors import Depositor
from .load import Acknowledged
from .resting import Span, at_rest

SETTLED_SECONDS = 120.0
_AT_ONCE = 8
_ONCE = (BY_NAME["deposited"].type, BY_NAME["archived"].type)


@dataclass
class Verdict:
    """`lost` and `doubled` name documents and how; `left` is what should be nowhere any more.

    `sent_twice` counts mails that the relay accepted twice under one Message-ID: their sender died before it could note
    the first, which no protocol prevents. `told_again` counts events that the stream holds twice under one id, which
    subscribers drop by it. `rested` is when the first look was
    that found all clean, after the last deposit.
    """

    documents: int
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    sent_twice: int = 0
    told_again: int = 0
    rested: Span = field(default_factory=Span)

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.left)

    def __str__(self) -> str:
        return (
            f"{self.documents} documents acknowledged, {len(self.lost)} lost, {len(self.doubled)} doubled, "
            f"{len(self.left)} left over, {self.sent_twice} mails accepted twice, "
            f"{self.told_again} events told again, clean at {self.rested}"
        )


class Judge:
    """Looks everywhere, with the operator's own eyes."""

    def __init__(self, stack: RunningStack, depositors: Sequence[Depositor], mailbox: Mailbox, store: Store) -> None:
        self._stack, self._depositors, self._mailbox, self._store = stack, depositors, mailbox, store
        self._read: dict[str, str] = {}

    async def settled(self, acknowledged: Mapping[str, Acknowledged]) -> Verdict:
        """The verdict once all is clean and stays so, or the last one after two minutes."""
        verdict, rested = await at_rest(
            lambda: self._judge(acknowledged), is_clean=lambda seen: seen.is_clean, within=SETTLED_SECONDS
        )
        verdict.rested = rested
        return verdict

    async def _judge(self, acknowledged: Mapping[str, Acknowledged]) -> Verdict:
        verdict = Verdict(len(acknowledged))
        await self._archive(acknowledged, verdict)
        await self._list(acknowledged, verdict)
        mails = await self._mailbox.mails()
        self._mails(mails, acknowledged, verdict)
        await self._staging(verdict)
        await self._records(verdict)
        await self._stream(acknowledged, verdict)
        await self._journal(acknowledged, mails, verdict)
        return verdict

    async def _archive(self, acknowledged: Mapping[str, Acknowledged], verdict: Verdict) -> None:
        keys = {f"{known.depositor.folder}/{document}": known for document, known in acknowledged.items()}
        versions = await self._store.versions()
        gate = asyncio.Semaphore(_AT_ONCE)

        async def look(key: str, known: Acknowledged) -> None:
            async with gate:
                if (count := versions.get(key, 0)) > 1:
                    verdict.doubled.append(f"{key}: {count} versions in the GED")
                if await self._sha256(key) != known.sample.sha256:
                    verdict.lost.append(f"{key}: not in the GED, or with another content")

        await asyncio.gather(*(look(key, known) for key, known in keys.items()))
        verdict.doubled += [
            f"{key}: in the GED, acknowledged to nobody" for key in sorted(versions.keys() - keys.keys())
        ]

    async def _sha256(self, key: str) -> str | None:
        if key not in self._read:
            try:
                self._read[key] = (await self._store.archived(key)).sha256
            except ClientError:
                return None
        return self._read[key]

    async def _list(self, acknowledged: Mapping[str, Acknowledged], verdict: Verdict) -> None:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def look(document: str, known: Acknowledged, by: Depositor) -> None:
            async with gate:
                listed = await by.person.portal.with_content(known.sample.sha256)
            states = [(each["id"], each["state"]) for each in listed]
            if by is not known.depositor:
                verdict.doubled += [f"{document}: shown to {by.folder}"] if states else []
                return
            if (document, "archived") not in states:
                verdict.lost.append(f"{document}: listed as {states}")
            if len(states) > 1:
                verdict.doubled.append(f"{document}: listed as {states}")

        seen = [(document, known, by) for document, known in acknowledged.items() for by in self._depositors]
        await asyncio.gather(*(look(*each) for each in seen))

    def _mails(self, mails: list[Mail], acknowledged: Mapping[str, Acknowledged], verdict: Verdict) -> None:
        for document, known in acknowledged.items():
            naming = [mail for mail in mails if known.sample.name in mail.words]
            for recipient in known.recipients:
                ids = Counter(mail.message_id for mail in naming if recipient in mail.to)
                if not ids:
                    verdict.lost.append(f"{document}: {recipient} was told nothing")
                elif len(ids) > 1:
                    verdict.doubled.append(f"{document}: {recipient} was told in {len(ids)} different mails")
            if told := [mail.to for mail in naming if not any(each in mail.to for each in known.recipients)]:
                verdict.doubled.append(f"{document}: {told} were told, too")
        verdict.sent_twice = len(mails) - len({(mail.message_id, mail.to) for mail in mails})

    async def _staging(self, verdict: Verdict) -> None:
        verdict.left += [f"staging: {key}" for key in sorted(await self._store.staged())]

    async def _records(self, verdict: Verdict) -> None:
        client: AsyncIOMotorClient[dict[str, object]] = AsyncIOMotorClient(self._stack.endpoints["mongo"])
        try:
            unsettled = {
                "depositor": {"$exists": True},
                "$or": [{"state": {"$ne": "settled"}}, {"lease": {"$ne": None}}],
            }
            async for record in client["upload"]["uploads"].find(unsettled):
                verdict.left.append(f"upload {record['_id']}: {record['state']}, lease {record['lease']}")
        finally:
            client.close()

    async def _stream(self, acknowledged: Mapping[str, Acknowledged], verdict: Verdict) -> None:
        server = self._stack.endpoints["nats"]
        client = await nats.connect(server["url"], user=server["user"], password=server["password"])
        try:
            jetstream = client.jetstream()
            for stream in ("CONNECT_DOCUMENTS", "CONNECT_AUDIT"):
                for each in await jetstream.consumers_info(stream):
                    if each.num_pending or each.num_ack_pending:
                        waiting = f"{each.num_pending} to hear, {each.num_ack_pending} under way"
                        verdict.left.append(f"{each.name}: {waiting}")
            dead = (await jetstream.stream_info("CONNECT_DEAD")).state.messages
            for sequence in range(1, dead + 1):
                letter = await jetstream.get_msg("CONNECT_DEAD", sequence)
                verdict.left.append(f"dead letter on {letter.subject}: {letter.headers}")
            messages = await stored(jetstream, "connect.v1.documents.>", stream="CONNECT_DOCUMENTS")
        finally:
            await client.close()
        _events([json.loads(each.data) for each in messages], acknowledged, verdict)

    async def _journal(self, acknowledged: Mapping[str, Acknowledged], mails: list[Mail], verdict: Verdict) -> None:
        """Deposits and archivals are in the journal once, and it is whole; seals were mailed once to each office."""
        async with connected(self._stack.endpoints["mongo"], "catalog") as database:
            archive = sibling(database, "catalog_audit")
            seals = MongoSeals(archive, database)
            keys = SealKeys.load(self._stack.plan.secrets / "audit")
            try:
                checks = await Archive(MongoJournal(archive), seals, keys).check()
            except Broken as broken:
                verdict.lost.append(f"the journal is not whole: {broken}")
                return
            found = Counter[tuple[str, str]]()
            async for record in archive["audit"].find({}, {"entry.document": 1, "entry.action": 1}):
                found[record["entry"]["document"], record["entry"]["action"]] += 1
            owed = await database["sealings"].count_documents({"owed": {"$elemMatch": {"published_at": None}}})
            held = await seals.all()
        for deed in ((document, action) for document in acknowledged for action in ("deposited", "archived")):
            if found[deed] == 0:
                verdict.lost.append(f"{deed[0]}: {deed[1]} is not in the journal")
            elif found[deed] > 1:
                verdict.doubled.append(f"{deed[0]}: {deed[1]} is {found[deed]} times in the journal")
        if owed or not held or held[-1].last < checks.entries:
            verdict.left.append(f"entries that no seal covers, or seals that were not told: {owed}")
        _sealed(held, mails, verdict)


def _events(events: Sequence[Mapping[str, str]], acknowledged: Mapping[str, Acknowledged], verdict: Verdict) -> None:
    """Each deposit and each archival is one event: two ids would be two to every subscriber."""
    ids = defaultdict[tuple[str, str], set[str]](set)
    for event in events:
        ids[event["subject"], event["type"]].add(event["id"])
    for deed in ((document, kind) for document in acknowledged for kind in _ONCE):
        if not ids[deed]:
            verdict.lost.append(f"{deed[0]}: {deed[1]} is not in the stream")
        elif len(ids[deed]) > 1:
            verdict.doubled.append(f"{deed[0]}: {deed[1]} was told under {len(ids[deed])} ids")
    verdict.told_again = len(events) - len({event["id"] for event in events})


def _sealed(held: Sequence[Seal], mails: list[Mail], verdict: Verdict) -> None:
    told = [mail for mail in mails if mail.message_id.startswith("<seal-")]
    offices = {mail.to for mail in told}
    for seal in held:
        ids = {(mail.to, mail.message_id) for mail in told if mail.message_id.startswith(f"<seal-{seal.number}-")}
        got = Counter(to for to, _ in ids)
        verdict.lost += [f"seal {seal.number}: {to} was not sent it" for to in offices if not got[to]]
        verdict.doubled += [f"seal {seal.number}: {to} was sent {got[to]}" for to in offices if got[to] > 1]
    if held and not offices:
        verdict.lost.append("no seal was mailed")
