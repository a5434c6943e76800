"""The records in memory keep what the port promises."""

import pytest
from notify.ports import Digests

from tests.suites.fake_notify import FakeDigests
from tests.suites.notify_ports import DigestsBehaviour


class TestFakeDigests(DigestsBehaviour):
    @pytest.fixture
    def digests(self) -> FakeDigests:
        return FakeDigests()

    async def owed(self, digests: Digests, record: str) -> list[str]:
        assert isinstance(digests, FakeDigests)
        return [event.id for event in digests.owed if event.record == record]
