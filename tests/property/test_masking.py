"""No key survives masking, wherever it stands; what is no key is left alone."""

from __future__ import annotations

import json
import string
import time
import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tau2_logging.events.secrets.command_line import masked_argv
from tau2_logging.events.secrets.masking import MASK, is_secret_name, mask, mask_signed, mask_text, masked_json
from tau2_logging.logger.content.sensitive import LEVELS, masked, masked_as_json, masked_text
from tests.support.tokens import FORMS, NAMED, opaque, secrets_of, token

TAIL = st.text(string.ascii_letters + string.digits, min_size=24, max_size=48)
LOOKS = ("sk-", "sk-proj-", "sk-ant-api03-", "sk-or-v1-", "pk-", "gsk_", "hf_", "xai-", "ghp_", "nvapi-", "AIzaSy")
KEY = st.builds("{}{}".format, st.sampled_from(LOOKS), TAIL)
"""Keys that are known by their look."""
OPAQUE = TAIL
"""Keys that only their name tells."""
SECRET_NAME = st.sampled_from(
    (
        "api_key", "apikey", "API_KEY", "OPENAI_API_KEY", "aws_secret_access_key", "aws_session_token", "password", "Authorization",
        "x-api-key", "client_secret", "azure_ad_token", "vertex_credentials", "private_key", "access_token", "secret",
    )
)  # fmt: skip
PLAIN_NAME = st.sampled_from(("model", "temperature", "extra_headers", "metadata", "stop", "max_tokens"))
SENTENCE = st.text(string.ascii_lowercase + " .,!?", max_size=60)


def nested(leaf: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """The leaf inside settings inside settings."""

    def around(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
        return st.dictionaries(PLAIN_NAME, inner, min_size=1, max_size=2) | st.lists(inner, min_size=1, max_size=2)

    return st.recursive(leaf, around, max_leaves=4)


@given(KEY, SENTENCE, SENTENCE)
def test_a_key_in_running_text_is_masked(key: str, before: str, after: str) -> None:
    """Known by its look, a key needs no name beside it."""
    assert key not in mask_text(f"{before} {key} {after}")


@given(
    OPAQUE,
    st.sampled_from(
        (
            "Authorization: Bearer {}", "authorization: bearer {}", "Authorization: Basic {}", "'Authorization': 'Bearer {}'",
            '{{"api_key": "{}"}}', "{{'api_key': '{}'}}", "api_key={}", "--api-key={}", "https://host/v1?api_key={}&x=1", "x-api-key: {}",
            "https://host/v1?access_token={}", '"{{\\"api_key\\": \\"{}\\"}}"', "password = {}", "OPENAI_API_KEY={}", "secret: {}",
            "client_secret={}", "https://user:{}@host/v1", "x-goog-api-key: {}", "AWS_SECRET_ACCESS_KEY={}", "api-key: {}", "token={}",
            "auth_token: {}",
        )
    ),
)  # fmt: skip
def test_a_key_that_has_a_name_is_masked(key: str, template: str) -> None:
    """In headers, addresses, JSON, JSON inside JSON, assignments."""
    assert key not in mask_text(f"failed with {template.format(key)} after 3 s")


@given(nested(KEY), KEY)
def test_a_key_in_nested_settings_is_masked(settings: object, key: str) -> None:
    """By the look of a value at any depth."""
    text = json.dumps([settings, {"model": {"stop": [key]}}])
    masked = json.dumps(mask(json.loads(text)))
    assert key not in masked
    assert masked_json(json.loads(text)) == masked


LINES = st.sampled_from(
    ("{}", "curl\n-u bob:{}\n", "a\n--user bob:{}", 'say "{}"', "Bearer {}", "\tpassword\t{}", '{{"api_key": "{}"}}', "C:\\\\{}")
)


@given(nested(st.builds(str.format, LINES, KEY | OPAQUE | SENTENCE)), st.sampled_from(("role", "content", "api_key", "headers")))
def test_a_value_that_is_looked_at_as_a_whole_is_masked_as_text_by_text(value: object, name: str) -> None:
    """A message of a prompt that holds nothing is found out by two looks; the result is the same as if each text had been masked."""
    message = {"role": "user", name: value}
    for level in LEVELS:
        slowly = masked_text(json.dumps(masked(message, level), ensure_ascii=False), level)
        assert masked_as_json(message, level) == slowly


@given(SECRET_NAME, OPAQUE, SENTENCE)
def test_a_setting_with_a_secret_name_is_masked(name: str, key: str, other: str) -> None:
    """By its name at any depth, whatever it holds; headers are masked whatever their names."""
    settings = {"extra_headers": [{name: key, "model": other}], "metadata": {name: {"value": [key]}}}
    masked = mask(settings)
    assert key not in json.dumps(masked)
    assert masked == {"extra_headers": [{name: MASK, "model": MASK}], "metadata": {name: MASK}}


@given(OPAQUE, KEY)
def test_a_key_on_the_command_line_is_masked(opaque: str, key: str) -> None:
    """After a flag, in one word with it, inside a JSON word."""
    words = [
        "--agent-llm",
        "gpt-4.1",
        "--api-key",
        opaque,
        f"--api-key={opaque}",
        "--agent-llm-args",
        json.dumps({"api_key": opaque, "x": [key]}),
        key,
    ]
    text = masked_argv(words)
    assert opaque not in text
    assert key not in text
    assert text.startswith("--agent-llm gpt-4.1 --api-key *** ")


@given(SENTENCE)
def test_masking_twice_changes_nothing_more(text: str) -> None:
    """Masked text is a fixed point."""
    once = mask_text(f"{text} api_key=abcdefgh123 Bearer abcdef12345 {text}")
    assert mask_text(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens=4096 input_tokens: 512, output_tokens: 87, total_tokens = 599",
        '{"max_tokens": 4096, "temperature": 0.0, "prompt_tokens": 12}',
        "The agent should keep the task-based risk-free desk-sharing plan; ask-me-anything sessions are basic things.",
        "I forgot my password. Can you reset my password, please? The secret of good cooking is salt.",
        "Your order #W2378156 and user id yusuf_rossi_9620; payment_method_id credit_card_9513926.",
        "RateLimitError: too many requests, retry after 20 s",
        "the token count of this prompt is 1024",
        "author: Smith, authority = none",
        "api_key is missing",
        "No secrets here: none",
        "",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    """Token counts, sentences that speak of passwords, ids that look a little like keys."""
    assert mask_text(text) == text


@pytest.mark.parametrize(
    "name", ["max_tokens", "input_tokens", "token_count", "author", "keyboard", "secretary", "tokenizer", "monkey", "api_base"]
)
def test_a_setting_that_holds_no_secret_keeps_its_value(name: str) -> None:
    """Names that only resemble those of secrets."""
    assert not is_secret_name(name)
    assert mask({name: "value"}) == {name: "value"}


def test_the_settings_themselves_are_not_touched() -> None:
    """mask returns a copy: the call goes on with its key."""
    settings = {"api_key": "abc", "nested": {"api_key": "abc"}}
    mask(settings)
    assert settings == {"api_key": "abc", "nested": {"api_key": "abc"}}


@pytest.mark.parametrize("form", FORMS)
def test_a_credential_of_a_documented_form_is_masked(form: str) -> None:
    """In a sentence, in JSON, in JSON inside JSON, at the end of a line, as the only text."""
    fake = token(form, 1)
    assert secrets_of(fake)
    inner = json.dumps({"said": f"denied\n{fake}\nfor you"})
    for text in (fake, f"Error 401: {fake} is not valid", f"denied\n{fake}\n", inner, json.dumps({"reply": inner})):
        masked = mask_text(text)
        assert [part for part in secrets_of(fake) if part in masked] == []
        assert mask_text(masked) == masked


@pytest.mark.parametrize("template", NAMED)
def test_a_credential_that_stands_beside_its_name_is_masked(template: str) -> None:
    """Whatever it looks like; what stands around it is kept."""
    for number in range(5):
        masked = mask_text(f"see {template.format(opaque(number))} there")
        assert opaque(number) not in masked
        assert masked.startswith("see ")
        assert mask_text(masked) == masked


def test_what_tau2_says_holds_no_credential() -> None:
    """Policies, tasks and databases of all domains: nothing in them is taken for one."""
    data = pytest.importorskip("tau2.utils.utils").DATA_DIR / "tau2" / "domains"
    texts = [path.read_text(encoding="utf-8") for kind in ("*.md", "tasks*.json") for path in sorted(data.rglob(kind))]
    assert sum(map(len, texts)) > 1_000_000
    for text in texts:
        assert mask_text(text) == text


@pytest.mark.parametrize(
    "piece", ["x", "a-", "key: ", "token=", "://", "-----BEGIN PRIVATE KEY-----", "mysql ", "?a", "eyJ", "Cookie: a", "<secret>", "1:"]
)
def test_time_grows_with_the_length_of_a_text_alone(piece: str) -> None:
    """Four times the text takes no more than some four times the time, whatever it is made of."""

    def took(size: int) -> float:
        text = (piece * size)[:size]
        return min(timeit.repeat(lambda: mask_signed(text), number=1, repeat=2, timer=time.process_time))

    assert took(40_000) < 12 * took(10_000) + 0.02
