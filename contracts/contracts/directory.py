"""Who is who: the values of the key-value bucket `DIRECTORY`.

Keys: `clients.<office>.<client>`, `people.<office>.<sub>` (collaborators and admins), `offices.<office>`. Only the
catalog writes them.
"""

import base64
import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeVar

from pydantic import StringConstraints, ValidationError

from contracts.values import ClientId, ContactId, Name, OfficeId, Sub, Value

ContactRole = Literal["comptable", "conseil", "autre"]
# Enough to refuse a broken row; whether an address exists only its mail server knows.
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s<>,;:\"]{1,64}@[^@\s<>,;:\"]{1,190}\.[^@\s<>,;:\".]{2,63}$")]

T = TypeVar("T", bound=Value)
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_TOKEN = 64


class ClientPerson(Value):
    """Somebody who signs in for a client account."""

    sub: Sub
    name: Name
    email: Email


class Contact(Value):
    """Somebody who can be alerted for a client. `sub` is set for those who also sign in as collaborators."""

    id: ContactId
    sub: Sub | None = None
    name: Name
    email: Email
    role: ContactRole


class Client(Value):
    """A client account: who signs in for it, and who is alerted for it."""

    office: OfficeId
    id: ClientId
    name: Name
    people: tuple[ClientPerson, ...] = ()
    contacts: tuple[Contact, ...] = ()


class OfficePerson(Value):
    """A collaborator or an admin of an office."""

    office: OfficeId
    sub: Sub
    name: Name
    email: Email
    role: Literal["collaborator", "admin"]


class Office(Value):
    """An association of the network. `inbox` is alerted where a folder has no valid contact."""

    id: OfficeId
    name: Name
    inbox: Email


@dataclass(frozen=True)
class Subject:
    """Somebody who signs in, as the directory has them now. `clients` are a client's own accounts, empty for others."""

    sub: str
    name: str
    email: str
    role: Literal["client", "collaborator", "admin"]
    office: str
    clients: tuple[str, ...] = ()


def client_key(office: str, client: str) -> str:
    """The key of a client account."""
    return f"clients.{office}.{client}"


def person_key(office: str, sub: str) -> str:
    """The key of a collaborator or admin. A `sub` that is no plain token stands as `=` and its unpadded base64url."""
    token = sub if _PLAIN.fullmatch(sub) else "=" + base64.urlsafe_b64encode(sub.encode()).decode().rstrip("=")
    return f"people.{office}.{token}"


def office_key(office: str) -> str:
    """The key of an office."""
    return f"offices.{office}"


def recipient_id(sub: str) -> str:
    """How an alert names a client's person: by the `sub` where that is a plain token of at most 64 characters, else by
    `person-` and the first 32 hex digits of its SHA-256."""
    if len(sub) <= _LONGEST_TOKEN and _PLAIN.fullmatch(sub):
        return sub
    return f"person-{hashlib.sha256(sub.encode()).hexdigest()[:32]}"


class Directory:
    """Look-ups in a copy of the bucket. `entries` gives the copy as it is now, key to JSON; values are parsed once.

    `entries` may raise its own error while there is no copy yet; every look-up passes it on. `version` changes whenever
    the copy does; without it, who belongs where is read anew at each look-up by a person. A record that cannot be read
    counts as absent, so that it is in nobody else's way; `unreadable` is told its key, once a value.
    """

    def __init__(
        self,
        entries: Callable[[], Mapping[str, bytes]],
        *,
        version: Callable[[], int] | None = None,
        unreadable: Callable[[str], None] | None = None,
    ) -> None:
        self._entries = entries
        self._version = version
        self._unreadable = unreadable
        self._parsed: dict[str, tuple[bytes, Value | None]] = {}
        self._links: _Links | None = None

    def client(self, office: str, client: str) -> Client | None:
        """A client account."""
        return self._get(client_key(office, client), Client)

    def office(self, office: str) -> Office | None:
        """An office."""
        return self._get(office_key(office), Office)

    def person(self, office: str, sub: str) -> OfficePerson | None:
        """A collaborator or admin."""
        return self._get(person_key(office, sub), OfficePerson)

    def clients(self) -> Iterator[Client]:
        """All client accounts."""
        return self._all("clients.", Client)

    def offices(self) -> Iterator[Office]:
        """All offices."""
        return self._all("offices.", Office)

    def people(self) -> Iterator[OfficePerson]:
        """All collaborators and admins."""
        return self._all("people.", OfficePerson)

    def subject(self, sub: str) -> Subject | None:
        """Who signs in with this `sub`, None when nobody does any more.

        The import refuses a `sub` that stands for more than one office or role. Should the directory hold one all the
        same, a collaborator or admin comes first, then the first office.
        """
        links = self._linked()
        if person := links.colleagues.get(sub):
            return Subject(sub=sub, name=person.name, email=person.email, role=person.role, office=person.office)
        accounts = links.accounts.get(sub)
        if not accounts:
            return None
        office = accounts[0].office
        person_there = next(each for each in accounts[0].people if each.sub == sub)
        clients = tuple(account.id for account in accounts if account.office == office)
        return Subject(
            sub=sub, name=person_there.name, email=person_there.email, role="client", office=office, clients=clients
        )

    def clients_advised_by(self, office: str, sub: str) -> list[Client]:
        """The clients of an office whose contact this collaborator is."""
        return [client for client in self._linked().advised.get(sub, ()) if client.office == office]

    def _linked(self) -> "_Links":
        version = self._version() if self._version else None
        if self._links is None or version is None or version != self._links.version:
            self._links = _Links.of(self.people(), self.clients(), version=version)
        return self._links

    def _all(self, prefix: str, model: type[T]) -> Iterator[T]:
        for key in sorted(self._entries()):
            if key.startswith(prefix) and (value := self._get(key, model)):
                yield value

    def _get(self, key: str, model: type[T]) -> T | None:
        raw = self._entries().get(key)
        if raw is None:
            return None
        known = self._parsed.get(key)
        if known is None or known[0] != raw:
            known = self._parsed[key] = (raw, self._read(key, raw, model))
        return known[1] if isinstance(known[1], model) else None

    def _read(self, key: str, raw: bytes, model: type[T]) -> T | None:
        try:
            return model.model_validate_json(raw)
        except ValidationError:
            if self._unreadable:
                self._unreadable(key)
            return None


@dataclass(frozen=True)
class _Links:
    """Where each `sub` stands, at one version of the copy."""

    version: int | None
    colleagues: dict[str, OfficePerson] = field(default_factory=dict)
    accounts: defaultdict[str, list[Client]] = field(default_factory=lambda: defaultdict(list))
    advised: defaultdict[str, list[Client]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, people: Iterable[OfficePerson], clients: Iterable[Client], *, version: int | None) -> "_Links":
        links = cls(version)
        for person in people:
            links.colleagues.setdefault(person.sub, person)
        for client in clients:
            for sub in dict.fromkeys(each.sub for each in client.people):
                links.accounts[sub].append(client)
            for sub in dict.fromkeys(contact.sub for contact in client.contacts if contact.sub):
                links.advised[sub].append(client)
        return links
