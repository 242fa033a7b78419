"""Everything that works without TensorFlow: corpora, documents, errors, and files that survive a kill."""
