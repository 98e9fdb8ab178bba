"""The web application: what the page asks for. No request names a file, only rows of an index."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware

from dah.data.decode import decode
from dah.encoder import Encoder
from dah.errors import UserError
from dah.imagecodes import rows_at
from dah.search.index import ImageIndex, search
from dah.thumbnails import thumbnail_of
from dah.web.upload import Refused, check_pixels, received

FILES = {"": "page.html", "page.js": "page.js", "page.css": "page.css"}
LOOPBACK = ["127.0.0.1", "localhost", "[::1]"]
SHOWN = 5  # categories
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

Few = Annotated[int, Query(ge=1, le=100)]
Start = Annotated[int, Query(ge=0)]


def create_app(
    encoder: Encoder, indexes: Sequence[ImageIndex], hosts: Sequence[str] = LOOPBACK
) -> FastAPI:
    """The application for an encoder and indexes of its codes.

    Requests for other `hosts` are refused, so that no other site's name can be pointed here.
    """
    app = FastAPI(title="dah", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    names = [index.folder.stem for index in indexes]

    @app.middleware("http")
    async def secured(
        request: Request, answer: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        response = await answer(request)
        response.headers.update(HEADERS)
        return response

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, error.status)

    @app.exception_handler(UserError)
    async def failed(request: Request, error: UserError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 500)

    def row_of(number: int, row: int) -> ImageIndex:
        if not 0 <= number < len(indexes) or not 0 <= row < indexes[number].count:
            raise HTTPException(404, "no such image")
        return indexes[number]

    def told(codes: np.ndarray, k: int) -> dict[str, Any]:
        return {
            "bits": encoder.bits,
            "code": codes[0].tobytes().hex(),
            "categories": most_probable(encoder, codes),
            "indexes": [
                {"name": name, "images": nearest(index, codes, k)}
                for name, index in zip(names, indexes, strict=True)
            ],
        }

    @app.get("/api/indexes")
    def listed() -> list[dict[str, Any]]:
        return [
            {"name": name, "count": index.count, "kind": index.kind}
            for name, index in zip(names, indexes, strict=True)
        ]

    @app.get("/api/images/{number}")
    def images(number: int, start: Start = 0, count: Few = 60) -> list[dict[str, Any]]:
        index = row_of(number, start)
        numbers = range(start, min(start + count, index.count))
        return described(index, list(numbers))

    @app.get("/api/search/{number}/{row}")
    def search_row(number: int, row: int, k: Few = 10) -> dict[str, Any]:
        return told(rows_at(row_of(number, row).images, [row]).codes, k)

    @app.post("/api/search")
    async def search_upload(request: Request, k: Few = 10) -> dict[str, Any]:
        data = await received(request.stream())
        return await asyncio.to_thread(lambda: told(code_of(encoder, data), k))

    @app.get("/api/picture/{number}/{row}")
    def picture(number: int, row: int) -> Response:
        rows = rows_at(row_of(number, row).images, [row])
        content = thumbnail_of(rows.origins[0], rows.names[0])
        if content is None:
            raise HTTPException(404, "the image is not where it was any more")
        return Response(content, media_type="image/jpeg")

    for path, file in FILES.items():
        app.add_api_route(f"/{path}", page_file(file), include_in_schema=False)
    return app


def page_file(name: str) -> Callable[[], FileResponse]:
    """A handler that sends one of the page's own files."""
    return lambda: FileResponse(Path(__file__).with_name(name))


def code_of(encoder: Encoder, data: bytes) -> np.ndarray:
    """The packed code uint8 ``(1, bytes)`` of an image file; raises ``Refused`` for any other."""
    check_pixels(data)
    try:
        square = decode(data, encoder.parts.size)
    except ValueError as error:
        raise Refused(422, f"this is {error}") from error
    return encoder.codes(square[None])


def most_probable(encoder: Encoder, codes: np.ndarray) -> list[dict[str, Any]]:
    """The most probable categories of one code, by eq. 6."""
    shares = encoder.probabilities(codes)[0]
    best = np.argsort(-shares, kind="stable")[:SHOWN]
    return [{"category": encoder.categories[i], "probability": float(shares[i])} for i in best]


def nearest(index: ImageIndex, codes: np.ndarray, k: int) -> list[dict[str, Any]]:
    """The images of an index that are nearest to one code, with their Hamming distances."""
    found = search(index, codes, k)
    rows = described(index, found.rows[0].tolist())
    distances = found.distances[0].tolist()
    return [row | {"distance": d} for row, d in zip(rows, distances, strict=True)]


def described(index: ImageIndex, rows: Sequence[int]) -> list[dict[str, Any]]:
    """Names and predicted categories; where on the disk an image lies is not told."""
    found = rows_at(index.images, rows)
    categories = [index.header.categories[label] for label in found.labels]
    columns = rows, found.names, categories, found.probabilities.tolist()
    keys = "row", "name", "category", "probability"
    return [dict(zip(keys, values, strict=True)) for values in zip(*columns, strict=True)]
