"""The OpenAPI documents under `docs/openapi`: `python -m deploy.openapi` writes them anew from the services' routes."""

import json
from pathlib import Path

from catalog.openapi import openapi as catalog_openapi
from upload.openapi import openapi as upload_openapi

FOLDER = Path(__file__).parents[1] / "docs" / "openapi"


def documents() -> dict[str, str]:
    """Each file's name and its text."""
    made = {"upload": upload_openapi(), "catalog": catalog_openapi()}
    return {f"{name}.json": json.dumps(each, ensure_ascii=False, indent=2) + "\n" for name, each in made.items()}


def main() -> None:
    """Write them."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in documents().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
