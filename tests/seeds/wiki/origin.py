"""The wiki API of the article, without its tags: PUT and GET /wikis/{uuid}, text/plain.

What lives here: what the API does. `python -m tests.seeds.wiki.origin` runs it.
"""

from tests.seeds.serving import Request, Response, as_json, serve


class Wiki:
    """The pages, by path."""

    def __init__(self) -> None:
        self._pages: dict[str, str] = {}

    def __call__(self, request: Request) -> Response:
        """Answer."""
        if request.method == "PUT":
            return self._put(request)
        if request.method in {"GET", "HEAD"}:
            page = self._pages.get(request.path)
            return Response(404) if page is None else Response(200, page, {"Content-Type": "text/plain"})
        return Response(405, fields={"Allow": "GET, PUT"})

    def _put(self, request: Request) -> Response:
        if not request.content:
            return as_json(400, {"message": "You need to pass some content!"})
        self._pages[request.path] = request.content
        return Response(204, fields={"Location": request.path})


if __name__ == "__main__":
    serve(Wiki())
