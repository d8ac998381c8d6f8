"""A Markdown page as a title and its second-level sections."""

import re
from typing import NamedTuple


class Section(NamedTuple):
    """One section.

    Attributes:
        title: Its heading, without the marks.
        line: Where the heading stands.
        text: What follows, headings below it included.
    """

    title: str
    line: int
    text: str


class Page(NamedTuple):
    """One page.

    Attributes:
        title: Its first heading of the first level; empty for none.
        sections: Its sections, in order.
    """

    title: str
    sections: tuple[Section, ...]

    def find(self, title: str) -> Section | None:
        """Return the section of a title."""
        return next((one for one in self.sections if one.title == title), None)


def read_page(text: str) -> Page:
    """Return a page's sections; what looks like a heading inside a code block is none.

    Args:
        text: Its Markdown.
    """
    title, found = "", []
    heading, line, body = "", 0, ""
    fence = ""
    for number, raw in enumerate(text.splitlines(), 1):
        if mark := re.match(r"\s*(```+|~~~+)", raw):
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1]
        elif not fence and (match := re.match(r"(#{1,2}) +(.+?) *#*$", raw)):
            if match[1] == "#":
                title = title or match[2]
                continue
            if heading:
                found.append(Section(heading, line, body))
            heading, line, body = match[2], number, ""
            continue
        body += raw + "\n"
    if heading:
        found.append(Section(heading, line, body))
    return Page(title, tuple(found))
