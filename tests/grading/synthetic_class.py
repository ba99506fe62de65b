"""A class that writes independently, out of the ways in which people write tensor code.

Each exercise is a few steps; each student picks a way for each step (some ways are popular, some
rare), names for the variables, and comments. `disguised` is what a copier does to hide it.
"""

import random
import re

# Each step turns x into x. The first way is what most people write.
STEPS = (
    ("x = x - x.mean(-1, keepdim=True)", "m = x.mean(dim=-1)\n    x = x - m[..., None]",
     "x = x - reduce(x, 'b p d -> b p 1', 'mean')", "x = x.sub(x.sum(-1, True) / x.shape[-1])"),
    ("x = x.softmax(-1)", "x = F.softmax(x, dim=-1)",
     "e = x.exp()\n    x = e / e.sum(-1, keepdim=True)",
     "x = torch.exp(x - torch.logsumexp(x, -1, keepdim=True))"),
    ("x = x @ w.T", "x = einsum(x, w, 'b p i, o i -> b p o')", "x = torch.matmul(x, w.t())",
     "x = F.linear(x, w)"),
    ("x = x[:, 1:]", "x = x[:, torch.arange(1, x.shape[1])]", "x = x.narrow(1, 1, x.shape[1] - 1)",
     "x = torch.stack([x[:, i] for i in range(1, x.shape[1])], dim=1)"),
    ("x = x.max(-1).values", "x = x.amax(-1)", "v, _ = torch.max(x, dim=-1)\n    x = v",
     "x = x.gather(-1, x.argmax(-1, keepdim=True))[..., 0]"),
    ("x = x.diagonal(dim1=-2, dim2=-1)", "i = torch.arange(x.shape[-1])\n    x = x[..., i, i]",
     "x = torch.stack([row[k] for k, row in enumerate(x.unbind(-2))], -1)",
     "x = (x * torch.eye(x.shape[-1])).sum(-1)"),
    ("if k > 0:\n        x = x[..., :k]", "x = x[..., :k] if k else x",
     "n = min(k, x.shape[-1]) or x.shape[-1]\n    x = x[..., :n]",
     "for j in range(x.shape[-1] - k):\n        x = x[..., :-1]"),
    ("x = x.reshape(x.shape[0], -1)", "x = rearrange(x, 'b p d -> b (p d)')", "x = x.flatten(1)",
     "b = len(x)\n    x = x.contiguous().view(b, x.numel() // b)"),
    ("x = x.norm(dim=-1)", "x = (x ** 2).sum(-1).sqrt()", "x = torch.sqrt((x * x).sum(dim=-1))",
     "x = torch.linalg.vector_norm(x, dim=-1)"),
    ("x = x.masked_fill(x < 0, 0)", "x = x.clamp(min=0)", "x = torch.where(x > 0, x, 0 * x)",
     "z = torch.zeros_like(x)\n    x = torch.maximum(x, z)"),
)  # fmt: skip
POPULARITY = (6, 3, 2, 1)
NAMES = ("out", "res", "y", "h", "t", "acts", "scores", "tmp", "vals", "s", "u", "a", "q", "cur")
N_EXERCISES = 8


def steps_of(exercise):
    """Five steps, others for each exercise."""
    return random.Random(exercise).sample(STEPS, 5)


def answer(exercise, rng):
    """One student's answer, written without looking at anybody's."""
    ways = [rng.choices(step, POPULARITY)[0] for step in steps_of(exercise)]
    body = [f"    {way}" for way in ways]
    if rng.random() < 0.3:
        body.insert(rng.randrange(len(body)), f"    # step {rng.randrange(9)}")
    code = "\n".join([f"def f{exercise}(x, w, k):", *body, "    return x"])
    return renamed(code, rng)


def solution(exercise):
    """The teacher's answer: the popular way for each step."""
    body = [f"    {step[0]}" for step in steps_of(exercise)]
    return "\n".join([f"def f{exercise}(x, w, k):", '    """What comes."""', *body, "    return x"])


def renamed(code, rng):
    """The same code with other names for what it binds."""
    names = iter(rng.sample(NAMES, 9))
    for old in ("x", "w", "m", "e", "v", "i", "n", "b", "z"):
        code = re.sub(rf"\b{old}\b(?!')(?![ 'a-z]*->)(?<!')", next(names), code)
    return code


def disguised(code, rng):
    """What a copier hands in: renamed, commented, annotated, laid out anew, a line moved."""
    head, *body = code.split("\n")
    extra = f"    size = {rng.randrange(100)}"
    body = [f"{line}  # {rng.random():.3f}" for line in body if not line.lstrip().startswith("#")]
    body.insert(rng.randrange(1, len(body)), extra) if "    " not in body[-2][:8] else None
    return renamed("\n".join([head.replace("):", ") -> object:"), '    """Mine."""', *body]), rng)


def classroom(n_students, seed=0):
    """Student -> exercise -> code."""
    rng = random.Random(seed)
    return {
        f"student{n:03}": {f"99.{e}": answer(e, rng) for e in range(1, N_EXERCISES + 1)}
        for n in range(n_students)
    }


def known():
    """Exercise -> stub and solution."""
    stub = "def f{0}(x, w, k):\n    raise NotImplementedError"
    return {f"99.{e}": [stub.format(e), solution(e)] for e in range(1, N_EXERCISES + 1)}
