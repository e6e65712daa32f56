"""The notebook among the examples runs from beginning to end, and shows what it says."""

from __future__ import annotations

import collections
import datetime
import json
import pathlib
import re
import typing

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES: typing.Final = pathlib.Path(__file__).parent.parent / "examples"
NOTEBOOK: typing.Final = EXAMPLES / "inspect.ipynb"


def _cells() -> dict[str, typing.Any]:
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    return {cell["id"]: cell for cell in notebook["cells"] if cell["cell_type"] == "code"}


def _source(cell: typing.Any) -> str:
    return "".join(cell["source"])


def _shown(cell: typing.Any) -> list[tuple[str, ...]]:
    """Return the kinds of what a cell shows."""
    return [(output["output_type"], *sorted(output.get("data", ()))) for output in cell["outputs"]]


def _text(cell: typing.Any) -> str:
    return "".join("".join(output.get("text", ())) for output in cell["outputs"])


def _answer(cells: dict[str, typing.Any]) -> str:
    """Answer the notebook's question, from what it invents, without the file."""
    invented: dict[str, typing.Any] = {}
    for name in ("invent-people", "invent-messages"):
        exec(_source(cells[name]), invented)
    after = invented["NOW"] - datetime.timedelta(days=183)
    newcomers = {
        each["user"]["id"]: each["user"]["username"]
        for each in invented["people"]
        if datetime.datetime.fromisoformat(each["joined_at"]) >= after
    }
    written = [each for each in invented["said"] if each["author"]["id"] in newcomers]
    ((author, count),) = collections.Counter(each["author"]["id"] for each in written).most_common(1)
    hours = [
        datetime.datetime.fromisoformat(each["timestamp"]).hour for each in written if each["author"]["id"] == author
    ]
    hour = max(sorted(set(hours)), key=hours.count)
    return (
        f"Of {len(newcomers)} who joined in the last half year, {newcomers[author]} writes most:\n"
        f"{count} messages in three weeks, most often between {hour}:00 and {hour + 1}:00 UTC.\n"
    )


def _assert_good(cells: dict[str, typing.Any]) -> None:
    table, picture = ("execute_result", "text/html", "text/plain"), ("display_data", "image/png", "text/plain")
    for name in ("file", "members", "frame", "years", "query", "newcomers"):
        assert _shown(cells[name]) == [table], name
    for name in ("sizes", "joins", "activity", "hours"):
        assert _shown(cells[name]) == [picture], name
    html = "".join(cells["file"]["outputs"][0]["data"]["text/html"])
    assert "<caption>bot.db: " in html
    assert ">members</td>" in html
    assert "Tea house has 90 members." in _text(cells["entities"])
    assert _text(cells["async"]).count("\n") == 4
    assert _text(cells["answer"]) == _answer(cells)


def test_the_outputs_that_are_kept_are_those_of_a_run() -> None:
    cells = _cells()
    _assert_good(cells)
    text = NOTEBOOK.read_text("utf-8")
    assert len(text) < 250_000
    assert [word for word in ("/tmp/", "/home/", "/work", "Traceback", "stderr") if word in text] == []


def test_it_says_what_it_needs_and_ends_with_the_answer() -> None:
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    assert cells[-1]["id"] == "answer"
    needs = re.findall(r"^from (\w+) import", _source(_cells()["invent-people"]), re.MULTILINE)
    assert needs == ["loopback_discord"]
    assert "`loopback_discord.py`" in _source(cells[0])


@pytest.mark.long
@pytest.mark.filterwarnings("default")  # Jupyter's own
def test_the_notebook_runs() -> None:
    before = {path.name for path in EXAMPLES.iterdir()} - {"__pycache__"}
    notebook = typing.cast("typing.Any", nbformat).read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        cell.outputs = []
    client = typing.cast("typing.Any", NotebookClient)
    client(notebook, timeout=50, resources={"metadata": {"path": str(EXAMPLES)}}).execute()
    cells = {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}
    _assert_good(cells)
    for name, kept in _cells().items():
        assert _shown(cells[name]) == _shown(kept), name
        assert _text(cells[name]) == _text(kept), name
    assert {path.name for path in EXAMPLES.iterdir()} - {"__pycache__"} == before
