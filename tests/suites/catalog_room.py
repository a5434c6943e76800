"""A desk on fakes, with everybody who comes to it."""

import json
from collections.abc import Sequence
from typing import Any

from catalog import handlers
from catalog.handlers import Desk
from catalog.model import DecisionKind
from catalog.projection import Numbered
from catalog.rights import Rights
from chassis.auth import Identity, Role
from chassis.owed import OwedEvent
from contracts.directory import Client, Contact, Directory, client_key
from contracts.envelope import Envelope, decode
from contracts.subjects import AUDIT_ROOT

from tests.suites import catalog_events as events
from tests.suites.fake_catalog import FakeAccesses, FakeDecisions, FakeDocuments, FakeHints, FakeMarks, FakeWaker

ONE = events.document_id(1)
_CONTACT = Contact(id="jj", sub="jeanny-jerome", name="JEANNY JEROME", email="jj@example.org", role="comptable")
_CLIENT = Client(office=events.OFFICE, id=events.CLIENT, name="EARL du Chêne", contacts=(_CONTACT,))
_ENTRIES = {client_key(events.OFFICE, events.CLIENT): _CLIENT.model_dump_json().encode()}


def identity(sub: str, role: Role, *, office: str = events.OFFICE, clients: tuple[str, ...] = ()) -> Identity:
    """Somebody who is signed in."""
    return Identity(sub, sub.upper(), "", role, office, clients, 0, 2**31)


CLIENT = identity("earl-du-chene", "client", clients=(events.CLIENT,))
SPOUSE = identity("spouse", "client", clients=(events.CLIENT,))
STRANGER = identity("second-client", "client", clients=("garage-du-pont",))
NAMESAKE = identity("namesake", "client", office="53", clients=(events.CLIENT,))
ACCOUNTANT = identity("jeanny-jerome", "collaborator")
COLLEAGUE = identity("colleague", "collaborator")
ADMIN = identity("admin-14", "admin")


class Room:
    """A desk on fakes. `announced` collects what was to be published at once."""

    def __init__(self, *seen: Envelope) -> None:
        self.documents, self.decisions, self.marks = FakeDocuments(), FakeDecisions(), FakeMarks()
        self.accesses = FakeAccesses()
        self.waker, self.hints, self.announced = FakeWaker(), FakeHints(), list[OwedEvent]()
        self.now = events.at(200)
        self._seen = seen
        self.desk = Desk(
            rights=Rights(Directory(lambda: _ENTRIES)),
            documents=self.documents,
            decisions=self.decisions,
            projection=self.documents,
            marks=self.marks,
            accesses=self.accesses,
            waker=self.waker,
            hints=self.hints,
            announce=self._announce,
            clock=lambda: self.now,
        )

    async def open(self) -> "Room":
        """With what was seen on record."""
        for event in self._seen:
            await self.documents.apply(Numbered(event, 1))
        return self

    async def decide(self, who: Identity, kind: DecisionKind, reason: str | None = None) -> str:
        """Decide on document one; returns its state."""
        return (await handlers.decide(ONE, kind, who=who, desk=self.desk, reason=reason)).state

    def owed(self) -> list[dict[str, Any]]:
        """The data of the events that decisions owe."""
        return [json.loads(one.payload)["data"] for one in self._owed() if not one.topic.startswith(AUDIT_ROOT)]

    def entries(self) -> list[Envelope]:
        """What the decision owes the journal."""
        return [decode(one.payload) for one in self._owed() if one.topic.startswith(AUDIT_ROOT)]

    def _owed(self) -> Sequence[OwedEvent]:
        return self.decisions.owed.get(ONE, ())

    async def _announce(self, owing: Sequence[OwedEvent]) -> None:
        self.announced += owing


async def room(*seen: Envelope) -> Room:
    """A room where these events have been seen."""
    return await Room(*seen).open()


async def archived_room(**changes: Any) -> Room:
    """A room where document one lies in the GED."""
    return await room(events.announced(1, **changes), events.archived(1))
