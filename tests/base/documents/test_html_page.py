"""The HTML page: what stands in it, whatever the documents hold."""

from __future__ import annotations

import io
import re

from tfkd_base.documents import Document, Entity, document_writer


def page(*documents: Document) -> str:
    with document_writer(stream := io.BytesIO(), "html") as writer:
        for document in documents:
            writer.write(document)
    return stream.getvalue().decode()


def test_everything_is_escaped() -> None:
    evil = '<script>"x"</script>'
    found = page(Document(evil, evil, (Entity(0, len(evil), evil, identifier=evil),)))
    assert "<script" not in found
    assert not re.search(r"(src|href)=|url\(|@import", found)


def test_types_have_colours_and_a_legend_with_their_numbers() -> None:
    gene, disease = Entity(0, 3, "Gene", score=0.98765), Entity(4, 10, "Disease")
    found = page(Document("1", "TNF cancer", (gene, disease)), Document("2", "TNF cancer", (gene,)))
    assert '<mark class="t0" title="Gene, 0.988" data-type="Gene">TNF</mark>' in found
    assert '<mark class="t1" title="Disease" data-type="Disease">cancer</mark>' in found
    legend = found[found.index('id="legend"') :]
    assert re.findall(r">(\w+) <small>(\d+)</small>", legend) == [("Gene", "2"), ("Disease", "1")]
    assert "2 documents" in legend


def test_entities_in_one_another_and_across() -> None:
    found = page(Document("1", "abcdef", (Entity(2, 6, "Y"), Entity(0, 4, "X"), Entity(0, 2, "Z"))))
    text = found[found.index('class="text"') : found.index("</article>")]
    shape = re.sub(r"<mark [^>]*?(?:data-type=\"(\w)\")?>", lambda m: f"[{m[1] or ''}", text).replace("</mark>", "]")
    # X is around Z, and ends within Y; each is named where it ends.
    assert re.search(r">(\[\[Zab\]\]\[X\[cd\]\]|\[\[Zab\]\]\[\[Xcd\]\])\[Yef\]<", shape)


def test_an_empty_page_says_so() -> None:
    assert "no entities" in page()


def test_notes_are_shown_with_the_legend() -> None:
    with document_writer(stream := io.BytesIO(), "html") as writer:
        writer.add_notes(["<x> was trained on generated sentences"])
        writer.write(Document("1", "text"))
    shown = stream.getvalue().decode()
    legend = shown[shown.index('id="legend"') :]
    assert '<div class="note">&lt;x&gt; was trained on generated sentences</div></div>' in legend
    with document_writer(stream := io.BytesIO(), "jsonl") as writer:
        writer.add_notes(["not for data formats"])
    assert not stream.getvalue()
