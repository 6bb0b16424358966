"""Every answer that this proxy makes up itself: `table` says what there is, `documents` writes it."""

from proxy.problems.documents import OURS, Wording, closes, name_of, of_failure, of_refusal, of_situation
from proxy.problems.table import TABLE, TYPE_PREFIX, Situation

__all__ = [
    "OURS",
    "TABLE",
    "TYPE_PREFIX",
    "Situation",
    "Wording",
    "closes",
    "name_of",
    "of_failure",
    "of_refusal",
    "of_situation",
]
