"""The routes: the page, the API, and the pictures of listings."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi import Query as Parameter
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

import stylejax
from stylejax.config import ConfigError
from stylejax.labels import Card
from stylejax.retrieval.composition import MOST_SAID, SAID
from stylejax.retrieval.query import Query, require_known
from stylejax.retrieval.search import Found, Searcher
from stylejax.serving import schemas
from stylejax.serving.batching import Batcher
from stylejax.serving.form import SearchForm, read_form
from stylejax.serving.gone import unless_gone
from stylejax.serving.guard import Guard, problem
from stylejax.serving.limits import TURNS, Limits, Refused
from stylejax.serving.pages import FILES, api_page, file_of
from stylejax.serving.photos import Thumbnails, read_photo
from stylejax.serving.pool import Pool

TOP = 24  # listings where a request does not say
ABOUT = (
    "Find listings that sell the same product, by a photo or a listing, words that change it, or "
    "words alone. Whatever is refused has a status of 4xx, or 503 when the server has too much to "
    "do, and says why; 500 is a mistake of the server's, and its log says which."
)


@dataclass(frozen=True)
class Served:
    """What a server shows."""

    searcher: Searcher
    card: Callable[[str], Card]  # of an indexed listing
    picture: Callable[[Path], bytes]  # from a card's picture to its file; OSError = cannot be read
    run: str  # name of the training
    step: int  # of its checkpoint
    note: str = ""  # what of the data is simulated


def create_app(
    served: Served, limits: Limits, *, wait: float = 0.003, hosts: Collection[str] = ()
) -> FastAPI:
    """The application, for any ASGI server; one process of it has one device thread.

    Args:
      served: what it shows; `Searcher.warm` has been called for whoever wants no first wait.
      limits: of one request and of one address.
      wait: seconds that a search waits for others to go with it.
      hosts: names that it answers to; none = any.
    """
    searcher, top = served.searcher, min(TOP, limits.top)
    batcher: Batcher[Query, list[Found]] = Batcher(
        searcher.answer, most=searcher.batch, seconds=wait
    )
    thumbnails = Thumbnails(served.picture)
    # Two pools: the pictures of what somebody found do not wait for the photos of others.
    decoders, shrinkers = (Pool(name, min(4, os.cpu_count() or 1)) for name in ("photo", "small"))

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        gathering = asyncio.create_task(batcher.run())
        yield
        gathering.cancel()
        decoders.close()
        shrinkers.close()

    app = FastAPI(
        title="stylejax",
        version=stylejax.__version__,
        description=ABOUT,
        docs_url=None,  # FastAPI's own pages load scripts from elsewhere
        redoc_url=None,
        lifespan=running,
    )
    app.add_middleware(Guard, limits=limits, hosts=hosts)
    _report_refusals(app)

    async def read(form: SearchForm) -> Query:
        file = form.photo
        if file is None:
            return form.query(None)
        return form.query(
            await decoders.do(lambda: read_photo(file, limits, searcher.reader.picture))
        )

    async def found(asked: Query, began: float) -> schemas.Results:
        if asked.like and asked.like not in searcher:
            raise Refused(404, f"no listing {asked.like!r} in the index")
        if asked.category and not searcher.has_category(asked.category):
            raise Refused(404, f"no listing in category {asked.category!r}; see /api/categories")
        try:
            require_known(asked, searcher.reader)
        except ConfigError as error:
            raise Refused(404, str(error)) from error
        ranked = await batcher.ask(asked.lane, asked)
        results = [_result(hit, served.card(hit.item_id)) for hit in ranked]
        spent = round(1000 * (time.perf_counter() - began), 1)
        return schemas.Results(made_of=asked.made_of, milliseconds=spent, results=results)

    @app.get("/api/health", responses=schemas.refusals())
    async def health() -> schemas.Health:
        """What is served; the server answers as soon as it is ready."""
        return schemas.Health(
            version=stylejax.__version__,
            run=served.run,
            step=served.step,
            listings=len(searcher.index),
            view=searcher.index.view,
            note=served.note,
            upload_bytes=limits.upload,
            words=limits.words,
            turns=TURNS,
            weight=SAID,
            most_weight=MOST_SAID,
            top=limits.top,
            searches=batcher.questions,
            batches=batcher.batches,
        )

    @app.get("/api/categories", responses=schemas.refusals())
    async def categories() -> list[schemas.Category]:
        """All categories, with the listings in them and below."""
        return [schemas.Category(path=path, listings=n) for path, n in searcher.categories.items()]

    @app.post(
        "/api/search",
        responses=schemas.refusals(404, 415, 422),
        openapi_extra=schemas.search_form(limits, top),
    )
    async def search(request: Request) -> schemas.Results:
        """The listings nearest to a photo or a listing, as words change it, or to words alone."""
        began = time.perf_counter()
        form = await read_form(request, limits, top)

        async def answer() -> schemas.Results:
            return await found(await read(form), began)

        return await unless_gone(request.receive, answer())

    @app.get("/api/similar/{item_id:path}", responses=schemas.refusals(404, 422))
    async def similar(
        request: Request,
        item_id: str,
        category: str = Parameter("", description='only listings below it: "Home > Mugs"'),
        top: int = Parameter(top, ge=1, le=limits.top, description="listings wanted"),
    ) -> schemas.Results:
        """More like a listing: searches by its own vector, as the index has it."""
        began = time.perf_counter()
        asked = Query(like=item_id, category=category.strip(), top=top)
        return await unless_gone(request.receive, found(asked, began))

    @app.get(
        "/picture/{item_id:path}",
        response_class=Response,
        responses={200: {"content": {"image/jpeg": {}}}, **schemas.refusals(404)},
    )
    async def picture(item_id: str) -> Response:
        """The picture of a listing as a small JPEG."""
        image = served.card(item_id).image if item_id in searcher else None
        small = await shrinkers.do(lambda: thumbnails(image)) if image else b""
        if not small:
            raise Refused(404, f"no picture of a listing {item_id!r}")
        return Response(small, media_type="image/jpeg", headers={"Cache-Control": "max-age=60"})

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(api_page(app.openapi()))

    for route in FILES:
        app.add_api_route(route, file_of(route), include_in_schema=False)
    return app


def _result(hit: Found, card: Card) -> schemas.Result:
    return schemas.Result(
        rank=hit.rank,
        item_id=hit.item_id,
        score=hit.score,
        title=card.title,
        category=card.category,
        picture=f"/picture/{quote(hit.item_id, safe='')}" if card.image else None,
    )


def _report_refusals(app: FastAPI) -> None:
    """Every refusal is an object with one `detail`, and nothing of the server's insides."""

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> Response:
        return problem(error)

    @app.exception_handler(HTTPException)
    async def plain(_: Request, error: HTTPException) -> Response:
        return problem(Refused(error.status_code, str(error.detail)), dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        reasons = [f"{fault['loc'][-1]}: {fault['msg']}" for fault in error.errors()]
        return problem(Refused(422, "; ".join(reasons)))
