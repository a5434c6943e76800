"""What an outside subscriber may do on the broker: hear one office's documents, by one durable consumer of its own.

It has a NATS account of its own, which imports four subjects of the platform's and nothing else. In one account with
the platform it could name any subject for the *answer* to a request (a server asks no right for that), and so have
events stored as somebody's; between accounts the server puts a subject of its own in place of the one that was named.

The consumer is declared for it. Who may declare one says where a pushed one delivers, in the platform's account.
"""

import re
from dataclasses import dataclass

from contracts.streams import DOCUMENTS
from contracts.subjects import ROOT

# The account of the services, the streams and the operator.
PLATFORM_ACCOUNT = "CONNECT"
# What stands for `$JS.API` in a subscriber's account, whose own `$JS.API` is of an account without JetStream.
API_PREFIX = "CONNECT.API"

# No hyphen: `crm-1` of office `4` and `crm` of office `1-4` would be one user. No service's first word: `notify` of
# office `digests` would be that service's consumer.
_NAME = re.compile(r"[a-z][a-z0-9]{0,30}")
_OFFICE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_RESERVED = frozenset({"catalog", "connect", "ged", "notify", "ops", "upload"})


@dataclass(frozen=True)
class Passage:
    """A subject of the platform's account, and what a subscriber publishes on to reach it; `many` where the answer is
    more than one message."""

    there: str
    here: str
    many: bool = False


def subscriber_user(name: str, office: str) -> str:
    """The NATS user of a system that hears one office; its account and its durable consumer have the same name.

    Raises ValueError, in words for an operator.
    """
    if not _NAME.fullmatch(name):
        raise ValueError("a subscriber's name is a small letter, then small letters and digits, 31 at most")
    if name in _RESERVED:
        raise ValueError(f"{name} is kept for the platform's own consumers")
    if not _OFFICE.fullmatch(office):
        raise ValueError("an office is letters, digits, _ and -, 64 at most")
    return f"{name}-{office}"


def heard_by(office: str) -> str:
    """The one filter of a subscriber's consumer."""
    return f"{ROOT}.*.{office}"


def passages(user: str) -> list[Passage]:
    """All that a subscriber reaches: how far its consumer is, the next messages, their acknowledgements (whose subject
    has two forms, without and with domain and account). With `*` for the user, what the platform's account exports."""
    return [
        Passage(f"$JS.API.{verb}.{DOCUMENTS.name}.{user}", f"{API_PREFIX}.{verb}.{DOCUMENTS.name}.{user}", many)
        for verb, many in (("CONSUMER.INFO", False), ("CONSUMER.MSG.NEXT", True))
    ] + [Passage(ack, ack) for ack in (f"$JS.ACK.{DOCUMENTS.name}.{user}.>", f"$JS.ACK.*.*.{DOCUMENTS.name}.{user}.>")]


def may_publish(user: str) -> list[str]:
    """The only subjects it may publish on."""
    return [each.here for each in passages(user)]


def inbox_of(user: str) -> str:
    """The prefix of its inbox, the only subjects that it may listen on."""
    return f"_INBOX_{user}"
