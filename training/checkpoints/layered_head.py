"""The file in a checkpoint whose answers come from a head on several layers, in the place of the last one.

What is in it, `training.heads.files` knows; the rest of the folder stays a plain transformers model.
"""

from __future__ import annotations

from typing import Final

FILE: Final = "labelwheel_head.safetensors"

NOTE = (
    f"It answers with {FILE}, which stands on several layers of the model. Labelwheel reads both: `labelwheel predict "
    "--checkpoint FOLDER`. Transformers alone answers with the model's last layer, which is not what was measured. "
    "Where answers are texts, the file holds those that people wrote, and whoever has it can read them."
)
"""What people should know of an export that has such a head."""
