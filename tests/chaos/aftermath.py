"""What every store says once the deaths are over, against what the stories must have come to."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import httpx
import nats
from botocore.exceptions import ClientError
from pymongo import AsyncMongoClient

from tests.chaos.stories import Outcome
from tests.support.mailbox import Mail, Mailbox
from tests.support.people import Person
from tests.support.running import RunningStack
from tests.support.store import Store

_AT_ONCE = 8
# Where each service keeps what it owes.
_OWING = {
    "upload": ("uploads",),
    "ged_mover": ("documents",),
    "notify": ("digests",),
    "catalog": ("decisions", "accesses", "sealings"),
}
_OLDEST = "connect_oldest_unfinished_seconds{"
_STREAMS = ("CONNECT_DOCUMENTS", "CONNECT_AUDIT")


class Aftermath:
    """Looks with the operator's keys, and as the client."""

    def __init__(self, stack: RunningStack, client: Person, mailbox: Mailbox, store: Store) -> None:
        self._stack, self._client, self._mailbox, self._store = stack, client, mailbox, store
        self._read: dict[str, str | None] = {}

    async def faults(self, outcomes: Mapping[str, Outcome], *, never: Iterable[str]) -> list[str]:
        """Everything that is not as it must be, now: also that a service has died once more, at a step that it did not
        come to before."""
        try:
            return await self._faults(outcomes, never)
        except httpx.HTTPError as unanswered:
            return [f"no answer: {unanswered!r}"]

    async def _faults(self, outcomes: Mapping[str, Outcome], never: Iterable[str]) -> list[str]:
        mails = await self._mailbox.mails()
        return [
            *await self._archive(outcomes),
            *await self._lists(outcomes, never),
            *(fault for document, known in outcomes.items() for fault in _told(document, known, mails)),
            *(f"staging: {key}" for key in sorted(await self._store.staged())),
            *await self._records(outcomes),
            *await self._broker(outcomes),
            *await self._metrics(),
        ]

    async def mails_sent_twice(self) -> int:
        """Mails that the relay took again under the same Message-ID."""
        mails = await self._mailbox.mails()
        return len(mails) - len({(mail.message_id, mail.to) for mail in mails})

    async def _archive(self, outcomes: Mapping[str, Outcome]) -> list[str]:
        kept = {f"14/earl-du-chene/{each}": known for each, known in outcomes.items() if known.is_kept}
        versions = await self._store.versions()
        faults = [f"{key}: {versions.get(key, 0)} versions in the GED" for key in kept if versions.get(key) != 1]
        faults += [f"{key}: in the GED, to be kept by nobody" for key in versions.keys() - kept.keys()]
        hashes = await _several(self._sha256, kept)
        return faults + [f"{key}: other bytes in the GED" for key in kept if hashes[key] != kept[key].sample.sha256]

    async def _sha256(self, key: str) -> str | None:
        if self._read.get(key) is None:
            try:
                self._read[key] = (await self._store.archived(key)).sha256
            except ClientError:
                return None
        return self._read[key]

    async def _lists(self, outcomes: Mapping[str, Outcome], never: Iterable[str]) -> list[str]:
        shown = await _several(self._client.portal.document, [*outcomes, *never])
        faults = [f"{each}: listed, and was never deposited" for each in never if shown[each]]
        for document, known in outcomes.items():
            found = shown[document]
            if found is None or found["state"] != known.state:
                faults.append(f"{document}: {found and found['state']}, not {known.state}")
        kept = {known.sample.sha256: each for each, known in outcomes.items() if known.is_kept}
        listed = await _several(self._client.portal.with_content, kept)
        return faults + [
            f"{document}: listed as {[each['id'] for each in listed[sha256]]}"
            for sha256, document in kept.items()
            if [each["id"] for each in listed[sha256]] != [document]
        ]

    async def _records(self, outcomes: Mapping[str, Outcome]) -> list[str]:
        faults: list[str] = []
        opened: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(self._stack.endpoints["mongo"])
        async with opened as mongo:
            for database, collections in _OWING.items():
                for name in collections:
                    owing = mongo[database][name].find({"owed.0": {"$exists": True}})
                    async for record in owing:
                        faults += [f"{database}.{name} {record['_id']} owes {each['topic']}" for each in record["owed"]]
            ended = {"$in": ["settled", "refused", "abandoned"]}
            going_on = {"$or": [{"state": {"$not": ended}}, {"lease": {"$ne": None}}, {"due": {"$ne": None}}]}
            async for record in mongo["upload"]["uploads"].find({"depositor": {"$exists": True}, **going_on}):
                faults.append(f"upload {record['_id']}: {record['state']}, {record['lease']}, {record['due']}")
            async for record in mongo["ged_mover"]["documents"].find({"announced": {"$ne": None}}):
                faults.append(f"move {record['_id']}: open")
            async for record in mongo["notify"]["digests"].find({"wake_at": {"$exists": True}}):
                faults.append(f"digest {record['_id']}: something to do at {record['wake_at']}")
            for document, known in outcomes.items():
                entries = mongo["catalog_audit"]["audit"].find({"entry.document": document})
                actions = [each["entry"]["action"] async for each in entries]
                if missing := known.journaled - set(actions):
                    faults.append(f"{document}: {sorted(missing)} not in the audit trail")
        return faults

    async def _metrics(self) -> list[str]:
        faults: list[str] = []
        async with httpx.AsyncClient() as http:
            for process in self._stack.plan.services():
                answer = await http.get(f"http://127.0.0.1:{process.port}/metrics")
                told = [line for line in answer.text.splitlines() if line.startswith(_OLDEST)]
                faults += [f"{process.name}: {line}" for line in told if not line.endswith(" 0.0")]
                faults += [] if told else [f"{process.name} does not tell its oldest unfinished"]
        return faults

    async def _broker(self, outcomes: Mapping[str, Outcome]) -> list[str]:
        server = self._stack.endpoints["nats"]
        client = await nats.connect(server["url"], user=server["user"], password=server["password"])
        try:
            jetstream = client.jetstream()
            faults = [
                f"{each.name}: {each.num_pending} to hear, {each.num_ack_pending} under way"
                for stream in _STREAMS
                for each in await jetstream.consumers_info(stream)
                if each.num_pending or each.num_ack_pending
            ]
            dead = (await jetstream.stream_info("CONNECT_DEAD")).state.messages
            letters = [await jetstream.get_msg("CONNECT_DEAD", sequence) for sequence in range(1, dead + 1)]
            buried = Counter(str(json.loads(each.data or b"")["subject"]) for each in letters)
            awaited = Counter(document for document, known in outcomes.items() if known.buried)
            return faults + [f"{each}: {buried[each]} dead letters" for each in buried | awaited if buried != awaited]
        finally:
            await client.close()


def _told(document: str, known: Outcome, mails: list[Mail]) -> list[str]:
    faults = []
    naming = [mail for mail in mails if known.sample.name in mail.words]
    ids = Counter(to for to, _ in {(mail.to, mail.message_id) for mail in naming})
    for recipient in known.recipients:
        count = sum(number for to, number in ids.items() if recipient in to)
        if count != 1:
            faults.append(f"{document}: {recipient} was told in {count} different mails")
    others = [to for to in ids if not any(each in to for each in known.recipients)]
    return faults + ([f"{document}: {others} were told, too"] if others and known.is_kept else [])


async def _several(ask: Any, keys: Iterable[str]) -> dict[str, Any]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(key: str) -> tuple[str, Any]:
        async with gate:
            return key, await ask(key)

    return dict(await asyncio.gather(*map(one, keys)))
