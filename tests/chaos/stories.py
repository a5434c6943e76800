"""What people do with documents, each from its beginning to its end: together they go through every handler."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar
from urllib.parse import urlsplit

import httpx
import pytest

from tests.chaos.mending import Operator
from tests.support.intake import STREAM, said
from tests.support.people import Person
from tests.support.samples import Sample, invoice
from tests.support.tus import VERSION, Deposit, LineDropped, Patience

ACCOUNTANT = "jeanny.jerome@cerfrance-14.example"
CONTACT = "paul@earl-du-chene.example"
CLIENT = "contact@earl-du-chene.example"
# Longer than the storm of deaths at every point of one service. Seconds.
_PATIENCE = 2_400.0
_RETRY_EVERY = 0.4
_NOT_YET = {404, 409, 422, 423, 429, 502, 503, 504}

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome:
    """What a document must have come to, and whom each in one mail it must have been told. `journaled`: actions that
    the audit trail must hold; `buried`: it has a dead letter. Of what was withdrawn somebody may have been
    told or not."""

    sample: Sample
    state: str
    recipients: frozenset[str]
    journaled: frozenset[str]
    buried: bool = False

    @property
    def is_kept(self) -> bool:
        return self.state != "erased"


class Stories:
    """Told by EARL du Chêne and their accountant; `outcomes` is what was acknowledged, by document."""

    def __init__(
        self,
        client: Person,
        accountant: Person,
        operator: Operator,
        http: httpx.AsyncClient,
        *,
        origin: str,
        contact: str,
        seed: int,
    ) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self.never: set[str] = set()
        """Uploads that must not have become documents."""
        self._client, self._accountant, self._contact = client, accountant, contact
        self._operator = operator
        self._http, self._origin = http, origin
        self._chance = random.Random(seed)  # noqa: S311 (reproducible, not secret)
        self._number = 0

    async def round(self) -> None:
        """All of them at once. Raises what somebody could not get through in all that time."""
        async with asyncio.TaskGroup() as group:
            for story in (
                self._small_and_taken, self._large_and_cut, self._small_and_cut, self._with_one_refused,
                self._with_one_cancelled, self._closed, self._sent_back_and_replaced, self._withdrawn_at_once,
                self._withdrawn_later, self._published, self._published_by_mistake, self._obstructed_and_cleared,
            ):  # fmt: skip
                group.create_task(story())

    async def _small_and_taken(self) -> None:
        sample = self._sample(20_000)
        document = await self._send_at_once(sample, Deposit(alert=(self._contact,)))
        await self._archived(document)
        await self._patiently(lambda: self._accountant.portal.with_content(sample.sha256))
        await self._patiently(lambda: self._accountant.portal.content(document))
        await self._decide(self._accountant, "take", document)
        self._note(document, sample, "taken", {ACCOUNTANT, CONTACT}, {"deposited", "archived", "downloaded", "taken"})

    async def _large_and_cut(self) -> None:
        await self._cut(self._sample(18_000_000), until=9_000_000)

    async def _small_and_cut(self) -> None:
        await self._cut(self._sample(700_000), until=300_000)

    async def _cut(self, sample: Sample, *, until: int) -> None:
        path = await self._created(sample, Deposit())
        # Where the service dies first, there is nothing left to cut.
        with suppress(LineDropped), Patience(_PATIENCE):
            await self._client.tus.send_cut(path, sample.content, until=until)
        self._deposited(await self._client.tus.finish(path, sample, within=_PATIENCE), sample)

    async def _with_one_refused(self) -> None:
        deposit = Deposit(size=2)
        bad = replace(self._sample(5_000), content=self._chance.randbytes(5_000))
        path = await self._created(bad, deposit)
        with pytest.raises(httpx.HTTPStatusError) as refused:
            await self._client.tus.finish(path, bad, within=_PATIENCE)
        assert refused.value.response.status_code in (410, 415, 422), refused.value.response.text
        self.never.add(_document(path))
        good = self._sample(9_000)
        self._deposited(await self._send(good, deposit), good)

    async def _with_one_cancelled(self) -> None:
        deposit = Deposit(size=2)
        path = await self._created(given_up := self._sample(90_000), deposit)
        with suppress(LineDropped), Patience(_PATIENCE):
            await self._client.tus.send_cut(path, given_up.content, until=50_000)
        await self._asked("DELETE", path, done=(204, 410))
        self.never.add(_document(path))
        good = self._sample(9_000)
        self._deposited(await self._send(good, deposit), good)

    async def _closed(self) -> None:
        deposit, samples = Deposit(size=3), [self._sample(9_000), self._sample(9_000)]
        sent = {await self._send(sample, deposit): sample for sample in samples}
        await self._asked("POST", f"/uploads/deposits/{deposit.id}/close", json={"documents": list(sent)}, done=(204,))
        for document, sample in sent.items():
            self._deposited(document, sample)

    async def _sent_back_and_replaced(self) -> None:
        sample = self._sample(9_000)
        document = await self._send(sample, Deposit())
        await self._archived(document)
        await self._decide(self._accountant, "return", document, reason="Il manque une page")
        self._note(document, sample, "returned", {ACCOUNTANT, CLIENT}, {"deposited", "archived", "returned"})

        async def asked_for() -> bool:
            found = await self._client.portal.document(document)
            return bool(found and any(alert["kind"] == "returned" for alert in found["alerts"]))

        # Nobody is asked for what was replaced before its mail went.
        await self._patiently(asked_for)
        better, deposit = self._sample(9_000), Deposit()
        metadata = deposit.metadata(better) | {"replaces": document}
        path = await self._patiently(lambda: self._client.tus.create(better, metadata))
        self._deposited(await self._client.tus.finish(path, better, within=_PATIENCE), better)

    async def _withdrawn_at_once(self) -> None:
        sample = self._sample(9_000)
        document = await self._send(sample, Deposit())
        await self._decide(self._client, "withdraw", document)
        self._note(document, sample, "erased", set(), {"deposited", "withdrawn"})

    async def _withdrawn_later(self) -> None:
        sample = self._sample(9_000)
        document = await self._send(sample, Deposit())
        await self._archived(document)
        await self._decide(self._client, "withdraw", document)
        self._note(document, sample, "erased", set(), {"deposited", "archived", "withdrawn"})

    async def _published(self) -> None:
        sample = self._sample(9_000)
        document = await self._publish(sample)
        await self._patiently(lambda: self._client.portal.content(document))
        self._note(document, sample, "archived", {CLIENT}, {"published", "archived", "downloaded"})

    async def _published_by_mistake(self) -> None:
        sample = self._sample(9_000)
        document = await self._publish(sample)
        await self._decide(self._accountant, "withdraw", document, reason="Mauvais destinataire")
        self._note(document, sample, "erased", set(), {"published", "archived", "withdrawn"})

    async def _obstructed_and_cleared(self) -> None:
        sample = self._sample(9_000)
        document = await self._operator.deposit_obstructed(sample)

        async def given_up() -> bool:
            found = await self._accountant.portal.document(document)
            return bool(found and found["trouble"] and found["trouble"]["given_up"])

        async def taken_up_again() -> bool:
            if await self._client.portal.archived(document):
                return True
            await self._ask_once(self._accountant, "POST", f"/api/documents/{document}/retry", done=(202,))
            return False

        await self._patiently(given_up)
        await self._operator.clear(document)
        await self._patiently(taken_up_again)
        self._note(document, sample, "archived", {ACCOUNTANT}, {"archived"}, buried=True)

    async def _publish(self, sample: Sample) -> str:
        deposit = Deposit(folder="Bilan", client="earl-du-chene", space="published")
        metadata = deposit.metadata(sample)
        path = await self._patiently(lambda: self._accountant.tus.create(sample, metadata))
        document = await self._accountant.tus.finish(path, sample, within=_PATIENCE)
        await self._archived(document)
        return document

    async def _send(self, sample: Sample, deposit: Deposit) -> str:
        return await self._client.tus.deposit(sample, to=deposit, within=_PATIENCE)

    async def _send_at_once(self, sample: Sample, deposit: Deposit) -> str:
        """All bytes in the request that begins it; where its answer is lost, go on as any client does."""
        headers = {
            **VERSION,
            **STREAM,
            "Authorization": f"Bearer {self._client.token}",
            "Upload-Length": str(sample.size),
            "Upload-Metadata": said(**deposit.metadata(sample)),
        }

        async def sent() -> str:
            answer = await self._http.post(f"{self._origin}/uploads", headers=headers, content=sample.content)
            return urlsplit(answer.raise_for_status().headers["Location"]).path

        path = await self._patiently(sent)
        return await self._client.tus.finish(path, sample, within=_PATIENCE)

    async def _created(self, sample: Sample, deposit: Deposit) -> str:
        return await self._patiently(lambda: self._client.tus.create(sample, deposit.metadata(sample)))

    async def _archived(self, document: str) -> None:
        await self._patiently(lambda: self._client.portal.archived(document))

    async def _decide(self, who: Person, verb: str, document: str, *, reason: str | None = None) -> None:
        async def decided() -> bool:
            status = await who.portal.decide(verb, document, reason=reason)
            assert status == 200 or status in _NOT_YET, f"{verb} of {document}: {status}"
            return status == 200

        await self._patiently(decided)

    async def _asked(self, method: str, path: str, *, done: tuple[int, ...], json: object = None) -> None:
        await self._patiently(lambda: self._ask_once(self._client, method, path, done=done, json=json))

    async def _ask_once(
        self, who: Person, method: str, path: str, *, done: tuple[int, ...], json: object = None
    ) -> bool:
        headers = VERSION | {"Authorization": f"Bearer {who.token}"}
        answer = await self._http.request(method, self._origin + path, headers=headers, json=json)
        assert answer.status_code in done or answer.status_code in _NOT_YET, f"{method} {path}: {answer.text}"
        return answer.status_code in done

    @staticmethod
    async def _patiently(ask: Callable[[], Awaitable[T | None]]) -> T:
        """What it answers, once that is something; until then, what passes by itself is waited for."""
        patience = Patience(_PATIENCE)
        while True:
            answer: T | None = None
            try:
                with patience:
                    answer = await ask()
            except httpx.HTTPStatusError as refused:
                if refused.response.status_code not in _NOT_YET:
                    raise
            if answer:
                return answer
            patience.check("somebody still waits")
            await asyncio.sleep(_RETRY_EVERY)

    def _deposited(self, document: str, sample: Sample) -> None:
        self._note(document, sample, "archived", {ACCOUNTANT}, {"deposited", "archived"})

    def _note(
        self,
        document: str,
        sample: Sample,
        state: str,
        recipients: set[str],
        journaled: set[str],
        *,
        buried: bool = False,
    ) -> None:
        self.outcomes[document] = Outcome(sample, state, frozenset(recipients), frozenset(journaled), buried)

    def _sample(self, size: int) -> Sample:
        self._number += 1
        return invoice(f"etape_{self._number:04}", size=size, seed=self._chance.randrange(2**32))


def _document(path: str) -> str:
    return path.rpartition("/")[2]
