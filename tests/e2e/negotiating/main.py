"""An API that shows one record as JSON or as XML, in English or in German, as its client likes it. It knows no tags."""

from dataclasses import dataclass

from fastapi import FastAPI, HTTPException, Request, Response

app = FastAPI()

LABELS = {"en": "name", "de": "bezeichnung"}


@dataclass
class Record:
    """What there is to know of something."""

    name: str
    stock: int


records: dict[str, Record] = {}


@app.get("/records/{number}")
def show(number: str, request: Request) -> Response:
    """Show a record, or a part of it."""
    record = records.get(number)
    if record is None:
        raise HTTPException(404)
    language = "de" if request.headers.get("accept-language", "").startswith("de") else "en"
    label = LABELS[language]
    fields = {"Vary": "Accept, Accept-Language", "Content-Language": language}
    if request.headers.get("accept", "").startswith("application/xml"):
        content = f"<record><{label}>{record.name}</{label}><stock>{record.stock}</stock></record>"
        return Response(content, media_type="application/xml", headers=fields)
    shown = f'{{"{label}": "{record.name}", "stock": {record.stock}}}'
    return Response(shown, media_type="application/json", headers=fields)


@app.post("/records", status_code=201)
def create(name: str, stock: int, response: Response) -> None:
    """Keep a new record."""
    number = f"new-{len(records)}"
    records[number] = Record(name, stock)
    response.headers["Location"] = f"/records/{number}"


@app.put("/records/{number}", status_code=204)
def keep(number: str, name: str, stock: int) -> None:
    """Keep a record."""
    records[number] = Record(name, stock)


@app.delete("/records/{number}", status_code=204)
def drop(number: str) -> None:
    """Drop a record."""
    del records[number]
