package io.calm.checkpoint.tokenizer.json;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/**
 * The properties of a normalizer, derived without running it: the maximum growth of a text, and
 * whether a token may become empty. The library aborts if the normalized form of an added token is
 * empty. Not thread safe.
 */
final class Normalization {
  /** The effect of a step on visible ASCII characters. */
  private sealed interface Effect permits Effect.Replaces, Effect.Rewrites, Effect.RewritesAny {
    /** Replaces a plain string. */
    record Replaces(String from, String to) implements Effect {}

    /** May replace these characters of a {@link CharacterSample}, which begins with ASCII. */
    record Rewrites(BitSet characters) implements Effect {
      boolean spares(String text) {
        return text.chars().noneMatch(c -> c >= ASCII || characters.get(c));
      }
    }

    /** May replace any character. */
    record RewritesAny() implements Effect {}
  }

  private static final int ASCII = 0x80;

  private final List<Effect> effects = new ArrayList<>();
  private long growth = 1;
  private boolean mayErase;
  private boolean changes;

  /** Records a step that may lengthen a text by a factor of {@code times}. */
  void grows(JsonNode step, int times) {
    growth = Math.min(growth * times, Long.MAX_VALUE >> 32);
    if (growth > TokenizerLimits.GROWTH) {
      throw step.wrong(
          "normalizers and pre-tokenizers that make a text at most "
              + TokenizerLimits.GROWTH
              + " times longer");
    }
  }

  /** Records a step that changes text but keeps visible ASCII characters visible. */
  void changes() {
    changes = true;
  }

  /** Records a step that removes characters other than visible ASCII. */
  void erases() {
    changes = true;
    mayErase = true;
  }

  /** Records a step that replaces a plain string. */
  void replaces(String from, String to) {
    changes = true;
    mayErase |= to.isEmpty();
    effects.add(new Effect.Replaces(from, to));
  }

  /**
   * Records a step that may replace text consisting of {@code characters}.
   *
   * @param erases whether it may leave nothing
   */
  void rewrites(BitSet characters, boolean erases) {
    changes = true;
    mayErase |= erases;
    effects.add(new Effect.Rewrites(characters));
  }

  /** Records a step that may replace any character. */
  void rewritesAny(boolean erases) {
    changes = true;
    mayErase |= erases;
    effects.add(new Effect.RewritesAny());
  }

  /** Returns whether a step may change a text. */
  boolean isActive() {
    return changes;
  }

  /** Returns whether {@code token} certainly does not become empty. */
  boolean keeps(String token) {
    return !mayErase || keepsVisible(token);
  }

  /** Returns whether {@code token} certainly keeps a visible ASCII character. */
  boolean keepsVisible(String token) {
    String text = token;
    for (Effect effect : effects) {
      if (effect instanceof Effect.Replaces replaces) {
        text = text.replace(replaces.from(), replaces.to());
      } else if (!(effect instanceof Effect.Rewrites rewrites && rewrites.spares(text))) {
        return false;
      }
      if (text.length() > TokenizerLimits.TOKEN_LENGTH) {
        return false;
      }
    }
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      // A character before a non-ASCII one may be replaced together with it.
      if (c > ' ' && c < 0x7F && (i + 1 == text.length() || text.charAt(i + 1) < 0x7F)) {
        return true;
      }
    }
    return false;
  }
}
