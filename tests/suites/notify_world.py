"""Notify's handlers between records, directory and relay in memory, with a clock that only the test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from contracts.directory import Directory
from contracts.envelope import Envelope, decode
from notify.handlers import note_event
from notify.letter import Letters
from notify.model import Digest
from notify.sending import Sending, send_digest
from notify.sweeper import sweep

from tests.suites.fake_notify import FakeAlarm, FakeAnnouncer, FakeDigests, FakeRelay
from tests.suites.notify_events import directory


class World:
    """`hear` an event, `pass_time`, and look at what the relay got and what was announced."""

    def __init__(self, who: Directory | None = None) -> None:
        self.now = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)
        self.digests, self.alarm, self.announcer, self.relay = FakeDigests(), FakeAlarm(), FakeAnnouncer(), FakeRelay()
        self.sending = Sending(
            digests=self.digests,
            directory=who or directory(),
            letters=Letters(sender="CERFRANCE CONNECT <noreply@x.example>", portal_url="https://portal.example/"),
            relay=self.relay,
            announcer=self.announcer,
            alarm=self.alarm,
            clock=lambda: self.now,
        )

    async def hear(self, *events: Envelope) -> list[Envelope]:
        """Hear events, then let what is due at once happen; returns the events that the last one caused."""
        caused: list[Envelope] = []
        for event in events:
            caused = list(await note_event(event, digests=self.digests, alarm=self.alarm, clock=lambda: self.now))
        await self.pass_time(0)
        return caused

    async def pass_time(self, seconds: float) -> None:
        """Move the clock, and fire the alarms on the way at their times."""
        until = self.now + timedelta(seconds=seconds)
        while due := [key for key, at in self.alarm.times.items() if at <= until]:
            key = min(due, key=self.alarm.times.__getitem__)
            self.now = max(self.now, self.alarm.times.pop(key))
            await self.wake(key)
        self.now = until

    async def wake(self, key: str) -> None:
        """A wake-up fell due."""
        await send_digest(key.removeprefix("digest."), sending=self.sending)

    async def sweep(self) -> int:
        return await sweep(digests=self.digests, alarm=self.alarm, clock=lambda: self.now)

    @property
    def told(self) -> list[tuple[str, str, int]]:
        """What was announced: the event's name, the recipient, how many documents."""
        return [(event.name, event.data.recipient, len(event.data.documents)) for event in self.announced]

    @property
    def announced(self) -> list[Envelope]:
        """What was announced, as others hear it."""
        return [decode(event.payload) for event in self.announcer.published]

    @property
    def digest(self) -> Digest:
        """The only record."""
        (digest,) = self.digests.records.values()
        return digest
