package io.calm.host;

import io.calm.checkpoint.Tokenizer;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoder.Wanted;
import io.calm.runtime.DecoderSequences;
import java.util.Arrays;
import java.util.List;

/** A decoder asked alone, in one step a prompt, with arithmetic in double. */
record SingleRequestModel(Decoder decoder, Tokenizer tokenizer) {
  private static final int END = 0; // of both tiny models

  /**
   * The log-probability of a text that continues another.
   *
   * @param greedy whether each of its tokens is the likeliest
   */
  record Score(double logprob, boolean greedy) {}

  Score score(String context, String continuation) {
    int[] all = tokenizer.encode(context + continuation, true);
    int from = tokenizer.encode(context, true).length;
    float[][] rows = rows(all, Wanted.ALL);
    double sum = 0;
    boolean greedy = true;
    for (int i = from; i < all.length; i++) {
      sum += logprob(rows[i - 1], all[i]);
      greedy &= likeliest(rows[i - 1]) == all[i];
    }
    return new Score(sum, greedy);
  }

  /** Returns the greedy answer up to the first of the stop strings. */
  String greedy(String prompt, int max, List<String> stops) {
    int[] tokens = tokenizer.encode(prompt, true);
    int start = tokens.length;
    String text = "";
    while (tokens.length < start + max) {
      int next = likeliest(rows(tokens, Wanted.LAST)[0]);
      if (next == END) {
        return text;
      }
      tokens = Arrays.copyOf(tokens, tokens.length + 1);
      tokens[tokens.length - 1] = next;
      text = tokenizer.decode(Arrays.copyOfRange(tokens, start, tokens.length), true);
      int end = stops.stream().mapToInt(text::indexOf).filter(at -> at >= 0).min().orElse(-1);
      if (end >= 0) {
        return text.substring(0, end);
      }
    }
    return text;
  }

  private float[][] rows(int[] tokens, Wanted wanted) {
    Decoder.Chunk alone = new DecoderSequences(decoder).open().append(tokens, wanted);
    return decoder.step(List.of(alone)).get(0).stream()
        .map(Decoder.Logits::values)
        .toArray(float[][]::new);
  }

  private static int likeliest(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }

  private static double logprob(float[] logits, int token) {
    double max = logits[likeliest(logits)];
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit - max);
    }
    return logits[token] - max - Math.log(sum);
  }
}
