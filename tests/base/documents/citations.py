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


def jats(pmcid: str | None = "PMC7", title: str = "Loss of <italic>BRCA1</italic>") -> str:
    """Return an article of PMC."""
    identifier = "" if pmcid is None else f'<article-id pub-id-type="pmcid">{pmcid}</article-id>'
    return f"""<article xmlns:mml="http://www.w3.org/1998/Math/MathML" article-type="research-article"><front>
<journal-meta><journal-title-group><journal-title>J</journal-title></journal-title-group></journal-meta>
<article-meta>{identifier}<article-categories><subj-group><subject>S</subject></subj-group></article-categories>
<title-group><article-title>{title}<xref ref-type="fn" rid="f">*</xref></article-title>
<trans-title-group><trans-title>Perte</trans-title></trans-title-group></title-group>
<contrib-group><contrib><name><surname>A</surname></name></contrib></contrib-group>
<abstract><sec><title>Aim</title><p>To study
 it.</p></sec></abstract><trans-abstract><p>Texte</p></trans-abstract></article-meta></front>
<body><sec><label>1</label><title>Methods</title><p>Cells<sup><xref ref-type="bibr" rid="r">1</xref>,
<xref ref-type="bibr" rid="r">2</xref></sup> grew<xref ref-type="bibr" rid="r"><sup>3</sup></xref>
[<xref ref-type="bibr" rid="r">4</xref>] at 10<sup>5</sup>
<inline-formula><alternatives><tex-math>\\alpha</tex-math><mml:math><mml:mi>α</mml:mi></mml:math></alternatives>
</inline-formula>.<fig><label>Figure 1</label><caption><title>Growth.</title><p>Of cells.</p></caption>
<graphic/></fig> They died.</p><sec><title>Mice</title><list><list-item><p>Old mice.</p></list-item><list-item><p>Young
mice.</p></list-item></list><table-wrap><label>Table 1</label><caption><p>Deaths.</p></caption><table><tr><th>Age</th>
<td>7</td></tr></table><table-wrap-foot><fn><p>In days.</p></fn></table-wrap-foot></table-wrap>
<disp-formula><tex-math>x^2</tex-math></disp-formula><disp-quote>Quoted.</disp-quote></sec></sec></body>
<back><ack><p>Thanks.</p></ack><app-group><app><title>Appendix</title><p>More.</p></app></app-group>
<ref-list><title>References</title><ref id="r"><mixed-citation>A. Title.</mixed-citation></ref><ref/></ref-list></back>
<floats-group><fig><caption><p>Floating.</p></caption></fig></floats-group>
<sub-article><front-stub/><body><p>Review.</p></body></sub-article></article>
"""
