"""HTML of notebooks and maths, made fit for the site: no scripts, no styles, no other hosts."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from html import escape

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString
from latex2mathml.converter import convert
from nbformat import NotebookNode

log = logging.getLogger("mkdocs.hooks.markup")

_MATHS = re.compile(r"\$\$(.+?)\$\$|\$([^$\s](?:[^$]*?[^$\s])?)\$", re.DOTALL)
_UNCOLOURED = re.compile(r'<span class="[nw]">([^<]*)</span>')  # names and blanks
_VERBATIM = {"code", "pre", "script", "style", "math", "svg"}
_FIGURE = '<figure class="picture">'
_WHOLE = re.compile(re.escape(_FIGURE) + ".*?</figure>", re.DOTALL)
_MARK = re.compile(r'<p data-figure="([^"]+)"></p>')
_WIDE = 560  # pixels; a figure wider than this is too small on a phone until it is tapped


def take_figures(notebook: NotebookNode, page: str) -> dict[str, str]:
    """Take the figures out of a notebook's outputs, and return them as ``<page>-1`` and so on.

    A mark for `put_figures` stays in the place of each.
    """
    figures: dict[str, str] = {}

    def take(figure: re.Match[str]) -> str:
        name = f"{page}-{len(figures) + 1}"
        figures[name] = figure[0]
        return f'<p data-figure="{name}"></p>'

    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "text/html" in data:
                data["text/html"] = _WHOLE.sub(take, data["text/html"])
    return figures


def put_figures(html: str, page: str, figures: Mapping[str, str]) -> str:
    """Put figures where ``<p data-figure="name"></p>`` asks for them.

    At the very end, since an HTML parser would lower the case of SVG's names; figures stay out of
    the search index too.
    """

    def put(mark: re.Match[str]) -> str:
        figure = figures.get(mark[1])
        if figure is None:
            log.warning("%s: there is no figure %r to show", page, mark[1])  # strict builds fail
            return ""
        width = re.search(r"max-width: (\d+)px", figure)
        wide = width is not None and int(width[1]) > _WIDE
        opening = '<figure class="picture wide" tabindex="0"' if wide else '<figure class="picture"'
        return figure.replace(_FIGURE, f"{opening} data-search-exclude>", 1)

    return _MARK.sub(put, html)


def clean_notebook(html: str) -> str:
    """Return what nbconvert made of a notebook as plain prose, code blocks and outputs.

    nbconvert's page brings 600 kB of styles, scripts for MathJax, Mermaid and copying, and names
    of cell tags; the site's own theme does without them.
    """
    page = BeautifulSoup(html, "html.parser")
    parts: list[str] = []
    folded: list[str] = []
    for cell in page.select("[id^='cell-id=']"):
        tag = _tag(cell)
        shown = _prose(cell) or _code(cell, tag) + _outputs(cell)
        if tag == "solution":
            folded.append(shown)
            continue
        parts += _solution(folded)
        folded = []
        parts.append(shown)
    return "\n".join([*parts, *_solution(folded)])


def _tag(cell: Tag) -> str:
    for tag in ("solution", "fold"):
        if f"celltag_{tag}" in cell["class"] or cell.select_one(f".celltag_{tag}"):
            return tag
    return ""


def _solution(parts: list[str]) -> list[str]:
    if not parts:
        return []
    inner = "\n".join(parts)
    return [f'<details class="solution"><summary>Solution</summary>\n{inner}\n</details>']


def _prose(cell: Tag) -> str:
    body = cell.select_one(".jp-MarkdownOutput")
    if body is None:
        return ""
    for anchor in body.select("a.anchor-link"):
        anchor["class"] = "headerlink"
        anchor["title"] = "Permanent link"
    for quote in body.select("blockquote"):
        first = quote.find("strong")
        if first is not None:
            quote["class"] = first.get_text().strip(". ").lower()
    for pre in body.select(".highlight > pre"):
        pre.replace_with(BeautifulSoup(f"<pre>{_block(pre)}</pre>", "html.parser"))
    return body.decode_contents().strip()


def _block(pre: Tag) -> str:
    """Return highlighted code as the theme styles it, and lets it scroll."""
    code = pre.decode_contents().removeprefix("<span></span>")
    return "<code>" + _UNCOLOURED.sub(r"\1", code) + "</code>"


def _code(cell: Tag, tag: str) -> str:
    pre = cell.select_one("[class*='highlight'] pre")
    if pre is None:
        return ""
    block = f'<div class="highlight"><pre>{_block(pre)}</pre></div>'
    if tag == "fold":
        return f'<details class="code"><summary>Show the code</summary>{block}</details>\n'
    return block + "\n"


def _outputs(cell: Tag) -> str:
    return "\n".join(
        f'<div class="output">{output.decode_contents().strip()}</div>'
        for output in cell.select(".jp-OutputArea-output")
    )


def finish(html: str) -> str:
    """Turn LaTeX between dollar signs into MathML, and let wide tables and code scroll."""
    page = BeautifulSoup(html, "html.parser")
    for text in page.find_all(string=_MATHS):
        if not _VERBATIM.intersection(parent.name for parent in text.parents):
            text.replace_with(BeautifulSoup(_with_mathml(text), "html.parser"))
    for table in page.select("table"):
        table.attrs.pop("border", None)
        if table.find_parent(class_="scroll"):
            continue  # it brings its own box, and its own style
        table.attrs.pop("style", None)
        scroll = page.new_tag("div", attrs={"class": "scroll", "tabindex": "0"})
        table.wrap(scroll)
    for formula in page.select("math[display='block']"):
        formula.wrap(page.new_tag("div", attrs={"class": "scroll", "tabindex": "0"}))
    for style in page.select("style"):
        style.decompose()
    return str(page)


def _with_mathml(text: NavigableString) -> str:
    parts, end = [], 0
    for match in _MATHS.finditer(text):
        latex, display = (match[1], "block") if match[1] else (match[2], "inline")
        parts += [escape(text[end : match.start()]), convert(latex, display=display)]
        end = match.end()
    return "".join([*parts, escape(text[end:])])
