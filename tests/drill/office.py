"""An office at work: documents in every state, as their client and their accountant leave them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import httpx

from tests.support.eventually import eventually
from tests.support.people import Person, signed_in
from tests.support.running import RunningStack
from tests.support.samples import PDF, Sample, invoice
from tests.support.tus import Deposit

CLIENT, ACCOUNTANT = "earl-du-chene", "jeanny-jerome"
_ARCHIVED_WITHIN = 90.0
# What becomes of every so many documents, by turns.
_VERBS = ("", "take", "return", "withdraw")


class Office:
    """`documents` are all that were acknowledged, with their files."""

    def __init__(self, stack: RunningStack, http: httpx.AsyncClient, documents: dict[str, Sample]) -> None:
        self.documents = documents
        self._stack, self._http = stack, http

    async def client(self) -> Person:
        """EARL du Chêne."""
        return await signed_in(CLIENT, stack=self._stack, http=self._http)

    async def works(self, count: int) -> None:
        """So many documents are deposited, and each fourth taken, returned, withdrawn; one file is refused, and the
        accountant publishes one."""
        client, accountant = await self.client(), await signed_in(ACCOUNTANT, stack=self._stack, http=self._http)
        deposited = await self.deposit(count, "travail")
        for number, document in enumerate(deposited):
            verb = _VERBS[number % len(_VERBS)]
            if verb:
                who = client if verb == "withdraw" else accountant
                reason = "Page manquante" if verb == "return" else None
                assert await who.portal.decide(verb, document, reason=reason) == 200, verb
        await self._refused(client)
        bilan = invoice("bilan")
        published = Deposit(folder="Bilan", client=CLIENT, space="published")
        self.documents[await accountant.tus.deposit(bilan, to=published)] = bilan

    async def deposit(self, count: int, label: str, *, archived: bool = True) -> Sequence[str]:
        """So many documents in deposits of two, waited for until they lie in the GED."""
        client, deposited = await self.client(), []
        for number in range(count):
            if number % 2 == 0:
                together = Deposit(size=min(2, count - number))
            sample = invoice(label)
            deposited.append(await client.tus.deposit(sample, to=together))
            self.documents[deposited[-1]] = sample
        for document in deposited if archived else ():
            await eventually(partial(client.portal.archived, document), within=_ARCHIVED_WITHIN)
        return deposited

    async def _refused(self, client: Person) -> None:
        broken = Sample("illisible.pdf", b"no PDF at all", content_type=PDF)
        try:
            await client.tus.deposit(broken, to=Deposit())
        except httpx.HTTPStatusError as refusal:
            assert refusal.response.is_client_error  # noqa: PT017 (no test: it must have been refused)
        else:
            raise AssertionError("a broken file was taken")
