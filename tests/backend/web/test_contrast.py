"""Whether what stands on a coloured ground can be read: WCAG 2.1's contrast, 4.5 at least, in both themes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labelwheel.backend.web import pages

ENOUGH = 4.5
STYLE = (Path(pages.__file__).parent / "static" / "labelwheel.css").read_text("utf-8")
Colour = tuple[float, float, float]


def theme(name: str) -> dict[str, Colour]:
    """The colours of a theme, from 0 to 1."""
    opening = r"^:root \{([^}]*)\}" if name == "light" else r'^:root\[data-theme="dark"\] \{([^}]*)\}'
    block = re.search(opening, STYLE, re.MULTILINE)
    assert block is not None
    return {
        key: (int(value[:2], 16) / 255, int(value[2:4], 16) / 255, int(value[4:], 16) / 255)
        for key, value in re.findall(r"--([\w-]+): #([0-9a-f]{6});", block[1])
    }


def mixed(one: Colour, share: float, other: Colour) -> Colour:
    first, second, third = (share * here + (1 - share) * there for here, there in zip(one, other, strict=True))
    return first, second, third


def luminance(colour: Colour) -> float:
    red, green, blue = (one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_reckoned_as_wcag_does() -> None:
    assert contrast((0, 0, 0), (1, 1, 1)) == pytest.approx(21)
    grey = 0x77 / 255
    assert contrast((grey, grey, grey), (1, 1, 1)) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize("side", ["good", "bad"])
def test_numbers_of_the_matrix_are_read_on_every_shade(name: str, side: str) -> None:
    colours = theme(name)
    link = re.search(r'td\[class\^="shade"\] a \{ color: var\(--([\w-]+)\)', STYLE)
    shares = [int(one) / 100 for one in re.findall(r"--share: (\d+)%", STYLE)]
    assert len(shares) == 4
    written = colours[link[1] if link else "accent"]
    for share in shares:
        for ground in ("ground", "surface"):
            found = contrast(written, mixed(colours[side], share, colours[ground]))
            assert found >= ENOUGH, f"{share:.0%} of {side} on {ground}: {found:.2f}"


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize("ground", ["ground", "surface"])
def test_words_are_read_on_either_ground(name: str, ground: str) -> None:
    colours = theme(name)
    for written in ("text", "dim", "accent", "good", "warn", "bad"):
        assert contrast(colours[written], colours[ground]) >= ENOUGH, written
    assert contrast(colours["accent-text"], colours["accent"]) >= ENOUGH
