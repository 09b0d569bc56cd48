package io.calm.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.Checkpoint;
import io.calm.generate.SamplingParameters;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * A prompt of {@code calm bench speculate}.
 *
 * @param name e.g. {@code edit}
 * @param tokens ids of the prompt
 * @param ends tokens that end the answer
 */
@SuppressWarnings("ArrayRecordComponent") // a bulk value, never compared
record SpeculatePrompt(
    String name, int[] tokens, SamplingParameters parameters, Set<Integer> ends) {
  private static final int RANDOM_TOKENS = 256;
  private static final long SEED = 14;

  /** Returns the texts of the resources as chat messages, and a prompt of random tokens. */
  static List<SpeculatePrompt> all(Checkpoint checkpoint, int answer) throws IOException {
    List<SpeculatePrompt> prompts = new ArrayList<>();
    for (String name : List.of("edit", "summarize", "story")) {
      prompts.add(
          new SpeculatePrompt(
              name,
              encode(checkpoint, text(name)),
              SamplingParameters.builder().maxNewTokens(answer).logprobs(false).build(),
              checkpoint.generationDefaults().endOfSequence()));
    }
    int[] random =
        new SplittableRandom(SEED)
            .ints(RANDOM_TOKENS, 0, checkpoint.spec().vocabulary())
            .toArray();
    prompts.add(
        new SpeculatePrompt(
            "random",
            random,
            SamplingParameters.builder()
                .maxNewTokens(answer)
                .logprobs(false)
                .temperature(1)
                .seed(SEED)
                .build(),
            Set.of()));
    return prompts;
  }

  private static int[] encode(Checkpoint checkpoint, String text) {
    Optional<ChatTemplate> template = checkpoint.chatTemplate();
    return template.isPresent()
        ? checkpoint
            .tokenizer()
            .encode(
                template.get().render(List.of(Map.of("role", "user", "content", text)), true),
                false)
        : checkpoint.tokenizer().encode(text, true);
  }

  private static String text(String name) throws IOException {
    String resource = "speculate/%s.txt".formatted(name);
    try (InputStream in = SpeculatePrompt.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw new IOException("the resource %s is missing".formatted(resource));
      }
      return new String(in.readAllBytes(), UTF_8);
    }
  }
}
