"""An origin server as Flask-RESTful's quickstart has it: things to do, in memory; PUT makes or replaces one.

Run as a program, it serves by Werkzeug's server on a free loopback port, each request in a thread of its own.
"""

from typing import Any, Final

from flask import Flask
from flask_restful import Api, Resource, abort, reqparse

TODOS: Final[dict[str, dict[str, Any]]] = {
    "todo1": {"task": "build an API", "stars": 0},
    "todo2": {"task": "?????", "stars": 0},
}

parser: Final = reqparse.RequestParser()
parser.add_argument("task", required=True, location="json", help="what is to be done?")
parser.add_argument("stars", type=int, default=0, location="json")

Answer = tuple[dict[str, Any] | str, int]


def abort_if_missing(todo_id: str) -> None:
    """Answer that there is no such thing to do."""
    if todo_id not in TODOS:
        abort(404, message=f"Todo {todo_id} doesn't exist")


class Todo(Resource):
    """One thing to do."""

    def get(self, todo_id: str) -> dict[str, Any]:
        """Show it."""
        abort_if_missing(todo_id)
        return TODOS[todo_id]

    def put(self, todo_id: str) -> Answer:
        """Make or replace it: 201 either way, as in the quickstart."""
        TODOS[todo_id] = dict(parser.parse_args(strict=True))
        return TODOS[todo_id], 201

    def delete(self, todo_id: str) -> Answer:
        """Delete it."""
        abort_if_missing(todo_id)
        del TODOS[todo_id]
        return "", 204


class TodoList(Resource):
    """All things to do."""

    def get(self) -> dict[str, dict[str, Any]]:
        """Show them."""
        return TODOS

    def post(self) -> Answer:
        """Add one; the number after the highest becomes its name."""
        number = max((int(name.removeprefix("todo")) for name in TODOS), default=0) + 1
        TODOS[f"todo{number}"] = dict(parser.parse_args(strict=True))
        return TODOS[f"todo{number}"], 201


app: Final = Flask(__name__)
api: Final = Api(app)
api.add_resource(TodoList, "/todos")
api.add_resource(Todo, "/todos/<todo_id>")

if __name__ == "__main__":
    app.run("127.0.0.1", 0, threaded=True)
