"""The pipeline itself, for Kubeflow Pipelines: its steps as components, and what goes from one to the next.

A component's body is shipped as text and runs in the image of labelwheel, which carries kfp for that: so it imports
what it needs. Imported itself only where kfp is installed (the extra `pipelines`).
"""

# no annotations from __future__ here: kfp reads them as they are

from typing import NamedTuple

from labelwheel.training.errors import MissingExtra

try:
    from kfp import dsl, kubernetes
except ImportError as error:  # also where it is without what it depends on, as in the image
    raise MissingExtra(
        f"the pipeline needs kfp: pip install 'labelwheel[pipelines]', in its own environment ({error})"
    ) from error

IMAGE = "labelwheel:latest"
TOKEN_OF_SECRET = {"token": "LABELWHEEL_TOKEN"}

_component = dsl.component(base_image=IMAGE, install_kfp_package=False)


@_component
def export_labels(
    url: str, project: int, question: str, wait_minutes: float, patience_minutes: float, labels: dsl.Output[dsl.Dataset]
) -> None:
    """The labels as they are now, with their side of the split: what the round, which begins later, learns from too."""
    from pathlib import Path

    from labelwheel.backend.pipelines import service, steps

    found = service.Service(url, project, question, "", wait_minutes * 60, patience_minutes * 60)
    labels.metadata.update(steps.export_labels(found, Path(labels.path)))


@_component
def tune(
    url: str, project: int, question: str, run: str, job: str, wait_minutes: float, patience_minutes: float,
    minutes: float, hold_minutes: float,
) -> str:  # fmt: skip
    """A search for better settings, of so many minutes of jobs; 0: none. What came of it, in words."""
    from labelwheel.backend.pipelines import service, steps

    found = service.Service(url, project, question, run or job, wait_minutes * 60, patience_minutes * 60)
    return steps.tune(found, minutes, hold_minutes)


@_component
def train(
    url: str, project: int, question: str, run: str, job: str, wait_minutes: float, patience_minutes: float,
    hold_minutes: float, tuned: str, model: dsl.Output[dsl.Model],
) -> int:  # fmt: skip
    """The round of this run, up to the end of its job; its number. The checkpoint stays in labelwheel's store."""
    import json
    from pathlib import Path

    from labelwheel.backend.pipelines import service, steps

    found = service.Service(url, project, question, run or job, wait_minutes * 60, patience_minutes * 60)
    trained = steps.train(found, hold_minutes)
    model.metadata.update(trained)
    Path(model.path).write_text(json.dumps(trained), encoding="utf-8")
    return trained["round"]


@_component
def evaluate(
    url: str, project: int, question: str, wait_minutes: float, patience_minutes: float, number: int,
    metrics: dsl.Output[dsl.Metrics], report: dsl.Output[dsl.Markdown],
) -> None:  # fmt: skip
    """What the round measured on what is held out: scores with their intervals, classes, slices, the whole report."""
    from pathlib import Path

    from labelwheel.backend.pipelines import service, steps

    found = service.Service(url, project, question, "", wait_minutes * 60, patience_minutes * 60)
    measured = steps.evaluate(found, number)
    for name, value in measured.figures.items():
        metrics.log_metric(name, value)
    Path(report.path).write_text(measured.report, encoding="utf-8")


@_component
def gate(
    url: str, project: int, question: str, wait_minutes: float, patience_minutes: float, number: int, must_pass: bool
) -> NamedTuple("Decision", [("verdict", str), ("reason", str)]):  # type: ignore[valid-type]
    """What labelwheel's gate said of the challenger, `passed` or `rejected`, and why."""
    from labelwheel.backend.pipelines import service, steps

    found = service.Service(url, project, question, "", wait_minutes * 60, patience_minutes * 60)
    return steps.gate(found, number, must_pass)


@_component
def promote(
    url: str, project: int, question: str, wait_minutes: float, patience_minutes: float, number: int, verdict: str
) -> NamedTuple("Outcome", [("outcome", str), ("serves", str)]):  # type: ignore[valid-type]
    """Has a challenger that passed served; over once every process that serves does so.

    `outcome` is `promoted` or `rejected`, `serves` the name of the new generation.
    """
    from labelwheel.backend.pipelines import service, steps

    found = service.Service(url, project, question, "", wait_minutes * 60, patience_minutes * 60)
    return steps.promote(found, number, verdict)


@_component
def close(url: str, project: int, question: str, run: str, job: str, patience_minutes: float) -> str:
    """Ends what this run has ordered and left under way, because it failed or took too long."""
    from labelwheel.backend.pipelines import service, steps

    return steps.close(service.Service(url, project, question, run or job, patience=patience_minutes * 60))


def _set_up(task: dsl.PipelineTask, image: str, secret: str) -> dsl.PipelineTask:
    """What all steps have: nothing is cached, for each looks at what is now, and each may be tried once more."""
    kubernetes.use_secret_as_env(task, secret_name=secret, secret_key_to_env=TOKEN_OF_SECRET)
    task.set_container_image(image)
    task.set_caching_options(False)
    task.set_retry(num_retries=1, backoff_duration="10s")
    return task.set_cpu_request("100m").set_memory_request("256Mi")


@dsl.pipeline(name="labelwheel", description="A round of labelwheel: labels, settings, training, gate, promotion.")
def labelwheel(
    url: str,
    project: int,
    question: str,
    tune_minutes: float = 0.0,
    hold_minutes: float = 60.0,
    must_pass: bool = False,
    wait_minutes: float = 180.0,
    patience_minutes: float = 10.0,
    run: str = "",
    image: str = IMAGE,
    secret: str = "labelwheel",  # noqa: S107
) -> None:
    """A round of labelwheel as a pipeline. What came of it is the output `outcome` of its last step.

    Args:
        url: Where labelwheel answers, as the cluster reaches it.
        project: The project's number, as `labelwheel status` says it.
        question: The question's name.
        tune_minutes: So long a search for better settings may compute before; 0 for none.
        hold_minutes: So long a challenger that passed waits to be promoted, should the pipeline be stopped meanwhile.
        must_pass: Whether the run fails where the gate rejects.
        wait_minutes: How long a step waits for labelwheel to come to an end.
        patience_minutes: How long it waits for a labelwheel that does not answer.
        run: A name under which a run goes on with what an earlier one of that name ordered; else each is its own.
        image: The image of labelwheel, with the address of its registry.
        secret: The Kubernetes secret whose key `token` has labelwheel's token.
    """
    where = {"url": url, "project": project, "question": question, "patience_minutes": patience_minutes}
    patient = {**where, "wait_minutes": wait_minutes}
    ours = {"run": run, "job": dsl.PIPELINE_JOB_ID_PLACEHOLDER}
    closing = _set_up(close(**where, **ours), image, secret)
    with dsl.ExitHandler(closing, name="round"):
        labels = _set_up(export_labels(**patient), image, secret)
        search = tune(**patient, **ours, minutes=tune_minutes, hold_minutes=hold_minutes)
        tuned = _set_up(search, image, secret).after(labels)
        trained = _set_up(train(**patient, **ours, hold_minutes=hold_minutes, tuned=tuned.output), image, secret)
        number = trained.outputs["Output"]
        measured = _set_up(evaluate(**patient, number=number), image, secret)
        decided = _set_up(gate(**patient, number=number, must_pass=must_pass), image, secret).after(measured)
        # no dsl.If around it: kfp's local runner passes over one inside of an ExitHandler, whatever the condition says
        _set_up(promote(**patient, number=number, verdict=decided.outputs["verdict"]), image, secret)
