"""`python -m upload`."""

from functools import partial

from chassis.configuration import settings_of
from chassis.service import run_service

from upload.main import compose
from upload.settings import UploadSettings


def main() -> None:
    """Run the service with settings from the environment."""
    settings = settings_of(UploadSettings, module="upload", description="The intake of documents.")
    run_service(name="upload", settings=settings, compose=partial(compose, settings))


if __name__ == "__main__":
    main()
