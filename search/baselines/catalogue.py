"""Lists the methods: one entry each. A new one is a module of this folder, and an entry here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sparse_mcu.search.baselines import bonsai, gbdt, knn, protonn, svm
from sparse_mcu.search.baselines.fitted import Fit, ProgressCallback, error_of, first_of_each_class, one_thread
from sparse_mcu.search.baselines.networks import evaluate_network, lenet_for
from sparse_mcu.search.baselines.result import Accuracy, Outcome, Size
from sparse_mcu.search.data.dataset import Dataset, Split
from sparse_mcu.search.evaluation.protocol import CostEvaluator
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.space.configuration import Pruning


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What every method gets.

    Attributes:
        dataset: The images to train and to validate on.
        test: The images to test on; None if there are none.
        recipe: How networks are trained.
        cost: What networks cost on the board.
        seed: The seed of all random choices.
    """

    dataset: Dataset
    test: Split | None
    recipe: Recipe
    cost: CostEvaluator
    seed: int


@dataclass(frozen=True, slots=True)
class Method:
    """A method that networks are compared with.

    Attributes:
        title: Its name for people.
        run: Does the job; the callback gets the share that is done.
        is_network: Whether recipe and cost matter to it.
    """

    title: str
    run: Callable[[Job, ProgressCallback], Outcome]
    is_network: bool = False


def _classical(title: str, fit: Fit, counted: str, most_images: int | None = None) -> Method:
    """Returns a method that is no network. It is trained on at most `most_images` images; None sets no limit."""

    def run(job: Job, on_progress: ProgressCallback) -> Outcome:
        data = job.dataset
        some = data.train if most_images is None else first_of_each_class(data.train, most_images, job.seed)
        with one_thread():
            fitted = fit(some, data.validation, classes=data.task.classes, seed=job.seed, on_progress=on_progress)

        def accuracy(part: Split) -> Accuracy:
            wrong = error_of(part.labels, fitted.predict(part.images))
            return Accuracy(value=1 - wrong, images=len(part.labels), fidelity="estimated")

        return Outcome(
            validation=accuracy(data.validation),
            test=None if job.test is None else accuracy(job.test),
            size=Size(bytes=fitted.size_bytes, fidelity="estimated"),
            ram=Size(bytes=fitted.ram_bytes, fidelity="estimated"),
            numbers=fitted.numbers,
            counted=counted,
            setting=fitted.setting,
            trained_on=fitted.trained_on,
            remark=f"trained on {len(some.labels)} of {len(data.train.labels)} images"
            if some is not data.train
            else "",
        )

    return Method(title, run)


def _lenet(title: str, pruning: Pruning | None = None) -> Method:
    """Returns LeNet as a method, pruned or not."""

    def run(job: Job, on_progress: ProgressCallback) -> Outcome:
        return evaluate_network(
            lenet_for(job.dataset.task).model_copy(update={"pruning": pruning}),
            job.dataset,
            job.test,
            recipe=job.recipe,
            cost=job.cost,
            seed=job.seed,
            on_progress=on_progress,
        )

    return Method(title, run, is_network=True)


METHODS: Mapping[str, Method] = {
    "knn": _classical("k nearest neighbours", knn.fit, knn.COUNTED, knn.MOST_IMAGES),
    "svm": _classical("SVM, Gaussian kernel", svm.fit, svm.COUNTED, svm.MOST_IMAGES),
    "gbdt": _classical("gradient-boosted trees", gbdt.fit, gbdt.COUNTED, gbdt.MOST_IMAGES),
    "bonsai-2k": _classical("Bonsai, 2 KiB", bonsai.fitter(2048), bonsai.COUNTED),
    "bonsai-16k": _classical("Bonsai, 16 KiB", bonsai.fitter(16384), bonsai.COUNTED),
    "protonn-2k": _classical("ProtoNN, 2 KiB", protonn.fitter(2048), protonn.COUNTED),
    "protonn-16k": _classical("ProtoNN, 16 KiB", protonn.fitter(16384), protonn.COUNTED),
    "lenet": _lenet("LeNet"),
    "lenet-pruned": _lenet("LeNet, pruned", Pruning(kind="bayesian", strength=1.0)),
}
