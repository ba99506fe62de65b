"""The solutions as a book: a static site that opens from disk, without a network or a kernel."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={"pages": ["front_page", "page"], "site": ["Book", "write_book"]},
)
