package io.calm.serving.dispatch;

import io.calm.testing.ByteTokenizer;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * An answer as its definition says: the shortest run of the model's tokens whose text has a stop
 * string, the text looked at again from its beginning after every token.
 *
 * @param offsets the characters before each token
 */
record NaiveAnswer(String text, String reason, List<Integer> offsets) {
  /** Spelling of the end of the sequence, which is in the text if it is a stop string. */
  static final String END = "<end>";

  /**
   * Makes the answer of the tokens that come without stop strings.
   *
   * @param ended whether the last token ends the sequence
   * @param free so many tokens are not looked at
   */
  static NaiveAnswer of(
      List<Integer> ids, boolean ended, List<String> stops, boolean include, int free) {
    List<Integer> offsets = new ArrayList<>();
    int shown = stops.contains(END) ? free : Integer.MAX_VALUE;
    String before = characters(ids.subList(0, Math.min(free, ids.size())), shown);
    for (int count = 1; count <= ids.size(); count++) {
      offsets.add((int) characters(ids.subList(0, count - 1), shown).codePoints().count());
      String read = characters(ids.subList(0, count), shown);
      if (count > free) {
        int end = firstEnd(read.substring(before.length()), stops, include);
        if (end >= 0) {
          return new NaiveAnswer(read.substring(0, before.length() + end), "stop", offsets);
        }
      }
    }
    String all = new String(bytes(ids, shown), StandardCharsets.UTF_8);
    return new NaiveAnswer(all, ended ? "stop" : "length", offsets);
  }

  int tokens() {
    return offsets.size();
  }

  /** Returns where the answer ends by a stop string, or -1. */
  private static int firstEnd(String text, List<String> stops, boolean include) {
    for (int end = 1; end <= text.length(); end++) {
      String read = text.substring(0, end);
      int longest = stops.stream().filter(read::endsWith).mapToInt(String::length).max().orElse(0);
      if (longest > 0) {
        return include ? end : end - longest;
      }
    }
    return -1;
  }

  /** Returns the text as far as its characters are whole. */
  private static String characters(List<Integer> ids, int shown) {
    byte[] bytes = bytes(ids, shown);
    String text = new String(bytes, StandardCharsets.UTF_8);
    return text.endsWith("\uFFFD") ? text.substring(0, text.length() - 1) : text;
  }

  /**
   * Returns the bytes of the text.
   *
   * @param shown index of the first token from which ends of the sequence are in the text
   */
  private static byte[] bytes(List<Integer> ids, int shown) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int i = 0; i < ids.size(); i++) {
      if (ids.get(i) != ByteTokenizer.END) {
        bytes.write(ids.get(i));
      } else if (i >= shown) {
        bytes.writeBytes(END.getBytes(StandardCharsets.UTF_8));
      }
    }
    return bytes.toByteArray();
  }
}
