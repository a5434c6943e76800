"""What a directory must hold to be true: the rules for records, whether from a file or the admin API. No I/O."""

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from contracts.directory import (
    Client,
    ClientPerson,
    Contact,
    ContactRole,
    Directory,
    Email,
    Office,
    OfficePerson,
    client_key,
    office_key,
    person_key,
)
from contracts.values import ContactId, Name, Sub
from pydantic import BaseModel, ConfigDict, ValidationError

Record = Office | OfficePerson | Client
_CONTACT_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:fr.cerfrance.connect:contacts")
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}")
# What alert events call the office's inbox; a contact of this id could not be told from it.
_RESERVED_CONTACT = "inbox"
_HINTS = {
    "office": "must be 1 to 64 letters, digits, '-' or '_'",
    "client": "must be 1 to 64 letters, digits, '-' or '_'",
    "id": "must be 1 to 64 letters, digits, '-' or '_'",
    "sub": "must have 1 to 255 characters",
    "name": "must have 1 to 255 characters",
    "client_name": "must have 1 to 255 characters",
    "email": "is not an e-mail address",
    "inbox": "is not an e-mail address",
}


@dataclass(frozen=True, order=True)
class Fault:
    """Why a row cannot be imported. `place` is the line of a CSV file, or the path into a JSON one."""

    line: int
    place: str
    reason: str


@dataclass(frozen=True)
class Objection:
    """Why a record cannot stand: a stable code, and the reason in English."""

    code: Literal["office_unknown", "sub_elsewhere", "sub_twice", "contact_twice", "contact_reserved"]
    reason: str


@dataclass(frozen=True)
class Row:
    """A record as it was read, and where it stands."""

    line: int
    place: str
    record: Record

    def fault(self, reason: str) -> Fault:
        """Something wrong with this row."""
        return Fault(self.line, self.place, reason)


@dataclass
class Reading:
    """What was read from a file: good rows, and the faults of the others."""

    rows: list[Row] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class GivenPerson(_Given):
    """Somebody who signs in for a client account."""

    sub: Sub
    name: Name
    email: Email


class GivenContact(_Given):
    """A contact; without an `id` it gets one that stays the same as long as role and `sub` (or e-mail) do."""

    id: ContactId | None = None
    sub: Sub | None = None
    name: Name
    email: Email
    role: ContactRole


class GivenClient(_Given):
    """A client account without its place in the directory."""

    name: Name
    people: tuple[GivenPerson, ...] = ()
    contacts: tuple[GivenContact, ...] = ()

    def placed(self, *, office: str, client: str) -> Client:
        """The record. Raises ValidationError for an office or client that is no id."""
        people = tuple(ClientPerson(**person.model_dump()) for person in self.people)
        contacts = tuple(_identified(contact, office=office, client=client) for contact in self.contacts)
        return Client(office=office, id=client, name=self.name, people=people, contacts=contacts)


def _identified(contact: GivenContact, *, office: str, client: str) -> Contact:
    chosen = contact.id or contact_id(contact, office=office, client=client)
    return Contact(**{**contact.model_dump(), "id": chosen})


def contact_id(contact: GivenContact, *, office: str, client: str) -> str:
    """`<role>-<sub>` where that is a plain token, else the role and a hash of what identifies them."""
    if contact.sub and _PLAIN.fullmatch(plain := f"{contact.role}-{contact.sub}"):
        return plain
    identity = "/".join((office, client, contact.sub or contact.email.casefold()))
    return f"{contact.role}-{uuid.uuid5(_CONTACT_NAMESPACE, identity).hex[:12]}"


def key_of(record: Record) -> str:
    """The record's key in the bucket."""
    match record:
        case Office():
            return office_key(record.id)
        case OfficePerson():
            return person_key(record.office, record.sub)
        case Client():
            return client_key(record.office, record.id)


def duplicates_within(client: Client) -> list[Objection]:
    """What stands twice in one client's record, or must not stand there."""
    found = []
    if len({person.sub for person in client.people}) < len(client.people):
        found.append(Objection("sub_twice", "the same sub signs in for this client twice"))
    if len({contact.id for contact in client.contacts}) < len(client.contacts):
        found.append(Objection("contact_twice", "the same contact stands twice in this client, in the same role"))
    if any(contact.id == _RESERVED_CONTACT for contact in client.contacts):
        found.append(Objection("contact_reserved", f"the contact id '{_RESERVED_CONTACT}' is reserved"))
    return found


class Outlook:
    """The directory as it will be: what it holds, with some records replaced. Checks what spans several records; raises
    Unavailable before the directory was read."""

    def __init__(self, directory: Directory, changes: Iterable[Record]) -> None:
        self._directory = directory
        self._changes = {key_of(record): record for record in changes}

    def objections_to(self, record: Record) -> list[Objection]:
        """Why this record of the outlook cannot stand; empty when it can."""
        match record:
            case Office():
                return []
            case OfficePerson():
                return [*self._without_office(record.office), *self._torn(record.sub, record.office, record.role)]
            case Client():
                torn = [each for person in record.people for each in self._torn(person.sub, record.office, "client")]
                return [*self._without_office(record.office), *duplicates_within(record), *torn]

    def _without_office(self, office: str) -> list[Objection]:
        if office_key(office) in self._changes or self._directory.office(office):
            return []
        reason = f"office '{office}' has no inbox: neither this import nor the directory has that office"
        return [Objection("office_unknown", reason)]

    def _torn(self, sub: str, office: str, role: str) -> list[Objection]:
        stays = (record for record in self._directory.signing_in(sub) if key_of(record) not in self._changes)
        there = {places[sub] for places in map(_sign_ins, stays)} | self._changed.get(sub, set())
        others = sorted(there - {(office, role)})
        return [Objection("sub_elsewhere", f"this sub also signs in as {r} of office '{o}'") for o, r in others]

    @cached_property
    def _changed(self) -> Mapping[str, set[tuple[str, str]]]:
        found: dict[str, set[tuple[str, str]]] = {}
        for record in self._changes.values():
            for sub, place in _sign_ins(record).items():
                found.setdefault(sub, set()).add(place)
        return found


def _sign_ins(record: Record) -> Mapping[str, tuple[str, str]]:
    """Who signs in with this record, and as what: office and role."""
    match record:
        case OfficePerson():
            return {record.sub: (record.office, record.role)}
        case Client():
            return {person.sub: (record.office, "client") for person in record.people}
        case Office():
            return {}


def explained(error: ValidationError, names: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """(path, reason) of everything a validation found; no value is repeated, they are personal.

    `names` gives what a field is called where it was written, if not by its own name.
    """
    return [
        (_path(item["loc"]), _reason(item["loc"], item["type"], message=item["msg"], names=names or {}))
        for item in error.errors()
    ]


def _path(location: tuple[str | int, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


def _reason(location: tuple[str | int, ...], kind: str, *, message: str, names: Mapping[str, str]) -> str:
    own = str(location[-1]) if location else "record"
    name = names.get(own, own)
    if kind == "missing":
        return f"{name} is missing"
    if kind == "extra_forbidden":
        return f"{name} is not a known field"
    return f"{name} {_HINTS[name]}" if name in _HINTS else f"{name}: {message}"
