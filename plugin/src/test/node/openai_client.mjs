// The official OpenAI client against a server whose model is the tests' scripted one.
//
// Usage: node openai_client.mjs MODULES BASE_URL, where MODULES is a directory with
// node_modules/openai and BASE_URL ends in /v1. Prints "ok" where all holds.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, baseURL] = process.argv.slice(2);
const { OpenAI } = createRequire(join(modules, "package.json"))("openai");
const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });
const model = "scripted";
const user = (content) => [{ role: "user", content }];

async function whole() {
  const names = [];
  for await (const each of client.models.list()) names.push(each.id);
  assert.deepEqual(names, [model]);

  const chat = await client.chat.completions.create({
    model,
    messages: [{ role: "system", content: "be nice" }, ...user("say(grüße 😀)")],
    logprobs: true,
    top_logprobs: 2,
    temperature: 0,
  });
  assert.equal(chat.choices[0].message.content, "grüße 😀");
  assert.equal(chat.choices[0].finish_reason, "stop");
  assert.equal(chat.choices[0].logprobs.content.length, chat.usage.completion_tokens);
  const bytes = chat.choices[0].logprobs.content.slice(0, -1).flatMap((token) => token.bytes);
  assert.equal(Buffer.from(bytes).toString(), "grüße 😀");

  const completion = await client.completions.create({
    model,
    prompt: ["loop(ab)|", "loop(cd)|"],
    n: 2,
    max_tokens: 3,
    temperature: 0,
    logit_bias: { 97: -100 },
    logprobs: 1,
  });
  assert.deepEqual(
    completion.choices.map((choice) => choice.text.at(-2)),
    ["b", "b", "d", "d"],
  );

  const seeded = () =>
    client.completions.create({ model, prompt: "dice()|", max_tokens: 20, seed: 3 });
  assert.equal((await seeded()).choices[0].text, (await seeded()).choices[0].text);

  const echo = await client.completions.create({
    model,
    prompt: "say(ab)|ax",
    echo: true,
    logprobs: 1,
    max_tokens: 0,
  });
  assert.equal(echo.choices[0].text, "say(ab)|ax");
  assert.equal(echo.choices[0].logprobs.token_logprobs.length, 11);
}

async function streamed() {
  const stream = await client.chat.completions.create({
    model,
    messages: user("say(日本語 stream STOP more)"),
    stop: ["STOP"],
    n: 2,
    stream: true,
    stream_options: { include_usage: true },
  });
  const texts = ["", ""];
  const reasons = [];
  let usage;
  for await (const chunk of stream) {
    usage = chunk.usage ?? usage;
    for (const choice of chunk.choices) {
      texts[choice.index] += choice.delta.content ?? "";
      if (choice.finish_reason) reasons.push(choice.finish_reason);
    }
  }
  assert.deepEqual(texts, ["日本語 stream ", "日本語 stream "]);
  assert.deepEqual(reasons, ["stop", "stop"]);
  assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);

  const runner = client.chat.completions.stream({ model, messages: user("say(all of it)") });
  assert.equal((await runner.finalChatCompletion()).choices[0].message.content, "all of it");

  const endless = await client.completions.create({
    model,
    prompt: "slow(ab)|",
    max_tokens: 4000,
    stream: true,
  });
  for await (const chunk of endless) {
    assert.equal(chunk.choices[0].text, "a");
    break; // hangs up
  }
}

async function errors() {
  const refused = (type, parameters, check) =>
    assert.rejects(client.chat.completions.create({ model, ...parameters }), (error) => {
      assert.ok(error instanceof type, `${error}`);
      check(error);
      return true;
    });
  await refused(OpenAI.NotFoundError, { model: "gpt-x", messages: user("x") }, (error) =>
    assert.equal(error.code, "model_not_found"),
  );
  await refused(OpenAI.BadRequestError, { messages: user("x"), temperature: 9 }, (error) =>
    assert.equal(error.param, "temperature"),
  );
  await refused(
    OpenAI.BadRequestError,
    { messages: user("x"), response_format: { type: "json_object" } },
    (error) => assert.equal(error.param, "response_format.type"),
  );
  await assert.rejects(
    client.completions.create({ model, prompt: "die(0)|" }),
    OpenAI.InternalServerError,
  );
  const failing = await client.completions.create({ model, prompt: "nan(2)|", stream: true });
  let text = "";
  await assert.rejects(async () => {
    for await (const chunk of failing) text += chunk.choices[0].text;
  }, /block 0 down/);
  assert.equal(text, "xx");
}

await whole();
await streamed();
await errors();
console.log("ok");
