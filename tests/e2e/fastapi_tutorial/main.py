"""An origin server as FastAPI's tutorial writes it (Body - Updates): items in memory, PUT replaces, PATCH merges.

Run by uvicorn, which has each request done by a thread of its own.
"""

from typing import Final

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

app: Final = FastAPI()


class Item(BaseModel):
    """An item as it is shown and taken."""

    name: str
    price: float = 0
    stars: int = 0


class Change(BaseModel):
    """What of an item is to be another."""

    name: str | None = None
    price: float | None = None
    stars: int | None = None


items: Final[dict[str, Item]] = {}


@app.get("/items/{item_id}")
def read_item(item_id: str) -> Item:
    """Show an item."""
    if item_id not in items:
        raise HTTPException(status_code=404, detail="Item not found")
    return items[item_id]


@app.put("/items/{item_id}")
def replace_item(item_id: str, item: Item) -> Item:
    """Create or replace an item."""
    items[item_id] = item
    return item


@app.patch("/items/{item_id}")
def change_item(item_id: str, change: Change) -> Item:
    """Replace what is said of an item."""
    items[item_id] = read_item(item_id).model_copy(update=change.model_dump(exclude_unset=True))
    return items[item_id]


@app.delete("/items/{item_id}", status_code=204)
def delete_item(item_id: str) -> None:
    """Delete an item."""
    read_item(item_id)
    del items[item_id]
