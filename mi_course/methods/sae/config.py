"""What a sparse autoencoder is trained with; everything that has a sensible default has one.

Activations are first divided by one number, so that their variance about the mean is d_in. The loss
is then about the fraction of variance unexplained, and penalties mean the same at every hook:

    loss = |x - recon|^2 / d_in + l1 sum_i feature_acts_i          tied_l1, l1
                                + l0 (number active)               jumprelu
                                + aux_weight |e - recon_dead|^2 / d_in      topk family

each averaged over the batch. In goes what the user decides; out comes a checked `SAEConfig`.
"""

from dataclasses import dataclass

from mi_course.methods.sae.dictionary import ARCHITECTURES

__all__ = ["SAEConfig"]

TOPK_FAMILY = ("topk", "batchtopk", "matryoshka")


@dataclass(frozen=True)
class SAEConfig:
    """How a sparse autoencoder is trained.

    Attributes:
        architecture: a key of ARCHITECTURES.
        d_sae: number of latents.
        k: latents kept on an activation (topk), or on average over a batch (batchtopk, matryoshka).
        l1: weight of the sum of codes (tied_l1, l1).
        l0: weight of the number of active latents (jumprelu).
        target_l0: with it the penalty of jumprelu is l0 (L0 / target_l0 - 1)^2.
        bandwidth: width of the window around a threshold from which it learns (jumprelu).
        first_threshold: where thresholds start (jumprelu).
        threshold_lr: of their logarithms, as a multiple of `lr`: they have far to go (jumprelu).
        prefixes: widths of the nested dictionaries (matryoshka); by default five, each twice the
            one before.
        lr: peak learning rate of Adam.
        betas: of Adam.
        clip: length to which longer gradients are shortened before Adam, of a loss that is summed
            and not averaged over d_in, as papers write it; None leaves them.
        steps: batches to learn from.
        warm_up: fraction of the steps over which the learning rate rises from zero.
        sparsity_warm_up: fraction of the steps over which `l1` or `l0` rises from zero.
        decay: fraction of the steps, at the end, over which the learning rate falls to zero.
        b_dec_start: "median" (geometric), "mean" or "zero". tied_l1 keeps this centre.
        scale: what activations are divided by; estimated from the first batches when None.
        start_batches: batches that scale and b_dec are estimated from.
        dead_after: steps of silence after which a latent counts as dead.
        aux_k: dead latents that share the task of writing what the others left, for each
            activation; d_in / 2 when None, none when 0 (topk family).
        aux_weight: of that task in the loss.
        resample_every: steps between resamplings of dead latents in the first 60 % of training;
            None means a tenth of the steps for l1 and never for the others, 0 never.
        sparse_below: mean fraction of active latents below which only those are computed with.
        record_every: steps between points of the curves; 100 points when None.
        seed: of weights and resampling.
    """

    architecture: str
    d_sae: int
    k: int = 32
    l1: float | int = 1e-3
    l0: float | int = 1e-3
    target_l0: float | int | None = None
    bandwidth: float | int = 0.5
    first_threshold: float | int = 0.5
    threshold_lr: float | int = 10
    prefixes: tuple[int, ...] | None = None
    lr: float | int = 1e-3
    betas: tuple[float | int, float | int] = (0.9, 0.999)
    clip: float | int | None = None
    steps: int = 1000
    warm_up: float | int = 0.05
    sparsity_warm_up: float | int = 0.1
    decay: float | int = 0.2
    b_dec_start: str | None = None
    scale: float | int | None = None
    start_batches: int = 4
    dead_after: int = 200
    aux_k: int | None = None
    aux_weight: float | int = 1 / 32
    resample_every: int | None = None
    sparse_below: float | int = 180 / 4096
    record_every: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise ValueError(
                f"expected an architecture of {list(ARCHITECTURES)}, got {self.architecture!r}"
            )
        if not 1 <= self.k <= self.d_sae and self.architecture in TOPK_FAMILY:
            raise ValueError(
                f"expected k from 1 to d_sae = {self.d_sae}, got {self.k}, try a smaller k"
            )
        if self.b_dec_start not in {None, "median", "mean", "zero"}:
            raise ValueError(
                f'expected b_dec_start "median", "mean" or "zero", got {self.b_dec_start!r}'
            )
        self._check_numbers()
        self._check_prefixes()

    def _check_numbers(self) -> None:
        at_least_one = ("d_sae", "steps", "start_batches", "dead_after", "record_every")
        positive = (
            "lr",
            "bandwidth",
            "first_threshold",
            "threshold_lr",
            "scale",
            "target_l0",
            "clip",
        )
        not_negative = ("l1", "l0", "aux_k", "aux_weight", "resample_every", "sparse_below")
        low = {name: 1 for name in at_least_one} | {name: 0 for name in not_negative}
        for name in (*at_least_one, *positive, *not_negative):
            value = getattr(self, name)
            if value is None:
                continue
            if not low.get(name, 1e-30) <= value < float("inf"):
                least = f"{low[name]} or more" if name in low else "more than 0"
                raise ValueError(f"expected {name} of {least}, got {value}")
        shares = {n: getattr(self, n) for n in ("warm_up", "sparsity_warm_up", "decay")}
        if not all(0 <= share <= 1 for share in shares.values()):
            raise ValueError(f"expected fractions of the steps, from 0 to 1, got {shares}")

    def _check_prefixes(self) -> None:
        widths = self.widths
        if list(widths) != sorted(set(widths)) or widths[0] < 1 or widths[-1] != self.d_sae:
            raise ValueError(
                f"expected rising prefixes up to d_sae = {self.d_sae}, got {self.prefixes}"
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """Return the widths of nested dictionaries; one, d_sae, unless it is a matryoshka."""
        if self.architecture != "matryoshka":
            return (self.d_sae,)
        halved = {max(1, self.d_sae >> i) for i in range(5)}
        return self.prefixes or tuple(sorted(halved))

    @property
    def record(self) -> int:
        """Return the steps between points of the curves."""
        return self.record_every or max(1, self.steps // 100)

    @property
    def resampling_steps(self) -> range:
        """Return the steps after which dead latents are resampled."""
        every = self.resample_every
        if every is None:
            every = self.steps // 10 if self.architecture == "l1" else 0
        return range(every, int(0.6 * self.steps) + 1, every) if every else range(0)

    def lr_at(self, step: int) -> float | int:
        """Return the learning rate of a step: up, level, and down to zero."""
        rise = (step + 1) / max(1.0, self.warm_up * self.steps)
        fall = (self.steps - step) / max(1.0, self.decay * self.steps)
        return self.lr * min(1.0, rise, fall)

    def penalty_at(self, step: int) -> float | int:
        """Return the share of the sparsity penalty that holds at a step."""
        return min(1.0, (step + 1) / max(1.0, self.sparsity_warm_up * self.steps))
