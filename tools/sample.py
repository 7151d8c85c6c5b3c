"""Print random docstrings, comments and document sentences for a review by a reader who does not know the code.

`python -m tools.sample 100 --seed 7` prints 100 texts, each with its file, its line and what a reader sees beside the
text: the heading or sentence before a document sentence, and the line of code below a comment or above a docstring.
With the same seed and the same commit, the command always prints the same texts.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import io
import itertools
import random
import re
import subprocess
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.checks.language import TEXTS

_LEAST_WORDS = 4
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z`\[])")
_CODE_BLOCK = re.compile(r"^ *(```|~~~).*?^ *\1[^\n]*$", re.DOTALL | re.MULTILINE)
_BLOCK_COMMENT = re.compile(r"/\*\*(.*?)\*/", re.DOTALL)
"""A comment of TypeScript that describes the definition below."""
_STAR = re.compile(r"^\s*\*?\s?", re.MULTILINE)
_NO_TEXT = re.compile(r"[#|]|noqa|type: ignore|mypy:")
"""A pattern of the beginning of texts that are skipped: headings, table rows and instructions to tools."""
_MARKS = {".proto": "//", ".ts": "//", ".tsx": "//", ".lua": "--"}
"""The mark of a comment by the ending of the file; `#` in all other files."""
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Text:
    """A text with its position and the text or code beside it."""

    place: str
    text: str
    beside: str = ""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print random texts, each with its position."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("count", type=int, nargs="?", default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    chosen = parser.parse_args(arguments)
    texts = [text for path in _files() for text in texts_of(path, Path(path).read_text("utf-8"))]
    drawn = random.Random(chosen.seed).sample(texts, min(chosen.count, len(texts)))
    print(f"{len(drawn)} of {len(texts)} texts, seed {chosen.seed}")
    for number, each in enumerate(drawn, 1):
        beside = f"\n   ({each.beside})" if each.beside else ""
        print(f"\n{number}. {each.place}{beside}\n{each.text}")


def texts_of(path: str, source: str) -> Iterator[Text]:
    """Yield each docstring, comment or document sentence of a file."""
    if path.endswith(".py"):
        found = [*_docstrings(source), *_with_code(source, _comments(source))]
    elif path.endswith(".md"):
        found = list(_sentences(source))
    else:
        mark = _MARKS.get(Path(path).suffix, "#")
        comments = [*_line_comments(source, mark), *_block_comments(source)]
        found = list(_with_code(source, comments, mark))
    for line, text, beside in found:
        if len(text.split()) >= _LEAST_WORDS and not _NO_TEXT.match(text):
            yield Text(f"{path}:{line}", text, beside)


def _files() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], check=True, capture_output=True, text=True)
    return [path for path in listed.stdout.splitlines() if TEXTS.search(path)]


def _docstrings(source: str) -> Iterator[tuple[int, str, str]]:
    """Yield the line and the text of each docstring, and the first line of the definition or assignment."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, _DOCUMENTED) and (text := ast.get_docstring(node)):
            definition = "" if isinstance(node, ast.Module) else lines[node.lineno - 1].strip()
            yield node.body[0].lineno, text, definition
        body = getattr(node, "body", None)
        if isinstance(body, list):
            for assigned, following in itertools.pairwise(body):
                if isinstance(assigned, ast.Assign | ast.AnnAssign) and (text := _text(following)):
                    yield following.lineno, text, lines[assigned.lineno - 1].strip()


def _text(node: ast.stmt) -> str:
    """Return the text of a statement that is only a string, or an empty text."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return inspect.cleandoc(node.value.value) if isinstance(node.value.value, str) else ""
    return ""


def _with_code(
    source: str, comments: Iterable[tuple[int, str]], mark: str = "#"
) -> Iterator[tuple[int, str, str]]:
    """Yield the line and the text of each comment, and the first line of code at or below the comment."""
    lines = source.splitlines()
    for line, text in comments:
        code = (each.strip() for each in lines[line - 1 :])
        yield line, text, next((each for each in code if each and not each.startswith(mark)), "")


def _comments(source: str) -> Iterator[tuple[int, str]]:
    """Yield the comments of a Python file. A comment that fills several consecutive lines is yielded as one text."""
    lines: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        if token.line.lstrip().startswith("#"):
            lines[token.start[0]] = token.string
        else:
            yield token.start[0], token.string.lstrip("# ")
    yield from _joined(lines, "#")


def _line_comments(source: str, mark: str) -> Iterator[tuple[int, str]]:
    lines = {
        number: line.strip()
        for number, line in enumerate(source.splitlines(), 1)
        if line.lstrip().startswith(mark)
    }
    yield from _joined(lines, mark)


def _block_comments(source: str) -> Iterator[tuple[int, str]]:
    """Yield the lines after the comments `/** … */`, and the texts of the comments."""
    for found in _BLOCK_COMMENT.finditer(source):
        text = " ".join(_STAR.sub("", found.group(1)).split())
        yield source.count("\n", 0, found.end()) + 2, text


def _joined(lines: dict[int, str], mark: str) -> Iterator[tuple[int, str]]:
    first, text = 0, ""
    for number, line in lines.items():
        words = line.lstrip(mark).strip()
        if number - 1 in lines and text:
            text += f" {words}"
            continue
        if text:
            yield first, text
        first, text = number, words
    if text:
        yield first, text


def _sentences(source: str) -> Iterator[tuple[int, str, str]]:
    """Yield the line and the text of each sentence of a Markdown document, and the heading and sentence before it.

    Code blocks are skipped.
    """
    without_code = _CODE_BLOCK.sub(lambda found: "\n" * found.group().count("\n"), source)
    line, before = 1, ""
    for paragraph in re.split(r"(\n\s*\n|\n(?=[-*|#]|\d+\. ))", without_code):
        for sentence in _SENTENCE.split(" ".join(paragraph.split())):
            if sentence:
                yield line + len(paragraph) - len(paragraph.lstrip("\n")), sentence, before
                before = sentence
        line += paragraph.count("\n")


if __name__ == "__main__":
    main()
