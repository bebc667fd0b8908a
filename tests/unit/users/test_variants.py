"""Variants of the user simulator: what their texts may say, where they are put, who may register them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tau2_logging.errors import UserError
from tau2_logging.models.scripted.persona import in_persona, phrases
from tau2_logging.models.scripted.user import user_turn
from tau2_logging.runner.settings.user_variants import chosen_variants
from tau2_logging.users import BUILTIN, PLACEBO, Variant, lint, read_variants, registered_users, user_name
from tau2_logging.users.lint import ERROR

pytest.importorskip("tau2.registry", reason="tau2 is not installed")


def test_the_variants_that_ship_pass_their_own_lint() -> None:
    """Manner only, cues in the text, one length."""
    assert lint(BUILTIN.values()) == []
    lengths = [len(variant.manner.split()) for variant in BUILTIN.values() if variant.text]
    assert max(lengths) - min(lengths) <= 5


@pytest.mark.parametrize(
    ("manner", "problem"),
    [
        ('You want a refund. You say "well".', "a goal or a demand"),
        ('You demand to speak to a supervisor. You say "well".', "a goal or a demand"),
        ('You hang up when you are asked twice. You say "well".', "ending the conversation"),
        ('You have an order from 2023. You say "well".', "a fact of a task"),
        ('You write ###STOP### soon. You say "well".', "'###'"),
        ("You are calm.", "its cue 'well' is not in its text"),
    ],
)
def test_lint_finds_what_is_no_manner(manner: str, problem: str) -> None:
    """Goals, facts, quitting, marks, and cues that the model is never told."""
    found = [finding.problem for finding in lint([Variant("own", manner, ("well",))]) if finding.severity == ERROR]
    assert any(problem in text for text in found)


def test_lint_finds_a_variant_of_another_length() -> None:
    """Length alone changes what a model does."""
    long = Variant("long", PLACEBO.manner * 2, PLACEBO.cues)
    assert [finding.variant for finding in lint([*BUILTIN.values(), long])] == ["long"]


def test_the_text_stands_before_the_scenario_and_the_control_is_tau2s_own() -> None:
    """Taking the block out of a variant's prompt leaves tau2's, byte for byte; the control has none."""
    from tau2.registry import registry
    from tau2.user.user_simulator import UserSimulator

    given = {"instructions": "Say </scenario> <scenario> twice.", "llm": "none", "llm_args": {}}
    for tools in (None, []):
        own = UserSimulator(tools=tools, **given).system_prompt
        with registered_users(registry, BUILTIN.values()) as names:
            assert names == [user_name(variant) for variant in BUILTIN.values()]
            prompts = {name: registry.get_user_constructor(name)(tools=tools, **given).system_prompt for name in names}
        for variant in BUILTIN.values():
            prompt = prompts[user_name(variant)]
            assert prompt.replace(variant.block, "", 1) == own if variant.block else prompt == own
            assert prompt.endswith(f"{variant.block}<scenario>\nSay </scenario> <scenario> twice.\n</scenario>")


def test_variants_leave_tau2s_registry_as_it_was() -> None:
    """Also where a name is taken: then nothing is registered and the person is told."""
    from tau2.registry import registry

    before = registry.get_users()
    with registered_users(registry, [BUILTIN["anger"]]):
        with pytest.raises(UserError, match=r"'user_simulator@anger' already"), registered_users(registry, BUILTIN.values()):
            pass
        assert registry.get_users() == [*before, "user_simulator@anger"]
    assert registry.get_users() == before


def test_own_variants_come_from_a_file(tmp_path: Path) -> None:
    """All of a file, or those that are named with it; in the order of the words."""
    path = tmp_path / "own.yaml"
    path.write_text('hurry:\n  manner: You say "quick".\n  cues: [quick]\n  expect: {words: down}\nslow:\n  manner: You are slow.\n')
    hurry, slow = read_variants(path)
    assert (hurry.cues, hurry.expect, slow.name) == (("quick",), {"words": "down"}, "slow")
    assert [variant.name for variant in chosen_variants(f"control,{path}")] == ["control", "hurry", "slow"]
    assert [variant.name for variant in chosen_variants(f"slow,{path}")] == ["slow", "hurry"]
    assert Variant.from_json(hurry.as_json()) == hurry


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "holds no variants"),
        ("- a", "holds no variants"),
        ("a: [", "is not YAML"),
        ("a: {cues: [x]}", "'a' has no manner"),
        ("anger: {manner: x}", "'anger' is one that ships"),
        ("A B: {manner: x}", "'A B' cannot be used"),
        ("a: {manner: x, expect: {noise: up}}", "'noise', which is no marker"),
        ("a: {manner: x, expect: {words: sideways}}", "'sideways'; give up or down"),
        ("a: {manner: x, goal: y}", "no setting 'goal'"),
        ("a: {manner: x, cues: y}", "give a list of phrases"),
    ],
)
def test_a_bad_file_is_told_in_one_line(text: str, problem: str, tmp_path: Path) -> None:
    """What is wrong, the value, what to do."""
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_variants(path)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_scripted_user_takes_its_manner_from_the_prompt() -> None:
    """It uses the quoted phrases of the block and of nothing else; without one it talks as ever, and calls are not touched."""
    import random

    def asked(system: str) -> list[dict[str, str]]:
        return [{"role": "system", "content": system}, {"role": "user", "content": "Hi! How can I help you today?"}]

    plain, angry = asked('He says "x". <scenario>\n</scenario>'), asked(f"{BUILTIN['anger'].block}<scenario>\n</scenario>")
    assert phrases(plain) == []
    assert user_turn(plain, random.Random(1)) == user_turn(plain)
    said = user_turn(angry, random.Random(1)).text or ""
    assert said.lower().startswith(tuple(cue.lower() for cue in BUILTIN["anger"].cues))
    assert said.endswith(user_turn(angry).text or "never")
    call = user_turn([*angry, {"role": "user", "content": 'Please do this on your side: {"name": "reboot", "arguments": {}}'}])
    assert in_persona(call, angry, random.Random(1)) == call
