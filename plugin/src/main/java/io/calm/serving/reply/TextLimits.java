package io.calm.serving.reply;

import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.LoadingCache;
import io.calm.checkpoint.Tokenizer;
import io.calm.serving.model.ServedModel;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Limits of a text that are checked before it is encoded, so that a text of megabytes costs no more
 * than the tokens that the model can read. Encoding takes some hundred bytes per token outside the
 * heap, and a native tokenizer ends the process when it cannot allocate.
 */
final class TextLimits {
  /** Maximum length of a text that is encoded without counting the tokens of its pieces. */
  static final int SHORT = 1 << 16;

  /** Length that no text is refused for, unless its tokens are too many. */
  private static final int LARGE = 1 << 20;

  /** Factor on the characters of a context for texts that may shrink. */
  private static final int SPARE = 8;

  private static final int PIECE = 1 << 14;

  /** Generous bound on the tokens that a cut may add on its two sides. */
  private static final int TOKENS_PER_CUT = 16;

  private static final LoadingCache<Tokenizer, Integer> LONGEST =
      Caffeine.newBuilder().weakKeys().build(TextLimits::longestToken);

  private TextLimits() {}

  /**
   * Refuses a text that certainly has more tokens than the context, without encoding it whole:
   * first by its length, then by the tokens of its pieces. Pieces are cut anywhere, so their tokens
   * are not the text's; a text is refused if they are twice as many as the context has.
   */
  static void requireShort(ServedModel model, String key, String text) {
    requireTokens(model, key, text.length());
    long context = model.scheduler().settings().maxContext();
    if (text.length() <= Math.max(SHORT, 2 * context)) {
      return;
    }
    long tokens = 0;
    long max = 2 * context;
    for (int from = 0; from < text.length(); ) {
      int to = cut(text, Math.min(text.length(), from + PIECE));
      tokens += encode(model, key, text.substring(from, to), false).length;
      max += TOKENS_PER_CUT;
      if (tokens > max) {
        throw tooLong(model, key, text.length());
      }
      from = to;
    }
  }

  /** Encodes a text; one that the tokenizer has no tokens for is the client's error. */
  static int[] encode(ServedModel model, String key, String text, boolean addSpecial) {
    try {
      return model.tokenizer().encode(text, addSpecial);
    } catch (IllegalArgumentException e) {
      throw ApiException.invalid(key, String.valueOf(e.getMessage()).replaceFirst("^text: ", ""));
    }
  }

  /**
   * Refuses texts for their size alone: the tokenizer or the template may leave little of them, so
   * the limit is far above the characters that the context has room for.
   *
   * @param length length of all texts together in characters
   */
  static void requireLength(ServedModel model, String key, long length) {
    if (length > LARGE) {
      long max = Math.max(LARGE, SPARE * room(model, 1));
      if (length > max) {
        throw new ApiException(
            ApiException.Kind.TOO_LONG,
            ("%s: the prompt is too long: it has %d characters, but at most %d are read, because"
                    + " this model's maximum context length is %d tokens; shorten it")
                .formatted(key, length, max, model.scheduler().settings().maxContext()),
            Optional.of(key));
      }
    }
  }

  /** Refuses a text that is too long for the context whatever its tokens are. */
  private static void requireTokens(ServedModel model, String key, long length) {
    OptionalInt shrinkage = model.tokenizer().shrinkage();
    if (shrinkage.isEmpty()) {
      requireLength(model, key, length);
    } else if (length > SHORT && length > room(model, shrinkage.getAsInt())) {
      throw tooLong(model, key, length);
    }
  }

  /** Returns the maximum number of characters that fit the context. */
  private static long room(ServedModel model, int shrinkage) {
    long context = model.scheduler().settings().maxContext();
    return context * LONGEST.get(model.tokenizer()) * shrinkage;
  }

  private static ApiException tooLong(ServedModel model, String key, long length) {
    return new ApiException(
        ApiException.Kind.TOO_LONG,
        ("%s: the prompt is too long: it has %d characters, which are too many tokens: this"
                + " model's maximum context length is %d tokens; shorten it")
            .formatted(key, length, model.scheduler().settings().maxContext()),
        Optional.of(key));
  }

  /** Returns the index, or the previous one if it would split a surrogate pair. */
  private static int cut(String text, int at) {
    boolean inside =
        at < text.length()
            && Character.isLowSurrogate(text.charAt(at))
            && Character.isHighSurrogate(text.charAt(at - 1));
    return inside ? at - 1 : at;
  }

  /** Returns the maximum number of characters of one token. */
  private static int longestToken(Tokenizer tokenizer) {
    int longest = 1;
    for (int id = 0; id < tokenizer.size(); id++) {
      longest = Math.max(longest, tokenizer.bytes(id).length);
      longest = Math.max(longest, tokenizer.token(id).length());
    }
    return longest;
  }
}
