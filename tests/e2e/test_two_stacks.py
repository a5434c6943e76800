"""Two stacks run side by side on one machine: another `PORT_BASE`, another `RUN_DIR`, and nothing in common."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.support.eventually import eventually
from tests.support.people import Person, signed_in
from tests.support.running import RunningStack
from tests.support.samples import invoice
from tests.support.tus import Deposit

# What it takes to deposit and to list.
SMALL = frozenset({"mongod", "nats", "weed", "oidc", "caddy", "upload", "catalog"})


@pytest.fixture
def beside(stack: RunningStack, tmp_path: Path) -> Iterator[RunningStack]:
    """A second stack, started while the first one runs."""
    running = RunningStack(tmp_path, only=SMALL)
    running.start()
    try:
        yield running
    finally:
        running.stop()


# It may be the first for which the one stack is started, and starts the other.
@pytest.mark.timeout(240)
async def test_both_are_ready_and_what_is_deposited_in_one_is_not_in_the_other(
    stack: RunningStack, beside: RunningStack, depositor: Person, http: httpx.AsyncClient
) -> None:
    people = (depositor, await signed_in("earl-du-chene", stack=beside, http=http))
    documents = [await each.tus.deposit(invoice("deux_piles"), to=Deposit()) for each in people]
    for person, own, foreign in zip(people, documents, reversed(documents), strict=True):
        await eventually(partial(person.portal.document, own), within=20)
        listed = {each["id"] async for each in person.portal.all()}
        assert own in listed
        assert foreign not in listed
        assert await person.portal.document(foreign) is None
    for running in (stack, beside):
        for replica in (*running.endpoints["replicas"]["upload"], *running.endpoints["replicas"]["catalog"]):
            assert (await http.get(f"{replica}/readyz")).status_code == 200
    # The same person's session of the one stack is nobody's in the other.
    for person, elsewhere in zip(people, (beside, stack), strict=True):
        headers = {"Authorization": f"Bearer {person.token}"}
        assert (await http.get(f"{elsewhere.endpoints['portal']}/api/me", headers=headers)).status_code == 401
