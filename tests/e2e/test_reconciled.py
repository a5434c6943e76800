"""`connect-ops reconcile` on the whole platform: what a restored snapshot lacks is made again from the GED."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pymongo import AsyncMongoClient

from tests.support.eventually import eventually
from tests.support.household import Household
from tests.support.mailbox import Mailbox
from tests.support.operator import Ran, connect_ops
from tests.support.running import RunningStack
from tests.support.samples import invoice
from tests.support.store import Store
from tests.support.streams import stored
from tests.support.tus import Deposit

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
async def home(stack: RunningStack, http: httpx.AsyncClient) -> AsyncIterator[Household]:
    async with Household(stack, http) as made:
        yield made


@pytest.fixture
async def mongo(stack: RunningStack) -> AsyncIterator[AsyncMongoClient[dict[str, Any]]]:
    async with AsyncMongoClient[dict[str, Any]](stack.endpoints["mongo"]) as client:
        yield client


class Restored:
    """An office's documents, of which records and events can be lost."""

    def __init__(self, stack: RunningStack, home: Household, mongo: AsyncMongoClient[dict[str, Any]]) -> None:
        self.stack, self.home, self._mongo = stack, home, mongo

    async def reconcile(self, *more: str) -> Ran:
        of = ("--office", self.home.office, "--settle", "0", "--json")
        return await connect_ops(self.stack.endpoints, "reconcile", *of, *more)

    async def level(self) -> bool:
        """Whether nothing differs."""
        ran = await self.reconcile()
        return ran.status == 0 and not ran.report["differences"]

    async def kinds(self) -> dict[str, str]:
        ran = await self.reconcile()
        found = {each["document"]: each["kind"] for each in ran.report["differences"]}
        assert ran.status == bool(found)
        return found

    async def lose_records(self, document: str, *databases: str) -> None:
        """What these databases hold of it, notify's digest among it, is gone."""
        for name in databases:
            for collection in await self._mongo[name].list_collection_names():
                if collection.startswith(("documents", "uploads")):
                    await self._mongo[name][collection].delete_one({"_id": document})
        if "notify" in databases:
            await self._mongo["notify"]["digests"].delete_one({"parts.documents": document})

    async def lose_events(self, document: str) -> None:
        """The stream has nothing of it, nor does the broker remember that it had."""
        js = self.home.jetstream
        subject = f"connect.v1.documents.*.{self.home.office}"
        for message in await stored(js, subject, stream="CONNECT_DOCUMENTS"):
            if document.encode() in message.data:
                await js.delete_msg("CONNECT_DOCUMENTS", message.metadata.sequence.stream)
        await self.stack.restart("nats")

    async def mails_of(self, document: str) -> dict[str, Any] | None:
        """The mails that notify has to send or has sent about it; None where it knows nothing of it."""
        known = {"$or": [{f"pending.{document}": {"$exists": True}}, {"parts.documents": document}]}
        digest = await self._mongo["notify"]["digests"].find_one({"group.office": self.home.office, **known})
        return digest and digest.get("mails", {})


@pytest.fixture
def restored(stack: RunningStack, home: Household, mongo: AsyncMongoClient[dict[str, Any]]) -> Restored:
    return Restored(stack, home, mongo)


async def test_what_a_snapshot_lacks_is_made_again_and_nobody_is_mailed_twice(
    restored: Restored, store: Store, mailbox: Mailbox, http: httpx.AsyncClient
) -> None:
    home, stack = restored.home, restored.stack
    client = home.person("client")
    samples = {label: invoice(label) for label in ("perdu", "sans-fiche", "sans-registre", "entier")}
    documents = {label: await client.tus.deposit(sample, to=Deposit()) for label, sample in samples.items()}
    await eventually(restored.level, within=90)

    async def all_told() -> bool:
        return all([await mailbox.naming(sample.name) for sample in samples.values()])

    await eventually(all_told, within=60)
    lost = documents["perdu"]
    headers = {"Authorization": f"Bearer {client.token}", "Accept": "application/json"}
    paper = f"{stack.endpoints['portal']}/api/documents/{lost}/receipt"
    receipt = (await http.get(paper, headers=headers)).raise_for_status().json()

    await restored.lose_events(lost)
    await restored.lose_records(lost, "upload", "catalog", "ged_mover", "notify")
    await restored.lose_records(documents["sans-fiche"], "catalog")
    await restored.lose_records(documents["sans-registre"], "ged_mover")
    differing = {
        lost: "unannounced",
        documents["sans-fiche"]: "not_in_catalog",
        documents["sans-registre"]: "not_in_ledger",
    }
    assert await restored.kinds() == differing
    assert await client.portal.document(lost) is None

    mended = await restored.reconcile("--mend")
    assert (mended.status, {each["document"] for each in mended.report["differences"]}) == (0, set(differing))
    await eventually(restored.level, within=90)
    for document in documents.values():
        assert (await client.portal.archived(document)) is not None
    assert (await http.get(paper, headers=headers)).raise_for_status().json() == receipt
    assert await client.portal.content(lost) == samples["perdu"].content
    assert set((await store.versions(f"{home.office}/")).values()) == {1}

    async def heard() -> bool:
        return (await connect_ops(stack.endpoints, "lag", "--over", 0, "--json")).status == 0

    await eventually(heard, within=60)
    assert await restored.mails_of(lost) == {}
    for sample in samples.values():
        assert len(await mailbox.naming(sample.name)) == 1


async def test_what_no_place_has_any_more_is_named_and_left_to_a_person(restored: Restored, store: Store) -> None:
    home = restored.home
    client = home.person("client")
    lost = await client.tus.deposit(invoice("disparu"), to=Deposit())
    await eventually(restored.level, within=90)
    await store.take_away(f"{home.office}/{home.client}/{lost}")
    await store.archive(f"{home.office}/{home.client}/not-a-document", b"x")
    ran = await restored.reconcile("--mend")
    (difference,) = ran.report["differences"]
    assert (ran.status, difference["document"], difference["kind"], difference["mended"]) == (1, lost, "lost", False)
    assert ran.report["strays"] == [f"{home.office}/{home.client}/not-a-document"]
    await store.take_away(f"{home.office}/{home.client}/not-a-document")
