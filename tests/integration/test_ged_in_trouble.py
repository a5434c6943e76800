"""A GED that takes nothing: what its documents' people and its operators see, and that all goes on by itself."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import nats
import pytest
from chassis.mongo import connected
from contracts.envelope import Envelope
from contracts.streams import DOCUMENTS
from ged_mover.mongo import COLLECTION
from nats.js.errors import NotFoundError

from tests.support.catalog import Scene
from tests.support.eventually import eventually
from tests.support.full_store import FullStore
from tests.support.mover import Mover
from tests.support.moves import CONTENT, Stage, staged
from tests.support.running import RunningStack


@pytest.fixture
async def stage(servers: RunningStack, scene: Scene) -> AsyncIterator[Stage]:
    """With nothing left to move of what others have told of: it would be asked for first."""
    async with staged(servers, scene) as opened:
        with Mover(servers.env("ged-mover")):
            await eventually(lambda: _has_nothing_to_move(servers), within=90, every=0.5)
        yield opened


async def _has_nothing_to_move(servers: RunningStack) -> bool:
    where = servers.endpoints["nats"]
    client = await nats.connect(where["url"], user=where["user"], password=where["password"])
    try:
        moves = await client.jetstream().consumer_info(DOCUMENTS.name, "ged-mover-moves")
    except NotFoundError:
        return False
    finally:
        await client.close()
    return not (moves.num_pending or moves.num_ack_pending)


async def test_keys_that_it_refuses_are_said_so_and_everything_waits(servers: RunningStack, stage: Stage) -> None:
    env = servers.env("ged-mover")
    with Mover({**env, "GED_MOVER_GED__SECRET_KEY": "not-the-key"}) as refused:
        deposit = await _deposited(stage)
        await eventually(lambda: _measured(refused, _SUSPENDED, 1), within=60)
        assert not await refused.ready()
        await _five_minutes_go_by(deposit, env)
        await eventually(lambda: _told(stage, deposit, "L’espace de GED sécurisée refuse l’accès."), within=60)
    with Mover(env):
        await _arrived(stage, deposit)


async def test_one_without_room_is_said_not_to_answer_is_counted_and_takes_all_once_it_has_room(
    servers: RunningStack, stage: Stage
) -> None:
    env = servers.env("ged-mover")
    async with FullStore(env["GED_MOVER_GED__ENDPOINT"]) as ged:
        with Mover({**env, "GED_MOVER_GED__ENDPOINT": ged.url}) as mover:
            deposit = await _deposited(stage)
            await eventually(lambda: ged.refused, within=60)
            await _five_minutes_go_by(deposit, env)
            await eventually(lambda: _told(stage, deposit, "L’espace de GED sécurisée ne répond pas."), within=60)
            # It answers whoever reads: nothing is suspended, and its documents are late one by one.
            assert await mover.ready()
            assert await _measured(mover, _SUSPENDED, 0)
            assert await _measured(mover, "connect_ged_overdue_total", 1)
            ged.is_full = False
            await _arrived(stage, deposit)


_SUSPENDED = 'connect_consumer_suspended{subscription="ged-mover-moves"}'


async def _deposited(stage: Stage) -> Envelope:
    deposit = stage.deposit()
    await stage.store.stage(deposit.data.document, CONTENT)
    await stage.scene.tell(deposit)
    return deposit


async def _five_minutes_go_by(deposit: Envelope, env: dict[str, str]) -> None:
    async with connected(env["GED_MOVER_MONGO_URL"], env["GED_MOVER_MONGO_DATABASE"]) as database:
        past = {"$set": {"tell_at": datetime.now(UTC) - timedelta(seconds=1)}}

        async def went_by() -> bool:
            tried = {"_id": deposit.data.document, "tell_at": {"$ne": None}}
            return (await database[COLLECTION].update_one(tried, past)).matched_count == 1

        await eventually(went_by, within=60)


async def _told(stage: Stage, deposit: Envelope, why: str) -> bool:
    """Whether both read it on the document's page."""
    text = f"La sécurisation est retardée. {why}"
    return text in await stage.page("client", deposit) and text in await stage.page("accountant", deposit)


async def _arrived(stage: Stage, deposit: Envelope) -> None:
    await stage.scene.shown(stage.scene.browser("client"), deposit, "archived")
    assert await stage.store.versions(stage.key(deposit)) == {stage.key(deposit): 1}
    assert await stage.buried(deposit) == set()


async def _measured(mover: Mover, name: str, value: float) -> bool:
    async with httpx.AsyncClient() as http:
        try:
            metrics = (await http.get(f"{mover.url}/metrics")).text
        except httpx.TransportError:
            return False
    return f"{name} {value:.1f}" in metrics.splitlines()
