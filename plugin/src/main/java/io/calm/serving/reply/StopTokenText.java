package io.calm.serving.reply;

import io.calm.checkpoint.Tokenizer;
import io.calm.generate.SamplingParameters;
import io.calm.generate.TextDecoder;
import java.util.HashSet;
import java.util.Set;

/**
 * A text decoder that shows special tokens that are stop strings. With {@code skip_special_tokens}
 * special tokens are not in the text, so their spellings would never be found. Not thread safe.
 */
final class StopTokenText implements TextDecoder {
  private final Tokenizer tokenizer;
  private final Tokenizer.IncrementalDecoder decoder;
  private final Set<Integer> shown = new HashSet<>();
  private int unstoppable;

  /**
   * Starts the text of an answer.
   *
   * @param prompt the tokens that the answer follows
   * @param showSpecial whether special tokens are part of the text anyway
   */
  StopTokenText(
      Tokenizer tokenizer, int[] prompt, SamplingParameters parameters, boolean showSpecial) {
    this.tokenizer = tokenizer;
    this.decoder = tokenizer.newIncrementalDecoder(prompt, !showSpecial);
    this.unstoppable = parameters.minNewTokens();
    if (!showSpecial) {
      parameters.stops().forEach(stop -> tokenizer.specialId(stop).ifPresent(shown::add));
    }
  }

  @Override
  public String add(int token) {
    String text = decoder.add(token);
    if (unstoppable > 0) {
      unstoppable--;
      return text;
    }
    return shown.contains(token) ? text + tokenizer.token(token) : text;
  }

  @Override
  public String flush() {
    return decoder.flush();
  }

  @Override
  public String ending(int token) {
    return TokenText.of(tokenizer, token);
  }
}
