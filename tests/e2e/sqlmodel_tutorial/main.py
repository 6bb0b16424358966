"""An origin server as FastAPI's tutorial on SQL databases has it: heroes in a table, one of their columns a secret.

Run by uvicorn, which has each request done by a thread of its own. The file of the database is named by a variable.
"""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Final

from fastapi import Depends, FastAPI, HTTPException, Query
from sqlmodel import Field, Session, SQLModel, create_engine, select

engine: Final = create_engine(
    f"sqlite:///{os.environ['HEROES']}",
    connect_args={"check_same_thread": False, "timeout": 60},  # seconds that a writer waits for another
)


class HeroBase(SQLModel):
    """What everybody may know of a hero."""

    name: str = Field(index=True)
    age: int | None = Field(default=None, index=True)


class Hero(HeroBase, table=True):
    """A row."""

    id: int | None = Field(default=None, primary_key=True)
    secret_name: str


class HeroPublic(HeroBase):
    """A hero as shown."""

    id: int


class HeroCreate(HeroBase):
    """A hero as created."""

    secret_name: str


class HeroUpdate(SQLModel):
    """What of a hero is to be another."""

    name: str | None = None
    age: int | None = None
    secret_name: str | None = None


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Make the table first."""
    SQLModel.metadata.create_all(engine)
    yield


def get_session() -> Iterator[Session]:
    """Give each request a session of its own."""
    with Session(engine) as session:
        yield session


Database = Annotated[Session, Depends(get_session)]
app: Final = FastAPI(lifespan=lifespan)


def found(session: Session, hero_id: int) -> Hero:
    """Return a hero, or answer that there is none."""
    hero = session.get(Hero, hero_id)
    if hero is None:
        raise HTTPException(status_code=404, detail="Hero not found")
    return hero


def saved(session: Session, hero: Hero) -> Hero:
    """Store a hero and return what is stored."""
    session.add(hero)
    session.commit()
    session.refresh(hero)
    return hero


@app.post("/heroes/", response_model=HeroPublic)
def create_hero(hero: HeroCreate, session: Database) -> Hero:
    """Create a hero."""
    return saved(session, Hero.model_validate(hero))


@app.get("/heroes/", response_model=list[HeroPublic])
def read_heroes(session: Database, offset: int = 0, limit: Annotated[int, Query(le=100)] = 100) -> list[Hero]:
    """Show some heroes."""
    return list(session.exec(select(Hero).order_by(Hero.name).offset(offset).limit(limit)))


@app.get("/heroes/{hero_id}", response_model=HeroPublic)
def read_hero(hero_id: int, session: Database) -> Hero:
    """Show a hero."""
    return found(session, hero_id)


@app.patch("/heroes/{hero_id}", response_model=HeroPublic)
def update_hero(hero_id: int, hero: HeroUpdate, session: Database) -> Hero:
    """Replace what is said of a hero."""
    stored = found(session, hero_id)
    stored.sqlmodel_update(hero.model_dump(exclude_unset=True))
    return saved(session, stored)


@app.delete("/heroes/{hero_id}")
def delete_hero(hero_id: int, session: Database) -> dict[str, bool]:
    """Delete a hero."""
    session.delete(found(session, hero_id))
    session.commit()
    return {"ok": True}
