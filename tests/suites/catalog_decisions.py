"""What `ports.Decisions` and `ports.Marks` promise, to be kept by the fake and by MongoDB."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from catalog.model import Decision
from catalog.ports import Decisions, Marks
from chassis.bus import Message
from chassis.owed import owe

from tests.suites.catalog_events import ACCOUNTANT, DEPOSITOR, at

TAKEN = Decision("taken", 1, at(1), ACCOUNTANT)
RETURNED = Decision("returned", 1, at(1), ACCOUNTANT, "illisible")


def fresh_id() -> str:
    """A document nobody has decided on."""
    return str(uuid.uuid4())


class DecisionsBehaviour:
    """A subclass gives the fixtures `decisions` and `marks`, and says what is owed."""

    async def owed(self, decisions: Any, document: str) -> Sequence[str]:
        """The ids of what a document's record owes."""
        raise NotImplementedError

    async def test_what_was_saved_is_what_holds(self, decisions: Decisions) -> None:
        document = fresh_id()
        assert await decisions.of(document) is None
        assert await decisions.save(document, RETURNED, over=0, owing=())
        assert await decisions.of(document) == RETURNED
        later = replace(TAKEN, revision=2)
        assert await decisions.save(document, later, over=1, owing=())
        assert await decisions.of(document) == later
        assert await decisions.among([document, fresh_id()]) == {document: later}

    async def test_a_decision_over_an_older_one_than_holds_is_refused(self, decisions: Decisions) -> None:
        document = fresh_id()
        assert await decisions.save(document, RETURNED, over=0, owing=())
        assert not await decisions.save(document, TAKEN, over=0, owing=())
        assert not await decisions.save(document, replace(TAKEN, revision=3), over=2, owing=())
        assert await decisions.of(document) == RETURNED

    async def test_of_many_at_once_exactly_one_is_saved(self, decisions: Decisions) -> None:
        document = fresh_id()
        saved = await asyncio.gather(*(decisions.save(document, TAKEN, over=0, owing=()) for _ in range(8)))
        assert saved.count(True) == 1

    async def test_what_has_no_successor_is_settled_by_none(self, decisions: Decisions) -> None:
        document = fresh_id()
        message = Message("connect.v1.audit.taken.14", b"{}", id=fresh_id())
        entry = owe(document, message, now=at(1), awaits_successor=False)
        assert await decisions.save(document, TAKEN, over=0, owing=[entry])
        await decisions.settle([document])
        await decisions.settle([document], topics=[message.topic])
        assert await self.owed(decisions, document) == [entry.id]

    async def test_what_was_never_published_is_settled_only_where_that_does_not_matter(
        self, decisions: Decisions
    ) -> None:
        document = fresh_id()
        first, second = (Message(f"connect.v1.documents.{name}.14", b"{}", id=fresh_id()) for name in ("a", "b"))
        published, unpublished = owe(document, first, now=at(1)).published(at(2)), owe(document, second, now=at(1))
        assert await decisions.save(document, TAKEN, over=0, owing=[published, unpublished])
        topics = [first.topic, second.topic]
        await decisions.settle([document], topics=topics, published=True)
        assert await self.owed(decisions, document) == [unpublished.id]
        await decisions.settle([document], topics=topics)
        assert await self.owed(decisions, document) == []

    async def test_the_first_opening_counts(self, marks: Marks) -> None:
        document = fresh_id()
        assert await marks.opened_at(document) is None
        assert await marks.note_opened(document, by=DEPOSITOR, at=at(1))
        assert not await marks.note_opened(document, by=DEPOSITOR, at=at(2))
        assert await marks.opened_at(document) == at(1)
        assert await marks.openings([document, fresh_id()]) == {document: at(1)}

    async def test_of_many_openings_at_once_one_is_the_first(self, marks: Marks) -> None:
        document = fresh_id()
        first = await asyncio.gather(*(marks.note_opened(document, by=DEPOSITOR, at=at(1)) for _ in range(8)))
        assert first.count(True) == 1

    async def test_a_retry_is_claimed_once_within_the_cooldown(self, marks: Marks) -> None:
        document = fresh_id()
        assert await marks.retried_at(document) is None
        assert await marks.claim_retry(document, now=at(0), cooldown=60)
        assert not await marks.claim_retry(document, now=at(0) + timedelta(seconds=59), cooldown=60)
        assert await marks.claim_retry(document, now=at(1), cooldown=60)
        assert await marks.retried_at(document) == at(1)
        await marks.release_retry(document)
        assert await marks.claim_retry(document, now=at(1), cooldown=60)
