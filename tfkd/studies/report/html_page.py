"""Reports as one HTML page that needs no other file."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from tfkd.studies.figures import inline_svg
from tfkd.studies.report.document import Block, Cell, Listing, Paragraph, Picture, Report, Table

UNBROKEN = 16
"""Largest number of characters of a cell that stays on one line."""

_STYLE = """
:root { color-scheme: light dark; --text: #1b1b1b; --paper: #fff; --faint: #666; --line: #d9d9d9; --stripe: #f6f6f6; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e6e6; --paper: #16181b; --faint: #a0a0a0; --line: #3a3d42; --stripe: #1e2125; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 80rem; background: var(--paper); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.7rem; line-height: 1.2; } h2 { margin-top: 2.5rem; font-size: 1.3rem; line-height: 1.25; }
p, li { max-width: 46rem; } li { margin: .3rem 0; } ul { padding-left: 1.2rem; }
nav ul { columns: 17rem; } nav li { margin: 0; } a { color: inherit; }
.scroll { overflow-x: auto; margin: .4rem 0 1.6rem; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
summary, figcaption, .caption { color: var(--faint); font-size: .875rem; }
.caption { margin: 1.2rem 0 0; max-width: none; }
th, td { padding: .25rem .45rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { vertical-align: bottom; border-bottom-width: 2px; }
tbody th { font-weight: normal; min-width: min(11rem, 32vw); max-width: 18rem; }
tr > :first-child { position: sticky; left: 0; background: var(--paper); }
tbody tr:nth-child(even), tbody tr:nth-child(even) > :first-child { background: var(--stripe); }
.n { text-align: right; } td.n, .k { white-space: nowrap; }
figure { margin: 1.2rem 0; }
.picture { max-width: min(100%, calc(var(--w) + 1rem + 2px)); overflow-x: auto; background: #fff;
  border-radius: 4px; padding: .5rem; border: 1px solid var(--line); }
.picture svg { display: block; width: var(--w); max-width: 100%; min-width: min(var(--w), 30rem); height: auto; }
summary { cursor: pointer; margin: 1rem 0; }
@media print { body { max-width: none; } .scroll, .picture { overflow: visible; } }
"""


def html_page(document: Report, pictures: Mapping[str, str]) -> str:
    """Return a report as HTML, with its pictures in the page, and without scripts and other resources.

    Args:
        document: The report.
        pictures: For the name of each picture its SVG.
    """

    def block(block: Block) -> str:
        return _picture(block, pictures[block.name]) if isinstance(block, Picture) else _block(block)

    titles = [escape(section.title) for section in document.sections]
    links = "".join(f'<li><a href="#section-{number}">{title}</a></li>' for number, title in enumerate(titles, 1))
    body = [f"<h1>{escape(document.title)}</h1>", *map(block, document.blocks), f"<nav><ul>{links}</ul></nav>"]
    for number, (title, section) in enumerate(zip(titles, document.sections, strict=True), 1):
        body.append(f'<h2 id="section-{number}">{title}</h2>')
        body += map(block, section.blocks)
    # The policy makes sure that a reader's browser fetches nothing, whatever stands in a name.
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{escape(document.title)}</title>
<style>{_STYLE}</style>
</head>
<body>
{chr(10).join(body)}
</body>
</html>
"""


def _block(block: Paragraph | Listing | Table) -> str:
    if isinstance(block, Paragraph):
        lead = f"<strong>{escape(block.lead)}</strong> " if block.lead else ""
        return f"<p>{lead}{escape(block.text)}</p>"
    if isinstance(block, Listing):
        return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in block.items) + "</ul>"
    caption = escape(block.caption)
    if block.folded:
        return f"<details><summary>{caption}</summary>{_table(block)}</details>"
    return f'<p class="caption" id="table-{block.name}">{caption}.</p>{_table(block)}'


def _picture(picture: Picture, svg: str) -> str:
    width = picture.figure.get_size_inches()[0] * 96
    inline = inline_svg(svg, picture.caption, f"{picture.name}-")
    return (
        f'<figure><div class="picture" tabindex="0" style="--w: {width:.0f}px">{inline}</div>'
        f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
    )


def _table(table: Table) -> str:
    numeric = table.numeric()
    head = "".join(_cell("th", name, right) for name, right in zip(table.headings(), numeric, strict=True))
    rows = []
    for row in table.rows:
        cells = [_cell("td" if index else "th", cell, numeric[index]) for index, cell in enumerate(row)]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{chr(10).join(rows)}</tbody></table></div>"
    )


def _cell(tag: str, cell: Cell, right: bool) -> str:
    text = cell if isinstance(cell, str) else cell.text
    kind = ' class="n"' if right else ' class="k"' if tag == "td" and len(text) <= UNBROKEN else ""
    return f"<{tag}{kind}>{escape(text)}</{tag}>"
