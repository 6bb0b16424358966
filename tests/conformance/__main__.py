"""`python -m tests.conformance` writes docs/rfc9110.md anew."""

from tests.conformance.reading import cases
from tests.conformance.rules import DOCUMENT, document, rules

if __name__ == "__main__":
    DOCUMENT.write_text(document(rules(), cases()), "utf-8")
