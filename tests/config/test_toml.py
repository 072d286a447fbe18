"""The lines of keys, in every way that TOML has to write them."""

import tomllib
from pathlib import Path

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from ffprep.config.toml import Document, read
from ffprep.errors import EnvironmentFault

WRITTEN = '''# a comment, with [brackets] and a = sign
top = 1

[job.a]   # another
"size" = "1x1"
list = [
  "x = 1",   # ]
  """[job.b]""",
]
text = """
size = 2
[job.c]
"""
inner.deep = true
'quoted key' = {one = 1, two = {three = 3}}
[[step]]
w = 1
[[step]]
  w = 2
[step.more]
w = 3
[job."b.c"]
size = 4
'''
LINES = {
    ("top",): 2,
    ("job",): 4,
    ("job", "a"): 4,
    ("job", "a", "size"): 5,
    ("job", "a", "list"): 6,
    ("job", "a", "text"): 10,
    ("job", "a", "inner", "deep"): 14,
    ("job", "a", "quoted key", "two", "three"): 15,
    ("step", 0): 16,
    ("step", 0, "w"): 17,
    ("step", 1): 18,
    ("step", 1, "w"): 19,
    ("step", 1, "more", "w"): 21,
    ("job", "b.c", "size"): 23,
    # What is not there stands where it would.
    ("job", "a", "none"): 4,
    ("job", "none"): 4,
    ("step", 1, "none"): 18,
    ("none", "none"): 1,
}


@pytest.mark.parametrize("keys", LINES)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_key_is_found(keys: tuple[str | int, ...], end: str) -> None:
    text = WRITTEN.replace("\n", end)
    assert Document(Path("x.toml"), text, tomllib.loads(text)).line(*keys) == LINES[keys]


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.lists(st.text(), max_size=3)))
def test_every_key_that_is_written_is_found_where_it_was_written(
    table: dict[str, str | list[str]],
) -> None:
    text, expected = "", {}
    for key, value in table.items():
        expected[key] = text.count("\n") + 1
        item = tomlkit.item(value)
        text += tomlkit.dumps({key: item.multiline(True) if isinstance(value, list) else item})
    document = Document(Path("x.toml"), text, tomllib.loads(text))
    assert {key: document.line(key) for key in table} == expected


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, ": no such file or directory"),
        (b"\xff\n", ":1: is not UTF-8 text"),
        (b"a = 1\nb = '\xff'\n", ":2: is not UTF-8 text"),
        (b"\na = \n", ":2: Invalid value"),
        (b"a=1\na=2", ":2: Cannot overwrite a value"),
        (b'a=1\nb="""\n', ":2: "),
    ],
)
def test_what_cannot_be_read_is_told_by_its_name(
    tmp_path: Path, content: bytes | None, told: str
) -> None:
    if content is not None:
        (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(EnvironmentFault) as caught:
        read(tmp_path / "x.toml")
    assert str(caught.value).startswith(f"{tmp_path}/x.toml{told}")
