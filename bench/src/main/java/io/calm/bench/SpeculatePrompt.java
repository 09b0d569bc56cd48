package io.calm.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.Checkpoint;
import io.calm.generate.SamplingParameters;
import java.io.IOException;
import java.io.InputStream;
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

  /**
   * Returns the texts of the resources as chat messages with greedy answers, and two with answers
   * that repeat little: a story and random tokens, at temperature 1.
   */
  static List<SpeculatePrompt> all(Checkpoint checkpoint, int answer) throws IOException {
    SamplingParameters greedy =
        SamplingParameters.builder().maxNewTokens(answer).logprobs(false).build();
    SamplingParameters sampled = greedy.toBuilder().temperature(1).seed(SEED).build();
    Set<Integer> ends = checkpoint.generationDefaults().endOfSequence();
    int[] edit = encode(checkpoint, "edit");
    int[] summarize = encode(checkpoint, "summarize");
    int[] story = encode(checkpoint, "story");
    int[] random =
        new SplittableRandom(SEED).ints(RANDOM_TOKENS, 0, checkpoint.spec().vocabulary()).toArray();
    return List.of(
        new SpeculatePrompt("edit", edit, greedy, ends),
        new SpeculatePrompt("summarize", summarize, greedy, ends),
        new SpeculatePrompt("story", story, greedy, ends),
        new SpeculatePrompt("story/sampled", story, sampled, ends),
        new SpeculatePrompt("random/sampled", random, sampled, Set.of()));
  }

  private static int[] encode(Checkpoint checkpoint, String name) throws IOException {
    String text = text(name);
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
