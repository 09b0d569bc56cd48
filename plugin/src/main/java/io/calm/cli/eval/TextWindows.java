package io.calm.cli.eval;

import io.calm.files.TextFile;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;

/**
 * The first disjoint windows of a text.
 *
 * @param textTokens number of tokens of the whole text
 * @param windows token ids, all of one length
 */
public record TextWindows(int textTokens, List<int[]> windows) {
  /** Number of scored tokens of a text, unless it is shorter. */
  public static final int DEFAULT_TOKENS = 65_536;

  public TextWindows {
    windows = List.copyOf(windows);
  }

  /** Returns the number of windows with at least {@value #DEFAULT_TOKENS} scored tokens. */
  static int defaultCount(int length) {
    return (DEFAULT_TOKENS + length - 2) / (length - 1);
  }

  /**
   * Cuts the first windows of a text.
   *
   * @param name of the text, for messages
   * @param count number of windows; empty: as many as have {@value #DEFAULT_TOKENS} scored tokens,
   *     or all of a shorter text
   * @param maxContext maximum number of tokens that the model takes
   * @throws IllegalArgumentException if the text has fewer windows or the model's context is
   *     shorter
   */
  public static TextWindows cut(
      String name, int[] tokens, OptionalInt count, int length, int maxContext) {
    if (length < 2 || length > maxContext) {
      throw new IllegalArgumentException(
          "--length: expected 2 to %d, the model's context, got %d; give another length"
              .formatted(maxContext, length));
    }
    int available = tokens.length / length;
    if (available == 0) {
      throw new IllegalArgumentException(
          "%s: expected at least one window of %d tokens, got %d tokens; give a longer text or a"
                  .formatted(name, length, tokens.length)
              + " smaller --length");
    }
    int wanted = count.orElse(Math.min(available, defaultCount(length)));
    if (wanted < 1 || wanted > available) {
      throw new IllegalArgumentException(
          "%s: --windows: expected 1 to %d windows of %d tokens, the text has %d tokens, got %d; give"
                  .formatted(name, available, length, tokens.length, wanted)
              + " another number, or leave --windows out");
    }
    List<int[]> windows = new ArrayList<>();
    for (int i = 0; i < wanted; i++) {
      windows.add(Arrays.copyOfRange(tokens, i * length, (i + 1) * length));
    }
    return new TextWindows(tokens.length, windows);
  }

  /** Reads a text, see {@link TextFile}. */
  public static String read(Path file) throws IOException {
    try {
      return TextFile.read(file);
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException(
          "%s: expected UTF-8 text, got other bytes; convert the file".formatted(file), e);
    }
  }

  /** Returns the length of a window. */
  public int length() {
    return windows.get(0).length;
  }

  /** Returns the number of scored tokens: all but the first of each window. */
  public int scored() {
    return windows.size() * (length() - 1);
  }

  /** Returns whether the whole text has fewer scored tokens than {@value #DEFAULT_TOKENS}. */
  public boolean isShort() {
    return textTokens / length() < defaultCount(length());
  }

  /** Returns the windows as prompts: each token but the first is scored. */
  List<ScoredPrompt> prompts() {
    return windows.stream()
        .map(
            window ->
                new ScoredPrompt(
                    new int[0],
                    List.of(
                        new ScoredPrompt.Branch(
                            Arrays.copyOf(window, window.length - 1),
                            Arrays.copyOfRange(window, 1, window.length)))))
        .toList();
  }
}
