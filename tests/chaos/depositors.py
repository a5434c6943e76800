"""Who deposits: clients of one office and of another, so that what is mixed up shows."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from tests.support.people import Person, signed_in
from tests.support.running import RunningStack


@dataclass(frozen=True)
class Depositor:
    """A client, their folder in the GED, their accountant's address, and the id and address of somebody else who can
    be alerted, where there is one."""

    person: Person
    folder: str
    accountant: str
    contact: tuple[str, str] | None = None


async def depositors(stack: RunningStack, http: httpx.AsyncClient) -> tuple[Depositor, ...]:
    """EARL du Chêne, Garage du Pont, who has the same accountant, and Ferme des Tilleuls of another office."""
    chene = await signed_in("earl-du-chene", stack=stack, http=http)
    (paul,) = (each["id"] for each in await chene.portal.contacts() if each["role"] == "autre")
    garage = await signed_in("second-client", stack=stack, http=http)
    ferme = await signed_in("client-53", stack=stack, http=http)
    jeanny, louise = "jeanny.jerome@cerfrance-14.example", "louise.bernard@cerfrance-53.example"
    return (
        Depositor(chene, "14/earl-du-chene", jeanny, (str(paul), "paul@earl-du-chene.example")),
        Depositor(garage, "14/garage-du-pont", jeanny),
        Depositor(ferme, "53/ferme-des-tilleuls", louise),
    )
