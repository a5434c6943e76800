"""What notify's records promise, on the fake and on the real database."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chassis.owed import OwedEvent
from notify.mails import Recipient
from notify.model import Digest, Entry, Group
from notify.ports import Digests, Heard

from tests.suites.notify_events import new_id

# The database keeps milliseconds.
NOW = datetime.now(UTC).replace(microsecond=0)


def group() -> Group:
    return Group("deposited", "14", "earl-du-chene", "deposits", "comptable", "earl|du chêne", new_id())


def heard(name: str = "facture.pdf", *, size: int | None = None) -> Heard:
    return Heard(new_id(), Entry(name, NOW, ("paul",)), client_name="EARL du Chêne", person_name="PAUL", size=size)


class DigestsBehaviour(ABC):
    """The records."""

    async def test_a_document_waits_in_the_record_of_its_group(self, digests: Digests) -> None:
        one, document = group(), heard("Relevé été $1.pdf", size=3)
        digest = await digests.add_document(one, document, now=NOW)
        assert digest == await digests.load(one.id)
        assert (digest.group, digest.size, digest.heard_at) == (one, 3, NOW)
        assert (digest.client_name, digest.person_name) == ("EARL du Chêne", "PAUL")
        assert digest.pending == {document.document: document.entry}
        assert digest.wake_at == digest.next_at == NOW + timedelta(minutes=5)

    async def test_when_a_waiting_document_was_heard_stays_known(self, digests: Digests) -> None:
        one, document = group(), heard(size=3)
        first = replace(document, entry=replace(document.entry, heard_at=NOW))
        await digests.add_document(one, first, now=NOW)
        later = NOW + timedelta(minutes=58)
        digest = await digests.add_document(one, heard(size=3), now=later)
        assert digest.pending[document.document] == first.entry
        assert digest.next_at == NOW + timedelta(hours=1)
        assert await digests.save(digest)
        loaded = await digests.load(one.id)
        assert loaded is not None
        assert loaded.pending == digest.pending
        assert loaded.wake_at == NOW + timedelta(hours=1)

    async def test_an_unknown_record_is_none(self, digests: Digests) -> None:
        assert await digests.load(group().id) is None

    async def test_a_document_heard_again_changes_nothing(self, digests: Digests) -> None:
        one, document = group(), heard()
        first = await digests.add_document(one, document, now=NOW)
        assert await digests.add_document(one, document, now=NOW + timedelta(hours=1)) == first

    async def test_a_document_already_told_of_changes_nothing(self, digests: Digests) -> None:
        one, document = group(), heard()
        digest = await digests.add_document(one, document, now=NOW)
        assert await digests.save(digest.sealed([Recipient("jeanny", "comptable")], mail_domain="x.example", now=NOW))
        told = await digests.load(one.id)
        assert await digests.add_document(one, document, now=NOW) == told

    async def test_documents_heard_at_once_are_all_there(self, digests: Digests) -> None:
        one = group()
        many = [heard(f"{number}.pdf", size=20) for number in range(20)]
        await asyncio.gather(*(digests.add_document(one, document, now=NOW) for document in many))
        digest = await digests.load(one.id)
        assert digest is not None
        assert set(digest.pending) == {document.document for document in many}

    async def test_the_largest_size_told_counts_in_any_order(self, digests: Digests) -> None:
        one = group()
        await digests.add_document(one, heard(size=5), now=NOW)
        await digests.add_document(one, heard(), now=NOW)
        digest = await digests.add_unfinished(one, new_id(), size=3)
        assert digest.size == 5

    async def test_an_unfinished_file_is_counted_once(self, digests: Digests) -> None:
        one, file = group(), new_id()
        first = await digests.add_unfinished(one, file, size=None)
        assert await digests.add_unfinished(one, file, size=None) == first
        assert first.unfinished == {file}
        assert first.next_at is None

    async def test_a_deposit_closed_with_nothing_is_closed(self, digests: Digests) -> None:
        assert (await digests.close(group(), [])).closed == frozenset()

    async def test_a_deposit_closed_twice_has_the_documents_of_both(self, digests: Digests) -> None:
        one, ids = group(), [new_id(), new_id()]
        await digests.close(one, ids[:1])
        assert (await digests.close(one, ids)).closed == frozenset(ids)

    async def test_a_withdrawn_document_finds_the_records_that_are_yet_to_tell_of_it(self, digests: Digests) -> None:
        one, document = group(), heard()
        assert await digests.note_withdrawn(document.document, now=NOW) == []
        digest = await digests.add_document(one, document, now=NOW)
        assert await digests.note_withdrawn(document.document, now=NOW) == [one.id]
        sealed = digest.sealed([Recipient("jeanny", "comptable")], mail_domain="x.example", now=NOW)
        assert await digests.save(sealed)
        assert await digests.note_withdrawn(document.document, now=NOW) == [one.id]
        loaded = await digests.load(one.id)
        assert loaded is not None
        sent = loaded.sent("0_jeanny", NOW)
        assert sent is not None
        assert await digests.save(sent)
        assert await digests.note_withdrawn(document.document, now=NOW) == []

    async def test_an_answered_return_finds_the_records_that_are_yet_to_ask_for_it(self, digests: Digests) -> None:
        asking, document = replace(group(), kind="returned"), heard()
        for one in (group(), asking):
            await digests.add_document(one, document, now=NOW)
        assert await digests.note_answered(document.document, now=NOW) == [asking.id]
        assert await digests.note_answered(document.document, now=NOW) == [asking.id]
        assert await digests.note_answered(new_id(), now=NOW) == []

    async def test_what_was_answered_stays_noted(self, digests: Digests) -> None:
        one, other = new_id(), new_id()
        await digests.note_answered(one, now=NOW)
        assert await digests.answered_among({one, other}) == {one}
        assert await digests.withdrawn_among({one, other}) == frozenset()

    async def test_what_was_withdrawn_stays_noted(self, digests: Digests) -> None:
        one, other = new_id(), new_id()
        await digests.note_withdrawn(one, now=NOW)
        await digests.note_withdrawn(one, now=NOW)
        assert await digests.withdrawn_among({one, other}) == {one}

    async def test_a_document_withdrawn_while_it_waited_does_not_wait_again(self, digests: Digests) -> None:
        one, document = group(), heard()
        digest = await digests.add_document(one, document, now=NOW)
        left = digest.without({document.document}, now=NOW)
        assert left is not None
        assert await digests.save(left)
        again = await digests.add_document(one, document, now=NOW)
        assert again.pending == {}
        assert again.withdrawn == {document.document}

    async def test_a_save_keeps_what_was_withdrawn_from_a_part(self, digests: Digests) -> None:
        one, documents = group(), [heard("a.pdf"), heard("b.pdf")]
        for document in documents:
            digest = await digests.add_document(one, document, now=NOW)
        gone = documents[0].document
        sealed = digest.sealed([Recipient("jeanny", "comptable")], mail_domain="x.example", now=NOW)
        left = sealed.without({gone}, now=NOW)
        assert left is not None
        claimed = left.claimed("0_jeanny", claim="c1", now=NOW)
        assert claimed is not None
        assert await digests.save(claimed)
        loaded = await digests.load(one.id)
        assert loaded == replace(claimed, revision=claimed.revision + 1, wake_at=claimed.next_at)
        assert loaded.parts[0].withdrawn == {gone}
        assert loaded.mails["0_jeanny"].left_out == {gone}

    async def test_a_save_keeps_parts_and_mails(self, digests: Digests) -> None:
        sealed = await self.sealed(digests)
        claimed = sealed.claimed("0_jeanny", claim="c1", now=NOW)
        assert claimed is not None
        assert await digests.save(claimed)
        loaded = await digests.load(claimed.id)
        assert loaded == replace(claimed, revision=claimed.revision + 1, wake_at=claimed.next_at)

    async def test_a_save_upon_an_old_revision_is_refused(self, digests: Digests) -> None:
        sealed = await self.sealed(digests)
        assert await digests.save(sealed)
        assert not await digests.save(sealed)

    async def test_only_one_of_two_claims_is_written(self, digests: Digests) -> None:
        sealed = await self.sealed(digests)
        claims = [sealed.claimed("0_jeanny", claim=claim, now=NOW) for claim in ("c1", "c2")]
        written = await asyncio.gather(*(digests.save(claim) for claim in claims if claim))
        assert sorted(written) == [False, True]

    async def test_a_record_with_nothing_to_do_is_not_overdue(self, digests: Digests) -> None:
        sealed = await self.sealed(digests)
        sent = sealed.sent("0_jeanny", NOW)
        assert sent is not None
        assert await digests.save(sent)
        assert sent.id not in await digests.overdue(now=NOW + timedelta(days=1), limit=1000)

    async def test_an_overdue_record_is_given_to_one_caller_and_again_later(self, digests: Digests) -> None:
        digest = await digests.add_document(group(), heard(), now=NOW)
        late = NOW + timedelta(seconds=22)
        given = await asyncio.gather(*(digests.overdue(now=late, limit=1000) for _ in range(3)))
        assert sum(digest.id in some for some in given) == 1
        assert digest.id not in await digests.overdue(now=late + timedelta(seconds=4), limit=1000)
        assert digest.id in await digests.overdue(now=late + timedelta(seconds=7), limit=1000)

    async def test_a_record_that_is_long_overdue_is_given_less_often(self, digests: Digests) -> None:
        digest = await digests.add_document(group(), heard(), now=NOW)
        late = NOW + timedelta(hours=1)
        assert digest.id in await digests.overdue(now=late, limit=1000)
        assert digest.id not in await digests.overdue(now=late + timedelta(minutes=9), limit=1000)
        assert digest.id in await digests.overdue(now=late + timedelta(minutes=11), limit=1000)

    async def test_of_what_is_put_off_the_oldest_is_known_until_it_is_settled(self, digests: Digests) -> None:
        long_ago = NOW - timedelta(days=3650)
        digest = await digests.add_document(group(), heard(), now=long_ago)
        sealed = digest.sealed([Recipient("jeanny", "comptable")], mail_domain="x.example", now=long_ago)
        claimed = sealed.claimed("0_jeanny", claim="c1", now=long_ago)
        put_off = claimed and claimed.put_off("0_jeanny", claim="c1", now=long_ago)
        assert put_off
        assert await digests.save(put_off)
        assert await digests.oldest_deferred() == long_ago
        loaded = await digests.load(digest.id)
        assert loaded is not None
        sent = loaded.sent("0_jeanny", NOW)
        assert sent is not None
        assert await digests.save(sent)
        assert await digests.oldest_deferred() != long_ago

    async def test_what_a_save_owes_is_owed_only_if_it_was_written(self, digests: Digests) -> None:
        sealed = await self.sealed(digests)
        event = OwedEvent(sealed.id, new_id(), "topic", b"{}", NOW, awaits_successor=False)
        assert await digests.save(sealed, owing=[event])
        assert not await digests.save(sealed, owing=[replace(event, id=new_id())])
        assert await self.owed(digests, sealed.id) == [event.id]

    @abstractmethod
    async def owed(self, digests: Digests, record: str) -> list[str]:
        """The ids of what a record owes."""

    async def sealed(self, digests: Digests) -> Digest:
        """A record with one document and one mail to be sent."""
        digest = await digests.add_document(group(), heard(), now=NOW)
        sealed = digest.sealed([Recipient("jeanny", "comptable")], mail_domain="x.example", now=NOW)
        assert await digests.save(sealed)
        loaded = await digests.load(sealed.id)
        assert loaded is not None
        return loaded
