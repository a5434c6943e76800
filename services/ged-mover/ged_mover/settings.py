"""What the service is told by its environment (prefix `GED_MOVER_`)."""

from pathlib import Path

from chassis.settings import S3Settings, ServiceSettings
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from ged_mover.model import Mode


class GedMoverSettings(ServiceSettings):
    """Everything the mover needs to know. Staging and the GED are two systems, each with its own keys."""

    model_config = SettingsConfigDict(env_prefix="GED_MOVER_", frozen=True, env_nested_delimiter="__", extra="ignore")

    staging: S3Settings = Field(description="The bucket that intake writes to: read and delete.")
    ged: S3Settings = Field(
        description="The secure bucket, with versioning and object lock: read, write, lock, delete."
    )
    retention_mode: Mode = Field(
        "GOVERNANCE",
        description="Lock of what is taken in charge; a lock that is there keeps its mode. Nobody undoes COMPLIANCE.",
    )
    moves_at_once: int = Field(
        8, ge=1, le=64, description="Moves of one process under way at a time; each may hold 8 MiB in memory."
    )
    scratch_dir: Path | None = Field(
        None,
        description="Folder for unlinked temporary files, room for as many documents of the largest size as are moved "
        "at a time; on a disk, not in memory. Without it, the system's.",
    )
