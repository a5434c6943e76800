"""Requests to the catalog that are not as they should be: each gets a problem that says why, and changes nothing."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio

from tests.suites.bad_catalog_requests import DIRECTORY, LISTS, ODD_LISTS, ON_DOCUMENTS, PAGES, Ask
from tests.support.catalog import CatalogProcess, Scene, archived
from tests.support.running import RunningStack
from tests.support.world import Held, World

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Stage:
    """An office with two documents, whoever asks, and all that is held before anybody does."""

    people: Mapping[str, httpx.AsyncClient]
    places: Mapping[str, str]
    world: World
    before: Held

    async def ask(self, ask: Ask) -> httpx.Response:
        """The request, its placeholders filled."""
        path, content = ask.path, ask.content
        for name, value in self.places.items():
            path = path.replace(f"{{{name}}}", value)
            content = content.replace(f"{{{name}}}".encode(), value.encode())
        return await self.people[ask.who].request(ask.method, path, content=content, headers=ask.headers)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(servers: RunningStack, catalog: CatalogProcess) -> AsyncIterator[Stage]:
    await catalog.ready()
    async with Scene(servers.endpoints, catalog) as scene, World(servers.endpoints) as world:
        people = {who: scene.browser(who) for who in ("client", "accountant", "admin")}
        moved, staged = scene.announced(size=10), scene.announced(size=10)
        scene.put("ged", f"{scene.office}/{scene.client}/{moved.data.document}", b"0123456789")
        await scene.tell(moved, archived(moved), staged)
        await scene.shown(people["accountant"], moved, "archived")
        await scene.shown(people["accountant"], staged)
        places = {"document": moved.data.document, "staged": staged.data.document, "office": scene.office}
        yield Stage(people, places, world, await world.settled())


@pytest.mark.parametrize("ask", [*LISTS, *ON_DOCUMENTS, *DIRECTORY], ids=str)
async def test_what_makes_no_sense_is_a_problem_in_french(stage: Stage, ask: Ask) -> None:
    answer = await stage.ask(ask)
    assert answer.status_code == ask.status, answer.text
    problem = json.loads(answer.content)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["status"], problem["code"]) == (ask.status, ask.code), problem
    assert problem["detail"].endswith(".")


@pytest.mark.parametrize("path", ODD_LISTS)
async def test_what_is_only_odd_finds_no_more_than_is_theirs(stage: Stage, path: str) -> None:
    answer = await stage.people["client"].get(path)
    assert answer.status_code == 200, answer.text
    shown = {each["id"] for each in answer.json()["documents"]}
    assert shown <= {stage.places["document"], stage.places["staged"]}


@pytest.mark.parametrize(("who", "path"), PAGES)
async def test_what_goes_wrong_on_a_page_is_a_page(stage: Stage, who: str, path: str) -> None:
    answer = await stage.people[who].get(path)
    assert answer.status_code < 500, answer.text
    assert answer.headers["content-type"].startswith("text/html")


async def test_nothing_of_it_has_changed_anything(stage: Stage) -> None:
    assert await stage.world.settled() == stage.before
