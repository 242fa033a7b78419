#!/usr/bin/env bash
# Prints the commands of the runs on docs/results/distillation.md, one per line. Run it again and again until it prints
# nothing: it prints only runs whose teachers and caches are finished, and skips runs that are finished or in runs.csv.
#
#     bash benchmarks/results/distillation.sh DIR runs | xargs -P 2 -I{} bash -c {}
set -euo pipefail
corpora=$1 out=$2 seeds=${3:-1 2 3} tasks=${4:-ncbi-disease bc5cdr-chem linnaeus}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
table="$here/../../docs/results/distillation/runs.csv"
. "$here/runs.sh"

for seed in $seeds; do
  for head in softmax crf; do
    run $head-teacher-$seed "" train six-corpora-teacher --set head=$head
  done
done
# The labelled sentences alone, with what the teachers say of them.
for seed in $seeds; do
  for task in $tasks; do
    kept="--outputs logits --outputs features@shared_encoder --outputs features@task_encoder --outputs paths@4"
    cache softmax-$task-$seed softmax-teacher-$seed --for $task-student "$kept"
    kept="--outputs logits --outputs posteriors@2 --outputs sequences@2 --outputs paths@4"
    cache crf-$task-$seed crf-teacher-$seed --for $task-student "$kept"

    run $task-alone-$seed "" train $task-student
    of=softmax-$task-$seed
    run $task-logits-$seed $of "$(student $of "$logits")"
    run $task-shared-$seed $of "$(student $of "'[{$shared}]'")"
    run $task-own-$seed $of "$(student $of "'[{$own}]'")"
    run $task-both-$seed $of "$(student $of "'[{$shared}, {$own}]'")"
    run $task-logits-both-$seed $of "$(student $of "'[{logits: {temperature: 2.0}}, {$shared}, {$own}]'")"
    of=crf-$task-$seed
    run $task-crf-emissions-$seed $of "$(student $of "$logits")"
    run $task-crf-posteriors-$seed $of "$(student $of "$posteriors")"
    run $task-crf-paths-$seed $of "$(student $of "'[{paths: {number: 4}}]'")"
  done
done
# With sentences without labels; and alone with the same words, for as many updates of as many sentences.
for seed in $seeds; do
  for task in $tasks; do
    cache softmax-$task-all-$seed softmax-teacher-$seed --for $task-student "$(transfer null)" --outputs logits
    cache crf-$task-all-$seed crf-teacher-$seed --for $task-student "$(transfer null)" --outputs posteriors@2
    of=softmax-$task-all-$seed
    counts=null
    [ $task != ncbi-disease ] || counts="null 8000 2000"
    for count in $counts; do
      run $task-transfer-${count/null/all}-$seed $of "$(student $of "$logits")" "$(transfer $count)"
    done
    of=crf-$task-all-$seed
    run $task-crf-transfer-all-$seed $of "$(student $of "$posteriors")" "$(transfer null)"
    run $task-alone-long-$seed "" train $task-student "$(transfer null)" --set training.epochs=80
  done
done
# Students of the three softmax teachers together; a seed is then the student's alone.
for seed in $seeds; do
  for task in $tasks; do
    several="softmax-$task-1 softmax-$task-2 softmax-$task-3"
    run $task-three-logits-$seed "$several" distill $task-student $(printf -- "--cache $out/%s " $several) \
      --set distillation.losses="$logits"
    [ $task = ncbi-disease ] || continue
    several="softmax-$task-all-1 softmax-$task-all-2 softmax-$task-all-3"
    run $task-three-transfer-all-$seed "$several" distill $task-student $(printf -- "--cache $out/%s " $several) \
      --set distillation.losses="$logits" "$(transfer null)"
  done
done
# The other losses, and CRF students, on one corpus.
task=ncbi-disease
for seed in $seeds; do
  case " $tasks " in *" $task "*) ;; *) continue ;; esac
  of=softmax-$task-$seed
  run $task-logits-shared-$seed $of "$(student $of "'[{logits: {temperature: 2.0}}, {$shared}]'")"
  run $task-paths-$seed $of "$(student $of "'[{paths: {number: 4}}]'")"
  run $task-regression-$seed $of "$(student $of "'[{logits_regression: {weight: 0.5}}]'")"
  run $task-decoupled-$seed $of "$(student $of "'[{decoupled: {temperature: 2.0}}]'")"
  run $task-correlation-$seed $of "$(student $of "'[{correlation: {temperature: 1.0}}]'")"
  run $task-cosine-$seed $of "$(student $of "'[{cosine_features: {teacher_layer: shared_encoder}}]'")"
  run $task-patient-$seed $of "$(student $of "'[{patient_features: {teacher_layer: shared_encoder}}]'")"
  run $task-annealing-$seed $of "$(student $of "'[{logits: {temperature: 2.0, weight: {start: 1.5, end: 0}}}]'")" \
    --set "'distillation.student_loss_weight={start: 0, end: 1}'"
  run $task-hotter-$seed $of "$(student $of "'[{logits: {temperature: 4.0}}]'")"
  run $task-cooler-$seed $of "$(student $of "'[{logits: {temperature: 1.0}}]'")"
  run $task-chain-alone-$seed "" train $task-student --set head=crf
  run $task-chain-sequences-$seed $of "$(student $of "'[{sequences: {temperature: 2.0}}]'")" --set head=crf
  of=crf-$task-$seed
  run $task-chain-crf-sequences-$seed $of "$(student $of "'[{sequences: {temperature: 2.0}}]'")" --set head=crf
  run $task-chain-crf-posteriors-$seed $of "$(student $of "$posteriors")" --set head=crf
  run $task-chain-crf-emissions-$seed $of "$(student $of "$logits")" --set head=crf
done
