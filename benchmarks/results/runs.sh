# Functions of the scripts that print commands of runs. A script sets these global variables before it sources this file:
# `corpora`, the folder of the corpora; `out`, the folder of the runs; `table`, the table of finished runs; and, before
# each run, `seed` and, for a student, `task`.

mkdir -p "$out"
texts="[NCBI-disease-IOB, BC5CDR-disease-IOB, BC5CDR-chem-IOB, BC2GM-IOB, linnaeus-IOB, AnatEM-IOB]"
logits="'[{logits: {temperature: 2.0}}]'" posteriors="'[{posteriors: {temperature: 2.0}}]'"
shared="features: {teacher_layer: shared_encoder}" own="features: {teacher_layer: task_encoder}"

finished() { [ -f "$out/$1/scores.json" ] || { [[ $1 != *-teacher-* ]] && grep -q "^$1," "$table"; }; }
run() { # NAME NEEDED-RUN-OR-CACHE ARGUMENTS: a run, if what it needs is there
  local name=$1 needed=$2 one
  shift 2
  finished "$name" && return
  for one in $needed; do [ -f "$out/$one/scores.json" ] || [ -f "$out/$one/complete" ] || return 0; done
  echo "tfkd $* --set corpora_root=$corpora --set seed=$seed --out $out/$name > $out/$name.log 2>&1"
}
cache() { # NAME NEEDED-RUN ARGUMENTS
  [ -f "$out/$1/complete" ] || ! [ -f "$out/$2/scores.json" ] ||
    echo "tfkd cache-teacher $out/$2 ${*:3} --set corpora_root=$corpora --out $out/$1 > $out/$1.log 2>&1 && touch $out/$1/complete"
}
student() { echo "distill $task-student --cache $out/$1 --set distillation.losses=$2"; }
# 48 sentences without labels beside the 16 with labels, so that there are as many updates as without them.
transfer() { echo "--set 'transfer={corpora: $texts, share: 0.75, sentences: $1}' --set training.batch_size=64 --set text.min_count=2"; }
