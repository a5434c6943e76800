"""The directory is shown without anybody's name, unless that is asked for; nothing but people is removed."""

import argparse
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from unittest.mock import Mock

import pytest
from connect_ops import broker
from connect_ops.directory import remove_keys, rows_of
from connect_ops.telling import DONE, REFUSED
from rich.console import Console

ENTRIES = {
    "offices.14": {"id": "14", "name": "CERFRANCE O", "inbox": "accueil@o.example"},
    "clients.14.chene": {"office": "14", "id": "chene", "name": "EARL du Chêne", "people": [{}, {}], "contacts": [{}]},
    "people.14.jj": {"office": "14", "sub": "jj", "name": "JEANNY", "email": "jj@o.example", "role": "collaborator"},
    "clients.14.moulin": {
        "office": "14",
        "id": "moulin",
        "name": "SARL du Moulin",
        "kind": "SARL",
        "people": [],
        "contacts": [{"id": "c", "sub": "jj", "name": "JEANNY", "email": "jj@o.example", "role": "comptable"}],
    },
    "offices.141": {"id": "141", "name": "Autre", "inbox": "a@b.example"},
}
RAW = {key: json.dumps(value).encode() for key, value in ENTRIES.items()}


def test_keys_and_counts_are_shown_and_no_name() -> None:
    rows = rows_of(RAW, office="14", names=False)
    assert [row["key"] for row in rows] == ["clients.14.chene", "clients.14.moulin", "offices.14", "people.14.jj"]
    assert (rows[0]["kind"], rows[0]["people"], rows[0]["contacts"]) == ("client", 2, 1)
    assert rows[3]["role"] == "collaborator"
    assert not any(name in json.dumps(rows, ensure_ascii=False) for name in ("Chêne", "CERFRANCE", "JEANNY", "@"))


def test_with_names_the_whole_record_is_shown() -> None:
    rows = rows_of(RAW, office=None, names=True)
    assert {row["key"]: row["record"] for row in rows} == ENTRIES


def test_an_entry_that_cannot_be_read_is_shown_as_such() -> None:
    (row,) = rows_of({"people.14.jj": b"{"}, office="14", names=True)
    assert (row["key"], row["kind"], row["record"]) == ("people.14.jj", "person", None)


class _Bucket:
    """The directory, and the line to it."""

    def __init__(self) -> None:
        self.entries = dict(RAW)

    async def directory(self) -> tuple["_Bucket", dict[str, bytes]]:
        return self, dict(self.entries)

    async def remove(self, key: str) -> None:
        del self.entries[key]

    @asynccontextmanager
    async def opened(self, _settings: object) -> AsyncIterator["_Bucket"]:
        yield self


async def removed(
    monkeypatch: pytest.MonkeyPatch, *keys: str, out: Console | None = None, as_json: bool = True
) -> tuple[int, set[str]]:
    """The status, and what is gone."""
    bucket, settings = _Bucket(), Mock()
    monkeypatch.setattr(broker, "opened", bucket.opened)
    status = await remove_keys(argparse.Namespace(key=[*keys], json=as_json), settings, out or Console(quiet=True))
    return status, set(RAW) - set(bucket.entries)


async def test_a_person_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await removed(monkeypatch, "people.14.jj") == (DONE, {"people.14.jj"})


async def test_of_whoever_is_removed_the_clients_that_still_have_them_told_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = io.StringIO()
    await removed(monkeypatch, "people.14.jj", out=Console(file=said), as_json=False)
    assert "clients.14.moulin" in said.getvalue()
    assert "chene" not in said.getvalue()


@pytest.mark.parametrize("key", ["offices.14", "clients.14.chene"])
async def test_what_is_no_person_is_not_removed_nor_anybody_named_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], key: str
) -> None:
    assert await removed(monkeypatch, "people.14.jj", key) == (REFUSED, set())
    assert f"{key} is not a person's key" in capsys.readouterr().err
