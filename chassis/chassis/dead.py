"""Dead letters: messages that no retry can mend, kept with the reason for a person to look at."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from chassis.bus import Bus, Delivery
from chassis.origin import Origin

STREAM = "CONNECT_DEAD"


def dead_subject(service: str) -> str:
    """Where a service's dead letters go."""
    return f"connect.v1.dead.{service}"


@dataclass(frozen=True)
class Letter:
    """Why a message was buried, by which service for which of its subscriptions, and what it was when it first came."""

    service: str
    subscription: str
    code: str
    reason: str
    buried_at: datetime
    origin: Origin

    @classmethod
    def of(cls, subject: str, headers: Mapping[str, str]) -> "Letter":
        """What `bury` wrote. Raises ValueError for what it did not write."""
        try:
            return cls(
                service=subject.removeprefix(dead_subject("")),
                subscription=headers["Connect-Subscription"],
                code=headers["Connect-Code"],
                reason=unquote(headers["Connect-Reason"]),
                buried_at=datetime.fromisoformat(headers["Connect-Buried-At"]),
                origin=Origin.carried(headers),
            )
        except KeyError as missing:
            raise ValueError(str(missing)) from None


async def bury(bus: Bus, delivery: Delivery, *, service: str, subscription: str, code: str, reason: str) -> None:
    """Store the message as it came, with its code and reason in headers. Raises Unavailable.

    Its subject and sequence are those it first came with, also when it was put off in between. Burying the same message
    twice stores it once, as long as the stream's duplicate window lasts.
    """
    await bus.publish(
        dead_subject(service),
        delivery.payload,
        message_id=f"{subscription}:{delivery.subject}:{delivery.sequence}",
        headers={
            **Origin.of(delivery).headers(),
            "Connect-Code": code,
            # A header is one line of ASCII, whatever the reason says.
            "Connect-Reason": quote(reason, safe=" :,;.()'"),
            "Connect-Subscription": subscription,
            "Connect-Buried-At": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )
