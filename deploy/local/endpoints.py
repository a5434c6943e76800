"""`endpoints.json`: where everything of a running stack is, and this local stack's own operator's keys to it."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from .credentials import OPS, Credentials, receipt_public_key, write_private
from .environment import GED_BUCKET, REGION, STAGING_BUCKET, environment_of, mongo_url, ops_environment, s3_endpoint
from .people import Person, read_people
from .plan import SERVICES, Plan, Process


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class NatsEndpoint(_Record):
    url: str
    user: str
    password: str
    monitor: str


class S3Endpoint(_Record):
    endpoint: str
    region: str
    access_key: str
    secret_key: str
    buckets: dict[str, str]


class SmtpEndpoint(_Record):
    host: str
    port: int


class ServiceEndpoint(_Record):
    """The environment a service's first replica is (or would be) started with, and `connect-ops`."""

    env: dict[str, str]


class Endpoints(_Record):
    """All URLs without a trailing slash. `scanner` is clamd's address or `none`; `replicas` holds the base URL of each
    running process of a service."""

    portal: str
    mail: str
    smtp: SmtpEndpoint
    oidc: str
    nats: NatsEndpoint
    mongo: str
    s3: S3Endpoint
    scanner: str
    replicas: dict[str, list[str]]
    services: dict[str, ServiceEndpoint]
    ops: ServiceEndpoint
    people: list[Person]
    receipt_public_key: str


def endpoints_of(plan: Plan, credentials: Credentials) -> Endpoints:
    """What a stack that follows this plan offers; parts that the plan leaves out are named all the same."""
    key = credentials.s3[OPS]
    local = "http://127.0.0.1"
    return Endpoints(
        portal=plan.portal_url,
        mail=f"{local}:{plan.port('mail')}",
        smtp=SmtpEndpoint(host="127.0.0.1", port=plan.port("smtp")),
        oidc=plan.oidc_issuer,
        nats=NatsEndpoint(
            url=f"nats://127.0.0.1:{plan.port('nats')}",
            user=OPS,
            password=credentials.nats[OPS],
            monitor=f"{local}:{plan.port('nats-monitor')}",
        ),
        mongo=mongo_url(OPS, plan=plan, credentials=credentials),
        s3=S3Endpoint(
            endpoint=s3_endpoint(plan),
            region=REGION,
            access_key=key.access_key,
            secret_key=key.secret_key,
            buckets={"staging": STAGING_BUCKET, "ged": GED_BUCKET},
        ),
        scanner=plan.scanner,
        replicas={name: [f"{local}:{process.port}" for process in plan.services(name)] for name in SERVICES},
        services={name: _service(name, plan, credentials) for name in SERVICES},
        ops=ServiceEndpoint(env=ops_environment(plan=plan, credentials=credentials)),
        people=list(read_people()),
        receipt_public_key=receipt_public_key(plan),
    )


def write_endpoints(plan: Plan, endpoints: Endpoints) -> None:
    write_private(_path(plan.run_dir), endpoints.model_dump_json(indent=2) + "\n")


def read_endpoints(run_dir: Path) -> Endpoints:
    """Raises FileNotFoundError when no stack was started in this folder."""
    return Endpoints.model_validate_json(_path(run_dir).read_bytes())


def _path(run_dir: Path) -> Path:
    return run_dir / "endpoints.json"


def _service(name: str, plan: Plan, credentials: Credentials) -> ServiceEndpoint:
    first = Process(f"{name}-1", name, plan.port(name))
    return ServiceEndpoint(env=environment_of(first, plan=plan, credentials=credentials))
