"""Files as the rules see them."""

import json

import pytest

from fleetwright_cli.standard.parsed import (
    Map,
    Python,
    Requirements,
    YamlProblem,
    commands,
    github_jobs,
    gitlab_jobs,
    read_dockerfile,
    read_python,
    read_requirements,
    read_yaml,
)


def test_stage_knows_its_image_through_arguments() -> None:
    """`ARG` before the first FROM fills in the image, its default too."""
    made = read_dockerfile(
        "ARG BASE=python:3.12\nFROM ${BASE} AS build\nFROM ${OTHER:-debian:12}\n"
    )

    assert [one.image for one in made.stages] == ["python:3.12", "debian:12"]
    assert made.stages[0].name == "build"


def test_instruction_goes_on_over_lines_comments_and_documents() -> None:
    """Continued lines are one; a here-document belongs to its RUN."""
    made = read_dockerfile(
        "FROM x\nRUN one \\\n  # a word\n  two\nRUN <<EOF\npip install y\nEOF\nUSER 7\n"
    )

    first, second, last = made.stages[0].instructions
    assert (first.value, first.line) == ("one two", 2)
    assert second.script == "pip install y\n"
    assert (last.name, last.value, last.line) == ("USER", "7", 8)


def test_flags_and_json_form_are_read() -> None:
    """`--from` is no source, and the JSON form is a list."""
    made = read_dockerfile('FROM x\nCOPY --from=b --chown=7 /a /b\nCMD ["a", "b c"]\n')

    copy, cmd = made.stages[0].instructions
    assert (copy.flags, copy.words) == ({"from": "b", "chown": "7"}, ["/a", "/b"])
    assert cmd.exec_form == ["a", "b c"]


def test_other_escape_character_is_obeyed() -> None:
    """The directive in the first line changes how lines go on."""
    made = read_dockerfile("# escape=`\nFROM x\nRUN a `\n b\n")

    assert made.stages[0].instructions[0].value == "a b"


def test_stage_that_is_built_on_another_inherits_from_it() -> None:
    """Who is the user of the last stage may be said in an earlier one."""
    made = read_dockerfile("FROM x AS a\nUSER 7\nFROM a AS b\nFROM b\n")

    assert made.final is not None
    assert [one.image for one in made.chain(made.final)] == ["b", "a", "x"]


def test_yaml_keys_stay_as_written() -> None:
    """`on` is no boolean, 3.10 no number, and every key knows its line."""
    found = read_yaml("name: x\non:\n  push:\npython: 3.10\nfast: yes\n")

    assert found["python"] == "3.10"
    assert found["fast"] is True
    assert found["on"] == {"push": None}
    assert found.line_of("on") == 2


def test_yaml_bomb_stays_small() -> None:
    """Nested aliases are one value, however often they are named."""
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 60)]

    found = read_yaml("\n".join(lines))

    assert found["a59"][0] is found["a59"][8]


def test_yaml_that_holds_itself_ends() -> None:
    """An anchor inside of itself is read, and merging it adds nothing."""
    found = read_yaml("a: &a\n  b: *a\n  <<: *a\n  c: 1\n")

    assert found["a"]["b"] is found["a"]
    assert found["a"]["c"] == "1"


def test_merged_keys_give_way_to_own_ones() -> None:
    """`<<` fills in what is not there."""
    found = read_yaml("x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\n")

    assert found["y"] == {"a": "1", "b": "3"}


@pytest.mark.parametrize(
    "text", ["a: [", "a: " + "[" * 3000, "a: x\n" * 300_000, "\x00"]
)
def test_yaml_that_is_none_is_a_problem(text: str) -> None:
    """Broken, too deep, too large: one kind of error for all."""
    with pytest.raises(YamlProblem):
        read_yaml(text)


def test_yaml_makes_no_objects() -> None:
    """A tag that would run code is a text like any other."""
    found = read_yaml("a: !!python/object/apply:os.system ['exit 1']\n")

    assert found == {"a": ["exit 1"]}


def test_requirements_know_names_pins_paths_and_hashes() -> None:
    """Everything pip reads in a line is told apart."""
    found = read_requirements(
        "# by hand\n-e ../../libs/x[a,b]\n-r other.txt\n"
        "Ruamel.Yaml[z]==1.0 ; python_version > '3' \\\n    --hash=sha256:1 \\\n"
        "    --hash=sha256:2\nfastapi>=1 # why\n--index-url=https://x\n./here\n"
    )

    path, other, pinned, ranged, option, here = found.lines
    assert (path.path, other.option, other.value) == ("../../libs/x", "-r", "other.txt")
    assert (pinned.name, pinned.is_pinned, pinned.hashed) == ("ruamel-yaml", True, True)
    assert (ranged.name, ranged.is_pinned, ranged.line) == ("fastapi", False, 7)
    assert (option.option, here.path) == ("--index-url", "./here")
    assert found.head == "# by hand"


def test_commands_are_split_as_a_shell_does() -> None:
    """Operators, quotes, comments, variables and continued lines are understood."""
    text = (
        'tool=venv/bin/mypy\n"$tool" src && (cd x; sudo pip install "a b") # c\n'
        "python3 -m pytest \\\n  -q\ncat <<END\nnot a command\nEND\necho done | tee x\n"
    )

    found = list(commands(text))

    assert [one.arguments for one in found] == [
        ("mypy", "src"),
        ("cd", "x"),
        ("pip", "install", "a b"),
        ("pytest", "-q"),
        ("cat", "<<END"),
        ("echo", "done"),
        ("tee", "x"),
    ]
    assert found[2].is_root
    assert found[3].line == 3


def test_unclosed_quote_is_still_split() -> None:
    """What a shell would refuse is read word by word."""
    assert next(commands("echo 'a b")).words == ("echo", "a", "b")


def test_pipelines_of_both_kinds_are_jobs() -> None:
    """GitHub's needs and GitLab's stages say what comes before what."""
    github = github_jobs(
        "ci.yml",
        read_yaml(
            "on: [push]\njobs:\n  a:\n    steps: [{run: x}]\n  b:\n    needs: a\n"
            "    environment: {name: live}\n    strategy: {matrix: {s: [p, q]}}\n"
        ),
    )
    gitlab = gitlab_jobs(
        ".gitlab-ci.yml",
        read_yaml(
            "stages: [one, two]\na:\n  stage: one\n  script: [x]\nb:\n  stage: two\n"
            "  script: y\n  rules: [{if: '$CI_COMMIT_BRANCH == \"main\"'}]\n"
        ),
    )

    for _, second in (tuple(github), tuple(gitlab)):
        assert second.needs == ["a"]
    assert second.steps[0].run == "y"
    assert "main" in second.only_if


@pytest.mark.parametrize("document", [None, "text", ["a"], Map(1)])
def test_pipeline_that_is_none_has_no_jobs(document: object) -> None:
    """A file of another shape is no mistake of ours."""
    assert list(github_jobs("ci.yml", document)) == []
    assert list(gitlab_jobs("ci.yml", document)) == []


SOURCE = b'''"""Doc."""
import os
import requests as r
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import heavy
try:
    import fast
except ImportError:
    fast = None


class Base(Model):
    """A model.

    Attributes:
        size: How large it is.
    """

    size: int = 3
    colour: str = Field(description="Which colour")
    model_config = ConfigDict(env_prefix="X_")


async def call(a: int) -> None:
    r.get("http://bank/x", timeout=3)
    text = """
    # noqa inside a text
    """
    os.environ["A"]  # noqa: S105 - no secret
    app.openapi = text  # type: ignore
    raise ValueError("x")
'''


def test_python_facts_name_things_through_imports() -> None:
    """An alias does not hide what is called, nor a guard what may be missing."""
    found = read_python(SOURCE)

    assert "requests.get" in {one.name for one in found.calls}
    assert set(found.roots) == {"os", "requests", "typing"}
    assert [one.is_guarded for one in found.imports] == [False] * 3 + [True] * 2
    assert found.environ == (31,)
    assert found.assigned[-1] == ("app.openapi", 32)
    assert found.urls == (("http://bank/x", 27),)


def test_python_facts_describe_classes_and_functions() -> None:
    """Fields come with what is said of them, wherever it is said."""
    found = read_python(SOURCE)

    (base,) = found.classes
    assert [one.description for one in base.fields] == [
        "How large it is.",
        "Which colour",
    ]
    assert base.config == {"env_prefix": "X_"}
    (call,) = found.functions
    assert (call.name, call.is_async, call.has_docstring) == ("call", True, False)
    assert call.takes == ("int",)


def test_comments_that_silence_are_found_and_texts_are_not() -> None:
    """A `#` inside a text silences nothing."""
    found = read_python(SOURCE).suppressions

    assert [(one.kind, one.line, one.has_code, one.has_reason) for one in found] == [
        ("noqa", 31, True, True),
        ("type: ignore", 32, False, False),
    ]


@pytest.mark.parametrize(
    "source",
    [b"def (", b"\xff\xfe\x00", b"x = " + b"(" * 500, b"a\x00b", b"-" * 99_999],
)
def test_broken_python_is_an_error_in_the_facts(source: bytes) -> None:
    """What cannot be parsed says so, and nothing is raised."""
    assert read_python(source).error


def test_facts_go_through_json_unchanged() -> None:
    """What the cache keeps is what was read."""
    python = read_python(SOURCE)
    requirements = read_requirements("a==1 --hash=sha256:1\n-e ./x\n")

    assert Python.load(json.loads(json.dumps(python))) == python
    assert Requirements.load(json.loads(json.dumps(requirements))) == requirements
