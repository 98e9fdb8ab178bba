"""The web application: what the page asks for. No request names a file, only rows of an index."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from starlette.requests import ClientDisconnect

from dah.encoder.encoder import Encoder
from dah.encoder.imagecodes import Header
from dah.errors import UserError
from dah.images.decode import decode
from dah.images.formats import HEAD, lacking
from dah.images.named import is_allowed, noted
from dah.images.thumbnails import thumbnail_of
from dah.printable import printable
from dah.retrieval.codes import pack
from dah.retrieval.reach import named
from dah.search.index import ImageIndex, images_at, search
from dah.web.guard import Guard, Hosts
from dah.web.live import LiveIndex, generation
from dah.web.upload import Refused, check_pixels, received

T = TypeVar("T")
FILES = {"": "page.html", "page.js": "page.js", "page.css": "page.css"}
SHOWN = 5  # categories
REMEDY = "save it again as PNG or JPEG in another program"
UPLOADS = 8  # that are received, and kept in memory, at once

Few = Annotated[int, Query(ge=1, le=100)]
Start = Annotated[int, Query(ge=0)]
Generation = Annotated[str | None, Query(max_length=32)]


def create_app(
    encoder: Encoder,
    header: Header,
    indexes: Sequence[ImageIndex],
    hosts: Hosts | None = None,
    folders: Sequence[Path] = (),
) -> Guard:
    """The application for an encoder and indexes of its codes, whose header is `header`.

    Requests for other `hosts` and of other pages are refused. Pictures are those of `folders`, and
    of those that are noted. A row is that of the generation `of`, where a request names one. All
    that reads an index, decodes or encodes is done by one thread, in the order of the requests.
    """
    app = FastAPI(title="dah", docs_url=None, redoc_url=None, openapi_url=None)
    lives = [LiveIndex(index, header) for index in indexes]
    worker, receiving = ThreadPoolExecutor(1, "worker"), asyncio.Semaphore(UPLOADS)
    told: set[str] = set()

    async def worked(work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(worker, work)

    async def asked(number: int, row: int, of: str | None, question: Callable[..., T]) -> T:
        def checked(index: ImageIndex) -> T:
            if row >= index.count:
                raise HTTPException(404, "no such image")
            if of not in {None, generation(index)}:
                raise HTTPException(409, "the index was replaced; load the page again")
            return question(index)

        if not 0 <= number < len(lives) or row < 0:
            raise HTTPException(404, "no such image")
        return await worked(lambda: lives[number].ask(checked))

    def answer(codes: np.ndarray, outputs: np.ndarray | None, k: int) -> dict[str, Any]:
        def question(index: ImageIndex) -> dict[str, Any]:
            return nearest(index, codes, k, outputs)

        return {
            "bits": encoder.bits,
            "code": codes[0].tobytes().hex(),
            "categories": most_probable(encoder, codes),
            "calibrated": encoder.is_calibrated,
            "far": bool(encoder.far(codes)[0]),
            "indexes": [{"name": printable(live.name), **live.ask(question)} for live in lives],
        }

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, error.status)

    @app.exception_handler(UserError)
    async def failed(request: Request, error: UserError) -> JSONResponse:
        print(f"dah: {error}", file=sys.stderr)
        reason = "an index cannot be read; the terminal of serve says why"
        return JSONResponse({"detail": reason}, 503)

    @app.exception_handler(ClientDisconnect)
    async def broken_off(request: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=400)

    @app.get("/api/indexes")
    async def listed() -> list[dict[str, Any]]:
        return await worked(
            lambda: [live.ask(described) | {"name": printable(live.name)} for live in lives]
        )

    @app.get("/api/images/{number}")
    async def images(
        number: int, start: Start = 0, count: Few = 60, of: Generation = None
    ) -> list[dict[str, Any]]:
        return await asked(number, start, of, lambda index: told_of(
            index, range(start, min(start + count, index.count))
        ))  # fmt: skip

    @app.get("/api/search/{number}/{row}")
    async def search_row(
        number: int, row: int, k: Few = 10, of: Generation = None
    ) -> dict[str, Any]:
        def told(index: ImageIndex) -> tuple[np.ndarray, np.ndarray | None]:
            outputs = None if index.outputs is None else index.outputs[[row]]
            return images_at(index, [row])[0].codes, outputs

        codes, outputs = await asked(number, row, of, told)
        return await worked(lambda: answer(codes, outputs, k))

    @app.post("/api/search")
    async def search_upload(request: Request, k: Few = 10) -> dict[str, Any]:
        async with receiving:
            announced = request.headers.get("content-length")
            data = await received(request.stream(), announced=announced)
            outputs = await worked(lambda: outputs_of(encoder, data))
        return await worked(lambda: answer(pack(outputs), outputs, k))

    @app.get("/api/picture/{number}/{row}")
    async def picture(number: int, row: int, of: Generation = None) -> Response:
        def shown(index: ImageIndex) -> bytes | None:
            ((origin, *_), (name, *_), *_), _ = images_at(index, [row])
            places = [*noted(), *folders]
            if not is_allowed(origin, places) and origin not in told:
                told.add(origin)
                print(
                    f"dah: pictures of {printable(origin)} are not shown: they were not encoded by"
                    " this user on this machine; name the folder with --pictures",
                    file=sys.stderr,
                )
            return thumbnail_of(origin, name, places)

        content = await asked(number, row, of, shown)
        if content is None:
            raise HTTPException(404, "the image is not there, or not in a folder of --pictures")
        return Response(content, media_type="image/jpeg")

    for path, file in FILES.items():
        app.add_api_route(f"/{path}", page_file(file), include_in_schema=False)
    return Guard(app, Hosts() if hosts is None else hosts)


def page_file(name: str) -> Callable[[], FileResponse]:
    """A handler that sends one of the page's own files."""
    return lambda: FileResponse(Path(__file__).with_name(name))


def outputs_of(encoder: Encoder, data: bytes) -> np.ndarray:
    """The real outputs ``(1, bits)`` of an image file; raises ``Refused`` for any other."""
    check_pixels(data)
    try:
        square = decode(data, encoder.parts.size)
    except ValueError as error:
        reason = lacking(data[:HEAD]) or str(error).partition(" (")[0]
        raise Refused(422, f"it cannot be read: {reason}; {REMEDY}") from error
    return encoder.outputs(square[None])


def most_probable(encoder: Encoder, codes: np.ndarray) -> list[dict[str, Any]]:
    """The most probable categories of one code, by eq. 6."""
    shares = encoder.probabilities(codes)[0]
    best = np.argsort(-shares, kind="stable")[:SHOWN]
    names = [printable(encoder.categories[i]) for i in best]
    return [
        {"category": name, "probability": float(shares[i])}
        for name, i in zip(names, best, strict=True)
    ]


def described(index: ImageIndex) -> dict[str, Any]:
    """What an index is."""
    return {"generation": generation(index), "count": index.count, "kind": index.kind}


def nearest(
    index: ImageIndex, codes: np.ndarray, k: int, outputs: np.ndarray | None = None
) -> dict[str, Any]:
    """The images of an index that are nearest to one code, with their Hamming distances."""
    found = search(index, codes, k, outputs=outputs)
    rows = told_of(index, found.rows[0].tolist())
    distances = found.distances[0].tolist()
    images = [row | {"distance": d} for row, d in zip(rows, distances, strict=True)]
    return {"generation": generation(index), "images": images}


def told_of(index: ImageIndex, rows: Sequence[int]) -> list[dict[str, Any]]:
    """Names and predicted categories; where on the disk an image lies is not told."""
    found, categories = images_at(index, rows)
    categories = map(named, map(printable, categories), found.far.tolist())
    columns = rows, map(printable, found.names), categories, found.probabilities.tolist()
    keys = "row", "name", "category", "probability"
    return [dict(zip(keys, values, strict=True)) for values in zip(*columns, strict=True)]
