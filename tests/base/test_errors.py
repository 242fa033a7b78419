from __future__ import annotations

import pytest

from tfkd_base.errors import nearest


@pytest.mark.parametrize(
    ("name", "valid", "message"),
    [
        ("encodr", ["encoder", "head"], "did you mean 'encoder'?"),
        ("x", ["encoder", "head"], "expected one of 'encoder', 'head'"),
        ("x", [], "there are none"),
        ("f1", ["f1"], "expected one of 'f1'"),
        ("score", ["score", "scores", "f2"], "did you mean 'scores'?"),
        ("f1", ["\ufefff1"], r"did you mean '\ufefff1'? It is '\ufefff1', not 'f1'."),
        ("f1", ["f1 "], "did you mean 'f1 '? It is 'f1 ', not 'f1'."),
        ("\xe9tude", ["e\u0301tude"], "did you mean 'e\u0301tude'? It is 'e\\u0301tude', not '\\xe9tude'."),
        ("Score", ["score"], "did you mean 'score'?"),
    ],
)
def test_the_nearest_name_is_another_name(name: str, valid: list[str], message: str) -> None:
    assert nearest(name, valid) == message
