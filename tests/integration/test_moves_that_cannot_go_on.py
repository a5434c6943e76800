"""Whatever keeps a document from its place ends in a stated state: in its page's words, and in what ops look at.

The table is that of `docs/failures.md`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx
import pytest
from contracts.envelope import Envelope

from contracts import events as e
from tests.support.catalog import Scene
from tests.support.eventually import eventually
from tests.support.mover import Mover
from tests.support.moves import CONTENT, Stage, staged
from tests.support.running import RunningStack


@pytest.fixture(scope="module")
def process(servers: RunningStack) -> Iterator[Mover]:
    with Mover(servers.env("ged-mover")) as running:
        yield running


@pytest.fixture
async def stage(servers: RunningStack, process: Mover, scene: Scene) -> AsyncIterator[Stage]:
    await eventually(process.ready, within=45)
    async with staged(servers, scene) as opened:
        yield opened


async def nothing_staged(stage: Stage) -> Envelope:
    deposit = stage.deposit()
    await stage.scene.tell(deposit)
    return deposit


async def other_bytes_staged(stage: Stage) -> Envelope:
    deposit = stage.deposit()
    await stage.store.stage(deposit.data.document, CONTENT[::-1])
    await stage.scene.tell(deposit)
    return deposit


async def other_content_in_the_ged(stage: Stage) -> Envelope:
    deposit = stage.deposit()
    await stage.store.stage(deposit.data.document, CONTENT)
    await stage.store.archive(stage.key(deposit), CONTENT[::-1])
    await stage.scene.tell(deposit)
    return deposit


async def withdrawn_before_the_move(stage: Stage) -> Envelope:
    return await _decided_before_the_move(stage, e.Withdrawn)


async def taken_before_the_move(stage: Stage) -> Envelope:
    return await _decided_before_the_move(stage, e.Taken)


async def _decided_before_the_move(stage: Stage, kind: type[e.Taken] | type[e.Withdrawn]) -> Envelope:
    deposit = stage.deposit()
    await stage.store.stage(deposit.data.document, CONTENT)
    await stage.decided(kind, deposit)
    await stage.scene.tell(deposit)
    return deposit


async def withdrawn_and_locked_by_others(stage: Stage) -> Envelope:
    deposit = await stage.archived()
    await stage.store.lock(stage.key(deposit), until=datetime.now(UTC) + timedelta(days=1))
    await stage.decided(e.Withdrawn, deposit)
    return deposit


async def taken_and_gone_from_the_ged(stage: Stage) -> Envelope:
    deposit = await stage.archived()
    await stage.store.take_away(stage.key(deposit))
    await stage.decided(e.Taken, deposit)
    return deposit


@dataclass(frozen=True)
class Case:
    """`client` and `office` are what each reads; `buried` is the dead letter's code, and `kept` whether the bytes that
    were there are there still."""

    happens: Callable[[Stage], Awaitable[Envelope]]
    state: str
    client: str
    office: str
    buried: str = ""
    staged: bool = False
    versions: int = 0


CASES = (
    Case(
        nothing_staged,
        state="deposited",
        client="La sécurisation est interrompue. Le fichier reçu est introuvable. Déposez-le de nouveau",
        office="Le fichier reçu est introuvable. Demandez à votre client de le déposer de nouveau.",
        buried="staging_missing",
    ),
    Case(
        other_bytes_staged,
        state="deposited",
        client="Le fichier reçu ne correspond plus à l’empreinte prise à son arrivée. Déposez-le de nouveau",
        office="La sécurisation est interrompue. Le fichier reçu ne correspond plus à l’empreinte",
        buried="hash_differs",
        staged=True,
    ),
    Case(
        other_content_in_the_ged,
        state="deposited",
        client="Un autre contenu occupe la place de ce document dans la GED. Votre document est conservé tel qu’il a",
        office="Réessayez, ou prévenez votre service informatique.",
        buried="ged_holds_other_content",
        staged=True,
        versions=1,
    ),
    Case(
        withdrawn_before_the_move,
        state="erased",
        client="Effacé définitivement Il n’en reste aucune copie.",
        office="Effacé définitivement Il n’en reste aucune copie.",
    ),
    Case(
        taken_before_the_move,
        state="taken",
        client="Conservé jusqu’au 31/12/",
        office="Conservé jusqu’au 31/12/",
        versions=1,
    ),
    Case(
        withdrawn_and_locked_by_others,
        state="withdrawn",
        client="Effacement en attente Une copie est encore conservée : l’espace de GED sécurisée ne l’a pas laissée "
        "effacer. Contactez votre CERFRANCE.",
        office="ne l’a pas laissée effacer. Prévenez votre service informatique.",
        buried="erasure_refused",
        versions=1,
    ),
    Case(
        taken_and_gone_from_the_ged,
        state="taken",
        client="Conservation non confirmée",
        office="L’espace de GED sécurisée n’a pas confirmé la durée de conservation. Prévenez votre service",
        buried="ged_copy_missing",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.happens.__name__)
async def test_each_ends_in_a_stated_state(stage: Stage, case: Case) -> None:
    deposit = await case.happens(stage)
    await stage.scene.shown(stage.scene.browser("client"), deposit, case.state)

    async def told() -> bool:
        assert case.client in await stage.page("client", deposit)
        assert case.office in await stage.page("accountant", deposit)
        assert await stage.buried(deposit) == ({case.buried} if case.buried else set())
        assert (deposit.data.document in await stage.store.staged()) is case.staged
        assert (await stage.store.versions(stage.key(deposit))).get(stage.key(deposit), 0) == case.versions
        return True

    await eventually(told, within=60)


async def test_a_retry_takes_up_a_move_whose_place_was_cleared_and_none_whose_bytes_are_lost(stage: Stage) -> None:
    obstructed, lost = await other_content_in_the_ged(stage), await nothing_staged(stage)
    client = stage.scene.browser("client")

    async def given_up(deposit: Envelope) -> bool:
        found = (await client.get(f"/api/documents/{deposit.data.document}")).json()
        return bool(found.get("trouble") and found["trouble"]["given_up"])

    for deposit in (obstructed, lost):
        await eventually(partial(given_up, deposit), within=60)
    await stage.store.take_away(stage.key(obstructed))
    answers = [await client.post(f"/api/documents/{each.data.document}/retry") for each in (obstructed, lost)]
    assert [each.status_code for each in answers] == [202, 409]
    assert answers[1].json()["code"] == "bytes_lost"
    await stage.scene.shown(client, obstructed, "archived")


async def test_taken_and_withdrawn_at_once_one_of_them_holds_and_has_its_effect(stage: Stage) -> None:
    deposits = [await stage.archived() for _ in range(6)]
    client, accountant = stage.scene.browser("client"), stage.scene.browser("accountant")

    async def decide(deposit: Envelope) -> tuple[httpx.Response, httpx.Response]:
        document = f"/api/documents/{deposit.data.document}"
        return await asyncio.gather(accountant.post(f"{document}/take"), client.delete(document))

    for deposit, answers in zip(deposits, await asyncio.gather(*map(decide, deposits)), strict=True):
        taken, withdrawn = (answer.is_success for answer in answers)
        assert [answer.status_code for answer in answers if not answer.is_success] == [409]
        told = "Conservé jusqu’au 31/12/" if taken else "Effacé définitivement"

        async def has_its_effect(deposit: Envelope = deposit, told: str = told, versions: int = int(taken)) -> bool:
            held = await stage.store.versions(stage.key(deposit))
            return told in await stage.page("client", deposit) and sum(held.values()) == versions

        await eventually(has_its_effect, within=60)
        assert taken != withdrawn
        assert await stage.buried(deposit) == set()
