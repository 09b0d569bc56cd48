package io.calm.serving.reply;

import io.calm.generate.SchedulerSettings;
import io.calm.serving.model.ServedModel;
import io.calm.text.Printable;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Encodes and validates prompts. */
public final class Prompts {
  /** Generous bound on the tokens next to a cut that the cut may change. */
  private static final int UNSETTLED = 64;

  /** Maximum length of a text that is encoded whole to get its last tokens. */
  private static final int LONGEST_WITHOUT_CUT = 1 << 20;

  private Prompts() {}

  /**
   * Encodes a text.
   *
   * @param addSpecial whether the tokenizer adds what it always adds, e.g. BOS
   */
  public static Prompt encode(ServedModel model, String key, String text, boolean addSpecial) {
    TextLimits.requireShort(model, key, text);
    return checked(model, key, new Prompt(text, TextLimits.encode(model, key, text, addSpecial)));
  }

  /**
   * Encodes a text and keeps its last tokens. Only the necessary end of a long text is encoded,
   * from a space between two words on: there, the tokens of a text are those of its parts.
   *
   * @param count of tokens to keep, at least one
   */
  public static Prompt encodeLast(ServedModel model, String key, String text, int count) {
    int max = model.scheduler().settings().maxContext();
    if (count > max) {
      return encode(model, key, text, true);
    }
    int[] tokens;
    for (long length = Math.max(TextLimits.SHORT, 8L * (count + UNSETTLED)); ; length *= 4) {
      boolean whole = length >= text.length();
      int from = whole ? 0 : wordBefore(text, text.length() - (int) length);
      if (from == 0 && !whole && text.length() > LONGEST_WITHOUT_CUT) {
        throw ApiException.invalid(
            key,
            "expected at most %d characters, or space-separated words, got %d characters"
                .formatted(LONGEST_WITHOUT_CUT, text.length()));
      }
      tokens = TextLimits.encode(model, key, text.substring(from), true);
      if (from == 0 || tokens.length >= count + UNSETTLED) {
        break;
      }
    }
    int first = Math.max(0, tokens.length - count);
    return checked(model, key, new Prompt(text, Arrays.copyOfRange(tokens, first, tokens.length)));
  }

  /** Returns the last index up to {@code at} of a space between two words; 0 if none is near. */
  private static int wordBefore(String text, int at) {
    int min = Math.max(1, at - TextLimits.SHORT);
    for (int i = at; i >= min; i--) {
      if (text.charAt(i) == ' ' && isWord(text.charAt(i - 1)) && isWord(text.charAt(i + 1))) {
        return i;
      }
    }
    return 0;
  }

  private static boolean isWord(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }

  /**
   * Takes token ids as they are.
   *
   * @param tokens of {@link TokenIds#array}, as many as {@link #requireCount} lets pass; not copied
   */
  public static Prompt ofTokens(ServedModel model, int[] tokens) {
    String text = model.tokenizer().decode(tokens, false);
    String open = model.tokenizer().newIncrementalDecoder(tokens, false).flush();
    return new Prompt(text, tokens, text.endsWith(open) ? open.length() : 0);
  }

  /**
   * Returns the prompt after checking that it fits the context and that its tokens have embeddings.
   */
  public static Prompt checked(ServedModel model, String key, Prompt prompt) {
    requireCount(model, key, prompt.tokens().length);
    int rows = model.spec().vocabulary();
    for (int token : prompt.tokens()) {
      if (token < 0 || token >= rows) {
        throw ApiException.invalid(
            key,
            ("expected tokens below %d, which is how many the model has embeddings for, got the"
                    + " token \"%s\" with the id %d; leave it out of the text")
                .formatted(rows, Printable.of(TokenText.of(model.tokenizer(), token)), token));
      }
    }
    return prompt;
  }

  /** Refuses an empty prompt and one longer than the context. */
  public static void requireCount(ServedModel model, String key, int tokens) {
    int max = model.scheduler().settings().maxContext();
    if (tokens == 0) {
      throw ApiException.invalid(key, "expected at least one token, got an empty prompt");
    }
    if (tokens > max) {
      throw new ApiException(
          ApiException.Kind.TOO_LONG,
          ("%s: the prompt is too long: it has %d tokens, but this model's maximum context length is"
                  + " %d tokens")
              .formatted(key, tokens, max),
          Optional.of(key));
    }
  }

  /**
   * Refuses texts that together have far more characters than the context can hold.
   *
   * @param length of all texts together
   */
  public static void requireLength(ServedModel model, String key, long length) {
    TextLimits.requireLength(model, key, length);
  }

  /** Refuses more answers than can be queued and running together, before a prompt is read. */
  public static void requireAdmissible(ServedModel model, String key, int prompts, int choices) {
    SchedulerSettings settings = model.scheduler().settings();
    long max = (long) settings.maxRunning() + settings.queueSize();
    if ((long) prompts * choices > max) {
      throw ApiException.invalid(
          key,
          "expected at most %d sequences in one request, got %d; send several requests"
              .formatted(max, (long) prompts * choices));
    }
  }

  /** Returns the maximum number of tokens of an answer to each of the prompts; may be 0. */
  public static int room(ServedModel model, List<Prompt> prompts) {
    int longest = prompts.stream().mapToInt(prompt -> prompt.tokens().length).max().orElse(0);
    SchedulerSettings settings = model.scheduler().settings();
    // The last token's keys and values are never needed.
    return (int) Math.min(settings.maxContext(), settings.kvTokens() + 1L) - longest;
  }

  /**
   * Refuses an answer that does not fit in the rest of the context.
   *
   * @param key that the client named the length with
   * @param answer tokens at most
   */
  public static void requireRoom(ServedModel model, List<Prompt> prompts, String key, int answer) {
    int context = model.scheduler().settings().maxContext();
    for (Prompt prompt : prompts) {
      int length = prompt.tokens().length;
      if ((long) length + answer > context) {
        throw new ApiException(
            ApiException.Kind.TOO_LONG,
            ("%sthis model's maximum context length is %d tokens, but the prompt has %d tokens and"
                    + " %s is %d, together %d; shorten the prompt or ask for fewer tokens")
                .formatted(
                    length < context ? "" : "the prompt is too long: ",
                    context,
                    length,
                    key,
                    answer,
                    (long) length + answer),
            Optional.of(key));
      }
    }
  }
}
