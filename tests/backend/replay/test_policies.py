from __future__ import annotations

from pathlib import Path

import pytest

from labelwheel.backend.errors import InvalidSettings
from labelwheel.backend.replay.policies import CHANGEABLE, parse
from labelwheel.backend.settings import Settings


def test_a_policy_is_settings_and_an_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABELWHEEL_FIRST_ROUND", "7")
    monkeypatch.setenv("LABELWHEEL_STORE", "s3://theirs")
    monkeypatch.setenv("LABELWHEEL_DATABASE", "postgresql://theirs")
    policy = parse("growth=0.5, order=rare, LABELWHEEL_FAST_LANE=false")
    settings = policy.settings(tmp_path)
    assert (settings.growth, settings.fast_lane, policy.order) == (0.5, False, "rare")
    assert settings.first_round == 7, "what is not named is as it is set"
    # nothing of a simulation goes where the service's own things are
    assert settings.database_url == f"sqlite:///{tmp_path / 'labelwheel.db'}"
    assert settings.checkpoints.folder == tmp_path / "checkpoints"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("growth", "name=value with one of order"),
        ("token=secretsecretsecret", "name=value with one of order"),
        ("growth=fast", "LABELWHEEL_GROWTH"),
        ("order=best", "there are true, mixed"),
    ],
)
def test_what_is_no_policy_is_said_before_anything_is_computed(text: str, said: str) -> None:
    with pytest.raises(InvalidSettings) as raised:
        parse(text)
    assert said in str(raised.value)


def test_what_can_be_changed_are_settings() -> None:
    assert set(CHANGEABLE) <= set(Settings.model_fields)
