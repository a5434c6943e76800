"""Each overlay, built."""

import pytest

from deploy.configuration import SERVICES
from tests.deploy.manifests import OVERLAYS, Build, Pod, build


@pytest.fixture(params=OVERLAYS)
def built(request: pytest.FixtureRequest) -> Build:
    return build(request.param)


@pytest.fixture(params=SERVICES)
def pod(request: pytest.FixtureRequest, built: Build) -> Pod:
    return built.pods()[request.param]
