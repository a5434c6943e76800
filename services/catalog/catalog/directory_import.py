"""The import of a directory file: everything is checked first, then what differs is written.

The bucket has no transactions. Records are therefore written in an order in which each one only needs those before
it (offices, people, clients): an import that is cut off leaves a directory that holds together, and running it again
writes the rest. What the file does not name stays as it is; a client it names is replaced whole.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from contracts.directory import Client, Directory, Office, OfficePerson, client_key
from pydantic import ValidationError

from catalog.directory_csv import read_csv
from catalog.directory_json import read_json
from catalog.directory_rules import Fault, Outlook, Reading, Record, key_of

# Writes one record under its key, durably. Raises Unavailable.
WriteRecord = Callable[[str, bytes], Awaitable[None]]
_ORDER: tuple[type[Record], ...] = (Office, OfficePerson, Client)
_NAMES: Mapping[type[Record], str] = {Office: "offices", OfficePerson: "people", Client: "clients"}


class FaultyFile(Exception):
    """The file has faults; nothing was imported."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = sorted(faults)


@dataclass(frozen=True)
class Plan:
    """What an import will write, in order, and how many records of each kind are as they should be already."""

    changes: tuple[Record, ...]
    unchanged: Mapping[str, int]

    @property
    def written(self) -> Mapping[str, int]:
        """Records to write, by kind."""
        return Counter(_NAMES[type(record)] for record in self.changes)

    def summary(self) -> str:
        """One line for people."""
        parts = (
            f"{name}: {self.written.get(name, 0)} written, {self.unchanged.get(name, 0)} unchanged"
            for name in ("offices", "clients", "people")
        )
        return "; ".join(parts)


def read(text: str, *, json: bool) -> Reading:
    """The rows of a file."""
    return read_json(text) if json else read_csv(text)


def plan(reading: Reading, entries: Mapping[str, bytes]) -> Plan:
    """Compare with the directory's entries as they are. Raises FaultyFile."""
    outlook = Outlook(Directory.of(entries), [row.record for row in reading.rows])
    faults = [row.fault(found.reason) for row in reading.rows for found in outlook.objections_to(row.record)]
    if faults or reading.faults:
        raise FaultyFile([*reading.faults, *faults])
    records = sorted((row.record for row in reading.rows), key=lambda record: _ORDER.index(type(record)))
    changes, unchanged = [], Counter[str]()
    for record in records:
        if entries.get(key_of(record)) == encoded(record):
            unchanged[_NAMES[type(record)]] += 1
        else:
            changes.append(record)
    return Plan(changes=tuple(changes), unchanged=unchanged)


async def apply(changes: tuple[Record, ...], write: WriteRecord) -> None:
    """Write the changes, in order. Raises Unavailable; run again, the import then writes what is missing."""
    for record in changes:
        await write(key_of(record), encoded(record))


def advised_by(people: Iterable[str], entries: Mapping[str, bytes]) -> list[str]:
    """The keys of the clients that name these people, by their keys, as contacts: mails go to them whether they can
    still sign in or not."""
    directory, found = Directory.of(entries), set[str]()
    for key in people:
        with suppress(ValidationError):
            person = OfficePerson.model_validate_json(entries[key])
            advised = directory.clients_advised_by(person.office, person.sub)
            found |= {client_key(person.office, client) for client in advised}
    return sorted(found)


def encoded(record: Record) -> bytes:
    """The record as it stands in the bucket."""
    return record.model_dump_json().encode()
