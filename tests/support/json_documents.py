"""JSON documents as hypothesis draws them, and their many texts."""

import json
from dataclasses import dataclass

from hypothesis import strategies as st


@dataclass(frozen=True)
class Number:
    """A JSON number as it is spelled."""

    lexeme: str


Document = dict[str, "Document"] | list["Document"] | str | Number | bool | None

lexemes = st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
scalars: st.SearchStrategy[Document] = st.none() | st.booleans() | lexemes.map(Number) | texts
names = st.sampled_from(["a", "b", "0", "1", "*", "", "/", "~", "é"]) | texts


def containers(inner: st.SearchStrategy[Document]) -> st.SearchStrategy[Document]:
    """Objects and arrays of `inner`."""
    return st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4)


documents: st.SearchStrategy[Document] = st.recursive(scalars, containers, max_leaves=20)


@st.composite
def spellings(draw: st.DrawFn, document: Document) -> bytes:
    """One of the many texts of a document: other white space, order of members and escapes."""

    def space() -> str:
        return draw(st.sampled_from(["", "", " ", "\n", "\t\r\n"]))

    def string(text: str) -> str:
        return json.dumps(text, ensure_ascii=draw(st.booleans()))

    def spell(value: Document) -> str:
        if isinstance(value, dict):
            members = [f"{space()}{string(name)}{space()}:{spell(value[name])}" for name in value]
            return f"{{{','.join(draw(st.permutations(members)))}{space()}}}"
        if isinstance(value, list):
            return f"[{','.join(map(spell, value))}{space()}]"
        scalar = value.lexeme if isinstance(value, Number) else string(value) if isinstance(value, str) else None
        return f"{space()}{scalar or json.dumps(value)}{space()}"

    return spell(document).encode()
