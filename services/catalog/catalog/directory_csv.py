"""The directory as CSV: `office,client,client_name,kind,sub,name,email,role`, a person or an office a line.

Kinds: `office` (name, and its inbox as email), `collaborator`, `admin`, `client` (somebody who signs in for that
client), `contact` (somebody alerted for that client, role comptable, conseil or autre; sub only where they also sign
in). UTF-8, with or without a byte order mark; commas, or semicolons as spreadsheets write in French.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from contracts.directory import Office, OfficePerson
from pydantic import ValidationError

from catalog.directory_rules import Fault, GivenClient, GivenContact, GivenPerson, Reading, Row, explained

if TYPE_CHECKING:
    import _csv

COLUMNS = ("office", "client", "client_name", "kind", "sub", "name", "email", "role")
_UNUSED = {
    "office": ("client", "client_name", "sub", "role"),
    "collaborator": ("client", "client_name", "role"),
    "admin": ("client", "client_name", "role"),
    "client": ("role",),
    "contact": (),
}

# What a model's fields are called in the file, by the model's name.
_COLUMNS_OF = {
    "Office": {"id": "office", "inbox": "email"},
    "GivenClient": {"name": "client_name"},
    "Client": {"id": "client"},
}


@dataclass
class _Account:
    """A client's lines, gathered."""

    line: int
    name: str
    people: list[GivenPerson] = field(default_factory=list)
    contacts: list[GivenContact] = field(default_factory=list)


class _Reader:
    def __init__(self) -> None:
        self.reading = Reading()
        self._accounts: dict[tuple[str, str], _Account] = {}
        self._seen: dict[tuple[str, ...], int] = {}

    def read(self, line: int, cells: dict[str, str]) -> None:
        kind = cells["kind"]
        if kind not in _UNUSED:
            self._fault(line, f"kind must be one of {', '.join(_UNUSED)}")
            return
        for name in _UNUSED[kind]:
            if cells[name]:
                self._fault(line, f"{name} must be empty for kind {kind}")
        try:
            if kind in ("client", "contact"):
                self._read_member(line, cells)
            else:
                self._read_own(line, cells)
        except ValidationError as error:
            for _, reason in explained(error, _COLUMNS_OF.get(error.title)):
                self._fault(line, reason)

    def accounts(self) -> None:
        """Turn the gathered lines into records."""
        for (office, client), account in self._accounts.items():
            given = GivenClient(name=account.name, people=tuple(account.people), contacts=tuple(account.contacts))
            self.reading.rows.append(Row(account.line, "", given.placed(office=office, client=client)))

    def _read_own(self, line: int, cells: dict[str, str]) -> None:
        record: Office | OfficePerson
        if cells["kind"] == "office":
            record = Office(id=cells["office"], name=cells["name"], inbox=cells["email"])
            identity: tuple[str, ...] = ("office", record.id)
        else:
            fields = {name: cells[name] for name in ("office", "sub", "name", "email")}
            record = OfficePerson.model_validate({**fields, "role": cells["kind"]})
            identity = ("person", record.office, record.sub)
        if self._first(line, identity, "the same office or person"):
            self.reading.rows.append(Row(line, "", record))

    def _read_member(self, line: int, cells: dict[str, str]) -> None:
        # Validated with an account of its own: a fault is then the line's, not the client's.
        whole = {"sub": cells["sub"], "name": cells["name"], "email": cells["email"]}
        if cells["kind"] == "client":
            alone = GivenClient(name=cells["client_name"], people=(GivenPerson.model_validate(whole),))
        else:
            contact = GivenContact.model_validate({**whole, "sub": cells["sub"] or None, "role": cells["role"]})
            alone = GivenClient(name=cells["client_name"], contacts=(contact,))
        placed = alone.placed(office=cells["office"], client=cells["client"])
        account = self._accounts.setdefault((placed.office, placed.id), _Account(line, placed.name))
        if account.name != placed.name:
            self._fault(line, f"client_name differs from the one on line {account.line}")
        ids = [("person", person.sub) for person in placed.people] + [("contact", c.id) for c in placed.contacts]
        if self._first(line, (placed.office, placed.id, *ids[0]), "the same person in the same role"):
            account.people += alone.people
            account.contacts += alone.contacts

    def _first(self, line: int, identity: tuple[str, ...], what: str) -> bool:
        first = self._seen.setdefault(identity, line)
        if first != line:
            self._fault(line, f"{what} stands on line {first} already")
        return first == line

    def _fault(self, line: int, reason: str) -> None:
        self.reading.faults.append(Fault(line, "", reason))


def read_csv(text: str) -> Reading:
    """Read a whole file; the faults name their lines."""
    lines = text.removeprefix("\ufeff").splitlines(keepends=True)
    separator = ";" if lines and ";" in lines[0] and "," not in lines[0] else ","
    rows = csv.reader(lines, delimiter=separator, strict=True)
    reader = _Reader()
    try:
        header = tuple(name.strip() for name in next(rows, []))
        if header != COLUMNS:
            return Reading(faults=[Fault(1, "", f"the first line must be {','.join(COLUMNS)}")])
        for line, cells in _lines(rows):
            if len(cells) != len(COLUMNS):
                reader.reading.faults.append(Fault(line, "", f"{len(cells)} columns instead of {len(COLUMNS)}"))
            else:
                reader.read(line, dict(zip(COLUMNS, cells, strict=True)))
    except csv.Error as error:
        reader.reading.faults.append(Fault(rows.line_num, "", f"not CSV: {error}"))
    reader.accounts()
    return reader.reading


def _lines(rows: "_csv.Reader") -> Iterator[tuple[int, list[str]]]:
    """Number and stripped cells of each line that holds something."""
    last = rows.line_num
    for cells in rows:
        first, last = last + 1, rows.line_num
        if any(cell.strip() for cell in cells):
            yield first, [cell.strip() for cell in cells]
