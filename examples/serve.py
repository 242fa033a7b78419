"""Asks an exported model as any TensorFlow program does: raw text in, tags and offsets out. The model needs no tfkd."""

import tensorflow as tf

import tfkd

corpus = tfkd.demo_corpora(seed=1, train=200)["gene"]
text = tfkd.WordFeatures.adapt(corpus)
tagger = tfkd.Tagger(text, corpus, encoder=tfkd.BiLSTM(units=16))
tagger.compile(tfkd.optimizers.Adam(1e-2))
tagger.fit(tfkd.batches(corpus.train, text, tagger.tags), epochs=6, verbose=0)
folder = tfkd.export(tagger, "savedmodels/gene")

model = tf.saved_model.load(folder)
answer = model.signatures["serving_default"](text=tf.constant(["BRCA1 binds RAD51.", "No gene here."]))
for row, count in enumerate(answer["num_tokens"].numpy()):
    tokens, tags = (answer[name][row, :count].numpy() for name in ("tokens", "tags"))
    print(" ".join(f"{token.decode()}/{tag.decode()}" for token, tag in zip(tokens, tags, strict=True)))
