"""What the streams tell is noted only where it can be noted whole."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from unittest.mock import AsyncMock, MagicMock

import pytest
from chassis.errors import Unavailable
from connect_ops import recall
from connect_ops.letters import Stored
from connect_ops.recall import Recall
from contracts.envelope import decode

from tests.suites.notify_events import Deposit
from tests.suites.notify_world import World


class _Told:
    """A broker whose stream holds a mail that was sent, and whose directory is empty."""

    def __init__(self, world: World) -> None:
        [self._mail] = world.announcer.published

    async def directory(self) -> tuple[None, dict[str, bytes]]:
        return None, {}

    async def read(self, stream: str, *, subject: str) -> AsyncIterator[Stored]:
        if ".alerted." in subject:
            yield Stored(1, self._mail.topic, self._mail.payload)


@pytest.mark.parametrize("waits", [True, False])
async def test_a_mail_that_waits_needs_a_directory_that_says_whom_else_it_was_for(
    monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    world = World()
    await world.hear(Deposit(size=1).deposited())
    digests, [waiting] = AsyncMock(load=AsyncMock(return_value=None)), list(world.digests.records)
    await world.pass_time(5)
    broker: Any = _Told(world)
    asked: list[Sequence[str]] = []

    async def waiting_for(_kind: str, _deposit: str, documents: Sequence[str]) -> Sequence[str]:
        asked.append(documents)
        return [waiting] if waits else []

    digests.waiting_for = waiting_for
    for store in ("MongoUploads", "MongoRecords", "MongoSealMarks", "MongoDecisions"):
        monkeypatch.setattr(recall, store, MagicMock(return_value=AsyncMock()))
    monkeypatch.setattr(recall, "MongoDigests", MagicMock(return_value=digests))
    run = Recall(MagicMock(broker=broker), office=None).run()
    if waits:
        with pytest.raises(Unavailable) as refused:
            await run
        assert refused.value.code == "directory_empty"
        digests.load.assert_not_called()
    else:
        await run
    assert asked == [decode(world.announcer.published[0].payload).data.documents]
