"""What an answer costs: whose figure counts, what is known to be free, what stays unknown, and genai-prices as oracle."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from antiphon import Client, Completion, Price, RequestError, Usage, price, prices, providers
from antiphon.call import Reply
from antiphon.prices import dollars

from . import peer as peers
from .dialects import test_anthropic_messages, test_bedrock, test_gemini_content
from .dialects.tables import reply, sse

genai = pytest.importorskip("genai_prices")  # needs Python 3.11

MILLION = 1_000_000


def answer(provider: str, model: str, asked: str = "", **usage: Any) -> Completion:
    """A completion of this model with this usage."""
    return Completion(text="", provider=provider, model=model, requested_model=asked, usage=Usage(**usage))


def usd(provider: str, model: str, asked: str = "", **usage: Any) -> float | None:
    found = price(answer(provider, model, asked, **usage))
    return None if found is None else found.usd


def listed(provider_id: str, model: str, way: str = "input_mtok") -> float:
    """The rate that the price list itself holds, in US dollars for a million tokens."""
    found = genai.calc_price(genai.Usage(), model, provider_id=provider_id).model_price.__dict__[way]
    return float(getattr(found, "base", found))


# --------------------------------------------------------------------------------------- whose figure


def test_the_providers_own_figure_wins():
    """What the provider says the call cost counts, even where the list has a price for it."""
    told = answer("openai", "gpt-6-sol", input_tokens=10, output_tokens=10, cost=0.5)
    assert price(told) == Price(0.5, "provider")


def test_the_list_prices_one_call_by_its_usage():
    """Input and output at the model's own rates, and the two parts add up."""
    found = price(answer("anthropic", "claude-opus-5-5", input_tokens=1000, output_tokens=500))
    assert found is not None
    assert found.source == "genai-prices"
    assert found.input == pytest.approx(listed("anthropic", "claude-opus-5-5") / 1000)
    assert found.output == pytest.approx(listed("anthropic", "claude-opus-5-5", "output_mtok") / 2000)
    assert found.usd == pytest.approx(found.input + found.output)


def test_cached_tokens_cost_what_cached_tokens_cost():
    """Read from a cache, written to it, and written for an hour: each at its own rate, inside the input."""
    rate = {
        name: listed("anthropic", "claude-opus-5-5", f"{name}_mtok")
        for name in ("input", "cache_read", "cache_write", "cache_write_1h")
    }
    found = usd(
        "anthropic", "claude-opus-5-5", input_tokens=1000, output_tokens=0, cached_tokens=100,
        cache_write_tokens=500, details={"cache_write_1h_tokens": 200},
    )  # fmt: skip
    expected = 400 * rate["input"] + 100 * rate["cache_read"] + 300 * rate["cache_write"]
    assert found == pytest.approx((expected + 200 * rate["cache_write_1h"]) / MILLION)
    assert len(set(rate.values())) == 4


def test_a_picture_costs_more_than_words():
    """Tokens of a picture in the answer are priced as such, not as text."""
    words = usd("gemini", "gemini-3-pro-image", input_tokens=10, output_tokens=1120)
    picture = usd(
        "gemini", "gemini-3-pro-image",
        input_tokens=10, output_tokens=1120, details={"output_image_tokens": 1120},
    )  # fmt: skip
    assert words is not None
    assert picture is not None
    assert picture > 5 * words


def test_a_long_call_costs_more_than_many_short_ones():
    """The long-context rate is for the whole call, so prices are summed, never tokens."""
    short = usd("openai", "gpt-6-sol", input_tokens=1000, output_tokens=1000)
    long = usd("openai", "gpt-6-sol", input_tokens=MILLION, output_tokens=MILLION)
    assert short is not None
    assert long is not None
    assert long > 1000 * short * 1.4


def test_another_tier_has_another_price():
    """The tier that the reply names is the one that is billed."""
    plain = usd("openai", "gpt-6-sol", input_tokens=1000, output_tokens=1000)
    flex = usd("openai", "gpt-6-sol", input_tokens=1000, output_tokens=1000, tier="flex")
    assert plain is not None
    assert flex == pytest.approx(plain / 2)


@pytest.mark.parametrize(
    ("provider", "model", "asked", "rate"),
    [
        ("azure", "gpt-5-2025-08-07", "my-deployment", ("azure", "gpt-5")),
        ("vertex", "claude-sonnet-4-5@20250929", "", ("google", "claude-sonnet-4-5")),
        ("xai", "grok-4.7-0921", "grok-4.7", ("x-ai", "grok-4.7")),
        ("bedrock", "us.anthropic.claude-opus-5-5", "us.anthropic.claude-opus-5-5",
         ("aws", "us.anthropic.claude-opus-5-5")),
        ("bedrock", "claude-opus-5-5", "global.anthropic.claude-opus-5-5",
         ("aws", "global.anthropic.claude-opus-5-5")),
        ("bedrock", "claude-opus-5-5",
         "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-5-5",
         ("aws", "us.anthropic.claude-opus-5-5")),
        ("bedrock", "claude-opus-5-5",
         "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2",
         ("aws", "anthropic.claude-opus-5-5")),
    ],
)  # fmt: skip
def test_a_models_name_is_found_in_the_list(provider: str, model: str, asked: str, rate: tuple[str, str]):
    """Deployments, dated names, regional and global profiles and ARNs lead to the rates that are billed."""
    found = usd(provider, model, asked, input_tokens=1000, output_tokens=0)
    assert found == pytest.approx(listed(*rate) / 1000)


def test_a_global_profile_is_cheaper_than_a_regional_one():
    """The prefix of a profile decides, so it is not cut off."""
    spent = {"input_tokens": 1000, "output_tokens": 1000}
    regional = usd("bedrock", "claude-opus-5-5", "us.anthropic.claude-opus-5-5", **spent)
    worldwide = usd("bedrock", "claude-opus-5-5", "global.anthropic.claude-opus-5-5", **spent)
    assert regional is not None
    assert worldwide is not None
    assert worldwide < regional


# ------------------------------------------------------------------------------------ free and unknown


@pytest.mark.parametrize(
    ("provider", "base_url"),
    [
        ("echo", None),
        ("local", None),
        ("ollama", None),
        ("ollama", "http://localhost:11434"),
        ("llamacpp", None),
        ("vllm", "http://127.0.0.2:8000/v1"),
        ("lmstudio", "http://[::1]:1234/v1"),
        ("compatible", "http://127.0.0.1:9/v1"),
    ],
)
def test_what_runs_here_is_known_to_cost_nothing(provider: str, base_url: str | None):
    """On this machine an answer costs nothing, whether or not the usage is known."""
    found = price(Completion(text="", provider=provider, model="m", base_url=base_url))
    assert found == Price(0.0, "own machine", 0.0, 0.0)


@pytest.mark.parametrize(
    ("provider", "base_url"),
    [
        ("ollama", "https://ollama.com"),
        ("compatible", "https://api.example.com/v1"),
        ("vllm", "http://10.0.0.7:8000/v1"),
        ("huggingface", None),
        ("nobody", None),
    ],
)
def test_what_nobody_knows_is_none_and_not_zero(provider: str, base_url: str | None):
    """No price for a server elsewhere, for a provider without a list, or for one that is gone."""
    usage = Usage(input_tokens=10, output_tokens=10)
    assert price(Completion(text="", provider=provider, model="m", base_url=base_url, usage=usage)) is None


@pytest.mark.parametrize(
    ("model", "usage"),
    [
        ("gpt-99-none", {"input_tokens": 1, "output_tokens": 1}),
        ("gpt-6-sol", {"input_tokens": 1}),
        ("gpt-6-sol", {"output_tokens": 1}),
        ("gpt-6-sol", {}),
        ("gpt-6-sol", {"input_tokens": 1, "output_tokens": 1, "cached_tokens": 2}),
        ("text-embedding-3-small", {"input_tokens": 1, "output_tokens": 1}),
    ],
    ids=["model", "no output", "no input", "neither", "contradiction", "no rate for output"],
)
def test_a_price_that_cannot_be_worked_out_is_none(model: str, usage: dict[str, int]):
    """An unknown model, usage that is missing or contradicts itself, a rate that is not listed: None each time."""
    assert price(answer("openai", model, **usage)) is None


def test_every_id_of_a_provider_is_one_of_the_lists():
    """What the provider files call the price list's providers exists there."""
    ids = {providers.get(name).price_id for name in providers.names()} - {""}
    known = {provider.id for provider in genai.data_snapshot.get_snapshot().providers}
    assert ids <= known
    assert len(ids) == 11


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "$0"), (0.00012, "$0.00012"), (0.00125, "$0.00125"), (0.5, "$0.50"), (0.0312, "$0.0312"),
        (12, "$12.00"), (1234.567, "$1,234.57"), (1e-12, "$0.00"), (0.0999999, "$0.10"),
    ],
)  # fmt: skip
def test_amounts_for_people(amount: float, text: str):
    """Three digits that say something, cents at least, no exponents."""
    assert dollars(amount) == text


# ---------------------------------------------------------------------------------------- on the road


def test_a_replayed_answer_tells_what_it_would_cost(tmp_path):
    """The price of a replayed answer is that of the first one; `replayed` says that nothing was paid for it."""
    with peers.serve() as peer:
        client = Client(tmp_path)
        ask = {"provider": "openai", "model": "gpt-6-sol", "base_url": peer.url, "api_key": "k", "seed": 1}
        first, second = client.complete("hi", **ask), client.complete("hi", **ask)
        client.close()
    assert (first.replayed, second.replayed) == (False, True)
    assert price(second) == price(first)
    assert price(first) is not None
    assert (first.requested_model, first.base_url) == ("gpt-6-sol", peer.url)


def test_asking_imports_no_price_list():
    """Importing the list takes tenths of a second, so only `price` does it."""
    code = (
        "import sys, antiphon\n"
        "completion = antiphon.complete('hi', model='echo')\n"
        "assert antiphon.price(completion).usd == 0\n"
        "assert 'genai_prices' not in sys.modules and 'antiphon.spending.bill' not in sys.modules\n"
        "assert 'sqlite3' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_pricing_starts_no_thread_and_opens_no_socket():
    """The list is never renewed from the network: its updater is not started, and no address is looked up."""
    code = (
        "import socket, sys, threading\n"
        "def no(*_, **__): raise SystemExit('the network was asked')\n"
        "socket.getaddrinfo = socket.socket.connect = no\n"
        "from antiphon import Completion, Usage, price\n"
        "usage = Usage(input_tokens=1, output_tokens=1)\n"
        "assert price(Completion(text='', provider='openai', model='gpt-6-sol', usage=usage)).usd > 0\n"
        "assert threading.active_count() == 1\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_the_list_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    """Where the extra is missing, a price that needs it is a typed error; the provider's figure and 0 do not need it."""
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    prices._genai.cache_clear()
    prices.listed.cache_clear()
    try:
        with pytest.raises(RequestError, match="not installed") as caught:
            usd("openai", "gpt-6-sol", input_tokens=1, output_tokens=1)
        assert "antiphon[prices]" in caught.value.hint
        assert usd("openai", "gpt-6-sol", cost=0.25) == 0.25
        assert usd("echo", "echo") == 0
    finally:
        prices._genai.cache_clear()


# --------------------------------------------------------------------------------------- genai as oracle

CHAT = {
    "prompt_tokens": 30, "completion_tokens": 20, "total_tokens": 50,
    "prompt_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 4, "audio_tokens": 5},
    "completion_tokens_details": {"reasoning_tokens": 12, "audio_tokens": 3},
}  # fmt: skip


def chat(model: str, usage: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": "Hello!"}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return {"id": "c-1", "object": "chat.completion", "model": model, "choices": choices, "usage": usage}


def gemini_usage(**more: Any) -> dict[str, Any]:
    details = [{"modality": "TEXT", "tokenCount": 10}, {"modality": "AUDIO", "tokenCount": 20}]
    pictures = [{"modality": "IMAGE", "tokenCount": 6}, {"modality": "TEXT", "tokenCount": 2}]
    cached = [{"modality": "AUDIO", "tokenCount": 10}]
    used = {**test_gemini_content.USED, "promptTokensDetails": details, "candidatesTokensDetails": pictures}
    return {**used, "cacheTokensDetails": cached, **more}


def claude_usage(**more: Any) -> dict[str, Any]:
    kept = {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 3}
    return {**test_anthropic_messages.reply()["usage"], "cache_creation": kept, **more}


HOUR = [{"ttl": "5m", "inputTokens": 1}, {"ttl": "1h", "inputTokens": 3}]
CLAUDE = test_anthropic_messages.reply(test_anthropic_messages.text("Hello!"))
ANSWERED = {
    "type": "message", "id": "m-1", "role": "assistant", "status": "completed",
    "content": [{"type": "output_text", "text": "Hello!", "annotations": []}],
}  # fmt: skip
RESPONSE = {
    "id": "r-1", "object": "response", "status": "completed", "model": "gpt-6-sol", "output": [ANSWERED],
    "usage": {
        "input_tokens": 30, "output_tokens": 20, "total_tokens": 50,
        "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 4},
        "output_tokens_details": {"reasoning_tokens": 12},
    },
}  # fmt: skip
MODELS = {
    "openai": "gpt-6-sol", "azure": "gpt-5", "openrouter": "openai/gpt-6-sol", "mistral": "mistral-large-latest",
    "deepseek": "deepseek-flash", "groq": "openai/gpt-oss-120b", "xai": "grok-4.7",
}  # fmt: skip
PLAIN = {
    "prompt_tokens_details": {"cached_tokens": 10},
    "completion_tokens_details": {"reasoning_tokens": 12},
}
# Whom we ask and how, whom the oracle takes it from, and the reply.
ORACLE: list[Any] = [
    *(
        pytest.param(ours, "openai_chat", theirs, flavor, chat(MODELS[ours], {**CHAT, **more}), id=f"{ours} chat")
        for ours, theirs, flavor, more in (
            ("openai", "openai", "chat", {}),
            ("azure", "azure", "chat", {}),
            ("openrouter", "openrouter", "chat", {}),
            ("mistral", "mistral", "default", PLAIN),
            ("deepseek", "deepseek", "chat", {"prompt_tokens_details": {"cached_tokens": 10}}),
            ("groq", "groq", "default", {"prompt_tokens_details": {"cached_tokens": 10}}),
            # Reasoning is beside the answer there.
            ("xai", "x-ai", "chat", {"total_tokens": 62, "prompt_tokens_details": {"cached_tokens": 10}}),
        )
    ),
    pytest.param("openai", "openai_responses", "openai", "responses", RESPONSE, id="openai responses"),
    pytest.param("azure", "openai_responses", "azure", "responses", RESPONSE, id="azure responses"),
    pytest.param("anthropic", "anthropic_messages", "anthropic", "default",
                 {**CLAUDE, "usage": claude_usage()}, id="anthropic"),
    pytest.param("vertex", "anthropic_vertex", "google", "anthropic",
                 {**CLAUDE, "usage": claude_usage()}, id="claude on vertex"),
    pytest.param("bedrock", "bedrock_invoke_claude", "aws", "anthropic",
                 {**CLAUDE, "model": "anthropic.claude-sonnet-4-6", "usage": claude_usage()}, id="claude on bedrock"),
    pytest.param("bedrock", "bedrock_converse", "aws", "default",
                 test_bedrock.reply({"text": "Hello!"}, usage={**test_bedrock.SPENT, "cacheDetails": HOUR}),
                 id="converse"),
    pytest.param("gemini", "gemini_content", "google", "default",
                 test_gemini_content.reply({"text": "Hello!"}, usageMetadata=gemini_usage()), id="gemini"),
    pytest.param("gemini", "gemini_content", "google", "default",
                 test_gemini_content.reply({"text": "Hello!"}, usageMetadata=gemini_usage(
                     toolUsePromptTokenCount=7,
                     toolUsePromptTokensDetails=[{"modality": "IMAGE", "tokenCount": 7}])),
                 id="gemini with a tool"),
]  # fmt: skip
# What has no field of its own here, because no list prices it apart from the rest.
UNPRICED = {"input_text_tokens", "output_text_tokens", "cache_text_read_tokens", "cache_write_5m_tokens",
            "input_tool_tokens", "input_image_tool_tokens", "web_searches"}  # fmt: skip


@pytest.mark.parametrize(("ours", "dialect", "theirs", "flavor", "document"), ORACLE)
def test_usage_is_what_the_oracle_extracts(
    ours: str, dialect: str, theirs: str, flavor: str, document: dict[str, Any]
):
    """The usage that we decode is the one that genai-prices reads from the same reply."""
    decoded = providers.get(ours).way(dialect).dialect.decode(reply(document))
    extracted = genai.extract_usage(document, provider_id=theirs, api_flavor=flavor).usage
    read = {name: count for name, count in vars(extracted).items() if count and name not in UNPRICED}
    found = dict(prices._counts(decoded.usage))
    assert {name: found.get(name) for name in read} == read
    # Reasoning has no rate of its own, so the oracle does not always look for it.
    assert found.keys() - read.keys() <= {"output_reasoning_tokens"}


@pytest.mark.parametrize(("ours", "dialect", "theirs", "flavor", "document"), ORACLE)
def test_the_price_is_what_the_oracle_calculates(
    ours: str, dialect: str, theirs: str, flavor: str, document: dict[str, Any]
):
    """From a reply to its price we come to the same as genai-prices does on its own."""
    decoded = providers.get(ours).way(dialect).dialect.decode(reply(document))
    model = decoded.model or test_bedrock.CLAUDE
    extracted = genai.extract_usage(document, provider_id=theirs, api_flavor=flavor)
    calculated = genai.calc_price(extracted.usage, model, provider_id=theirs)
    found = usd(ours, model, model, **{f: getattr(decoded.usage, f) for f in Usage.__dataclass_fields__})
    assert found == pytest.approx(float(calculated.total_price))


# ----------------------------------------------------------------------------------- the provider's cost


def chat_cost(usage: dict[str, Any], *, stream: bool = False) -> float | None:
    """The cost that the chat dialect reads."""
    dialect = providers.get("openrouter").way("openai_chat").dialect
    if not stream:
        return dialect.decode(reply(chat("m", {**CHAT, **usage}))).usage.cost
    fold = dialect.fold()
    delta = {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}
    whole = Reply(
        200, sse(delta, {"choices": [], "usage": {**CHAT, **usage}}), {"content-type": "text/event-stream"}
    )
    from antiphon import events

    for event in events.parse(whole.body, "sse"):
        fold.feed(event)
    return fold.completion(whole).usage.cost


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"cost": 0.25}, 0.25),
        ({"cost": 0}, 0.0),
        ({"cost": 0.25, "cost_details": {"upstream_inference_cost": 0.25}, "is_byok": False}, 0.25),
        ({"cost": 0.01, "cost_details": {"upstream_inference_cost": 0.25}, "is_byok": True}, 0.26),
        ({"cost": 0.01, "cost_details": None, "is_byok": True}, 0.01),
        ({"cost_in_usd_ticks": 37_756_000}, 0.0037756),
        ({"cost": None}, None),
        ({"cost": -1}, None),
        ({"cost": True}, None),
        ({"cost": "1"}, None),
        ({}, None),
    ],
)
def test_what_providers_say_a_call_cost(usage: dict[str, Any], cost: float | None, stream: bool):
    """OpenRouter's dollars (with a key of one's own the fee and what is paid elsewhere), xAI's ticks; else nothing."""
    assert chat_cost(usage, stream=stream) == (cost if cost is None else pytest.approx(cost))


def test_responses_say_it_too():
    """The Responses protocol carries the same figures, and the tier."""
    dialect = providers.get("xai").way("openai_responses").dialect
    usage = {**RESPONSE["usage"], "cost_in_usd_ticks": 10**9}
    found = dialect.decode(reply({**RESPONSE, "usage": usage, "service_tier": "priority"})).usage
    assert (found.cost, found.tier) == (0.1, "priority")
