"""In what precision a step is computed: weights stay float32, the products may be bfloat16 where that is sooner.

Nobody can say beforehand. On a CPU without instructions for it bfloat16 takes ten times as long (measured: AVX2); on a
card, half precision multiplies sooner, and the casts are more kernels to launch, which is all that a small encoder does
(measured on an H100, MiniLM in batches of eight: a fifth slower). So a step is timed in each.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

logger = logging.getLogger(__name__)

Precision = Literal["float32", "bfloat16"]


def possible(device: Any) -> tuple[Precision, ...]:
    """What the device has instructions for."""
    import torch

    if torch.device(device).type == "cuda":
        return ("float32", "bfloat16") if torch.cuda.is_bf16_supported(including_emulation=False) else ("float32",)
    able = torch.backends.cpu.get_cpu_capability() == "AVX512" and torch.cpu._is_avx512_bf16_supported()
    return ("float32", "bfloat16") if able else ("float32",)


def fastest(name: str, device: Any, seconds: Callable[[Precision], float]) -> tuple[Precision, float]:
    """The precision in which a step is soonest, and how long it takes; `seconds` times one. `name` is for the log."""
    timed = {each: seconds(each) for each in possible(device)}
    if len(timed) > 1:
        told = ", ".join(f"{1e3 * took:.1f} ms in {each}" for each, took in timed.items())
        logger.info("%s: a step takes %s", name, told)
    return min(timed.items(), key=lambda each: each[1])


def unwrapped(model: Any) -> Any:
    """A model that accelerate has trained, with its own forward pass again.

    The trainer leaves its precision around `forward`. Whoever called that later would be answered in bfloat16 without
    having asked for it, and an exporter would trace the casts, which no engine on a CPU multiplies.
    """
    from accelerate.utils import extract_model_from_parallel

    return extract_model_from_parallel(model, keep_fp32_wrapper=False)


def computing(precision: Precision, device: Any) -> AbstractContextManager[Any]:
    """The context of a forward pass."""
    import torch

    if precision == "float32":
        return nullcontext()
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16)
