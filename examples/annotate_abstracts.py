"""Finds the entities in abstracts with an exported model, and writes them as PubTator and as HTML."""

from pathlib import Path

import tfkd

corpus = tfkd.demo_corpora(seed=1, train=200)["disease"]
text = tfkd.WordFeatures.adapt(corpus)
tagger = tfkd.Tagger(text, corpus, encoder=tfkd.BiLSTM(units=16))
tagger.compile(tfkd.optimizers.Adam(1e-2))
tagger.fit(tfkd.batches(corpus.train, text, tagger.tags), epochs=6, verbose=0)
model = tfkd.export(tagger, "savedmodels/disease")

abstracts = {
    "7": "Aspirin causes asthma. Patients with severe hepatitis improved.",
    "8": "Loss of BRCA1 causes hereditary breast cancer.",
}
annotator = tfkd.Annotator(model)
for name, annotation in zip(abstracts, annotator.annotate(abstracts.values()), strict=True):
    for entity in annotation.entities:
        print(name, entity.start, entity.end, entity.type, annotation.text[entity.start : entity.end])

documents = [tfkd.Document(name, abstract) for name, abstract in abstracts.items()]
for ending in ("pubtator", "html"):
    with tfkd.documents.document_writer(Path(f"abstracts.{ending}")) as writer:
        for document in tfkd.annotate.annotate_documents(annotator, documents):
            writer.write(document)
