"""What intake's records promise of documents that were moved, and of writers that came after that."""

import pytest
from upload.model import Upload
from upload.ports import Uploads

from tests.suites.uploads import an_upload, owner


async def a_claimed(uploads: Uploads) -> Upload:
    """A fresh upload, held by a writer."""
    upload = await uploads.add(an_upload())
    claimed = await uploads.claim(upload.id, by=owner(upload), offset=0)
    assert claimed is not None
    return claimed


class MovedUploadsBehaviour:
    """Subclasses provide the fixture `uploads`."""

    async def test_what_was_overtaken_is_looked_at_again_once_it_ended(self, uploads: Uploads) -> None:
        claimed = await a_claimed(uploads)
        await uploads.mark_overtaken(claimed.id)
        assert await uploads.get(claimed.id) == claimed
        await uploads.save(owed := claimed.model_copy(update={"state": "owed", "due": None}), release=True)
        await uploads.mark_overtaken(claimed.id)
        assert claimed.id in await uploads.due(limit=1000)
        await uploads.mark_clean(claimed.id, epoch=owed.epoch)
        again = await uploads.claim_due(claimed.id)
        assert again is not None
        assert (again.leftovers, again.overtaken, again.moved) == (True, True, False)

    @pytest.mark.parametrize("given_up", [True, False])
    async def test_what_was_overtaken_is_looked_at_again_once_it_moved(self, uploads: Uploads, given_up: bool) -> None:
        claimed = await a_claimed(uploads)
        await uploads.save(claimed.model_copy(update={"state": "owed", "due": None}), release=True)
        await uploads.mark_overtaken(claimed.id)
        cleaning = await uploads.claim_due(claimed.id)
        assert cleaning is not None
        if given_up:
            await uploads.settle(claimed.id)
        await uploads.settle(claimed.id, moved=True)
        await uploads.mark_clean(claimed.id, epoch=cleaning.epoch)
        await uploads.release(claimed.id, epoch=cleaning.epoch)
        again = await uploads.claim_due(claimed.id)
        assert again is not None
        assert (again.state, again.moved) == ("settled", True)
        await uploads.mark_clean(claimed.id, epoch=again.epoch)
        # Told again.
        await uploads.settle(claimed.id, moved=True)
        assert claimed.id not in await uploads.due(limit=1000)

    async def test_a_move_that_is_heard_of_twice_keeps_the_record_no_longer(self, uploads: Uploads) -> None:
        upload = await uploads.add(an_upload(state="owed"))
        times = []
        for moved in (False, True, True):
            await uploads.settle(upload.id, moved=moved)
            found = await uploads.get(upload.id)
            assert found is not None
            times.append(found.purge_at)
        assert times[0] is not None
        assert times == [times[0]] * 3

    async def test_a_returned_document_that_came_to_its_end_before_it_was_settled_is_forgotten(
        self, uploads: Uploads
    ) -> None:
        upload = await uploads.add(an_upload(state="owed"))
        await uploads.mark_returned(
            upload.id, office="14", client="earl-du-chene", folder="comptable", space="deposits"
        )
        await uploads.mark_final(upload.id)
        await uploads.settle(upload.id, moved=True)
        found = await uploads.get(upload.id)
        assert found is not None
        assert found.purge_at is not None
