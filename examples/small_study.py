"""Runs a small study from Python, a student alone and distilled, and writes the report.

A real study has several corpora and seeds.
"""

from pathlib import Path

import tfkd

STUDY = """
title: Does the teacher help?
corpora:
  gene: {path: "demo:gene"}
sentences: [40]
seeds: [1]
settings: {encoder: {units: 8}, training: {epochs: 2, batch_size: 16}}
teachers: {softmax: {head: softmax}}
students: {small: {head: softmax}}
distillation:
  alone: {}
  logits: {distillation: {losses: [{logits: {temperature: 2.0}}]}}
parts: [{name: Everything, baseline: small alone}]
"""

if __name__ == "__main__":  # the study starts processes
    Path("study.yaml").write_text(STUDY, encoding="utf-8")
    plan = tfkd.studies.read_plan("study.yaml")
    result = tfkd.studies.run_study(plan, "study", workers=2)
    print(f"{result.finished} of {result.runs} runs are finished")
    print(tfkd.studies.report_study("study").html)
