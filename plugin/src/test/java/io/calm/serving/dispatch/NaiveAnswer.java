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

  /**
   * Makes the answer of the tokens that come without stop strings.
   *
   * @param ended whether the last token ends the sequence
   * @param free so many tokens are not looked at
   */
  static NaiveAnswer of(
      List<Integer> ids, boolean ended, List<String> stops, boolean include, int free) {
    List<Integer> offsets = new ArrayList<>();
    String before = characters(ids.subList(0, Math.min(free, ids.size())));
    for (int count = 1; count <= ids.size(); count++) {
      offsets.add((int) characters(ids.subList(0, count - 1)).codePoints().count());
      String read = characters(ids.subList(0, count));
      if (count > free) {
        int end = firstEnd(read.substring(before.length()), stops, include);
        if (end >= 0) {
          return new NaiveAnswer(read.substring(0, before.length() + end), "stop", offsets);
        }
      }
    }
    String all = new String(bytes(ids), StandardCharsets.UTF_8);
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
  private static String characters(List<Integer> ids) {
    byte[] bytes = bytes(ids);
    String text = new String(bytes, StandardCharsets.UTF_8);
    return text.endsWith("\uFFFD") ? text.substring(0, text.length() - 1) : text;
  }

  private static byte[] bytes(List<Integer> ids) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ids.stream().filter(id -> id != ByteTokenizer.END).forEach(bytes::write);
    return bytes.toByteArray();
  }
}
