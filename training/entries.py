"""What a manifest may say of what answers in the place of a checkpoint's own encoder."""

from __future__ import annotations

from labelwheel.training.foreign import entry as foreign_entry
from labelwheel.training.foreign.entry import ForeignEntry
from labelwheel.training.language import entry as language_entry
from labelwheel.training.language.entry import LanguageEntry
from labelwheel.training.text_models.entry import TextModelEntry
from labelwheel.training.zero_shot import entry as zero_shot_entry
from labelwheel.training.zero_shot.entry import ZeroShotEntry

Entry = ForeignEntry | LanguageEntry | TextModelEntry | ZeroShotEntry

NOT_EXPORTED = (foreign_entry.FILE, language_entry.FILE, zero_shot_entry.FILE)
"""Their files that stay in the house: people's examples, or what nobody else could use."""
