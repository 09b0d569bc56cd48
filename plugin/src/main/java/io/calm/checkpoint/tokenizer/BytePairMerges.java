package io.calm.checkpoint.tokenizer;

import io.calm.text.Printable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Reads the merges of a byte-level BPE model from GGUF metadata. */
final class BytePairMerges {
  private BytePairMerges() {}

  /**
   * Reads {@code tokenizer.ggml.merges}.
   *
   * @throws io.calm.checkpoint.CheckpointException if a piece or a result is not a token
   */
  static List<Merge> read(GgufVocabulary vocabulary, Map<String, Integer> ids) {
    List<String> lines = vocabulary.strings("merges");
    List<Merge> merges = new ArrayList<>(lines.size());
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i);
      int space = line.indexOf(' ', 1);
      if (space < 0 || space == line.length() - 1) {
        throw GgufVocabulary.refuse(
            "merges",
            "two pieces and a space between them",
            "\"" + Printable.of(line) + "\" at index " + i);
      }
      Merge merge = new Merge(line.substring(0, space), line.substring(space + 1));
      for (String piece :
          List.of(merge.left(), merge.right(), merge.left().concat(merge.right()))) {
        if (!ids.containsKey(piece)) {
          throw GgufVocabulary.refuse(
              "merges",
              "pieces and results that are in " + GgufVocabulary.PREFIX + "tokens",
              "\"" + Printable.of(piece) + "\" of \"" + Printable.of(line) + "\" at index " + i);
        }
      }
      merges.add(merge);
    }
    return merges;
  }
}
