"""Documents that were never deposited: the events that would tell of them, and the catalog's records of them.

Whoever made a million of them by depositing would wait for hours; what is made here goes through the same models and
the same projection as what is deposited.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from catalog.model import words
from catalog.projection import Numbered, operations
from contracts.envelope import Envelope

from tests.suites.catalog_events import CLIENT, OFFICE, announced, archived, at, document_id

OTHERS = 1_000
# A prime, so that names come in another order than documents.
_STRIDE = 7_919


def name_of(number: int) -> str:
    """Its file's name."""
    return f"Facture n° {number * _STRIDE % 10_000_019:08} du chêne.pdf"


def history(number: int, *, client: str = CLIENT) -> tuple[Envelope, Envelope]:
    """What is told of one document: it was deposited, and lies in the GED."""
    owner = {"id": client, "name": f"GAEC {client}"}
    return announced(number, client=owner, name=name_of(number), sha256=f"{number:064x}"), archived(
        number, client=client
    )


def record_of(events: Sequence[Envelope], *, first: int) -> dict[str, Any]:
    """The record that these events make of one document; the first of them is message `first` of the stream."""
    record: dict[str, Any] = {"changed_at": datetime.now(UTC)}
    for sequence, event in enumerate(events, first):
        (operation,) = operations(Numbered(event, sequence))
        record["_id"] = operation.record
        changes = operation.update
        for path, value in {**changes.get("$set", {}), **changes.get("$max", {}), **changes.get("$min", {})}.items():
            outer, _, inner = path.partition(".")
            if inner:
                record.setdefault(outer, {})[inner] = value
            else:
                record[outer] = value
        for path, value in changes["$addToSet"].items():
            record.setdefault(path, []).append(value)
    return record


def copied(record: Mapping[str, Any], number: int, *, client: str) -> dict[str, Any]:
    """The record that `history(number, client=client)` makes, but for its log, from any other's: a tenth of
    the work."""
    name, document, owner = name_of(number), document_id(number), {"id": client, "name": f"GAEC {client}"}
    personal, sha256 = record["personal"], f"{number:064x}"
    receipt = {**personal["receipt"], "document": document, "name": name, "size": 1000 + number, "sha256": sha256}
    receipt |= {"client": owner, "received_at": at(number).isoformat().replace("+00:00", "Z")}
    told = {"name": name, "words": words(name), "sha256": sha256, "client_name": owner["name"]}
    return {
        **record,
        "_id": document,
        "owner": f"{OFFICE}/{client}",
        "size": 1000 + number,
        "deposited_at": at(number),
        "location": {**record["location"], "key": document},
        "personal": {**personal, **told, "receipt": receipt},
        "log": {str(uuid.uuid4()): entry for entry in record["log"].values()},
        "sequences": [2 * number + 1, 2 * number + 2],
        "archived": {**record["archived"], "key": f"{OFFICE}/{client}/{document}"},
    }


def owner_of(number: int, *, mine: int, total: int) -> str:
    """Whose document it is: `mine` of the `total` are one client's, and lie among those of all others."""
    return CLIENT if number % (total // mine) == 0 else f"exploitation-{number % OTHERS:04}"


def records(*, mine: int, total: int) -> Iterator[dict[str, Any]]:
    """That many records, `mine` of them of the client that is asked for."""
    first = record_of(history(0), first=1)
    for number in range(total):
        yield copied(first, number, client=owner_of(number, mine=mine, total=total))
