#!/usr/bin/env bash
# Prints the commands of the runs on docs/results/transformers.md, one per line. Run it again and again until it prints
# nothing: it prints only runs whose teachers and caches are finished, and skips runs that are finished or in runs.csv.
#
#     bash benchmarks/results/transformers.sh DIR ENCODER runs | xargs -P 2 -I{} bash -c {}
set -euo pipefail
corpora=$1 encoder=$2 out=$3 seeds=${4:-1 2 3}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
table="$here/../../docs/results/transformers/runs.csv"
. "$here/runs.sh"

for seed in $seeds; do
  run transformer-teacher-$seed "" train six-corpora-transformer --set encoder.transformer=$encoder
done
# The teacher of those who learn from all labelled sentences of NCBI-disease; it has all of BC5CDR-disease too.
whole="--set tasks.NCBI-disease.train_sentences=null"
seed=1
run whole-teacher-1 "" train six-corpora-transformer --set encoder.transformer=$encoder $whole \
  --set tasks.BC5CDR-disease.train_sentences=null --set training.epochs=4 --set training.dtype=mixed_bfloat16
# What the teacher says of the labelled sentences and of those without labels, then the students.
for seed in $seeds; do
  for task in ncbi-disease bc5cdr-chem linnaeus; do
    labelled=transformer-$task-$seed
    cache $labelled transformer-teacher-$seed --for $task-student --outputs logits --outputs features@shared_encoder
    run $task-transformer-logits-$seed $labelled "$(student $labelled "$logits")"
    with_text=transformer-$task-8000-$seed
    cache $with_text transformer-teacher-$seed --for $task-student "$(transfer 8000)" --outputs logits
    run $task-transformer-transfer-8000-$seed $with_text "$(student $with_text "$logits")" "$(transfer 8000)"
  done
done
# Students of all labelled sentences of one corpus; one teacher for the three.
task=ncbi-disease
chain="$whole --set head=crf --set encoder.units=200 --set training.epochs=10"
mixed="--set 'transfer={corpora: $texts, share: 0.5, sentences: null}'"
cache whole-all whole-teacher-1 --for $task-student $whole "$mixed" --outputs logits
for seed in $seeds; do
  run $task-whole-alone-$seed "" train $task-student $chain --set training.batch_size=32 --set text.min_count=2 "$mixed"
  run $task-whole-transfer-$seed whole-all "$(student whole-all "'[{sequences: {temperature: 1.0}}]'")" \
    $chain --set training.batch_size=64 --set text.min_count=2 "$mixed"
done
# On one corpus features of the teacher, and all sentences without labels.
for seed in $seeds; do
  labelled=transformer-$task-$seed
  run $task-transformer-shared-$seed $labelled "$(student $labelled "'[{$shared}]'")"
  run $task-transformer-logits-shared-$seed $labelled "$(student $labelled "'[{logits: {temperature: 2.0}}, {$shared}]'")"
  with_text=transformer-$task-all-$seed
  cache $with_text transformer-teacher-$seed --for $task-student "$(transfer null)" --outputs logits
  run $task-transformer-transfer-all-$seed $with_text "$(student $with_text "$logits")" "$(transfer null)"
done
