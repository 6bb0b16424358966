"""What goes over the line between a supervisor and a worker."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.access_log import Style
from proxy.cli.orders import Orders, read, written
from proxy.config import Settings, load

EVERYTHING = Path(__file__).parents[2] / "config" / "routes.full.yaml"


def settings() -> Settings:
    """Return settings in which every key of the file has been used."""
    return load(str(EVERYTHING), flags={}, environ={})


def line(*sent: bytes) -> asyncio.StreamReader:
    """Return a line over which this came before it ended."""
    reader = asyncio.StreamReader()
    for piece in sent:
        reader.feed_data(piece)
    reader.feed_eof()
    return reader


async def test_orders_arrive_as_they_were_given() -> None:
    """Whatever a file can say reaches the worker, one after the other."""
    given = [Orders(settings()), Orders(settings(), Style.TEXT, Path("/counts"), (7, 8))]
    reader = line(*map(written, given))
    for orders in given:
        taken = await read(reader)
        assert taken
        routes = taken.settings.routes
        assert routes.routes == orders.settings.routes.routes != ()
        assert routes.unmatched is orders.settings.routes.unmatched
        assert replace(taken, settings=replace(taken.settings, routes=orders.settings.routes)) == orders
    assert await read(reader) is None


@pytest.mark.parametrize("length", [0, 1, 4, 20, -1])
async def test_the_end_of_the_line(length: int) -> None:
    """Nothing, or half of something, is no orders."""
    assert await read(line(written(Orders(settings()))[:length])) is None
