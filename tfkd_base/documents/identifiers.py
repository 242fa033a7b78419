"""Identifiers of concepts among the infons of an entity."""

from __future__ import annotations

from collections.abc import Mapping

_PLAIN = ("identifier", "id", "concept_id", "conceptid", "normalized_id", "database_id", "accession", "cui")
_DATABASES = (
    *("mesh", "ncbi gene", "ncbigene", "entrez gene", "entrez", "gene_id", "omim", "ncbi taxonomy", "taxonomy"),
    *("ncbitaxon", "chebi", "umls", "drugbank", "dbsnp", "rsid", "cellosaurus", "cvcl", "uniprot", "hpo", "doid"),
    *("mondo", "go", "snomed", "hgnc", "ncit", "ncbi homologene"),
)


def find_identifier(infons: Mapping[str, object]) -> str | None:
    """Return the identifier among the infons of an entity, with its database, or None.

    Args:
        infons: Infons by key, such as `identifier`, `MESH` or `NCBI Gene`; upper and lower case are the same.

    Example:
        >>> find_identifier({"MESH": "D009369"}), find_identifier({"NCBI Gene": 672}), find_identifier({"note": "x"})
        ('MESH:D009369', 'NCBI Gene:672', None)
    """
    keys = {key.lower(): key for key in infons}
    for name in (*_PLAIN, *_DATABASES):
        value = infons.get(keys[name]) if name in keys else None
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value:
            return value if name in _PLAIN or ":" in value else f"{keys[name]}:{value}"
    return None
