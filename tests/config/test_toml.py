"""Lines of keys in every notation of TOML, and the reader of tables."""

import tomllib
from pathlib import Path

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from ffprep.config import toml
from ffprep.config.toml import Table, read
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
    assert Table(Path("x.toml"), text, tomllib.loads(text)).line(*keys) == LINES[keys]


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.lists(st.text(), max_size=3)))
def test_every_key_is_found_on_the_line_where_it_was_written(
    table: dict[str, str | list[str]],
) -> None:
    text, expected = "", {}
    for key, value in table.items():
        expected[key] = text.count("\n") + 1
        item = tomlkit.item(value)
        text += tomlkit.dumps({key: item.multiline(True) if isinstance(value, list) else item})
    whole = Table(Path("x.toml"), text, tomllib.loads(text))
    assert {key: whole.line(key) for key in table} == expected


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
def test_an_error_about_an_unreadable_file_names_it(
    tmp_path: Path, content: bytes | None, told: str
) -> None:
    if content is not None:
        (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(EnvironmentFault) as caught:
        read(tmp_path / "x.toml")
    assert str(caught.value).startswith(f"{tmp_path}/x.toml{told}")


READERS = {
    "text": toml.text,
    "number": toml.number,
    "count": toml.count,
    "flag": toml.flag,
    "texts": toml.texts,
    "either": toml.text_or_number,
    "choice": toml.choice(("a", "b")),
    "table": toml.mapping,
}
VALUES = """
text = "x"
number = 1.5
count = 2
flag = true
texts = ["x"]
either = 2026-11-01
choice = "b"
table = {}
"""


def table(text: str) -> toml.Table:
    return Table(Path("x.toml"), text, tomllib.loads(text), "file ")


def test_a_table_is_read_with_the_types_of_its_keys() -> None:
    assert table(VALUES).read(READERS) == {
        "text": "x",
        "number": 1.5,
        "count": 2,
        "flag": True,
        "texts": ("x",),
        "either": "2026-11-01",
        "choice": "b",
        "table": {},
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("text = 3", "text: must be a text"),
        ("number = true", "number: must be a number"),
        ("count = 0", "count: must be a whole number above 0"),
        ("flag = 1", "flag: must be true or false"),
        ('texts = ["x", 1]', "texts: must be a list of texts"),
        ("either = false", "either: must be a text or a number"),
        ('choice = "c"', "choice: must be one of: a, b"),
        ("table = []", "table: must be a table"),
        ("conut = 2", 'conut: unknown key; did you mean "count"?'),
        ("Flag = true", 'Flag: unknown key; did you mean "flag"?'),
        ("zzz = 2", "zzz: unknown key; the keys are: choice, count, either, flag,"),
    ],
)
def test_a_bad_value_is_an_error_with_file_line_and_key(text: str, words: str) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        table(f"# a comment\n{text}\n").read(READERS)
    assert str(caught.value).startswith(f"file x.toml:2: {words}")


def test_tables_within_tables_are_read_with_their_lines() -> None:
    top = table('[a]\nflag = true\n[[b]]\n[[b]]\nflag = 3\n[a."c.d"]\n[a.1]\n')
    assert top.table("a").value("flag", toml.flag) is True
    assert top.table("missing").read(READERS) == {}
    with pytest.raises(EnvironmentFault, match=r"^file x\.toml:5: b\.flag: must be true or false"):
        [each.read(READERS) for each in top.tables("b")]
    with pytest.raises(EnvironmentFault, match=r"a: write each table under a header \[\[a\]\]"):
        top.tables("a")
    with pytest.raises(EnvironmentFault, match=r'a name with a dot needs quotes: \["a\.1"\]'):
        top.table("a").read({**READERS, "c.d": toml.anything})
