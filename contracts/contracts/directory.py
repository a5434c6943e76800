"""Who is who: the values of the key-value bucket `DIRECTORY`.

Keys: `clients.<office>.<client>`, `people.<office>.<sub>` (collaborators and admins), `offices.<office>`. Only the
catalog and the operators' commands write them.
"""

import base64
import hashlib
import re
from bisect import insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal, Self, TypeVar

from pydantic import StringConstraints, ValidationError

from contracts.values import ClientId, ContactId, Name, OfficeId, Sub, Value

ContactRole = Literal["comptable", "conseil", "autre"]
# Enough to refuse a broken row; whether an address exists only its mail server knows.
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s<>,;:\"]{1,64}@[^@\s<>,;:\"]{1,190}\.[^@\s<>,;:\".]{2,63}$")]

T = TypeVar("T", bound=Value)
Change = Callable[[str, bytes | None, bytes | None], None]
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


_KINDS: Mapping[str, type[Value]] = {"clients": Client, "people": OfficePerson, "offices": Office}


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
    """Look-ups in a copy of the bucket. `entries` gives the copy as it is now, key to JSON; values are parsed anew at
    each look-up, so nothing of a record outlives it here.

    `entries` may raise its own error while there is no copy yet; every look-up passes it on. `follow` is handed what is
    to be told of each entry and each change: its key, what it was, what it is. Without it, who belongs where is read
    anew at each look-up by a person. A record that cannot be read counts as absent, so that it is in nobody else's way;
    `unreadable` is told its key whenever it is met.
    """

    def __init__(
        self,
        entries: Callable[[], Mapping[str, bytes]],
        *,
        follow: Callable[[Change], None] | None = None,
        unreadable: Callable[[str], None] | None = None,
    ) -> None:
        self._entries = entries
        self._unreadable = unreadable
        self._links = self._followed(follow) if follow else None

    @classmethod
    def of(cls, entries: Mapping[str, bytes]) -> Self:
        """Look-ups in entries that stay as they are."""
        return cls(lambda: entries, follow=partial(_tell, entries))

    def client(self, office: str, client: str) -> Client | None:
        """A client account."""
        return self._get(client_key(office, client), Client)

    def office(self, office: str) -> Office | None:
        """An office."""
        return self._get(office_key(office), Office)

    def person(self, office: str, sub: str) -> OfficePerson | None:
        """A collaborator or admin."""
        return self._get(person_key(office, sub), OfficePerson)

    def offices(self) -> Iterator[Office]:
        """All offices."""
        for key in sorted(key for key in self._entries() if key.startswith("offices.")):
            if office := self._get(key, Office):
                yield office

    def subject(self, sub: str) -> Subject | None:
        """Who signs in with this `sub`, None when nobody does any more.

        The import refuses a `sub` that stands for more than one office or role. Should the directory hold one all the
        same, a collaborator or admin comes first, then the first office.
        """
        records = self.signing_in(sub)
        for person in records:
            if isinstance(person, OfficePerson):
                return Subject(sub=sub, name=person.name, email=person.email, role=person.role, office=person.office)
        accounts = [account for account in records if isinstance(account, Client)]
        if not accounts:
            return None
        office = accounts[0].office
        person_there = next(each for each in accounts[0].people if each.sub == sub)
        clients = tuple(account.id for account in accounts if account.office == office)
        return Subject(
            sub=sub, name=person_there.name, email=person_there.email, role="client", office=office, clients=clients
        )

    def signing_in(self, sub: str) -> Sequence[Client | OfficePerson]:
        """The records with which this `sub` signs in."""
        entries, links = self._entries(), self._linked()
        found = (self._read(key, entries.get(key)) for key in links.signing_in.get(sub, ()))
        return [record for record in found if isinstance(record, Client | OfficePerson)]

    def clients_advised_by(self, office: str, sub: str) -> Sequence[str]:
        """The ids of an office's clients whose contact this collaborator is."""
        of_office = client_key(office, "")
        return [key.removeprefix(of_office) for key in self._linked().advised.get(sub, ()) if key.startswith(of_office)]

    def _linked(self) -> "_Links":
        entries = self._entries()
        return self._links or self._followed(partial(_tell, entries))

    def _followed(self, follow: Callable[[Change], None]) -> "_Links":
        links = _Links()

        def change(key: str, before: bytes | None, now: bytes | None) -> None:
            links.change(key, _parsed(key, before), self._read(key, now))

        follow(change)
        return links

    def _get(self, key: str, model: type[T]) -> T | None:
        found = self._read(key, self._entries().get(key))
        return found if isinstance(found, model) else None

    def _read(self, key: str, raw: bytes | None) -> Value | None:
        found = _parsed(key, raw)
        if found is None and raw is not None and self._unreadable:
            self._unreadable(key)
        return found


class _Links:
    """Under which keys each `sub` stands, in order: of the records it signs in with, and of the clients it advises."""

    def __init__(self) -> None:
        self.signing_in: dict[str, list[str]] = {}
        self.advised: dict[str, list[str]] = {}

    def change(self, key: str, before: Value | None, now: Value | None) -> None:
        """An entry is another, or none."""
        for links, subs in ((self.signing_in, _signing_in), (self.advised, _advising)):
            old, new = subs(before), subs(now)
            for sub in old - new:
                links[sub].remove(key)
                if not links[sub]:
                    del links[sub]
            for sub in new - old:
                insort(links.setdefault(sub, []), key)


def _signing_in(record: Value | None) -> set[str]:
    match record:
        case OfficePerson():
            return {record.sub}
        case Client():
            return {person.sub for person in record.people}
    return set()


def _advising(record: Value | None) -> set[str]:
    return {contact.sub for contact in record.contacts if contact.sub} if isinstance(record, Client) else set()


def _parsed(key: str, raw: bytes | None) -> Value | None:
    model = _KINDS.get(key.partition(".")[0])
    if raw is None or model is None:
        return None
    try:
        return model.model_validate_json(raw)
    except ValidationError:
        return None


def _tell(entries: Mapping[str, bytes], change: Change) -> None:
    for key, value in entries.items():
        change(key, None, value)
