"""Which jobs a study has, in which order, and with which configurations."""

from __future__ import annotations

import re

import pytest

from tests.studies.tiny import GRID, planned, refused, without_marks
from tfkd.config import dump_config
from tfkd.distillation import LOSSES
from tfkd.models import Softmax, Transformer
from tfkd.studies import read_plan
from tfkd.studies.job import hash_cache
from tfkd.studies.plan import Plan


def names_of_losses(job):
    return [LOSSES.name_of(type(loss)) for loss in job.config.distillation.losses]


def names(plan: Plan, *kinds: str) -> list[str]:
    return [name for name, job in plan.jobs.items() if not kinds or job.kind in kinds]


def plain(plan: Plan, name: str):
    return plan.jobs[name].config.model_dump(mode="json")


class TestJobs:
    def test_of_a_seed_the_students_alone_then_each_teacher_with_its_caches_and_students(self):
        plan = planned(GRID, "seeds=[7]")
        assert without_marks(plan.jobs) == [
            "a.small.alone.10.7",
            "b.small.alone.10.7",
            "teacher.soft.10.7",
            "cache.soft.a.10.7",
            "a.small.logits.soft.10.7",
            "a.small.both.soft.10.7",
            "cache.soft.b.10.7",
            "b.small.logits.soft.10.7",
            "b.small.both.soft.10.7",
            "teacher.deep.10.7",
            "cache.deep.a.10.7",
            "a.small.logits.deep.10.7",
            "a.small.both.deep.10.7",
            "cache.deep.b.10.7",
            "b.small.logits.deep.10.7",
            "b.small.both.deep.10.7",
        ]
        assert plan.methods == {
            "Everything": (
                "small alone",
                "small logits of soft",
                "small logits of deep",
                "small both of soft",
                "small both of deep",
                "soft teacher",
                "deep teacher",
            )
        }

    def test_a_seed_is_done_before_the_next_and_what_a_job_needs_stands_before_it(self):
        plan = planned(GRID)
        seeds = [job.config.seed for job in plan.jobs.values()]
        assert seeds == sorted(seeds)
        assert set(seeds) == {1, 2}
        order = list(plan.jobs)
        for name, job in plan.jobs.items():
            assert all(order.index(need) < order.index(name) for need in job.needs)
            assert all(plan.jobs[need].config.seed == job.config.seed for need in job.needs)

    def test_a_cache_is_shared_by_the_students_of_a_corpus_and_holds_what_all_of_them_need(self):
        plan = planned(GRID, "seeds=[1]", "parts=[{name: P, runs: [{teachers: [soft]}]}]")
        (cache,) = {plan.jobs[f"a.small.{way}.soft.10.1"].needs for way in ("logits", "both")}
        job = plan.jobs[cache[0]]
        assert (job.kind, job.needs, job.is_run) == ("cache", ("teacher.soft.10.1",), False)
        assert names_of_losses(job) == ["logits", "features"]
        assert list(job.config.tasks) == ["a"]
        assert len(names(plan, "cache")) == 2

    def test_students_of_other_sentences_have_a_cache_of_their_own(self):
        more = "distillation.more={distillation: {}, transfer: {texts: [more.txt]}}"
        again = "distillation.again={distillation: {losses: [{paths: {}}]}, transfer: {texts: [more.txt]}}"
        plan = planned(GRID, "seeds=[1]", more, again, "parts=[{name: P, corpora: [a], runs: [{teachers: [soft]}]}]")
        needs = {way: plan.jobs[f"a.small.{way}.soft.10.1"].needs for way in ("logits", "both", "more", "again")}
        assert needs["logits"] == needs["both"] != needs["more"] == needs["again"]
        assert len(names(plan, "cache")) == 2

    def test_a_layer_that_no_teacher_may_have_is_in_a_cache_of_its_own(self):
        """Else a mistake in it would stop the students that have nothing to do with it."""
        way = "distillation.wrong={distillation: {losses: [{logits: {}}, {features: {teacher_layer: shared_encodr}}]}}"
        plan = planned(GRID, "seeds=[1]", way, "parts=[{name: P, corpora: [a], runs: [{teachers: [soft]}]}]")
        needs = {way: plan.jobs[f"a.small.{way}.soft.10.1"].needs for way in ("logits", "both", "wrong")}
        assert needs["logits"] == needs["both"] != needs["wrong"]
        assert [LOSSES.name_of(type(loss)) for loss in plan.jobs[needs["both"][0]].config.distillation.losses] == [
            "logits",
            "features",
        ]

    def test_files_of_one_name_in_two_places_are_two_caches(self):
        ways = [f"distillation.w{n}={{distillation: {{}}, transfer: {{texts: [/{n}/x.txt]}}}}" for n in (1, 2)]
        plan = planned(GRID, "seeds=[1]", *ways, "parts=[{name: P, corpora: [a], runs: [{teachers: [soft]}]}]")
        one, other = (plan.jobs[plan.jobs[f"a.small.w{n}.soft.10.1"].needs[0]] for n in (1, 2))
        assert one.name != other.name
        assert [job.config.transfer.texts for job in (one, other)] == [("/1/x.txt",), ("/2/x.txt",)]

    def test_what_no_cache_keeps_is_taken_from_the_teacher_itself(self):
        way = "distillation.live={distillation: {losses: [{hidden_states: {}}]}}"
        plan = planned(GRID, "seeds=[1]", way, "parts=[{name: P, corpora: [a], runs: [{distillation: [live]}]}]")
        assert plan.jobs["a.small.live.deep.10.1"].needs == ("teacher.deep.10.1",)
        assert names(plan, "cache") == []

    def test_a_crfs_probabilities_of_a_changing_temperature_are_taken_from_the_teacher_itself(self):
        way = "distillation.ramp={distillation: {losses: [{posteriors: {temperature: {start: 4, end: 1}}}]}}"
        ways = "parts=[{name: P, corpora: [a], runs: [{distillation: [logits, ramp], teachers: [soft]}]}]"
        for head, needed in (("crf", "teacher.soft.10.1"), ("softmax", "cache.soft.a.10.1")):
            plan = planned(GRID, "seeds=[1]", way, ways, f"teachers.soft.head={head}")
            assert without_marks(plan.jobs["a.small.ramp.soft.10.1"].needs) == [needed]
            assert without_marks(plan.jobs["a.small.logits.soft.10.1"].needs) == ["cache.soft.a.10.1"]

    def test_a_cache_is_the_same_whatever_else_its_students_have(self):
        more = "distillation.more={distillation: {losses: [{paths: {}}]}, transfer: {texts: [more.txt]}}"
        again = (
            "distillation.again={distillation: {}, transfer: {texts: [more.txt], share: 0.9}, training: {epochs: 9}}"
        )
        other = "students.other={encoder: {units: 6}, head: softmax}"
        plan = planned(GRID, "seeds=[1]", more, again, other)
        for one, two in (("small.more", "small.again"), ("small.logits", "other.logits"), ("small.both", "other.both")):
            assert plan.jobs[f"a.{one}.soft.10.1"].needs == plan.jobs[f"a.{two}.soft.10.1"].needs
        turned = planned(
            GRID.replace("  small:", "  other: {encoder: {units: 6}, head: softmax}\n  small:"), more, again
        )
        caches = {name: job for name, job in plan.jobs.items() if job.kind == "cache"}
        assert caches.keys() <= turned.jobs.keys()
        for name, job in caches.items():
            assert hash_cache(plan, job) == hash_cache(turned, turned.jobs[name])
        longer = planned(GRID, "seeds=[1]", more, again, other, "teachers.soft.training.epochs=8")
        for name, job in caches.items():
            assert (hash_cache(plan, job) == hash_cache(longer, longer.jobs[name])) == (job.teacher != "soft")

    def test_parts_share_jobs_and_each_size_has_its_own(self):
        parts = "parts=[{name: P, sentences: [10, null]}, {name: Q, corpora: [b], runs: [{distillation: [alone]}]}, "
        parts += "{name: R, seeds: [2], sentences: [5], show_teachers: false, "
        parts += "runs: [{distillation: [logits], teachers: [soft]}, {distillation: [alone]}]}]"
        plan = planned(GRID, parts)
        whole = planned(GRID, "sentences=[10, null]")
        assert set(plan.jobs) == {
            *whole.jobs,
            "teacher.soft.5.2",
            *(name for name in plan.jobs if name.startswith("cache.soft.") and ".5.2." in name),
            *(f"{corpus}.small.{way}.5.2" for corpus in "ab" for way in ("alone", "logits.soft")),
        }
        assert plan.jobs["b.small.alone.all.1"].config.tasks["b"].train_sentences is None
        assert plan.jobs["teacher.soft.5.2"].config.tasks["a"].train_sentences == 5
        assert plan.methods["Q"] == ("small alone",)
        assert plan.methods["R"] == ("small logits of soft", "small alone")

    def test_a_section_without_distillation_is_alone_and_an_empty_one_has_its_defaults(self):
        ways = "distillation={alone: , also: {distillation: null}, default: {distillation: {}}}"
        plan = planned(GRID, "seeds=[1]", ways, "parts=[{name: P, corpora: [a], runs: [{teachers: [soft]}]}]")
        assert without_marks(plan.jobs) == [
            "a.small.alone.10.1",
            "a.small.also.10.1",
            "teacher.soft.10.1",
            "cache.soft.a.10.1",
            "a.small.default.soft.10.1",
        ]
        assert [
            LOSSES.name_of(type(loss)) for loss in plan.jobs["a.small.default.soft.10.1"].config.distillation.losses
        ] == ["logits"]
        for name in ("alone", "also"):
            assert plan.jobs[f"a.small.{name}.10.1"].config.distillation is None


class TestConfigs:
    def test_sections_are_laid_over_each_other(self):
        plan = planned(GRID, "distillation.both.training.batch_size=6", "students.small.training.learning_rate=0.5")
        training = plan.jobs["a.small.both.soft.10.1"].config.training
        assert (training.epochs, training.batch_size, training.learning_rate) == (3, 6, 0.5)
        soft, deep = (plan.jobs[f"teacher.{name}.10.2"].config for name in ("soft", "deep"))
        assert (soft.kind, soft.seed, soft.head, soft.training.epochs) == ("teacher", 2, Softmax(), 3)
        assert soft.encoder.units == 8
        assert deep.encoder == Transformer.model_validate({"transformer": "/encoders/bert"})
        assert (deep.training.epochs, deep.training.batch_size, deep.training.optimizer) == (2, 4, "adamw")
        assert list(soft.tasks) == ["a", "b"]
        assert list(plan.jobs["b.small.alone.10.1"].config.tasks) == ["b"]

    def test_a_corpus_keeps_its_own_settings(self):
        plan = planned(GRID, "corpora.a={path: A, devel_sentences: 7, sample_seed: 9}", "corpora_root=/data")
        for name in ("teacher.soft.10.1", "a.small.alone.10.1"):
            task = plan.jobs[name].config.tasks["a"]
            assert (task.path, task.devel_sentences, task.sample_seed, task.train_sentences) == ("/data/A", 7, 9, 10)

    def test_a_teacher_may_have_some_of_the_corpora(self):
        plan = planned(GRID, "teachers={soft: {tasks: [b]}}", "parts=[{name: P, corpora: [b]}]")
        assert list(plan.jobs["teacher.soft.10.1"].config.tasks) == ["b"]

    def test_text_without_labels_may_be_that_of_the_studys_corpora(self):
        way = "distillation.logits.transfer={corpora: [b, other]}"
        plan = planned(GRID.replace("/corpora/", ""), way, "corpora_root=/data")
        assert plan.jobs["a.small.logits.soft.10.1"].config.transfer.corpora == ("/data/b", "/data/other")

    @pytest.mark.parametrize("study", ["study", "demo-study", GRID])
    def test_a_student_and_its_baseline_are_equal_in_all_but_distillation(self, study):
        plan = read_plan(study) if study in ("study", "demo-study") else planned(study)
        compared = 0
        for name, job in plan.jobs.items():
            found = re.fullmatch(r"(\w[\w-]*)\.([\w-]+)\.([\w-]+)\.[\w-]+\.(\w+)\.(\d+)", name)
            if job.kind != "student" or not found or found[3] == "text":
                continue
            corpus, student, way, size, seed = found.groups()
            as_long = "".join(way.partition("-")[1:])  # of logits-80 it is alone-80
            taught, alone = plain(plan, name), plain(plan, f"{corpus}.{student}.alone{as_long}.{size}.{seed}")
            assert taught.pop("distillation")
            assert alone.pop("distillation") is None
            assert taught == alone
            compared += 1
        assert compared == sum(job.kind == "student" and job.teacher is not None for job in plan.jobs.values()) - sum(
            ".text." in name for name in plan.runs
        )
        assert compared > 0

    def test_the_baseline_of_text_without_labels_has_the_same_words_and_as_many_updates_of_as_many_sentences(self):
        from tfkd.runs.assembly import updates
        from tfkd.runs.distilling import student_updates

        plan = read_plan("study")
        taught = plan.jobs["BC2GM.softmax.text.transformer-softmax.1000.3"].config
        alone = plan.jobs["BC2GM.softmax.alone-long.1000.3"].config
        assert alone.distillation is None
        assert alone.training.epochs != taught.training.epochs
        one, other = (config.model_dump(exclude={"distillation"}) for config in (taught, alone))
        for each in (one, other):
            each["training"].pop("epochs")
        assert one == other
        assert student_updates(taught, 1000) == updates(alone, -(-1000 // alone.training.batch_size))

    def test_names_and_what_scores_are_made_of_are_the_same_everywhere(self):
        relative = GRID.replace("/corpora/", "sub/").replace("/encoders/", "")
        one, other = planned(relative, "corpora_root=/here"), planned(relative, "corpora_root=/else/where")
        elsewhere = planned(relative.replace("sub/", "/third/sub/").replace("bert", "/models/bert"))
        assert list(one.jobs) == list(other.jobs) == list(elsewhere.jobs)
        for name, job in one.jobs.items():
            assert job.identity() == other.jobs[name].identity() == elsewhere.jobs[name].identity()


class TestRefusals:
    def test_a_mistake_in_a_section_is_said_with_its_line(self):
        assert "x.yaml:13: encoder.unit: unknown key; did you mean 'units'?" in refused(
            GRID.replace("small: {encoder: {units: 4}", "small: {encoder: {unit: 4}")
        )
        assert "--set settings.training.epochs=many: training.epochs: expected an integer, got 'many'" in refused(
            GRID, "settings.training.epochs=many"
        )
        assert "--set parts=[{nam: P}]: parts.0.nam: unknown key; did you mean 'name'?" in refused(
            GRID, "parts=[{nam: P}]"
        )

    def test_the_configuration_of_a_run(self):
        assert "x.yaml: this is the configuration of a run; use it with `tfkd train`" in refused(
            "kind: tagger\ntasks: {a: {path: a}}"
        )

    def test_a_file_that_is_not_there(self):
        with pytest.raises(ValueError, match=r"demo-stud: there is no such file, .*did you mean 'demo-study'"):
            read_plan("demo-stud")


def test_the_study_fits_what_was_planned_for_it():
    plan = read_plan("study")
    assert len(plan.config.corpora) == 10
    assert len(plan.config.seeds) >= 3
    main = plan.config.parts[0]
    assert main.corpora is None
    assert set(main.leave_out.values()) == {("BC5CDR-chem",), ("BC5CDR-disease",)}
    assert {job.kind for job in plan.jobs.values()} == {"teacher", "cache", "student"}
    assert len(plan.runs) < 700
    # Written out again it is the same study.
    again = planned(dump_config(plan.config))
    assert list(again.jobs) == list(plan.jobs)
    assert all(job.identity() == again.jobs[name].identity() for name, job in plan.jobs.items())
