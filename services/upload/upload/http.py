"""The routes under `/uploads`: parse, call a use case, map the result."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

from chassis.auth import Authenticator, Identity
from chassis.errors import Unavailable
from chassis.guard import guarded
from chassis.limits import Asking, Limiter, TooMany
from chassis.problem import Problem
from contracts.directory import Directory
from contracts.values import DocumentId
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from upload import described, handlers, tus
from upload.errors import Locked, SessionEnded, UploadError
from upload.finishing import Finisher
from upload.intake import Intake, raise_if_refused
from upload.metadata import DEPOSIT_LIMIT, metadata_of
from upload.model import Upload
from upload.ports import Uploads
from upload.rights import Owner, owner_of
from upload.signing import ReceiptSigner

# Between two looks at whether the sender of a body is still signed in.
_LOOK_SECONDS = 1.0


class Closing(BaseModel):
    """The body of a deposit's closing."""

    documents: Annotated[list[DocumentId], Field(max_length=DEPOSIT_LIMIT)]


@dataclass(frozen=True)
class UploadApi:
    """The endpoints, and what they call."""

    authenticate: Authenticator
    directory: Directory
    uploads: Uploads
    intake: Intake
    finisher: Finisher
    signer: ReceiptSigner
    limiter: Limiter
    public_url: str
    max_size: int

    async def options(self) -> Response:
        """What this server offers."""
        return Response(status_code=204, headers=tus.offer(self.max_size))

    async def create(self, request: Request) -> Response:
        """Create an upload, with its first bytes if they come along."""
        identity = await self.authenticate(request)
        metadata = metadata_of(request.headers.get("upload-metadata", ""))
        length, holding, checksum = tus.length_of(request), tus.carries_bytes(request), tus.checksum_of(request)
        async with self.limiter.transfer(Asking.by(request, identity), length=min(length, self.max_size)) as admission:
            upload, admission.created = await handlers.create(
                handlers.Creation(identity, metadata, length, holding, counted=admission.keys),
                uploads=self.uploads,
                directory=self.directory,
                max_size=self.max_size,
            )
            location = {"Location": f"{self.public_url}/uploads/{upload.id}"}
            try:
                if admission.created and holding:
                    upload = await self.intake.take_in(upload, body=self._sent(request, identity), checksum=checksum)
                raise_if_refused(upload)
            except (UploadError, Unavailable) as error:
                problem = tus.as_problem(error)
                problem.headers.update(location)
                raise problem from error
        return Response(status_code=201, headers={**location, **_told(upload)})

    async def head(self, request: Request, document: str) -> Response:
        """Where the upload stands. Never a 5xx or 429: any answer but 423 makes clients send the whole file again."""
        try:
            upload = await handlers.status(document, by=await self._owner(request), uploads=self.uploads)
        except Unavailable as down:
            raise Locked(down.code, "Le service est momentanément indisponible.") from down
        except TooMany as limited:
            raise Locked(limited.code, limited.detail, delay=limited.delay) from limited
        headers = {**tus.progress_headers(upload), "Upload-Length": str(upload.length)}
        if upload.metadata:
            headers["Upload-Metadata"] = upload.metadata
        return Response(status_code=200, headers=headers)

    async def append(self, request: Request, document: str) -> Response:
        """Append bytes."""
        identity = await self.authenticate(request)
        tus.require_offset_stream(request)
        offset, checksum = tus.offset_of(request), tus.checksum_of(request)
        async with self.limiter.transfer(Asking.by(request, identity)):
            owner = owner_of(identity, self.directory)
            body = self._sent(request, identity)
            upload = await self.intake.append(document, by=owner, offset=offset, body=body, checksum=checksum)
        return Response(status_code=204, headers=tus.progress_headers(upload))

    async def cancel(self, request: Request, document: str) -> Response:
        """Stop an upload and remove its bytes."""
        await handlers.cancel(document, by=await self._owner(request), finisher=self.finisher)
        return Response(status_code=204)

    async def overridden(self, request: Request, document: str) -> Response:
        """A client that cannot send PATCH, DELETE or HEAD sends POST and names the method meant."""
        meant = request.headers.get("x-http-method-override", "").upper()
        endpoints = {"PATCH": self.append, "DELETE": self.cancel, "HEAD": self.head}
        if meant not in endpoints:
            raise Problem(405, "method_not_allowed", "Méthode non prévue.", headers={"Allow": "HEAD, PATCH, DELETE"})
        return await endpoints[meant](request, document)

    async def receipt(self, request: Request, document: str) -> Response:
        """The signed receipt."""
        receipt = await handlers.receipt_of(document, by=await self._owner(request), uploads=self.uploads)
        return JSONResponse(receipt.model_dump(mode="json"), headers={"Cache-Control": "no-store"})

    async def receipt_keys(self) -> dict[str, Any]:
        """The public keys that receipts are verified with."""
        return self.signer.public_keys()

    async def close(self, request: Request, deposit: str, closing: Closing) -> Response:
        """The client is done with a deposit."""
        by = await self._owner(request)
        await handlers.close_deposit(deposit, closing.documents, by=by, finisher=self.finisher)
        return Response(status_code=204)

    async def _sent(self, request: Request, identity: Identity) -> AsyncIterator[bytes]:
        """The body as it comes. Raises Interrupted when the sender vanishes, SessionEnded when they are signed out."""
        looked = time.monotonic()
        async for chunk in tus.body_of(request):
            if time.monotonic() - looked >= _LOOK_SECONDS:
                looked = time.monotonic()
                if self.authenticate.current(identity) is None:
                    raise SessionEnded
            yield chunk

    async def _owner(self, request: Request) -> Owner:
        identity = await self.authenticate(request)
        await self.limiter.count(Asking.by(request, identity))
        return owner_of(identity, self.directory)


def _told(upload: Upload) -> dict[str, str]:
    # A repeated creation may meet a file whose verdict is pending: then no offset is told, and HEAD says when.
    return {} if upload.is_pending else tus.progress_headers(upload)


def upload_routes(api: UploadApi) -> tuple[APIRouter, ...]:
    """The routers: for everybody, for what goes beside tus, and one that speaks it."""
    protocol, public = APIRouter(route_class=tus.TusRoute), APIRouter()
    beside = APIRouter(route_class=guarded(api.authenticate, tus.ProblemRoute))
    public.add_api_route("/uploads/receipt-keys", api.receipt_keys, **described.KEYS)
    beside.add_api_route("/uploads/{document}/receipt", api.receipt, **described.RECEIPT)
    beside.add_api_route("/uploads/deposits/{deposit}/close", api.close, methods=["POST"], **described.CLOSE)
    protocol.add_api_route("/uploads", api.options, methods=["OPTIONS"], name="offer", **described.OPTIONS)
    protocol.add_api_route("/uploads", api.create, methods=["POST"], **described.CREATE)
    protocol.add_api_route("/uploads/{document}", api.options, methods=["OPTIONS"], **described.OPTIONS)
    protocol.add_api_route("/uploads/{document}", api.head, methods=["HEAD"], **described.HEAD)
    protocol.add_api_route("/uploads/{document}", api.append, methods=["PATCH"], **described.APPEND)
    protocol.add_api_route("/uploads/{document}", api.cancel, methods=["DELETE"], **described.CANCEL)
    protocol.add_api_route("/uploads/{document}", api.overridden, methods=["POST"], **described.OVERRIDDEN)
    return public, beside, protocol
