"""Few texts are seen more often than many, so that every model gets about as many steps."""

from labelwheel.training.kinds.span_schedule import FEW, schedule


def test_the_number_of_steps_is_similar_for_few_and_for_many():
    sizes = [24, 100, 300, 700, 1500, 6000, 20_000]
    epochs = [schedule(size).epochs for size in sizes]
    assert epochs == sorted(epochs, reverse=True)
    assert all(3 <= number <= 30 for number in epochs)
    assert schedule(150).epochs > schedule(151).epochs


def test_few_texts_are_never_stopped_early():
    assert all(schedule(size).patience == schedule(size).epochs for size in (24, 150, FEW))
    assert schedule(FEW + 1).patience < schedule(FEW + 1).epochs
