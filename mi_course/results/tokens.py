"""Numbers about pairs of tokens."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mi_course.results.checks import finite, labelled


@dataclass(frozen=True, eq=False)
class TokenMatrix:
    """A part of a token-by-token circuit, such as the OV circuit of one head.

    Attributes:
        values: logits; rows are what is read, columns what is written or looked for.
        rows: the tokens of the rows.
        columns: the tokens of the columns.
        name: what this is, such as "OV circuit of L1H4".
        row_axis: what a row stands for.
        column_axis: what a column stands for.
    """

    values: Float[Tensor, "row column"]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    name: str
    row_axis: str = "attended token"
    column_axis: str = "predicted token"

    def __post_init__(self) -> None:
        finite("values", self.values)
        labelled("row", self.values.shape[0], self.rows)
        labelled("column", self.values.shape[1], self.columns)

    def diagonal_wins(self) -> Bool[Tensor, " row"]:
        """Return for each row whether its own token has the highest value of the row."""
        best = self.values.argmax(dim=1).tolist()
        own = [self.columns[j] == row for j, row in zip(best, self.rows, strict=True)]
        return torch.tensor(own, device=self.values.device)

    def summary(self) -> str:
        """Return one sentence: in how many rows a token points at itself."""
        wins = int(self.diagonal_wins().sum())
        return f"{self.name}: {wins} of the {len(self.rows)} tokens shown raise themselves most."
