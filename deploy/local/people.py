"""The people of the demo directory, as the sign-in page and the endpoints file need them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict

DIRECTORY_CSV = Path(__file__).with_name("demo-directory.csv")

_ROLES = {"client": "client", "collaborator": "collaborator", "admin": "admin"}


class Person(BaseModel):
    """Somebody who can sign in. `clients` are their accounts, or those whose contact they are."""

    model_config = ConfigDict(frozen=True)
    sub: str
    name: str
    email: str
    role: str
    office: str
    clients: tuple[str, ...]


def read_people(path: Path = DIRECTORY_CSV) -> tuple[Person, ...]:
    """Everybody in the directory who signs in, in the file's order."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple(_people(rows))


def _people(rows: list[dict[str, str]]) -> Iterator[Person]:
    signing_in = {(row["office"], row["sub"]): row for row in rows if row["kind"] in _ROLES}
    for (office, sub), row in signing_in.items():
        clients = (r["client"] for r in rows if r["client"] and (r["office"], r["sub"]) == (office, sub))
        yield Person(
            sub=sub,
            name=row["name"],
            email=row["email"],
            role=_ROLES[row["kind"]],
            office=office,
            clients=tuple(dict.fromkeys(clients)),
        )
