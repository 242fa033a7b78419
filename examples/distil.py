"""Trains a teacher on three corpora, and distils it into a student for diseases."""

import tfkd

tasks = tfkd.demo_corpora(seed=1, train=200)
text = tfkd.WordFeatures.adapt(tasks.values())

teacher = tfkd.MultiTaskTagger(text, tasks, encoder=tfkd.BiLSTM(units=32))
teacher.compile(tfkd.optimizers.Adam(3e-3))
teacher.fit(
    tfkd.multitask_batches(tasks, text, batch_size=16),
    epochs=4,
    verbose=0,
    callbacks=[tfkd.EntityF1(tasks)],
)

diseases = tasks["disease"]
student = tfkd.Tagger(text, diseases, encoder=tfkd.BiLSTM(units=16), head="softmax")
distiller = tfkd.Distiller(
    teacher=teacher.for_task("disease"),
    student=student,
    distillation_losses=[tfkd.LogitsDistillation(temperature=2.0)],
)
distiller.compile(tfkd.optimizers.Adam(4e-3))
distiller.fit(
    distiller.batches(diseases.train, batch_size=16),
    epochs=4,
    verbose=0,
    callbacks=[tfkd.EntityF1(diseases)],
)

print(f"test F1 {100 * tfkd.evaluate(student, diseases).micro.f1:.1f}")
student.save("disease.keras")
