"""What everybody can see of the platform at one moment, to be compared with another moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo import AsyncMongoClient

from tests.support.eventually import eventually
from tests.support.mailbox import Mailbox
from tests.support.operator import connect_ops
from tests.support.people import Person
from tests.support.running import RunningStack
from tests.support.store import Store

SETTLED_WITHIN = 180.0
# The others tell when something was done again by machines, not what is so.
_FACTS = ("space", "folder", "name", "size", "content_type", "sha256", "state", "revision", "deposited_at", "taken_at")
_MORE = ("taken_by", "returned", "replaces", "replaced_by")
_ENDED = ["settled", "refused", "abandoned"]


@dataclass(frozen=True)
class Picture:
    """`documents` as the list shows them, `versions` in the GED with when they were written, how often each deed stands
    in the `journal`, and the `mails`: to whom, under which Message-ID."""

    documents: Mapping[str, Mapping[str, Any]]
    versions: Mapping[str, Sequence[str]]
    journal: Counter[tuple[str, str]]
    mails: Counter[tuple[str, str]]

    def differences(self, later: Picture, *, mails: bool = True) -> list[str]:
        """What is not as it was; without `mails`, of a mailbox that was new since: everything that came."""
        before = self.mails if mails else Counter[tuple[str, str]]()
        return [
            *_changed("document", self.documents, later.documents),
            *_changed("in the GED", self.versions, later.versions),
            *_changed("in the journal", self.journal, later.journal),
            *_changed("mail", before, later.mails),
        ]


class Camera:
    """Looks with the operator's keys, and as the client."""

    def __init__(self, stack: RunningStack, client: Person, mailbox: Mailbox, store: Store) -> None:
        self._stack, self._client, self._mailbox, self._store = stack, client, mailbox, store

    async def taken(self, documents: Iterable[str]) -> Picture:
        """The picture, once nothing is under way any more."""
        await eventually(self._settled, within=SETTLED_WITHIN, every=1.0)
        mails = Counter((mail.to, mail.message_id) for mail in await self._mailbox.mails())
        shown = {each: await self._client.portal.document(each) for each in documents}
        listed = {each["id"] async for each in self._client.portal.all()}
        return Picture(
            documents={each: _facts(found, is_listed=each in listed) for each, found in shown.items()},
            versions=await self._store.history(),
            journal=await self._journal(),
            mails=mails,
        )

    async def _settled(self) -> bool:
        faults = await self._unsettled()
        assert not faults, faults
        return True

    async def _unsettled(self) -> list[str]:
        faults = [f"staging: {key}" for key in await self._store.staged()]
        async with AsyncMongoClient[dict[str, Any]](self._stack.endpoints["mongo"]) as mongo:
            going_on = {"depositor": {"$exists": True}, "state": {"$nin": _ENDED}}
            faults += [f"upload: {each['_id']}" async for each in mongo["upload"]["uploads"].find(going_on)]
            moving = mongo["ged_mover"]["documents"].find({"announced": {"$ne": None}})
            faults += [f"move: {each['_id']}" async for each in moving]
            telling = mongo["notify"]["digests"].find({"wake_at": {"$exists": True}})
            faults += [f"digest: {each['_id']}" async for each in telling]
        return faults or await self._unheard()

    async def _unheard(self) -> list[str]:
        lag = await connect_ops(self._stack.endpoints, "lag", "--over", 0, "--json")
        return [lag.out or lag.errors] if lag.status or lag.report["dead_letters"] else []

    async def _journal(self) -> Counter[tuple[str, str]]:
        async with AsyncMongoClient[dict[str, Any]](self._stack.endpoints["mongo"]) as mongo:
            entries = mongo["catalog_audit"]["audit"].find({}, {"entry.document": 1, "entry.action": 1})
            return Counter([(each["entry"]["document"], each["entry"]["action"]) async for each in entries])


def _facts(found: Mapping[str, Any] | None, *, is_listed: bool) -> dict[str, Any]:
    return {"listed": is_listed, **{name: (found or {}).get(name) for name in (*_FACTS, *_MORE)}}


def _changed(what: str, before: Mapping[Any, Any], after: Mapping[Any, Any]) -> list[str]:
    keys = [*before, *(key for key in after if key not in before)]
    return [
        f"{what} {key}: {before.get(key)} before, {after.get(key)} now"
        for key in keys
        if before.get(key) != after.get(key)
    ]
