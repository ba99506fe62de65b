"""What a class's figures claim, in sentences made of the numbers: titles, and texts beside figures.

In go a chapter's statistics, out comes text.
"""

from mi_course.grading.reports.class_statistics import STATES, ChapterStatistics


def hardest(chapter: ChapterStatistics) -> str:
    """The claim of `plot_states`."""
    low = min(chapter.exercises, key=lambda each: each.earned)
    high = max(chapter.exercises, key=lambda each: each.earned)
    if low.earned == high.earned:
        return f"Every exercise earned the class {100 * low.earned:.0f} % of its points"
    return (
        f"{low.exercise} was hardest: the class earned {100 * low.earned:.0f} % of its points, "
        f"against {100 * high.earned:.0f} % in {high.exercise}"
    )


def states_text(chapter: ChapterStatistics) -> str:
    """`plot_states` in words; a table beside it holds every number."""
    most = max(chapter.exercises, key=lambda each: each.share(0))
    least = min(chapter.exercises, key=lambda each: each.share(0))
    text = f"Right: from {least.share(0):.0f} % of the students in {least.exercise} "
    text += f"to {most.share(0):.0f} % in {most.exercise}."
    for index, state in enumerate(STATES[1:], start=1):
        worst = max(chapter.exercises, key=lambda each: each.share(index))
        if worst.states[index]:
            text += f" {state.capitalize()}: at most {worst.share(index):.0f} %, in "
            text += f"{worst.exercise}."
    return text


def middle(chapter: ChapterStatistics) -> str:
    """The claim of `plot_totals`."""
    half = chapter.quartiles[1]
    return f"Half of the students have {half:g} of {chapter.max_total} points or more"


def totals_text(chapter: ChapterStatistics) -> str:
    """`plot_totals` in words."""
    low, half, high = chapter.quartiles
    return (
        f"Of {len(chapter.totals)} students a quarter has up to {low:.3g} points, half up to "
        f"{half:.3g}, three quarters up to {high:.3g}; {chapter.histogram[-1]} have all "
        f"{chapter.max_total} and {chapter.histogram[0]} have none."
    )


def slowest(chapter: ChapterStatistics) -> str:
    """The claim of `plot_seconds`."""
    slow = max(chapter.exercises, key=lambda each: each.seconds[0])
    return f"Answers to {slow.exercise} run longest: half take {slow.seconds[0]:.2g} s or more"


def seconds_text(chapter: ChapterStatistics) -> str:
    """`plot_seconds` in words; a table beside it holds every median."""
    ran = [each for each in chapter.exercises if each.seconds[2] > 0]
    quick = min(ran, key=lambda each: each.seconds[0])
    late = max(ran, key=lambda each: each.seconds[2])
    return (
        f"The median is shortest in {quick.exercise} with {quick.seconds[0]:.2g} s. The longest "
        f"answer of all ran {late.seconds[2]:.2g} s, in {late.exercise}; 95 % of the answers "
        f"there took less than {late.seconds[1]:.2g} s. Times are those of the calls in the "
        "sandbox, not of students at work."
    )


def commonest(chapter: ChapterStatistics) -> str:
    """The claim of the table of slips.

    Args:
        chapter: with at least one slip.
    """
    first = chapter.slips[0]
    return f"The most common slip is in {first.exercise} and was made by {first.students}"
