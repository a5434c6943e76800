"""The directory as JSON: `{"offices": […], "clients": […], "people": […]}`, each element as it stands in the bucket.

A contact may leave out its `id`. Unknown fields are refused: a mistyped `contacts` must not empty a client's record.
"""

import json
from typing import Any, Literal

from contracts.directory import Email, Office, OfficePerson
from contracts.values import ClientId, Name, OfficeId, Sub
from pydantic import BaseModel, ConfigDict, ValidationError

from catalog.directory_rules import Fault, GivenClient, Reading, Record, Row, explained, key_of


class _Office(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    id: OfficeId
    name: Name
    inbox: Email


class _Person(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    office: OfficeId
    sub: Sub
    name: Name
    email: Email
    role: Literal["collaborator", "admin"]


class _Client(GivenClient):
    office: OfficeId
    id: ClientId


def read_json(text: str) -> Reading:
    """Read a whole file; the faults name their paths."""
    try:
        content = json.loads(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        return Reading(faults=[Fault(error.lineno, "", f"not JSON: {error.msg}")])
    except (RecursionError, ValueError):  # numbers have an end, too
        return Reading(faults=[Fault(0, "", "not JSON that can be read: lists in lists, or digits, without end")])
    if not isinstance(content, dict) or not all(isinstance(part, list) for part in content.values()):
        return Reading(faults=[Fault(0, "", "the file must be an object of lists: offices, clients, people")])
    reading = Reading()
    for name in sorted(set(content) - set(_READERS)):
        reading.faults.append(Fault(0, name, "is not one of offices, clients, people"))
    for name in _READERS:
        for index, element in enumerate(content.get(name, [])):
            _read(reading, f"{name}[{index}]", name=name, element=element)
    _refuse_twins(reading)
    return reading


def _read(reading: Reading, place: str, *, name: str, element: Any) -> None:
    try:
        reading.rows.append(Row(0, place, _READERS[name](element)))
    except ValidationError as error:
        for path, reason in explained(error):
            reading.faults.append(Fault(0, f"{place}.{path}" if path else place, reason))


def _refuse_twins(reading: Reading) -> None:
    seen: dict[str, str] = {}
    for row in reading.rows:
        first = seen.setdefault(key_of(row.record), row.place)
        if first != row.place:
            reading.faults.append(row.fault(f"is the same as {first}"))


def _office(element: Any) -> Record:
    return Office(**_Office.model_validate(element).model_dump())


def _person(element: Any) -> Record:
    return OfficePerson(**_Person.model_validate(element).model_dump())


def _client(element: Any) -> Record:
    given = _Client.model_validate(element)
    return given.placed(office=given.office, client=given.id)


_READERS = {"offices": _office, "clients": _client, "people": _person}
