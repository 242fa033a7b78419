"""Small files of PubMed, MEDLINE and PMC, written after their public descriptions; the texts are made up."""

from __future__ import annotations

PUBMED_HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January '
    '2019//EN" "https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_190101.dtd">\n<PubmedArticleSet>\n'
)
PUBMED_END = "</PubmedArticleSet>\n"
ARTICLE_TITLE = "Loss of <i>BRCA1</i> and IL-1<sup>+</sup> cells\n  &amp; β-globin."
ABSTRACT = (
    '<Abstract><AbstractText Label="BACKGROUND" NlmCategory="BACKGROUND">Cancer <b>spreads</b>.</AbstractText>'
    '<AbstractText Label="UNLABELLED">TP53 too.</AbstractText><CopyrightInformation>©</CopyrightInformation></Abstract>'
)
TEXT = "Loss of BRCA1 and IL-1+ cells & β-globin. BACKGROUND: Cancer spreads. TP53 too."


def pubmed_article(pmid: str | None, title: str = ARTICLE_TITLE, abstract: str = ABSTRACT, version: int = 1) -> str:
    """Return a PubmedArticle."""
    identifier = "" if pmid is None else f'<PMID Version="{version}">{pmid}</PMID>'
    return (
        f'<PubmedArticle><MedlineCitation Status="MEDLINE" Owner="NLM">{identifier}<DateRevised><Year>2020</Year>'
        f'</DateRevised><Article PubModel="Print"><Journal><Title>Journal</Title></Journal><ArticleTitle>{title}'
        f"</ArticleTitle>{abstract}<AuthorList><Author><LastName>A</LastName></Author></AuthorList></Article>"
        '<CommentsCorrectionsList><CommentsCorrections RefType="Cites"><PMID Version="1">1</PMID></CommentsCorrections>'
        '</CommentsCorrectionsList><OtherAbstract Language="fre"><AbstractText>Texte.</AbstractText></OtherAbstract>'
        '</MedlineCitation><PubmedData><ArticleIdList><ArticleId IdType="pubmed">9</ArticleId></ArticleIdList>'
        "</PubmedData></PubmedArticle>\n"
    )


BOOK = (
    '<PubmedBookArticle><BookDocument><PMID Version="1">30</PMID><Book><BookTitle book="x">A book</BookTitle></Book>'
    "<Abstract><AbstractText>About cancer.</AbstractText></Abstract></BookDocument></PubmedBookArticle>\n"
)


def pubmed(*records: str, end: str = "") -> bytes:
    """Return a file of PubMed."""
    return f"{PUBMED_HEAD}{''.join(records)}{end}{PUBMED_END}".encode()


def medline(pmid: str | None, title: str = "Loss of BRCA1\n      and cancer.") -> str:
    """Return a record of MEDLINE."""
    first = "OWN - NLM\n" if pmid is None else f"PMID- {pmid}\nOWN - NLM\n"
    return (
        f"{first}DCOM- 20200101\nTI  - {title}\nPG  - 1-7\nAB  - BACKGROUND: β-globin \n      spreads. It is so.\n"
        "OAB - Texte.\nFAU - A, B\nSO  - Journal. 2020.\n"
    )
