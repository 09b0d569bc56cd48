package io.calm.checkpoint.tokenizer;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * Derives ranked merges from the scores of a SentencePiece BPE vocabulary, as transformers'
 * conversion of LLaMA does. Every split of a piece into two pieces is a merge. Merges are ranked by
 * the score of the piece, then by the length of the left part, then by that of the right part,
 * higher values first. Only normal pieces are used, because plain text never yields control, unused
 * or byte tokens by merges.
 */
final class SentencePieceMerges {
  /** Maximum number of merges; LLaMA 2 has 61,249 with 32,000 tokens. */
  static final int MAX_MERGES = 1 << 21;

  /**
   * Maximum number of characters of all splits. A token of n characters has n - 1 splits of n
   * characters; few tokens of published vocabularies have more than 16.
   */
  static final long MAX_CHARACTERS = 1L << 26;

  private SentencePieceMerges() {}

  /**
   * Returns the merges, the one with the highest rank first.
   *
   * @throws io.calm.checkpoint.CheckpointException if the pieces have too many splits
   */
  static List<Merge> derive(GgufVocabulary vocabulary, Map<String, Integer> ids) {
    double[] scores = vocabulary.scores();
    List<Ranked> ranked = new ArrayList<>();
    long characters = 0;
    for (int id = 0; id < vocabulary.size(); id++) {
      String piece = vocabulary.token(id);
      if (isNormal(vocabulary, ids, piece, id)) {
        characters += (long) piece.length() * piece.length();
        if (characters <= MAX_CHARACTERS) {
          addSplits(vocabulary, ids, id, scores[id], ranked);
        }
        if (characters > MAX_CHARACTERS || ranked.size() > MAX_MERGES) {
          throw GgufVocabulary.refuse(
              "tokens",
              "at most %d splits of %d characters in all".formatted(MAX_MERGES, MAX_CHARACTERS),
              "more by token " + id);
        }
      }
    }
    ranked.sort(
        Comparator.comparingDouble(Ranked::score)
            .thenComparingInt(Ranked::leftLength)
            .thenComparingInt(Ranked::rightLength)
            .reversed());
    return ranked.stream().map(Ranked::merge).toList();
  }

  private static void addSplits(
      GgufVocabulary vocabulary,
      Map<String, Integer> ids,
      int id,
      double score,
      List<Ranked> ranked) {
    String piece = vocabulary.token(id);
    int length = piece.codePointCount(0, piece.length());
    int at = 0;
    for (int left = 1; left < length; left++) {
      at = piece.offsetByCodePoints(at, 1);
      String head = piece.substring(0, at);
      String tail = piece.substring(at);
      Integer headId = ids.get(head);
      Integer tailId = ids.get(tail);
      if (headId != null
          && tailId != null
          && isNormal(vocabulary, ids, head, headId)
          && isNormal(vocabulary, ids, tail, tailId)) {
        // the vocabulary's own strings: a copy for each merge would be cubic in memory
        Merge merge = new Merge(vocabulary.token(headId), vocabulary.token(tailId));
        ranked.add(new Ranked(merge, score, left, length - left));
      }
    }
  }

  private static boolean isNormal(
      GgufVocabulary vocabulary, Map<String, Integer> ids, String piece, int id) {
    return vocabulary.type(id) == GgufVocabulary.NORMAL
        && Integer.valueOf(id).equals(ids.get(piece));
  }

  private record Ranked(Merge merge, double score, int leftLength, int rightLength) {}
}
