"""The environment each service gets: its settings, with its own credentials and nobody else's."""

from __future__ import annotations

from .credentials import OPS, Credentials, S3Key
from .plan import SERVICES, Plan, Process

OIDC_CLIENT_ID = "connect"
AUDIENCE = "connect"
# Seconds. The gateway looks once in a second.
_DRAIN_WAIT = 3
REGION = "us-east-1"
STAGING_BUCKET = "staging"
GED_BUCKET = "ged"
SENDER = "CERFRANCE CONNECT <ne-pas-repondre@cerfrance-connect.example>"


def environment_of(process: Process, *, plan: Plan, credentials: Credentials) -> dict[str, str]:
    """Every variable one replica of a service is started with."""
    service = process.program
    own = {
        "HOST": "127.0.0.1",
        "PORT": str(process.port),
        "NATS_URL": f"nats://127.0.0.1:{plan.told_port('nats')}",
        "NATS_USER": service,
        "NATS_PASSWORD": credentials.nats[service],
        "MONGO_URL": mongo_url(service, plan=plan, credentials=credentials),
        "MONGO_DATABASE": database_of(service),
        "DRAIN_WAIT": str(drain_wait(service, plan=plan)),
        **_SETTINGS_OF[service](plan, credentials),
        **plan.settings,
    }
    prefix = service.replace("-", "_").upper()
    return {f"{prefix}_{name}": value for name, value in own.items()}


def ops_environment(*, plan: Plan, credentials: Credentials) -> dict[str, str]:
    """What `connect-ops` is told of this stack: the operator's own credentials."""
    key = credentials.s3[OPS]
    own = {
        "NATS_URL": f"nats://127.0.0.1:{plan.port('nats')}",
        "NATS_USER": OPS,
        "NATS_PASSWORD": credentials.nats[OPS],
        "MONGO_URL": mongo_url(OPS, plan=plan, credentials=credentials),
        **{f"DATABASES__{database_of(name).upper()}": database_of(name) for name in SERVICES},
        **_bucket("STAGING", STAGING_BUCKET, key=key, plan=plan),
        **_bucket("GED", GED_BUCKET, key=key, plan=plan),
    }
    return {f"CONNECT_OPS_{name}": value for name, value in own.items()}


def drain_wait(service: str, *, plan: Plan) -> int:
    """Where another replica serves, the gateway is given time to notice that this one goes. Seconds."""
    return _DRAIN_WAIT if plan.replicas.get(service, 1) > 1 else 0


def database_of(service: str) -> str:
    return service.replace("-", "_")


def mongo_url(user: str, *, plan: Plan, credentials: Credentials) -> str:
    """A connection string with the user's own password; a service's user lives in its own database."""
    database = "admin" if user == OPS else database_of(user)
    port = plan.port("mongo") if user == OPS else plan.told_port("mongo")
    # A client of the set asks its members where they are, and would leave a detour.
    topology = "directConnection=true" if port in plan.detours.values() else "replicaSet=rs0"
    place = f"127.0.0.1:{port}/{database}?{topology}"
    return f"mongodb://{user}:{credentials.mongo[user]}@{place}"


def s3_endpoint(plan: Plan) -> str:
    return f"http://127.0.0.1:{plan.port('s3')}"


def _bucket(prefix: str, bucket: str, *, key: S3Key, plan: Plan) -> dict[str, str]:
    return {
        f"{prefix}__ENDPOINT": f"http://127.0.0.1:{plan.told_port('s3')}",
        f"{prefix}__REGION": REGION,
        f"{prefix}__BUCKET": bucket,
        f"{prefix}__ACCESS_KEY": key.access_key,
        f"{prefix}__SECRET_KEY": key.secret_key,
    }


def _auth(plan: Plan) -> dict[str, str]:
    return {
        "AUTH__ISSUER": plan.portal_url,
        "AUTH__AUDIENCE": AUDIENCE,
        "AUTH__JWKS_URL": f"http://127.0.0.1:{plan.told_port('catalog')}/.well-known/jwks.json",
    }


def _upload(plan: Plan, credentials: Credentials) -> dict[str, str]:
    return {
        **_auth(plan),
        **_bucket("STAGING", STAGING_BUCKET, key=credentials.s3["upload"], plan=plan),
        "PUBLIC_URL": plan.portal_url,
        "RECEIPT_KEY_FILE": str(plan.secrets / "receipt.pem"),
        "SCRATCH_DIR": str(plan.data / "scratch"),
        "SCANNER": plan.scanner,
    }


def _catalog(plan: Plan, credentials: Credentials) -> dict[str, str]:
    return {
        **_auth(plan),
        **_bucket("STAGING", STAGING_BUCKET, key=credentials.s3["catalog-staging"], plan=plan),
        **_bucket("GED", GED_BUCKET, key=credentials.s3["catalog-ged"], plan=plan),
        "PUBLIC_URL": plan.portal_url,
        "OIDC__ISSUER": plan.oidc_issuer,
        "OIDC__CLIENT_ID": OIDC_CLIENT_ID,
        "OIDC__CLIENT_SECRET": credentials.oidc_client_secret,
        "SESSION_KEYS_DIR": str(plan.secrets / "session"),
        "AUDIT_KEYS_DIR": str(plan.secrets / "audit"),
    }


def _notify(plan: Plan, _: Credentials) -> dict[str, str]:
    return {
        "SMTP__HOST": "127.0.0.1",
        "SMTP__PORT": str(plan.told_port("smtp")),
        "SMTP__TLS": "none",
        "SENDER": SENDER,
        "PORTAL_URL": plan.portal_url,
    }


def _ged_mover(plan: Plan, credentials: Credentials) -> dict[str, str]:
    return {
        **_bucket("STAGING", STAGING_BUCKET, key=credentials.s3["ged-mover-staging"], plan=plan),
        **_bucket("GED", GED_BUCKET, key=credentials.s3["ged-mover-ged"], plan=plan),
        "RETENTION_MODE": "GOVERNANCE",
        "SCRATCH_DIR": str(plan.data / "scratch"),
    }


_SETTINGS_OF = {"upload": _upload, "catalog": _catalog, "notify": _notify, "ged-mover": _ged_mover}
