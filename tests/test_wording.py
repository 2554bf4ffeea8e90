"""Sentences as pages show them."""

from __future__ import annotations

import html
import re

import pytest

from dashboard.language import MINUS, language
from dashboard.wording import unbroken


@pytest.mark.parametrize("code", ["en", "zh"])
@pytest.mark.parametrize("currency", ["CNY", "USD", "JPY", "CHF"])
def test_a_sign_stays_with_its_amount_and_the_sentence_is_the_same(code: str, currency: str) -> None:
    amount = language(code).money(-82_800, currency)
    said = f"A & B <b> {amount}, +{language(code).money(1_234_567, currency)}"
    shown = unbroken(said)
    kept = re.findall("<span class='amount'>(.*?)</span>", shown)
    assert [text[0] for text in kept] == [MINUS, "+"]
    assert all(any(c.isdigit() for c in text) for text in kept)
    assert html.unescape(re.sub("<span class='amount'>|</span>", "", shown)) == said
    assert "<b>" not in shown
