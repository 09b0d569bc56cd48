"""The official OpenAI client against a server whose model is the tests' scripted one.

Usage: openai_client.py BASE_URL, where BASE_URL ends in /v1. Prints "ok" where all holds.
"""

import asyncio
import sys

import openai

USER = [{"role": "user", "content": "say(hi)"}]


def models(client):
    assert [model.id for model in client.models.list()] == ["scripted"]
    assert client.models.retrieve("scripted").id == "scripted"


def chat(client):
    answer = client.chat.completions.create(
        model="scripted",
        messages=[
            {"role": "system", "content": "be nice"},
            {"role": "user", "content": [{"type": "text", "text": "say(grüße 😀)"}]},
        ],
        logprobs=True,
        top_logprobs=2,
        temperature=0,
        max_completion_tokens=20,
        user="somebody",
        extra_body={"min_tokens": 2, "unknown_to_all": 1},
    )
    choice = answer.choices[0]
    assert choice.message.content == "grüße 😀", answer
    assert choice.message.role == "assistant"
    assert choice.finish_reason == "stop"
    content = choice.logprobs.content
    assert len(content) == answer.usage.completion_tokens == 13
    assert all(len(token.top_logprobs) == 2 for token in content)
    spelled = bytes(byte for token in content[:-1] for byte in token.bytes)
    assert spelled.decode() == "grüße 😀", spelled

    continued = client.chat.completions.create(
        model="scripted",
        messages=[
            {"role": "user", "content": "say(abc)"},
            {"role": "assistant", "content": "|a"},
        ],
        extra_body={"add_generation_prompt": False, "continue_final_message": True},
    )
    assert continued.choices[0].message.content == "bc", continued


def completion(client):
    answer = client.completions.create(
        model="scripted", prompt="loop(ab)|", max_tokens=5, n=2, temperature=0, logprobs=1
    )
    assert [choice.text for choice in answer.choices] == ["ababa", "ababa"], answer
    assert answer.choices[1].finish_reason == "length"
    assert answer.choices[0].logprobs.tokens == list("ababa")
    assert answer.choices[0].logprobs.text_offset == [0, 1, 2, 3, 4]

    many = client.completions.create(
        model="scripted", prompt=["say(a)|", "say(b)|"], n=2, max_tokens=3, temperature=0
    )
    assert [(c.index, c.text) for c in many.choices] == [(0, "a"), (1, "a"), (2, "b"), (3, "b")]
    tokens = client.completions.create(
        model="scripted", prompt=[list(b"say(a)|"), list(b"say(b)|")], temperature=0
    )
    assert [c.text for c in tokens.choices] == ["a", "b"], tokens
    assert tokens.usage.prompt_tokens == 14, "no BOS beside token ids"

    stopped = client.completions.create(
        model="scripted", prompt="say(one, two)|", stop=[", "], temperature=0
    )
    assert stopped.choices[0].text == "one", stopped


def echo(client):
    answer = client.completions.create(
        model="scripted", prompt="say(ab)|ax", echo=True, logprobs=1, max_tokens=0, temperature=0
    )
    choice = answer.choices[0]
    assert choice.text == "say(ab)|ax", answer
    assert answer.usage.completion_tokens == 0
    scores = choice.logprobs.token_logprobs
    assert scores[0] is None and len(scores) == 11, scores
    assert abs(scores[9]) < 1e-6 and abs(scores[10] + 30) < 1e-6, scores
    assert choice.logprobs.text_offset == [0] + list(range(10)), choice


def sampling(client):
    def dice(**parameters):
        return client.completions.create(
            model="scripted", prompt="dice()|", max_tokens=12, **parameters
        ).choices[0].text

    assert dice(temperature=0) == "0" * 12
    assert dice(temperature=1, seed=7) == dice(temperature=1, seed=7)
    assert dice(temperature=1, seed=7) != dice(temperature=1, seed=8)
    assert dice(temperature=0, logit_bias={"53": 100}) == "5" * 12
    assert dice(temperature=0, logit_bias={"48": -100}) == "1" * 12
    assert dice(temperature=0, presence_penalty=1)[:10] == "0123456789"
    assert dice(temperature=0, frequency_penalty=0.5)[:10] == "0123456789"
    assert dice(temperature=1, top_p=0.05, seed=1) == "0" * 12


def streams(client):
    text, reasons, usage = "", [], None
    stream = client.chat.completions.create(
        model="scripted",
        messages=[{"role": "user", "content": "say(日本語 stream)"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    for chunk in stream:
        if chunk.usage:
            usage = chunk.usage
            assert not chunk.choices
        for choice in chunk.choices:
            text += choice.delta.content or ""
            if choice.finish_reason:
                reasons.append(choice.finish_reason)
    assert (text, reasons) == ("日本語 stream", ["stop"]), (text, reasons)
    assert usage.completion_tokens == 17, usage
    assert usage.total_tokens == usage.prompt_tokens + 17, usage

    pieces = [
        chunk.choices[0].text
        for chunk in client.completions.create(
            model="scripted", prompt="say(abc)|", stream=True, stop="zz"
        )
    ]
    assert pieces == ["a", "b", "c", ""], pieces

    texts, tokens = ["", "", ""], [[], [], []]
    parameters = dict(
        model="scripted", prompt="babble(ab é日)|", n=3, seed=5, max_tokens=20, logprobs=2, stop="ab"
    )
    for chunk in client.completions.create(stream=True, **parameters):
        for choice in chunk.choices:
            texts[choice.index] += choice.text
            if choice.logprobs:
                tokens[choice.index] += choice.logprobs.tokens
    whole = client.completions.create(**parameters)
    assert texts == [choice.text for choice in whole.choices], texts
    assert tokens == [choice.logprobs.tokens for choice in whole.choices], tokens
    assert not any("ab" in text for text in texts), texts


def errors(client):
    def expect(error, message, call, **parameters):
        try:
            call(model=parameters.pop("model", "scripted"), **parameters)
        except error as e:
            assert message in e.message, e
            return e
        raise AssertionError(f"no {error.__name__}: {parameters}")

    create, complete = client.chat.completions.create, client.completions.create
    e = expect(openai.NotFoundError, "gpt-x", create, model="gpt-x", messages=USER)
    assert (e.code, e.param, e.status_code) == ("model_not_found", "model", 404), e
    bad = openai.BadRequestError
    e = expect(bad, "temperature: expected 0 to 2", complete, prompt="x", temperature=9)
    assert (e.type, e.param) == ("invalid_request_error", "temperature"), e
    e = expect(bad, "maximum context length is 4096 tokens", complete, prompt="x" * 5000)
    assert e.code == "context_length_exceeded", e
    expect(bad, "suffix", complete, prompt="x", suffix="y")
    expect(bad, 'logit_bias.x: expected a token id', complete, prompt="x", logit_bias={"x": 1})
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    expect(bad, "tools", create, messages=USER, tools=[tool])
    expect(bad, "response_format", create, messages=USER, response_format={"type": "json_object"})
    expect(bad, "chat template refuses", create, messages=[{"role": "robot", "content": "x"}])
    expect(openai.InternalServerError, "the decoder died", complete, prompt="die(0)|")

    text = ""
    try:
        for chunk in complete(model="scripted", prompt="nan(3)|", stream=True):
            text += chunk.choices[0].text
        raise AssertionError("a stream that failed ended well")
    except openai.APIError as e:
        assert text == "xxx", text
        assert "block 0 down" in e.message, e


async def at_once(base_url):
    async with openai.AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0) as client:
        answers = await asyncio.gather(
            *(
                client.chat.completions.create(
                    model="scripted", messages=[{"role": "user", "content": f"say(number {i})"}]
                )
                for i in range(24)
            )
        )
    assert [a.choices[0].message.content for a in answers] == [f"number {i}" for i in range(24)]


def main(base_url):
    client = openai.OpenAI(base_url=base_url, api_key="none", max_retries=0)
    for check in (models, chat, completion, echo, sampling, streams, errors):
        check(client)
    asyncio.run(at_once(base_url))
    print("ok")


if __name__ == "__main__":
    main(sys.argv[1])
