"""Exercise 04.1: features that are mostly zero.

Any way of drawing them is right, so the judge looks at what such features have in common: how often
they are active, which values they have then, and that they know nothing of each other. Its bounds
are so wide that a right answer is refused less than once in a million times.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.exercises.compare import as_array
from mi_course.exercises.core import Case, Exercise, GeneratorRef, Wrong

Densities = Float[Tensor, " instance"]
Features = Float[Tensor, "instance batch n_features"]

FAR = 6.0  # standard deviations
FEW = 1000  # examples below which nothing is said about how often
# Correlations of rarer features rest on a handful of examples.
OFTEN = 0.2
# Not quite all: a uniform number is 0 once in 16 million times.
ALL = 0.95


def sample_features(
    batch: int, density: Densities, n_features: int, generator: torch.Generator
) -> Features:
    """Return features that are zero, or with probability `density` uniform between 0 and 1."""
    shape = (len(density), batch, n_features)
    active = torch.rand(shape, generator=generator) < density[:, None, None]
    return active * torch.rand(shape, generator=generator)


def _by_one_draw(
    batch: int, density: Densities, n_features: int, generator: torch.Generator
) -> Features:
    u = torch.rand(len(density), batch, n_features, generator=generator)
    return (1 - u / density[:, None, None]).relu()


def _sparsity(batch: int, density: Densities, n: int, generator: torch.Generator) -> Features:
    return sample_features(batch, 1 - density, n, generator)


def _binary(batch: int, density: Densities, n: int, generator: torch.Generator) -> Features:
    return (sample_features(batch, density, n, generator) > 0).float()


def _one_for_all(batch: int, density: Densities, n: int, generator: torch.Generator) -> Features:
    active = torch.rand(len(density), batch, 1, generator=generator) < density[:, None, None]
    return active * torch.rand(len(density), batch, n, generator=generator)


def _one_value(batch: int, density: Densities, n: int, generator: torch.Generator) -> Features:
    active = torch.rand(len(density), batch, n, generator=generator) < density[:, None, None]
    return active * torch.rand(len(density), batch, 1, generator=generator)


def _one_instance(batch: int, density: Densities, n: int, generator: torch.Generator) -> Features:
    u = torch.rand(batch, n, generator=generator)
    return (1 - u / density[:, None, None]).relu()


def _same_draw(batch: int, density: Densities, n: int, generator: torch.Generator) -> Features:
    u = torch.rand(len(density), batch, n, generator=generator)
    return u * (u < density[:, None, None])


def _one_density(batch: int, density: Densities, n: int, generator: torch.Generator) -> Features:
    return sample_features(batch, density.mean().expand(len(density)), n, generator)


def _signed(batch: int, density: Densities, n: int, generator: torch.Generator) -> Features:
    x = sample_features(batch, density, n, generator)
    return x * torch.randint(0, 2, x.shape, generator=generator).mul(2).sub(1)


def _judge(case: Case, got: Features, _expected: Features) -> str | None:
    batch, density, _, _ = case.args
    x = torch.from_numpy(as_array(got)).double()
    if (x < 0).any() or (x > 1).any():
        return f"values run from 0 to 1\ngot {x.min():.3g} to {x.max():.3g}"
    if (density == 1).all() and (x > 0).double().mean() < ALL:
        return (
            "density is the chance of being active, not of being zero: at 1 every feature is\n"
            f"got {(x > 0).double().mean():.3f} active at density 1"
        )
    if batch < FEW:
        return None
    return _judge_together(x, density) or _judge_often(x, density) or _judge_values(x)


def _judge_together(x: Features, density: Densities) -> str | None:
    """Judge whether features, and instances, were drawn anew."""
    often = x[(density > OFTEN) & (density < 1)]
    active = often > 0
    if (active == active[..., :1]).double().mean() > ALL:
        return "all features of an example are active together: draw for each feature"
    if (x == x[:, :1]).all():
        return "all examples are the same: draw for each example"
    far = (FAR + 1) / x.shape[1] ** 0.5
    for one in often:
        if _largest_correlation(one) > far:
            return "features of an example depend on each other: draw each value anew"
    if len(often) > 1 and _largest_correlation(often[:, :, 0].T) > far:
        return "instances share their draws: draw for each instance"
    return None


def _largest_correlation(columns: Float[Tensor, "example variable"]) -> float:
    between = torch.corrcoef(columns.T).nan_to_num()
    return float((between - between.diag().diag()).abs().max())


def _judge_often(x: Features, density: Densities) -> str | None:
    density = density.double()
    share = (x > 0).double().mean(dim=(1, 2))
    spread = FAR * (density * (1 - density) / x[0].numel()).sqrt() + 1e-9
    far = ((share - density).abs() > spread).nonzero().flatten().tolist()
    if not far:
        return None
    pair = f"got {share[far[0]]:.3f} active at density {density[far[0]]:.3f}"
    if ((share - (1 - density)).abs() <= spread).all():
        return f"density is the chance of being active, not of being zero\n{pair}"
    if len(density) > 1 and share.max() - share.min() < density.max() - density.min() - 0.1:
        return f"each instance has its own density\n{pair}"
    return f"features are not active as often as the density says\n{pair}"


def _judge_values(x: Features) -> str | None:
    for one in x:
        values = one[one > 0]
        n = len(values)
        if (values == values[0]).all():
            return f"an active feature has a value between 0 and 1\ngot {values[0]:.3g} always"
        moments = values.mean() - 1 / 2, values.square().mean() - 1 / 3
        spreads = (1 / 12) ** 0.5, (4 / 45) ** 0.5
        if any(abs(m) > FAR * s / n**0.5 for m, s in zip(moments, spreads, strict=True)):
            return (
                "values of active features are uniform between 0 and 1, so 0.5 on average\n"
                f"got {values.mean():.3f} on average"
            )
    return None


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def whole(least: int, most: int) -> int:
        return int(torch.randint(least, most + 1, (), generator=generator))

    def between(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    # Sizes are drawn as well: features that somebody wrote down for the check do not fit.
    three = torch.tensor([between(0.05, 0.12), between(0.25, 0.4), between(0.6, 0.75)])
    two = torch.tensor([between(0.75, 0.85), between(0.25, 0.4)])
    one = torch.tensor([between(0.3, 0.45)])
    return [
        Case("a density of 1", (3, torch.ones(2), 4, GeneratorRef(seed)), "hand"),
        Case(
            "three densities, thousands of examples",
            (whole(4000, 5000), three, whole(3, 6), GeneratorRef(seed + 1)),
        ),
        Case(
            "a dense and a sparse instance",
            (whole(4000, 5000), two, whole(7, 9), GeneratorRef(seed + 2)),
            "property",
        ),
        Case(
            "one instance",
            (whole(5001, 6000), one, whole(2, 9), GeneratorRef(seed + 3)),
            "property",
        ),
    ]


SAMPLE_FEATURES = Exercise(
    id="04.1",
    function="sample_features",
    title="Draw sparse features",
    points=2,
    stars=1,
    minutes=10,
    reference=sample_features,
    cases=_cases,
    alternatives=(_by_one_draw,),
    wrong=(
        Wrong("sparsity for density", _sparsity, "not of being zero"),
        Wrong("always 1", _binary, "an active feature has a value between 0 and 1"),
        Wrong("one switch for all features", _one_for_all, "are active together"),
        Wrong("one value for all features", _one_value, "depend on each other"),
        Wrong("one draw for all instances", _one_instance, "instances share their draws"),
        Wrong("small values alone", _same_draw, "0.5 on average"),
        Wrong("the mean density", _one_density, "each instance has its own density"),
        Wrong("either sign", _signed, "values run from 0 to 1"),
    ),
    hints=(
        "Each feature needs two things: whether it is active, which happens with probability "
        "density, and a value between 0 and 1.",
        "`torch.rand(..., generator=generator) < p` is true with probability p; multiplied by a "
        "second `torch.rand` it is a value or zero.",
        "Both draws have axes `instance batch n_features`; `density[:, None, None]` lines up.",
    ),
    judge=_judge,
    groups={"random": 1, "property": 1},
    axes="instance batch n_features",
)
