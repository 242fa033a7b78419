"""A user's script, which mypy checks against the types of the installed package; it is not run."""

from typing import assert_type

import tfkd

disease = tfkd.read_corpus("corpora/disease")
chemical = tfkd.read_corpus("corpora/chemical")
assert_type(disease, tfkd.Corpus)
tasks = {"disease": disease, "chemical": chemical}

text = tfkd.WordFeatures.adapt(tasks.values())
assert_type(text, tfkd.WordFeatures)

teacher = tfkd.MultiTaskTagger(text, tasks, encoder=tfkd.BiLSTM(units=64), head="softmax")
assert_type(teacher.for_task("disease"), tfkd.Tagger)

student = tfkd.Tagger(text, disease, encoder=tfkd.BiLSTM(units=50), head="softmax")
assert_type(student.tag([["Loss", "of", "BRCA1"]]), list[list[str]])

distiller = tfkd.Distiller(teacher.for_task("disease"), student, [tfkd.LogitsDistillation(temperature=2.0)])
assert_type(distiller, tfkd.Distiller)

scores = tfkd.evaluate(student, disease)
assert_type(scores, tfkd.evaluation.Scores)
assert_type(scores.micro.f1, float)

for annotation in tfkd.Annotator("savedmodels/disease").annotate(["Mutations cause cancer."]):
    for entity in annotation.entities:
        assert_type(entity, tfkd.Entity)
        assert_type(entity.start, int)


class Printed(tfkd.Progress):
    """Prints the messages of a run."""

    def message(self, text: str) -> None:
        """Print a line."""
        print(text)


config = tfkd.load_config("demo-student", ["training.epochs=2"])
assert_type(config, tfkd.config.Config)
result = tfkd.train(config, "runs/alone", progress=Printed())
assert_type(result, tfkd.runs.RunResult)
assert_type(result.scores["disease"]["test"].micro.f1, float)
assert_type(tfkd.distill(config, "runs/teacher", "runs/student"), tfkd.runs.RunResult)
assert_type(tfkd.cache_teacher("runs/teacher", [], "caches/disease", student=config).tokens, int)
