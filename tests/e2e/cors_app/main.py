"""An origin server that shares with one page by Starlette's own middleware, which knows nothing of entity tags.

Below `/silent` it shares with nobody.
"""

from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.middleware.cors import CORSMiddleware

sharing: Final = FastAPI()
silent: Final = FastAPI()
app: Final = FastAPI()

notes: Final[dict[str, bytes]] = {}


@sharing.get("/notes/{name}")
@silent.get("/notes/{name}")
def read_note(name: str) -> Response:
    """Show a note."""
    return PlainTextResponse(notes[name]) if name in notes else PlainTextResponse("none", 404)


@sharing.put("/notes/{name}")
@silent.put("/notes/{name}")
async def write_note(name: str, request: Request) -> Response:
    """Create or replace a note."""
    notes[name] = await request.body()
    return Response(status_code=204)


sharing.add_middleware(
    CORSMiddleware,
    allow_origins=["https://app.example"],
    allow_methods=["GET", "PUT"],
    allow_headers=["content-type"],
    allow_credentials=True,
    expose_headers=["X-Total"],
)
app.mount("/shared", sharing)
app.mount("/silent", silent)
