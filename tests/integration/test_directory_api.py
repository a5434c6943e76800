"""`PUT /api/directory/…` on the real catalog, and what a session may then do."""

import re
from typing import Any

import httpx
import pytest
from contracts.directory import client_key

from tests.support.catalog import Scene, Serving
from tests.support.eventually import eventually

OFFICE = {"name": "CERFRANCE NOUVEAU", "inbox": "accueil@o.example"}
COLLEAGUE = {"name": "CAMILLE MARTIN", "email": "camille@o.example", "role": "collaborator"}


def client(scene: Scene, *, contact: str) -> dict[str, Any]:
    someone = {"name": "SOMEBODY", "email": "somebody@o.example"}
    return {
        "name": "Pont",
        "people": [{"sub": f"pont-{scene.office}", **someone}],
        "contacts": [{"sub": contact, "role": "conseil", **someone}],
    }


async def test_a_client_an_admin_writes_is_seen_by_whoever_is_its_contact(scene: Scene) -> None:
    accountant = f"accountant-{scene.office}"
    written = await scene.browser("admin").put(
        f"/api/directory/clients/{scene.office}/pont", json=client(scene, contact=accountant)
    )
    assert written.status_code == 200
    assert written.json()["contacts"][0]["id"] == f"conseil-{accountant}"

    async def seen() -> bool:
        told = (await scene.browser("accountant").get("/api/me")).json()
        return {"id": "pont", "name": "Pont"} in told["clients"]

    await eventually(seen)


async def test_an_admin_writes_their_office_and_its_people_and_may_do_so_again(scene: Scene) -> None:
    admin = scene.browser("admin")
    for path, body in ((f"offices/{scene.office}", OFFICE), (f"people/{scene.office}/auth0%7Ccamille/x", COLLEAGUE)):
        answers = [await admin.put(f"/api/directory/{path}", json=body) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json() == answers[1].json()
    assert answers[0].json()["sub"] == "auth0|camille/x"


@pytest.mark.parametrize("who", ["client", "accountant", "outsider", None])
async def test_nobody_else_writes_the_directory(scene: Scene, who: str | None) -> None:
    expected = {"client": 403, "accountant": 403, "outsider": 404, None: 401}[who]
    answer = await scene.browser(who).put(f"/api/directory/offices/{scene.office}", json=OFFICE)
    assert answer.status_code == expected


async def test_an_admin_writes_no_other_office(scene: Scene) -> None:
    admin = scene.browser("admin")
    for path in ("offices/elsewhere", "clients/elsewhere/chene", "people/elsewhere/somebody"):
        body = OFFICE if path.startswith("o") else COLLEAGUE if path.startswith("p") else client(scene, contact="x")
        assert (await admin.put(f"/api/directory/{path}", json=body)).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("offices/{0}", {"name": "X"}, "inbox"),
        ("offices/{0}", {**OFFICE, "inbox": "no address"}, "inbox"),
        ("offices/{0}", {**OFFICE, "boite": "x"}, "boite"),
        ("people/{0}/x", {**COLLEAGUE, "role": "client"}, "role"),
        ("clients/{0}/x", {"name": "X", "contact": []}, "contact"),
        ("clients/{0}/a b", {"name": "X"}, "id"),
    ],
)
async def test_a_record_that_cannot_stand_is_refused_by_its_field(
    scene: Scene, path: str, body: dict[str, Any], named: str
) -> None:
    answer = await scene.browser("admin").put(f"/api/directory/{path.format(scene.office)}", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["detail"] == f"La demande n’est pas valable : {named}."


async def test_a_sub_cannot_be_both_a_client_and_a_collaborator(scene: Scene) -> None:
    answer = await scene.browser("admin").put(
        f"/api/directory/people/{scene.office}/client-{scene.office}", json=COLLEAGUE
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "sub_elsewhere")


async def test_the_same_contact_cannot_stand_twice_in_a_client(scene: Scene) -> None:
    body = client(scene, contact="x")
    body["contacts"] *= 2
    answer = await scene.browser("admin").put(f"/api/directory/clients/{scene.office}/pont", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "contact_twice")


async def test_a_record_that_cannot_be_read_is_in_nobody_else_s_way(scene: Scene, catalog: Serving) -> None:
    # Of an account of "client" and "both", who have the other in common with "other".
    key = client_key(scene.office, scene.client)
    async with httpx.AsyncClient(base_url=catalog.url) as http:

        async def unreadable() -> float:
            found = re.search(
                r'connect_bucket_unreadable_entries{bucket="DIRECTORY"} (.*)', (await http.get("/metrics")).text
            )
            return float(found[1]) if found else 0

        before = await unreadable()
        await scene.enter(key, b'{"id": ')

        async def shut_out() -> bool:
            return (await scene.browser("client").get("/api/me")).status_code == 401

        await eventually(shut_out)
        assert await unreadable() == before + 1
        for who in ("other", "accountant", "both", "admin"):
            for path in ("/api/me", "/api/contacts"):
                assert (await scene.browser(who).get(path)).status_code == 200, (who, path)
        left = (await scene.browser("both").get("/api/me")).json()["clients"]
        assert [account["id"] for account in left] == [scene.other]

        # Mended, it counts again, and is no longer counted among the others.
        mended = {"name": "Chêne", "people": [{"sub": f"client-{scene.office}", "name": "C", "email": "c@o.example"}]}
        path = f"/api/directory/clients/{scene.office}/{scene.client}"
        assert (await scene.browser("admin").put(path, json=mended)).status_code == 200
        await eventually(lambda: _welcome(scene))
        assert await unreadable() == before


async def _welcome(scene: Scene) -> bool:
    return (await scene.browser("client").get("/api/me")).status_code == 200
