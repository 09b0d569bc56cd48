package io.calm.serving.dispatch;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.nio.charset.StandardCharsets;
import java.util.SplittableRandom;

/** Bodies of requests with random parameters, for the scripted model. */
final class RandomRequest {
  private static final String ALPHABET = "aab é日😀";
  private static final int[] CHARACTERS = ALPHABET.codePoints().toArray();

  private final long seed;
  private final SplittableRandom random;

  RandomRequest(long seed) {
    this.seed = seed;
    this.random = new SplittableRandom(seed);
  }

  JsonObject completion() {
    JsonObject body = new JsonObject();
    parameters(body, "max_tokens", "ignore_eos");
    body.addProperty("n", 1 + random.nextInt(3));
    body.addProperty("echo", random.nextBoolean());
    if (random.nextBoolean()) {
      body.addProperty("logprobs", random.nextInt(4));
    }
    body.add("prompt", prompts(1 + random.nextInt(2)));
    return body;
  }

  JsonObject chat() {
    JsonObject body = new JsonObject();
    parameters(body, "max_completion_tokens", "ignore_eos");
    body.addProperty("n", 1 + random.nextInt(3));
    if (random.nextBoolean()) {
      body.addProperty("logprobs", true);
      body.addProperty("top_logprobs", random.nextInt(4));
    }
    JsonObject message = new JsonObject();
    message.addProperty("role", "user");
    message.addProperty("content", prompt());
    JsonArray messages = new JsonArray();
    messages.add(message);
    body.add("messages", messages);
    return body;
  }

  /** Returns a body of DJL's schema with details. */
  JsonObject lmi() {
    JsonObject parameters = new JsonObject();
    parameters(parameters, "max_new_tokens", "ignore_eos_token");
    parameters.addProperty("details", true);
    parameters.addProperty("return_full_text", random.nextBoolean());
    JsonObject body = new JsonObject();
    body.addProperty("inputs", prompt());
    body.add("parameters", parameters);
    return body;
  }

  /** Returns a body of DJL's schema with several inputs. */
  JsonObject lmiArray() {
    JsonObject body = lmi();
    body.getAsJsonObject("parameters").addProperty("return_full_text", false);
    body.add("inputs", prompts(1 + random.nextInt(20)));
    return body;
  }

  private void parameters(JsonObject to, String max, String ignoreEos) {
    int tokens = 1 + random.nextInt(30);
    to.addProperty(max, tokens);
    to.addProperty("seed", random.nextInt(1000));
    to.addProperty("temperature", random.nextInt(4) == 0 ? 0 : 0.3 + random.nextDouble());
    to.addProperty(ignoreEos, random.nextInt(4) == 0);
    to.addProperty("min_tokens", random.nextInt(3) == 0 ? random.nextInt(tokens + 1) : 0);
    to.addProperty("include_stop_str_in_output", random.nextInt(4) == 0);
    to.add("stop", stops());
    if (random.nextInt(3) == 0) {
      to.addProperty("top_k", 1 + random.nextInt(5));
    }
    if (random.nextInt(3) == 0) {
      to.addProperty("top_p", 0.2 + 0.8 * random.nextDouble());
    }
    if (random.nextInt(3) == 0) {
      to.addProperty("min_p", 0.2 * random.nextDouble());
    }
    if (random.nextInt(3) == 0) {
      to.addProperty("repetition_penalty", 0.9 + 0.2 * random.nextDouble());
      to.addProperty("frequency_penalty", random.nextDouble() - 0.5);
      to.addProperty("presence_penalty", 2 * random.nextDouble() - 1);
    }
    if (random.nextInt(3) == 0) {
      JsonObject bias = new JsonObject();
      bias.addProperty(Integer.toString('a'), 6 * random.nextDouble() - 3);
      bias.addProperty(Integer.toString('b'), -100);
      to.add("logit_bias", bias);
    }
  }

  private JsonArray stops() {
    JsonArray stops = new JsonArray();
    for (int i = random.nextInt(4); i > 0; i--) {
      StringBuilder stop = new StringBuilder();
      for (int length = 1 + random.nextInt(3); length > 0; length--) {
        stop.appendCodePoint(CHARACTERS[random.nextInt(CHARACTERS.length)]);
      }
      stops.add(stop.toString());
    }
    if (random.nextInt(4) == 0) {
      stops.add(NaiveAnswer.END);
    }
    return stops;
  }

  private JsonArray prompts(int count) {
    JsonArray prompts = new JsonArray();
    for (int i = 0; i < count; i++) {
      prompts.add(prompt());
    }
    return prompts;
  }

  private String prompt() {
    return "é".repeat(random.nextInt(3)) + random.nextInt(100) + " babble(" + ALPHABET + ")|";
  }

  /** Returns how many tokens the scripted model reads of a prompt: BOS and its bytes. */
  static int tokens(String prompt) {
    return 1 + prompt.getBytes(StandardCharsets.UTF_8).length;
  }

  @Override
  public String toString() {
    return "seed " + seed;
  }
}
