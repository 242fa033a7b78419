"""Annotated documents as training data, on the published corpora and on small ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from tfkd.text import documents_to_sentences, read_corpus, segment, tokenized
from tfkd_base.corpora import CorpusError, Span, spans
from tfkd_base.documents import Document, Entity, Passage, TaggingReport


def test_tokens_are_those_of_the_exported_model() -> None:
    texts = ["TNF-α falls. It 𝛼 rises.\r\n\r\nEnd", "", " ", "e\u0301toile\u00a0x"]
    passages = (Passage(0, 12), Passage(13, len(texts[0])))
    given = [Document("0", texts[0], passages=passages), *(Document("1", text) for text in texts[1:])]
    found = list(tokenized(given))
    assert [document.text for document in found] == texts
    for document in found[1:]:
        segments = segment(tf.constant([document.text]))
        pairs = zip(segments.starts.numpy().tolist(), segments.ends.numpy().tolist(), strict=True)
        assert [token for sentence in document.sentences for token in sentence] == list(pairs)
    words = [[texts[0][start:end] for start, end in sentence] for sentence in found[0].sentences]
    assert words == [["TNF", "-", "α", "falls", "."], ["It", "𝛼", "rises", "."], ["End"]]
    assert list(tokenized(found)) == found
    assert list(tokenized([])) == []


def test_documents_are_cut_passage_by_passage() -> None:
    document = Document(
        "1", "No title and text", (Entity(3, 8, "X"), Entity(3, 12, "Y")), (Passage(0, 8), Passage(9, 17))
    )
    report = TaggingReport()
    found = list(documents_to_sentences([document], "iobes", report))
    assert [sentence.tags for sentence in found] == [("O", "S-X"), ("O", "O")]
    assert (report.between_passages, report.kept, report.entities) == (1, 1, 2)


@pytest.mark.slow
def test_the_published_corpora(real_corpora: Path) -> None:
    corpus = read_corpus(real_corpora / "NCBI-disease-pubtator")
    reports = corpus.report.splits
    assert {split: one.documents for split, one in reports.items()} == {"train": 593, "devel": 100, "test": 100}
    assert {split: sum(one.entities.values()) for split, one in reports.items()} == {
        "train": 5145,
        "devel": 787,
        "test": 960,
    }
    assert reports["devel"].changes == reports["test"].changes == {}
    assert sum(reports["train"].changes.values()) == 13
    brat = read_corpus(real_corpora / "JNLPBA-brat").report.splits["train"]
    assert (brat.documents, sum(brat.entities.values())) == (40, 1081)
    assert brat.changes == {"entities widened to the tokens that they cut": 1}


def test_a_corpus_of_documents(tmp_path: Path) -> None:
    (tmp_path / "train.pubtator").write_text("7|t|Gene GH1 binds.\n7\t5\t7\tGH\tGene\n")
    (tmp_path / "dev.jsonl").write_text('{"text": "No entity."}\n')
    (tmp_path / "test.txt").write_text("only words")
    corpus = read_corpus(tmp_path, name="tiny", scheme="iobes")
    assert [sentence.tags for sentence in corpus.train] == [("O", "S-Gene", "O", "O")]
    assert list(corpus.splits) == ["train", "devel"]
    changes = {"entities widened to the tokens that they cut": 1}
    assert corpus.report.splits["train"].changes == changes
    # What was changed goes on with the corpus.
    converted = corpus.convert("iob2")
    assert converted.report.splits["train"].changes == changes
    assert [spans(sentence.tags, "iob2") for sentence in converted.train] == [[Span(1, 2, "Gene")]]
    assert corpus.report.warnings == (
        "test.txt: skipped, since it is not a file of annotated documents",
        "train: entities widened to the tokens that they cut: 1",
    )
    with pytest.raises(CorpusError, match="widened to the tokens that they cut: 1; read without --strict"):
        read_corpus(tmp_path, strict=True)


def test_a_broken_document_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "train.pubtator"
    path.write_text("7|t|Gene\n\n8|t|Gene\n8\t0\t9\tGene\tX\n")
    with pytest.raises(CorpusError, match=r"train\.pubtator:4: expected 'Gene' at offsets 0 to 9.*mend the document"):
        read_corpus(path)
    path.write_text("7|t| \n")
    with pytest.raises(CorpusError, match="there is no token in these documents"):
        read_corpus(path)
