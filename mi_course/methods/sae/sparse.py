"""Codes that are mostly zero, and the four passes over them that training needs.

With 32 of 4,096 latents active on each of 4,096 activations, dense matrix products spend 127 of 128
multiplications on zeros. Only the entries are kept, row by row; then

    recon[row]   = sum of value W_dec[col]           an embedding bag over W_dec
    dot[entry]   = g[row] . W_dec[col]               a product sampled at the entries
    sum[col]     = sum of value g[row]               an embedding bag over g, entries by column

each touch what is not zero, and nothing else. In go entries; out come dense matrices.
"""

import warnings
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import embedding_bag, pad

__all__ = ["Codes"]

COLUMNS = 4096


@dataclass(frozen=True, eq=False)
class Codes:
    """The entries of a sparse matrix, row by row.

    Attributes:
        starts: where each row's entries begin, and where the last one's end.
        cols: column of each entry.
        values: of each entry.
        n_cols: columns of the matrix.
    """

    starts: Int[Tensor, " row_plus_1"]
    cols: Int[Tensor, " entry"]
    values: Float[Tensor, " entry"]
    n_cols: int

    @property
    def n_rows(self) -> int:
        """Return the number of rows."""
        return len(self.starts) - 1

    @cached_property
    def rows(self) -> Int[Tensor, " entry"]:
        """Return the row of each entry."""
        numbers = torch.arange(self.n_rows, device=self.cols.device)
        return numbers.repeat_interleave(self.starts.diff(), output_size=len(self.cols))

    @cached_property
    def counts(self) -> Int[Tensor, " col"]:
        """Return the number of entries in each column."""
        return torch.bincount(self.cols, minlength=self.n_cols)

    @cached_property
    def _by_column(self) -> tuple[Tensor, Tensor]:
        """The order that sorts entries by column, and where each column begins."""
        return self.cols.argsort(stable=True), pad(self.counts.cumsum(0), (1, 0))

    def decode(self, W: Float[Tensor, "col d_in"]) -> Float[Tensor, "row d_in"]:
        """Return codes @ W."""
        return _bags(self.cols, W, self.starts, self.values)

    def dots(
        self, g: Float[Tensor, "row d_in"], W: Float[Tensor, "col d_in"]
    ) -> Float[Tensor, " entry"]:
        """Return the entries of g @ W.T at the places of the codes."""
        shape = (self.n_rows, self.n_cols)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sparse CSR", UserWarning)
            zeros = torch.sparse_csr_tensor(
                self.starts, self.cols, torch.zeros_like(self.values), shape, check_invariants=False
            )
        return torch.sparse.sampled_addmm(zeros, g, W.T, beta=0).values()

    def column_sums(
        self,
        values: Float[Tensor, " entry"],
        g: Float[Tensor, "row d_in"],
        out: Float[Tensor, "col d_in"],
        rows: Int[Tensor, " entry"] | None = None,
    ) -> Float[Tensor, "col d_in"]:
        """Return codes.T @ g, with other values in the places of the codes.

        Args:
            values: one for each entry.
            g: what is summed.
            out: where the sums are written.
            rows: the row of g that each entry takes; its own when None.
        """
        order, starts = self._by_column
        rows, values = (self.rows if rows is None else rows)[order], values[order]
        # Small results come from memory that is at hand; a large one would be fetched page by page.
        for col in range(0, self.n_cols, COLUMNS):
            edges = starts[col : col + COLUMNS + 1]
            here = slice(edges[0].item(), edges[-1].item())
            out[col : col + COLUMNS] = _bags(rows[here], g, edges - edges[0], values[here])
        return out

    def column_totals(self, values: Float[Tensor, " entry"]) -> Float[Tensor, " col"]:
        """Return the sum of some values, one for each entry, over each column."""
        return values.new_zeros(self.n_cols).index_add_(0, self.cols, values)

    def dense(self) -> Float[Tensor, "row col"]:
        """Return the matrix with its zeros."""
        matrix = self.values.new_zeros(self.n_rows, self.n_cols)
        return matrix.index_put_((self.rows, self.cols), self.values)


def _bags(index: Tensor, table: Tensor, starts: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted sum of each bag's rows of a table; an empty bag's is 0."""
    return embedding_bag(
        index, table, starts, per_sample_weights=weights, mode="sum", include_last_offset=True
    )
