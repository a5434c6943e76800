"""How much one person, and one address, may ask of a service at a time; what every replica counts together.

A rate is a bucket that drains evenly: as much as the limit at once, and then as it drains. Whoever is refused is told
how long to wait.
"""

import hashlib
import ipaddress
import math
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal, Protocol

from fastapi import Request

from chassis.auth import Identity
from chassis.errors import Unavailable
from chassis.logs import logger
from chassis.metrics import LIMITED
from chassis.problem import Problem

Limit = Literal["requests", "transfers", "streams", "uploads", "bytes"]
# Seconds a full bucket takes to drain.
REQUESTS_PERIOD = 10.0
BYTES_PERIOD = 24 * 3600.0
# How long places are kept for a replica that says nothing: it died.
KEPT_SECONDS = 30.0

# Those told to wait that one replica keeps in mind; past that it forgets whose time is over.
_REMEMBERED = 10_000


class TooMany(Problem):
    """A limit is reached (429); waiting `delay` seconds helps."""

    def __init__(self, code: str, detail: str, *, delay: float) -> None:
        super().__init__(429, code, detail, headers={"Retry-After": str(max(math.ceil(delay), 1))})
        self.delay = delay


class Limits(Protocol):
    """The limits of somebody; None where there is none."""

    @property
    def requests(self) -> int | None: ...

    @property
    def transfers(self) -> int | None: ...

    @property
    def uploads(self) -> int | None: ...

    @property
    def bytes_a_day(self) -> int | None: ...


@dataclass(frozen=True)
class FewLimits:
    """Limits of somebody who uploads nothing."""

    requests: int | None
    transfers: int | None = None
    uploads: None = None
    bytes_a_day: None = None


@dataclass(frozen=True)
class Ask:
    """What one request asks for: a `transfer` a place among those under way, a creation also a new upload of `length`
    bytes."""

    transfer: bool = False
    length: int | None = None


@dataclass(frozen=True)
class Amounts:
    """So much of each thing that is limited."""

    requests: int = 0
    transfers: int = 0
    uploads: int = 0
    bytes: int = 0

    @property
    def some(self) -> bool:
        """Whether it is anything at all."""
        return bool(self.requests or self.transfers or self.uploads or self.bytes)


@dataclass(frozen=True)
class Refusal:
    """Which limit is reached, and the seconds until asking again may help."""

    limit: Limit
    delay: float


@dataclass(frozen=True)
class Taken:
    """What was counted, and whether that left many places: who has one need not hurry to give it back."""

    amounts: Amounts
    is_roomy: bool


class Counters(Protocol):
    """Who is let in, by key. Every method may raise Unavailable."""

    async def admit(self, key: str, ask: Ask, limits: Limits) -> Refusal | None:
        """Count it, or say which limit stands against it. A refusal counts as a request only."""

    async def leave(self, key: str, ask: Ask, *, undo: bool) -> None:
        """Give a transfer's place back, and with `undo` what was counted for its upload."""


class Counts(Protocol):
    """Counts that all replicas share, by key. Every method may raise Unavailable."""

    async def take(self, key: str, need: Amounts, limits: Limits, *, replica: str, ahead: int) -> Taken | Refusal:
        """Count what is needed, in one atomic step, or say which limit stands against it: then a request counts alone.

        Where it leaves much room, up to `ahead` times as many requests and places are taken besides: the answer says
        what was taken in all.
        """

    async def give_back(self, idle: Mapping[str, Amounts], *, replica: str) -> None:
        """Count less, by key: the replica has no use for it."""

    async def keep(self, keys: Sequence[str], *, replica: str) -> None:
        """Keep the replica's places; those that are not kept in time are free again."""


@dataclass(frozen=True)
class Asking:
    """Who asks, by the keys that are counted under: nobody's name, nobody's address. `person` is empty where it isn't
    known who it is."""

    person: str
    address: str

    @classmethod
    def of(cls, *, office: str, sub: str, address: str) -> "Asking":
        """An IPv6 address counts by its /64: a household has that many."""
        return cls(person_key(office=office, sub=sub), _key("address", _network(address)))

    @classmethod
    def by(cls, request: Request, identity: Identity) -> "Asking":
        """Whoever sends a request."""
        return cls.of(office=identity.office, sub=identity.sub, address=_address(request))

    @classmethod
    def nobody(cls, request: Request) -> "Asking":
        """Whoever sends a request without saying who it is: counted apart from those of the address who do."""
        return cls("", _key("nobody", _network(_address(request))))

    @classmethod
    def unproven(cls, request: Request) -> "Asking":
        """Whoever sends a request that needs a session, and has none: counted apart from all others of the address."""
        return cls("", _key("unproven", _network(_address(request))))

    @property
    def keys(self) -> tuple[str, ...]:
        """Those there are."""
        return (self.person, self.address) if self.person else (self.address,)


@dataclass
class Admission:
    """A request that was let in, counted under `keys`. Unless a new upload came of a creation, `created`, what was
    counted for it is taken back."""

    keys: tuple[str, ...]
    created: bool = False


@dataclass(frozen=True)
class Limiter:
    """Lets requests in, or says how long to wait; `reasons` say why, in French. `places` is what its transfers are."""

    counters: Counters
    person: Limits
    address: Limits
    reasons: Mapping[Limit, str]
    places: Literal["transfers", "streams"] = "transfers"
    _shut: dict[str, float] = field(default_factory=dict)

    async def count(self, asking: Asking) -> None:
        """Count a request that sends nothing. Raises TooMany, Unavailable."""
        await self._admit(asking, Ask())

    async def count_unproven(self, request: Request) -> None:
        """Count a request without a valid session. Raises TooMany; where nobody can count, nobody is refused."""
        with suppress(Unavailable):
            await self.count(Asking.unproven(request))

    @asynccontextmanager
    async def transfer(self, asking: Asking, *, length: int | None = None) -> AsyncIterator[Admission]:
        """A place among the transfers under way; a creation says its `length`. Raises TooMany, Unavailable."""
        ask = Ask(transfer=True, length=length)
        await self._admit(asking, ask)
        keys = asking.keys
        admission = Admission(keys)
        try:
            yield admission
        finally:
            await self._leave(keys, ask, undo=not admission.created)

    async def _admit(self, asking: Asking, ask: Ask) -> None:
        both = (("person", asking.person, self.person), ("address", asking.address, self.address))
        sides = [(of, key, limits) for of, key, limits in both if key]
        for of, key, _ in sides:
            # Whoever was told to wait and doesn't costs nobody else a question.
            if (left := self._shut.get(key, 0.0) - time.monotonic()) > 0:
                raise self._refused(Refusal("requests", left), of=of)
        admitted: list[str] = []
        # One after the other: of a flood the person's own count knows already.
        for of, key, limits in sides:
            try:
                refusal = await self.counters.admit(key, ask, limits)
            except BaseException:
                await self._leave(admitted, ask, undo=True)
                raise
            if refusal is None:
                admitted.append(key)
                continue
            await self._leave(admitted, ask, undo=True)
            if refusal.limit == "requests":
                self._shut_out(key, math.ceil(refusal.delay))
            logger().info("request_limited", limit=self._named(refusal.limit), of=of)
            raise self._refused(refusal, of=of)

    def _shut_out(self, key: str, seconds: float) -> None:
        now = time.monotonic()
        if len(self._shut) >= _REMEMBERED:
            for known in [known for known, until in self._shut.items() if until < now]:
                del self._shut[known]
        self._shut[key] = now + seconds

    def _refused(self, refusal: Refusal, *, of: str) -> TooMany:
        limit = self._named(refusal.limit)
        LIMITED.labels(limit, of).inc()
        return TooMany(f"too_many_{limit}", self.reasons[limit], delay=refusal.delay)

    def _named(self, limit: Limit) -> Limit:
        return self.places if limit == "transfers" else limit

    async def _leave(self, keys: Sequence[str], ask: Ask, *, undo: bool) -> None:
        if not ask.transfer:
            return
        for key in keys:
            with suppress(Unavailable):  # what its upload was counted for is found out by the next recount
                await self.counters.leave(key, ask, undo=undo)


def person_key(*, office: str, sub: str) -> str:
    """The key that a person is counted under."""
    return _key("person", office, sub)


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _network(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if ip.version == 4:
        return address
    return str(ip.ipv4_mapped or ipaddress.ip_network((int(ip), 64), strict=False))
