"""`python -m ged_mover`."""

from functools import partial

from chassis.configuration import settings_of
from chassis.service import run_service

from ged_mover.main import compose
from ged_mover.settings import GedMoverSettings


def main() -> None:
    """Run the service with settings from the environment."""
    settings = settings_of(GedMoverSettings, module="ged_mover", description="The move into the GED.")
    run_service(name="ged-mover", settings=settings, compose=partial(compose, settings))


if __name__ == "__main__":
    main()
