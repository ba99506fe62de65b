"""Chapter 01's open question, with its rubric."""

from mi_course.exercises.open_question import Criterion, OpenQuestion

THE_PICTURE = OpenQuestion(
    id="01.A",
    title="A picture that misleads",
    rubric=(
        Criterion(
            "a picture shows one input that excites the channel most, under one start, one "
            "parametrisation and one robustness: it neither shows what excites it in real images "
            "nor how often.",
            1,
        ),
        Criterion(
            "dataset examples beside the picture, from the whole range of activations and not the "
            "top alone, with labels or a second rater who has not seen the picture.",
            1,
        ),
        Criterion(
            "several pictures of the channel (other seeds, a diversity term), and what would count "
            "as a second meaning, decided before looking.",
            1,
        ),
        Criterion(
            "a causal test: remove or add the part in images, or silence the channel, and say what "
            "else changes, against random channels.",
            1,
        ),
        Criterion(
            "polysemanticity is what is seen, superposition is one account of it: a channel with "
            "two meanings can also come of a basis that is not the one of the features, of a layer "
            "with fewer channels than concepts that share by class, or of one concept that we have "
            "no word for.",
            1,
        ),
        Criterion(
            "a measurement that would tell these apart: more features than dimensions, "
            "interference between features that are read as directions, or another layer width.",
            1,
        ),
    ),
)
