"""The directory is shown without anybody's name, unless that is asked for."""

import json

from connect_ops.directory import rows_of

ENTRIES = {
    "offices.14": {"id": "14", "name": "CERFRANCE O", "inbox": "accueil@o.example"},
    "clients.14.chene": {"office": "14", "id": "chene", "name": "EARL du Chêne", "people": [{}, {}], "contacts": [{}]},
    "people.14.jj": {"office": "14", "sub": "jj", "name": "JEANNY", "email": "jj@o.example", "role": "collaborator"},
    "offices.141": {"id": "141", "name": "Autre", "inbox": "a@b.example"},
}
RAW = {key: json.dumps(value).encode() for key, value in ENTRIES.items()}


def test_keys_and_counts_are_shown_and_no_name() -> None:
    rows = rows_of(RAW, office="14", names=False)
    assert [row["key"] for row in rows] == ["clients.14.chene", "offices.14", "people.14.jj"]
    assert (rows[0]["kind"], rows[0]["people"], rows[0]["contacts"]) == ("client", 2, 1)
    assert rows[2]["role"] == "collaborator"
    assert not any(name in json.dumps(rows, ensure_ascii=False) for name in ("Chêne", "CERFRANCE", "JEANNY", "@"))


def test_with_names_the_whole_record_is_shown() -> None:
    rows = rows_of(RAW, office=None, names=True)
    assert {row["key"]: row["record"] for row in rows} == ENTRIES
