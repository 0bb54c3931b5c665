"""Label Studio: labelwheel as the ML backend of a project, and the project's labels for labelwheel."""

from labelwheel.plugins.label_studio.connector import LabelStudio

__all__ = ["LabelStudio"]
