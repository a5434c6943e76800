"""The table of steps: every method of every port of each service, read off the ports themselves."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

_EVERYWHERE = ("chassis.bus", "chassis.owed")
_PORTS: Mapping[str, tuple[str, ...]] = {
    "upload": (*_EVERYWHERE, "upload.ports", "chassis.limits"),
    "catalog": (*_EVERYWHERE, "catalog.ports"),
    "notify": (*_EVERYWHERE, "notify.ports"),
    "ged-mover": (*_EVERYWHERE, "ged_mover.ports"),
}
_NO_PORTS = {
    "Outgoing": "an event",
    "Clock": "it only tells the time",
    "Limits": "they are what the settings say",
    "Counters": "they let in by steps of `Counts`",
    "Announcer": "it publishes what is owed, by steps of `Bus` and `OwedStore`",
    "Lists": "they are `Documents` by another name, and only read",
    "Stamper": "an authority outside, which these services are not told of",
}
_NO_TROUBLE = "no store is away here"
_NOT_REJECTED = "it rejects no message that is one"
_NOT_OWED = "what it owes has no successor"
_NOT_REFUSED = "the broker refuses none of its events"
# What the stories do not come to, and why.
_NOT_REACHED: Mapping[str, Mapping[str, str]] = {
    "upload": {"Delivery.term": _NOT_REJECTED, "OwedStore.set_aside": _NOT_REFUSED},
    "catalog": {
        "Delivery.term": _NOT_REJECTED,
        "OwedStore.set_aside": _NOT_REFUSED,
        "DeadLetters.of": "they are read for a page",
        "Decisions.among": "they are read for a zip",
        "Documents.several": "it is read for a zip",
        "Journal.of": "it is read for a page",
        "Marks.openings": "they are read for a page",
        "Marks.release_retry": "a retry is given back where the broker is away",
        "Trail.seals": "no database is restored",
        "Seals.over": "they are read for a proof",
        "Seals.keep_stamp": "nobody stamps seals here",
        "Seals.stamp_of": "nobody stamps seals here",
        "Seals.unstamped": "nobody stamps seals here",
    },
    "notify": {
        "Delivery.term": _NOT_REJECTED,
        "OwedStore.set_aside": _NOT_REFUSED,
        "OwedStore.oldest_unfollowed": _NOT_OWED,
    },
    "ged-mover": {
        "OwedStore.set_aside": _NOT_REFUSED,
        "OwedStore.oldest_unfollowed": _NOT_OWED,
        "Staging.ping": _NO_TROUBLE,
        "Ged.ping": _NO_TROUBLE,
        "Records.note_trouble": _NO_TROUBLE,
        "Records.tell_trouble": _NO_TROUBLE,
    },
}
# Of what is only met with by chance, where deaths fall.
_BY_CHANCE: Mapping[str, str] = {
    "Delivery.nak": "a message is given back where something is down, not where somebody died",
    "Counts.keep": "a transfer has to take so long",
    "Delivery.in_progress": "a handler has to be at work for ten seconds",
    "Marks.retried_at": "somebody has to be too quick with a second retry",
    "Uploads.mark_overtaken": "a writer has to lose its upload while it lives",
    "Uploads.take": "a client has to come back before the lease of the one that died is free",
    "Uploads.created": "what a file replaces has to be taken between two creations of it",
    "Staging.complete": "where a tail is made the last part",
}


def every_step(service: str) -> set[str]:
    """`<port>.<method>` of all that a service may ask of the outside."""
    return {
        f"{port.__name__}.{method}"
        for module in _PORTS[service]
        for port in _ports(module)
        for method, _ in inspect.getmembers(port, inspect.isfunction)
        if not method.startswith("_")
    }


def unexpected(service: str, reached: set[str]) -> set[str]:
    """Steps that were not reached without a reason, or were reached though a reason is given why not."""
    unreachable = _NOT_REACHED[service].keys()
    missed = every_step(service) - reached - unreachable - _BY_CHANCE.keys()
    return missed | (reached & unreachable)


def _ports(module: str) -> Iterator[type[Any]]:
    for name, port in inspect.getmembers(importlib.import_module(module), inspect.isclass):
        if port.__module__ == module and getattr(port, "_is_protocol", False) and name not in _NO_PORTS:
            yield port
