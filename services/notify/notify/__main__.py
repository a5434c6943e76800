"""`python -m notify`: run the service with settings from the environment."""

from functools import partial

from chassis.configuration import settings_of
from chassis.service import run_service

from notify.main import compose
from notify.settings import NotifySettings

if __name__ == "__main__":
    settings = settings_of(NotifySettings, module="notify", description="E-mail alerts.")
    run_service(name="notify", settings=settings, compose=partial(compose, settings))
