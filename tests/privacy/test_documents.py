"""The documents about privacy name code and tests: those that there are."""

from __future__ import annotations

import re

import pytest

from tests.privacy.data_map import DATA_MAP

DOCS = DATA_MAP.parent
DOCUMENTS = ["data-map.md", "privacy/dpia.md", "adr/0012-what-outlives-an-erasure.md"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_that_a_document_names_is_there(name: str):
    document = DOCS / name
    text = document.read_text(encoding="utf-8")
    named = re.findall(r"`((?:tests|offers|api|geo)/[\w/.]+\.py)`", text)
    named += [
        path.replace(".", "/") + ".py" for path in re.findall(r"`((?:offers|api)\.[\w.]+\.[a-z_]+)`", text)
    ]
    assert named
    missing = [path for path in named if not (DOCS.parent / path).is_file()]
    linked = re.findall(r"\]\(([\w/.-]+\.md)\)", text)
    missing += [path for path in linked if not (document.parent / path).is_file()]
    assert missing == []


def test_every_measure_of_the_assessment_names_code_and_a_test():
    text = (DOCS / "privacy" / "dpia.md").read_text(encoding="utf-8")
    _, _, principles = text.partition("## 2. Necessity")
    principles, _, _ = principles.partition("**Is there")
    rows = [line for line in principles.splitlines() if line.startswith("| ") and "`" in line]
    assert len(rows) >= 12
    for row in rows:
        assert re.search(r"`(offers|geo)/", row), row
        assert "`tests/" in row, row
