"""The official OpenAI client against a server whose model is the tests' scripted one.

Usage: openai_client.py BASE_URL, where BASE_URL ends in /v1. Prints "ok" where all holds.
"""

import sys

import openai


def main(base_url):
    client = openai.OpenAI(base_url=base_url, api_key="none", max_retries=0)

    models = [model.id for model in client.models.list()]
    assert models == ["scripted"], models

    chat = client.chat.completions.create(
        model="scripted",
        messages=[
            {"role": "system", "content": "be nice"},
            {"role": "user", "content": "say(grüße 😀)"},
        ],
        logprobs=True,
        top_logprobs=2,
        temperature=0,
    )
    assert chat.choices[0].message.content == "grüße 😀", chat
    assert chat.choices[0].message.role == "assistant"
    assert chat.choices[0].finish_reason == "stop"
    assert len(chat.choices[0].logprobs.content) == chat.usage.completion_tokens == 13
    assert len(chat.choices[0].logprobs.content[0].top_logprobs) == 2

    completion = client.completions.create(
        model="scripted", prompt="loop(ab)|", max_tokens=5, n=2, temperature=0, logprobs=1
    )
    assert [choice.text for choice in completion.choices] == ["ababa", "ababa"], completion
    assert completion.choices[1].finish_reason == "length"
    assert completion.choices[0].logprobs.tokens == list("ababa")

    stopped = client.completions.create(
        model="scripted", prompt="say(one, two)|", stop=[", "], temperature=0
    )
    assert stopped.choices[0].text == "one", stopped

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
        for choice in chunk.choices:
            text += choice.delta.content or ""
            if choice.finish_reason:
                reasons.append(choice.finish_reason)
    assert (text, reasons) == ("日本語 stream", ["stop"]), (text, reasons)
    assert usage.completion_tokens == 17, usage

    pieces = [
        chunk.choices[0].text
        for chunk in client.completions.create(
            model="scripted", prompt="say(abc)|", stream=True
        )
    ]
    assert pieces == ["a", "b", "c", ""], pieces

    try:
        client.chat.completions.create(model="unknown", messages=[{"role": "user", "content": "x"}])
        raise AssertionError("an unknown model answered")
    except openai.NotFoundError as e:
        assert e.code == "model_not_found", e
        assert e.param == "model", e

    try:
        client.completions.create(model="scripted", prompt="x", temperature=9)
        raise AssertionError("a temperature of 9 was taken")
    except openai.BadRequestError as e:
        assert "temperature: expected 0 to 2" in e.message, e

    try:
        client.completions.create(model="scripted", prompt="die(0)|")
        raise AssertionError("a dead decoder answered")
    except openai.InternalServerError as e:
        assert "the decoder died" in e.message, e

    text = ""
    try:
        for chunk in client.completions.create(model="scripted", prompt="nan(3)|", stream=True):
            text += chunk.choices[0].text
        raise AssertionError("a stream that failed ended well")
    except openai.APIError as e:
        assert text == "xxx", text
        assert "block 0 down" in e.message, e

    print("ok")


if __name__ == "__main__":
    main(sys.argv[1])
