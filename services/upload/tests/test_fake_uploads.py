"""The records in memory keep the same promises as the real ones."""

import pytest
from upload.ports import Uploads

from tests.suites.fake_uploads import FakeUploads
from tests.suites.moved_uploads import MovedUploadsBehaviour
from tests.suites.uploads import UploadsBehaviour


class TestFakeUploads(UploadsBehaviour, MovedUploadsBehaviour):
    @pytest.fixture
    def uploads(self) -> Uploads:
        return FakeUploads()
