"""A challenger passes when it is better beyond chance, never when a class collapses; few pairs decide nothing."""

import numpy as np
import pytest

from labelwheel.training.evaluation.comparison import compare
from labelwheel.training.evaluation.looks import EARLY_LEVEL, LEVEL, UNSPENT, allowed
from labelwheel.training.spec import Pair, Unit


def units(gold, predicted):
    if gold == predicted:
        return {gold: Unit(true_positives=1)}
    return {gold: Unit(false_negatives=1), predicted: Unit(false_positives=1)}


def pair(number, gold, champion, challenger, group=None):
    return Pair(
        key=str(number),
        group=group or str(number),
        held_out=True,
        champion_loss=None if champion is None else float(champion != gold),
        challenger_loss=float(challenger != gold),
        champion={} if champion is None else units(gold, champion),
        challenger=units(gold, challenger),
    )


def pairs(*counts):
    """Pairs from (how many, gold, champion's answer, challenger's answer)."""
    rows = [row for count, *row in counts for _ in range(count)]
    return [pair(number, *row) for number, row in enumerate(rows)]


def test_clearly_better():
    found = compare(pairs((60, "a", "a", "a"), (20, "a", "b", "a"), (20, "b", "b", "b")))
    assert found.verdict == "better"
    assert found.passes
    assert found.difference == pytest.approx(0.2)
    assert found.low > 0
    assert found.p_value == pytest.approx(0.5**20)
    assert "less than 0.1 %" in found.reason
    assert "+0.200" in found.reason


def test_on_a_tie_what_is_served_keeps_its_place():
    found = compare(pairs((50, "a", "a", "a"), (10, "b", "a", "a")))
    assert (found.verdict, found.difference, found.p_value) == ("no_better", 0.0, 1.0)
    assert "keeps its place" in found.reason
    assert not compare(pairs((154, "a", "a", "a"), (1, "a", "b", "a"), (1, "a", "a", "b"))).passes


def test_clearly_worse():
    found = compare(pairs((60, "a", "a", "a"), (15, "a", "a", "b"), (25, "b", "b", "b")), floor=1.0)
    assert found.verdict == "worse"
    assert not found.passes
    assert found.high < 0


def test_what_does_worse_passes_only_within_a_margin():
    rows = pairs((56, "a", "a", "a"), (1, "a", "b", "a"), (3, "a", "a", "b"))
    found = compare(rows)
    assert found.verdict == "worse"
    assert "it does worse" in found.reason
    assert not compare(rows, margin=0.02).passes
    assert compare(rows, margin=0.3).verdict == "not_worse"


@pytest.mark.parametrize(
    ("won", "look", "passes"), [(4, 1, False), (5, 1, True), (5, 2, False), (7, 2, True), (9, 8, False)]
)
def test_each_look_at_the_same_champion_asks_for_more(won, look, passes):
    found = compare(pairs((60, "a", "a", "a"), (won, "a", "b", "a"), (5, "a", "b", "b")), look=look)
    assert found.passes is passes, found.reason
    assert (found.look, found.allowed) == (look, allowed(LEVEL, look))
    if not passes:
        assert "keeps its place until that is sure" in found.reason
        assert f"at look {look}" in found.reason


@pytest.mark.parametrize(
    ("won", "lost", "passes"), [(2, 0, False), (3, 0, True), (5, 1, True), (6, 3, False), (0, 0, False)]
)
def test_on_few_examples_of_labels_that_have_grown_more_is_allowed(won, lost, passes):
    rows = pairs((30, "a", "a", "a"), (won, "a", "b", "a"), (lost, "a", "a", "b"))
    found = compare(rows, look=4, grown=True)
    assert found.passes is passes, found.reason
    assert (found.look, found.allowed) == (UNSPENT, EARLY_LEVEL)
    assert not compare(rows, look=4).passes


@pytest.mark.parametrize(("won", "lost"), [(1, 0), (3, 0), (2, 1), (3, 3)])
@pytest.mark.parametrize(("errors", "look", "spent"), [(4, 1, False), (5, 1, True), (6, 2, False), (7, 2, True)])
def test_no_look_is_spent_where_a_challenger_without_an_error_could_not_pass(won, lost, errors, look, spent):
    rows = pairs((60, "a", "a", "a"), (lost, "a", "a", "b"), (won, "a", "b", "a"), (errors - won, "a", "b", "b"))
    found = compare(rows, look=look)
    assert not found.passes
    assert found.look == (look if spent and won > lost else UNSPENT)
    assert found.allowed == allowed(LEVEL, look)


@pytest.mark.parametrize(("won", "lost", "spent"), [(0, 0, False), (4, 5, False), (5, 5, False), (5, 4, True)])
def test_no_look_is_spent_on_what_does_no_better(won: int, lost: int, spent: bool):
    rows = pairs((60, "a", "a", "a"), (lost, "a", "a", "b"), (won, "a", "b", "a"), (9, "a", "b", "b"))
    found = compare(rows, look=3)
    assert not found.passes
    assert (found.look, found.allowed) == (3 if spent else UNSPENT, allowed(LEVEL, 3))


def test_what_may_be_a_little_worse_is_not_held_to_what_answers_out_of_fold():
    held = pairs((28, "a", "a", "a"), (2, "a", "b", "a"))
    folded = [
        pair.model_copy(update={"held_out": False, "key": f"f{n}", "group": f"f{n}"})
        for n, pair in enumerate(pairs((200, "a", "a", "a"), (10, "a", "a", "b")))
    ]
    assert not compare(held + folded).passes
    found = compare(held + folded, margin=0.05)
    assert (found.verdict, found.examples) == ("better", 50)
    assert "30 held out, 20 by cross-validation" in found.reason


def test_with_a_margin_every_example_can_show_that_nothing_is_worse():
    rows = pairs((60, "a", "a", "a"), (1, "a", "b", "a"))
    assert compare(rows, margin=0.01).look == 1
    assert compare(rows).look == UNSPENT


def test_what_has_learnt_nothing_is_not_looked_at_on_few_examples_beside_heads_that_follow_labels():
    rows = pairs((29, "a", "a", "a"), (20, "a", "b", "a"))
    assert compare(rows, grown=True).passes
    found = compare(rows, grown=True, unlearnt=True)
    assert (found.verdict, found.look, found.allowed) == ("no_better", UNSPENT, 0.0)
    assert "its encoder has learnt nothing, and on fewer than 50 independent examples" in found.reason
    assert compare(pairs((29, "a", "a", "a"), (20, "a", "a", "b")), unlearnt=True).verdict == "worse"
    within = compare(rows, grown=True, unlearnt=True, margin=0.01)
    assert (within.passes, within.look) == (True, 1)
    assert compare(rows[-9:], grown=True, unlearnt=True).passes, "of so few any that does better is the better bet"


@pytest.mark.parametrize(("lost", "passes"), [(0, True), (3, False)])
def test_on_many_examples_what_has_learnt_nothing_spends_nothing_and_has_to_be_very_sure(lost: int, passes: bool):
    rows = pairs((30, "a", "a", "a"), (15, "a", "b", "a"), (lost, "a", "a", "b"), (10, "a", "b", "b"))
    assert compare(rows).passes
    found = compare(rows, grown=True, unlearnt=True, look=4)
    assert (found.passes, found.look, found.allowed) == (passes, UNSPENT, 0.001)
    assert "0.1 % are allowed where no encoder has learnt" in found.reason
    asked_often = compare(rows, unlearnt=True, look=4)
    assert (asked_often.look, asked_often.allowed) == (4, allowed(LEVEL, 4))
    assert compare(rows, grown=True, unlearnt=True, margin=0.01).look == 1


def test_of_fifty_examples_a_look_is_not_early_any_more():
    rows = pairs((41, "a", "a", "a"), (6, "a", "b", "b"), (3, "a", "b", "a"))
    assert compare(rows[1:], grown=True).passes
    found = compare(rows, grown=True)
    assert (found.look, found.passes) == (1, False)


def test_a_slight_loss_on_many_examples_is_within_the_margin():
    rows = pairs((1990, "a", "a", "a"), (4, "a", "b", "a"), (6, "a", "a", "b"))
    assert compare(rows, floor=1.0).verdict == "worse"
    assert compare(rows, floor=1.0, margin=0.02).verdict == "not_worse"


def test_a_collapsing_class_does_not_hide_in_a_better_mean():
    found = compare(pairs((300, "a", "a", "a"), (60, "a", "c", "a"), (8, "b", "b", "a"), (100, "c", "c", "c")))
    assert found.difference > 0
    assert found.verdict == "worse"
    assert "'b' falls from F1 1.00 to 0.00 on 8 gold labels" in found.reason
    assert [change.label for change in found.classes if change.collapsed] == ["b"]


def test_a_class_with_few_gold_units_cannot_forbid_a_promotion():
    assert compare(pairs((300, "a", "a", "a"), (60, "a", "c", "a"), (4, "b", "b", "a"), (100, "c", "c", "c"))).passes


def test_of_few_pairs_what_is_served_keeps_its_place_on_a_tie_and_what_does_better_wins():
    assert compare(pairs((7, "a", "a", "a"))).verdict == "too_few"
    assert compare(pairs((5, "a", "a", "a"), (2, "a", "a", "b"))).verdict == "worse"
    found = compare(pairs((5, "a", "a", "a"), (2, "a", "b", "a")))
    assert (found.verdict, found.passes) == ("not_worse", True)
    assert "only 7 of them are independent: that says nothing of texts unlike them" in found.reason
    assert compare(pairs((2, "a", "a", "a"), (5, "a", "a", "b"))).verdict == "worse"


def test_copies_of_one_text_are_one_piece_of_evidence():
    copies = [pair(number, "a", "b", "a", group="same") for number in range(50)]
    found = compare(copies)
    assert (found.verdict, found.groups, found.low, found.high) == ("not_worse", 1, -1.0, 1.0)
    assert "only 1 of them is independent:" in found.reason
    assert compare([pair(number, "a", "b", "a") for number in range(50)]).verdict == "better"


def test_without_a_champion_it_has_to_beat_guessing():
    assert compare(pairs((8, "a", None, "a"), (12, "b", None, "b"))).verdict == "better"
    found = compare(pairs((8, "a", None, "b"), (12, "b", None, "a")))
    assert found.verdict == "worse"
    assert "guessing" in found.reason
    assert found.champion_score is None
    assert compare([]).verdict == "too_few"


@pytest.mark.parametrize(("constant", "verdict"), [(0.5, "worse"), (0.6, "better"), (0.7, "better")])
def test_without_a_champion_it_has_to_do_as_well_as_the_same_answer_to_all(constant, verdict):
    found = compare(
        [
            pair(number, "1", None, "5").model_copy(update={"challenger_loss": 0.6, "constant_loss": constant})
            for number in range(12)
        ]
    )
    assert found.verdict == verdict
    assert f"than the same answer to all would have ({1 - constant:.3f})" in found.reason


def test_what_the_champion_has_learnt_from_is_left_out():
    found = compare(pairs((50, "a", "a", "a"), (10, "a", "b", "a"), (500, "a", None, "b")))
    assert found.examples == 60
    assert found.passes


def test_the_same_seed_gives_the_same_comparison():
    sample = pairs((60, "a", "a", "a"), (9, "a", "b", "a"), (8, "a", "a", "b"))
    assert compare(sample, seed=3) == compare(sample, seed=3)
    assert any(compare(sample, seed=3).low != compare(sample, seed=other).low for other in (4, 5, 6))


def simulated(generator, classes, per_class, collapsing=None):
    rows = []
    for gold in range(classes):
        for number in range(per_class):
            champion = generator.random() < 0.85
            anew = generator.random() < 0.15
            challenger = (generator.random() < 0.85) if anew else champion
            challenger = challenger and gold != collapsing
            answers = (str(gold if good else (gold + 1) % classes) for good in (champion, challenger))
            rows.append(pair(f"{gold}-{number}", str(gold), *answers))
    return rows


def test_among_many_classes_collapses_are_found_and_chance_is_not_mistaken_for_one():
    generator = np.random.default_rng(0)
    honest = [compare(simulated(generator, 77, 5)) for _ in range(20)]
    assert sum(any(change.collapsed for change in found.classes) for found in honest) <= 3
    broken = [compare(simulated(generator, 77, 5, collapsing=7)) for _ in range(20)]
    assert sum(any(change.collapsed and change.label == "7" for change in found.classes) for found in broken) >= 16


def test_of_few_it_is_not_the_skew_that_wins():
    assert compare(pairs((10, "a", "a", "a"), (4, "b", "b", "b"), (6, "a", "b", "a"))).passes
    skewed = pairs((2, "a", "a", "a"), (9, "a", "b", "a"), (1, "b", "b", "a"))
    assert compare(skewed, margin=1.0, floor=1.0).passes
    found = compare(skewed)
    assert found.difference == pytest.approx(8 / 12)
    assert found.p_value < found.allowed
    assert found.verdict == "no_better"
    assert "mean over classes" in found.reason


def test_it_is_said_how_many_examples_were_answered_out_of_fold():
    rows = pairs((12, "a", "b", "a"))
    mixed = [row.model_copy(update={"held_out": number < 4}) for number, row in enumerate(rows)]
    assert "12 examples (4 held out, 8 by cross-validation)" in compare(mixed).reason
    assert "12 examples the" in compare(rows).reason


def test_what_is_lost_without_a_collapse_is_named_beside_the_verdict():
    found = compare(pairs((200, "a", "a", "a"), (20, "a", "c", "a"), (60, "b", "b", "b"), (8, "b", "b", "a")))
    assert found.passes
    assert found.reason.endswith("allowed at look 1). It loses beyond chance: 'b' (F1 1.00 to 0.94 on 68 gold labels).")


def test_the_reason_says_when_a_head_answered_for_the_champion():
    few = pairs((60, "a", "a", "a"))
    assert "the champion's with the head that follows the labels 1.000" in compare(few, by_head=True).reason
    assert "the champion's 1.000" in compare(few).reason
