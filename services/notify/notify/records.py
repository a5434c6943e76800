"""A digest as its record in the database, and back."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from chassis.mongo import fields_known

from notify.mails import Line, Mail, Part, Recipient
from notify.model import Digest, Entry, Group


def group_to(group: Group) -> dict[str, Any]:
    """A group's document."""
    return asdict(group)


def entry_to(entry: Entry) -> dict[str, Any]:
    """A waiting document's document."""
    return _told({**asdict(entry), "alert": list(entry.alert)})


def part_to(part: Part) -> dict[str, Any]:
    """A part's document."""
    return {
        "documents": list(part.documents),
        "lines": [_told({"name": line.name, "reason": line.reason}) if line else None for line in part.lines],
        "latest": part.latest,
        "sealed_at": part.sealed_at,
        "withdrawn": sorted(part.withdrawn),
    }


def mail_to(mail: Mail) -> dict[str, Any]:
    """A mail's document."""
    return _told({**asdict(mail), "left_out": sorted(mail.left_out)})


def from_record(record: Mapping[str, Any]) -> Digest:
    """The digest of a record."""
    closed = record.get("closed")
    return Digest(
        id=record["_id"],
        group=Group(**fields_known(Group, record["group"])),
        revision=record["revision"],
        client_name=record.get("client_name"),
        person_name=record.get("person_name"),
        size=record.get("size"),
        closed=None if closed is None else frozenset(closed),
        unfinished=frozenset(record.get("unfinished", ())),
        withdrawn=frozenset(record.get("withdrawn", ())),
        heard_at=record.get("heard_at"),
        pending={document: _entry(entry) for document, entry in record.get("pending", {}).items()},
        parts=tuple(map(_part, record.get("parts", ()))),
        mails={key: _mail(mail) for key, mail in record.get("mails", {}).items()},
        wake_at=record.get("wake_at"),
    )


def _entry(entry: Mapping[str, Any]) -> Entry:
    return Entry(**{**fields_known(Entry, entry), "alert": tuple(entry["alert"])})


def _part(part: Mapping[str, Any]) -> Part:
    return Part(
        documents=tuple(part["documents"]),
        lines=tuple(Line(**fields_known(Line, line)) if line else None for line in part["lines"]),
        latest=part["latest"],
        sealed_at=part["sealed_at"],
        withdrawn=frozenset(part.get("withdrawn", ())),
    )


def _mail(mail: Mapping[str, Any]) -> Mail:
    left_out = frozenset(mail.get("left_out", ()))
    recipient = Recipient(**fields_known(Recipient, mail["recipient"]))
    return Mail(**{**fields_known(Mail, mail), "recipient": recipient, "left_out": left_out})


def _told(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
